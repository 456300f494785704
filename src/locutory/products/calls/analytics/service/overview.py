"""The tiles of the first page."""

from locutory.kernel.auth.contract import Access
from locutory.products.calls.analytics import queries
from locutory.products.calls.analytics.measures import BANT_ELEMENTS, METRICS
from locutory.products.calls.analytics.schemas import Ask, OverviewRead
from locutory.products.calls.analytics.service.asking import (
    asked_of,
    key_pairs,
    pair_of,
    read_key,
)

TILES = (
    "calls",
    "answered",
    "coverage",
    "minutes",
    "handle_s",
    "score",
    "pass_rate",
    "auto_fail_rate",
    "sentiment",
    "talk_ratio",
    "dead_air_pct",
    "interruptions_agent_per_10min",
    "bant_coverage",
    "objections_per_100",
    "handled_rate",
    "low_asr_share",
    "rules_share",
    "lag_s",
    "cost_total",
)
_BANT = tuple(f"bant_{element}" for element in BANT_ELEMENTS)
_TOP = 5
_MOST_BEHIND = 1000


async def overview(access: Access, ask: Ask) -> OverviewRead:
    """Tiles with their changes, what calls are about, and what customers object to."""
    asked = asked_of(access, ask)
    embedded = access.principal.embed is not None
    async with access.db.read() as session:
        pair = await pair_of(session, asked, (*TILES, *_BANT), "has_text")
        topics = await key_pairs(session, asked, "topic", limit=_TOP)
        objections = await key_pairs(session, asked, "objection", limit=_TOP)
        # what is behind is counted over the whole business, more than a page's key shows
        behind = 0 if embedded else await queries.count_marks(session, _MOST_BEHIND)
    of = pair.now["has_text"]
    of_before = None if pair.before is None else pair.before["has_text"]
    return OverviewRead(
        scope=asked.scope(),
        tiles=[pair.read(key) for key in TILES if not (embedded and METRICS[key].costs)],
        bant=[pair.read(key) for key in _BANT],
        top_topics=[read_key(row, was, of=of, of_before=of_before) for row, was in topics],
        top_objections=[read_key(row, was, of=of, of_before=of_before) for row, was in objections],
        behind=behind,
    )
