"""What is found in calls: topics, objections, BANT, outcomes."""

from locutory.kernel.auth.contract import Access
from locutory.products.calls.analytics.measures import BANT_ELEMENTS
from locutory.products.calls.analytics.queries import KeyRow
from locutory.products.calls.analytics.schemas import (
    Ask,
    BantRead,
    ElementRead,
    KeyRead,
    KeysAsk,
    ObjectionRead,
    ObjectionsRead,
    OutcomesRead,
    TopicRead,
    TopicsRead,
)
from locutory.products.calls.analytics.service.asking import (
    Pair,
    asked_of,
    key_pairs,
    pair_of,
    read_key,
)

_OBJECTIONS = ("objection_share", "objections_per_100", "handled_rate")
_OUTCOMES = ("resolved_rate", "callback_rate")


async def topics(access: Access, ask: KeysAsk) -> TopicsRead:
    """Calls with a topic per calls with text, and its share of their minutes."""
    asked = asked_of(access, ask)
    async with access.db.read() as session:
        pair = await pair_of(session, asked, (), "has_text", "text_ms")
        found = await key_pairs(session, asked, "topic", limit=ask.limit)
    items = []
    for row, was in found:
        share = row.amount / pair.now["text_ms"] if pair.now["text_ms"] else None
        items.append(
            TopicRead(
                **dict(_read(pair, row, was)),
                minutes=row.amount / 60_000,
                minutes_share_pct=None if share is None else 100 * share,
            )
        )
    return TopicsRead(scope=asked.scope(), calls_with_text=pair.now["has_text"], items=items)


async def objections(access: Access, ask: KeysAsk) -> ObjectionsRead:
    """What customers object to, how often, and how it is handled."""
    asked = asked_of(access, ask)
    async with access.db.read() as session:
        pair = await pair_of(session, asked, _OBJECTIONS, "has_text")
        found = await key_pairs(session, asked, "objection", limit=ask.limit)
    return ObjectionsRead(
        scope=asked.scope(),
        calls_with_text=pair.now["has_text"],
        figures=[pair.read(key) for key in _OBJECTIONS],
        items=[read_objection(pair, row, was) for row, was in found],
    )


def read_objection(pair: Pair, row: KeyRow, was: KeyRow | None) -> ObjectionRead:
    """One type of objection."""
    calls = pair.now["has_text"]
    known = row.yes + row.partial + row.no
    return ObjectionRead(
        **dict(_read(pair, row, was)),
        occurrences=row.occurrences,
        per_100=100 * row.occurrences / calls if calls else None,
        handled_rate_pct=100 * row.yes / known if known else None,
        yes=row.yes,
        partial=row.partial,
        no=row.no,
        unknown=row.unknown,
    )


async def bant(access: Access, ask: Ask) -> BantRead:
    """What is known of budget, authority, need and time."""
    asked = asked_of(access, ask)
    keys = tuple(f"bant_{element}" for element in BANT_ELEMENTS)
    async with access.db.read() as session:
        pair = await pair_of(session, asked, (*keys, "bant_coverage", "bant_score"))
    return BantRead(
        scope=asked.scope(),
        eligible=pair.now["bant_eligible"],
        elements=[
            ElementRead(
                element=element,
                confirmed=pair.now[f"bant_{element}_confirmed"],
                partial=pair.now[f"bant_{element}_partial"],
                coverage=pair.read(f"bant_{element}"),
            )
            for element in BANT_ELEMENTS
        ],
        overall=pair.read("bant_coverage"),
        score=pair.read("bant_score"),
    )


async def outcomes(access: Access, ask: KeysAsk) -> OutcomesRead:
    """How calls end: by the source's disposition, else as the conversation says."""
    asked = asked_of(access, ask)
    async with access.db.read() as session:
        pair = await pair_of(session, asked, _OUTCOMES, "calls")
        found = await key_pairs(session, asked, "disposition", limit=ask.limit)
    before = None if pair.before is None else pair.before["calls"]
    return OutcomesRead(
        scope=asked.scope(),
        calls=pair.now["calls"],
        dispositions=[
            read_key(row, was, of=pair.now["calls"], of_before=before) for row, was in found
        ],
        figures=[pair.read(key) for key in _OUTCOMES],
    )


def _read(pair: Pair, row: KeyRow, was: KeyRow | None) -> KeyRead:
    before = None if pair.before is None else pair.before["has_text"]
    return read_key(row, was, of=pair.now["has_text"], of_before=before)
