"""Which objections were made, and how often."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from locutory.kernel.auth.contract import Access
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.products.calls.findings import queries
from locutory.products.calls.findings.schemas import (
    Example,
    ObjectionList,
    ObjectionPage,
    ObjectionRead,
    SummaryAsk,
    SummaryRead,
    TypeSummary,
)
from locutory.products.calls.findings.service.watched import known_types

_SORT = "objections:started_at"
_EXAMPLES = 3
_ANSWERS = ("yes", "partial", "no", "unknown")


async def list_objections(access: Access, ask: ObjectionList) -> ObjectionPage:
    """A page of objections, those of the newest calls first."""
    after = decode_cursor(ask.cursor, _SORT, datetime) if ask.cursor else None
    where = queries.CallRange(from_=ask.from_, to=ask.to, agent=ask.agent)
    async with access.db.read() as session:
        rows = await queries.page(
            session,
            where,
            type_key=ask.type,
            handled=ask.handled,
            after=after,
            limit=ask.limit,
        )
    rows, more = split_page(rows, ask.limit)
    next_cursor = encode_cursor(_SORT, rows[-1].sort_value, rows[-1].id) if more else None
    return ObjectionPage(items=[_read(row) for row in rows], next_cursor=next_cursor)


async def summary(access: Access, ask: SummaryAsk) -> SummaryRead:
    """Frequency and handling of each type that occurs (calls seed, 11)."""
    where = queries.CallRange(from_=ask.from_, to=ask.to, agent=ask.agent)
    examples: dict[str, Any] = {}
    async with access.db.read() as session:
        whole = await queries.calls_with_text(session, where)
        calls = await queries.calls_by_type(session, where)
        pairs = await queries.counts(session, where)
        types = known_types(await queries.type_rows(session))
        for key in calls:
            examples[key] = await queries.page(
                session, where, type_key=key, handled=None, after=None, limit=_EXAMPLES
            )
    handled: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_ANSWERS, 0))
    for pair in pairs:
        handled[pair.type_key][pair.handled] = pair.occurrences
    labels = {one.type.key: one.type.label for one in types}
    items = [
        TypeSummary(
            type=key,
            label=labels.get(key, key),
            calls=count,
            occurrences=sum(handled[key].values()),
            share=count / whole if whole else None,
            per_100_calls=100 * count / whole if whole else None,
            handled=handled[key],
            handled_rate=_rate(handled[key]),
            examples=[_example(row) for row in examples[key][:_EXAMPLES]],
        )
        for key, count in sorted(calls.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    return SummaryRead(calls_with_text=whole, items=items)


def _rate(handled: dict[str, int]) -> float | None:
    known = handled["yes"] + handled["partial"] + handled["no"]
    return handled["yes"] / known if known else None


def _read(row: Any) -> ObjectionRead:
    return ObjectionRead(
        callid=row.callid,
        type=row.type_key,
        quote=row.quote,
        segment=row.turn_idx,
        start_ms=row.start_ms,
        handled=row.handled,
        response_segment=row.response_idx,
        source=row.source,
        evidence_ok=row.evidence_ok,
        started_at=row.sort_value,
        agent=row.agent_name,
        agent_id=row.agent_id,
    )


def _example(row: Any) -> Example:
    return Example(
        callid=row.callid,
        quote=row.quote,
        segment=row.turn_idx,
        start_ms=row.start_ms,
        handled=row.handled,
    )
