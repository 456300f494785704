"""Searching calls, asking about them, counting them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from locutory.capabilities.knowledge.api import (
    Knowledge,
    chat,
    closest_line,
    count_sources,
    search_places,
)
from locutory.capabilities.knowledge.contract import (
    SPOKEN,
    Aggregate,
    Citation,
    Hit,
    Narrowing,
    Place,
)
from locutory.kernel.auth.contract import Access
from locutory.kernel.clock import Clock, utc_now
from locutory.products.calls.insights import queries, wording
from locutory.products.calls.insights.contract import SQL, Count, Measure
from locutory.products.calls.insights.questions import understand
from locutory.products.calls.insights.schemas import (
    ChatRead,
    CitationRead,
    HitRead,
    RagChat,
    RagFilters,
    RagSearch,
    SearchRead,
)
from locutory.products.calls.records.contract import COLLECTION
from locutory.products.calls.records.queries import CallFilter

_MOST_AGENTS = 20


async def search(knowledge: Knowledge, readers: Sequence[Access], ask: RagSearch) -> SearchRead:
    """The passages of the readers' calls that fit best."""
    began = time.perf_counter()
    hits = await search_places(knowledge, _places(readers, ask.filters), ask.query, limit=ask.limit)
    return SearchRead(
        hits=[_hit(hit, ask.query) for hit in hits],
        took_ms=round(1_000 * (time.perf_counter() - began)),
    )


async def converse(
    knowledge: Knowledge, readers: Sequence[Access], ask: RagChat, *, clock: Clock = utc_now
) -> ChatRead:
    """Answer a message about the readers' calls. Raises ChatSessionNotFound.

    The chat belongs to the first reader's principal and is kept with its business.
    """
    answer, session_id = await chat(
        knowledge,
        _places(readers, ask.filters),
        ask.message,
        owner=readers[0].principal.key,
        session_id=ask.session_id,
        aggregator=Counting(readers, ask.filters, clock()),
    )
    return ChatRead(
        answer=answer.answer,
        answered=answer.answered,
        intent=answer.intent,
        citations=[_citation(citation) for citation in answer.citations],
        engine=answer.engine,
        degraded=answer.degraded,
        session_id=session_id,
    )


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts rows of one business or several, a sentence each; an `Aggregator`."""

    readers: Sequence[Access]
    filters: RagFilters
    now: datetime

    async def __call__(self, question: str) -> Aggregate | None:
        """Answer by SQL; None unless every word of the question is understood."""
        sentences: list[str] = []
        for reader in self.readers:
            count = understand(question, self.now, ZoneInfo(reader.tenant.timezone))
            if count is None or _clash(count, self.filters):
                return None
            sentence = await _counted(reader, count, self.filters)
            several = len(self.readers) > 1
            sentences.append(f"{reader.tenant.slug}: {sentence}" if several else sentence)
        return Aggregate(text="\n".join(sentences), engine=SQL)


async def _counted(reader: Access, count: Count, filters: RagFilters) -> str:
    calls = _call_set(count, filters)
    match count.measure:
        case Measure.MENTIONS:
            return wording.mentions(count, await _mentions(reader, count, filters))
        case Measure.SHARE if count.phrases:
            part = await _mentions(reader, count, filters)
            async with reader.db.read() as session:
                return wording.share(count, part, await queries.count(session, calls))
        case _:
            return await _counted_rows(reader, count, calls)


async def _counted_rows(reader: Access, count: Count, calls: queries.CallSet) -> str:
    async with reader.db.read() as session:
        match count.measure:
            case Measure.BY_STATUS:
                return wording.by_status(count, await queries.by_status(session, calls))
            case Measure.AVERAGE_SCORE:
                return wording.average_score(count, *await queries.mean_score(session, calls))
            case Measure.BUSIEST_AGENT:
                ranked = await queries.by_agent(session, calls, limit=_MOST_AGENTS)
                return wording.busiest_agent(count, ranked)
            case Measure.SHARE:
                numbers = await queries.by_status(session, calls.of_any_status())
                part = numbers.get(count.status or "", 0)
                return wording.share(count, part, sum(numbers.values()))
            case _:
                return wording.calls(count, await queries.count(session, calls))


async def _mentions(reader: Access, count: Count, filters: RagFilters) -> int:
    return await count_sources(
        reader.db, COLLECTION, count.phrases, narrowing=_narrowing(filters, count)
    )


def _clash(count: Count, filters: RagFilters) -> bool:
    return None not in (count.direction, filters.direction) and count.direction != filters.direction


def _places(readers: Sequence[Access], filters: RagFilters) -> list[Place]:
    narrowing = _narrowing(filters)
    return [
        Place(db=r.db, collection=COLLECTION, narrowing=narrowing, name=r.tenant.slug)
        for r in readers
    ]


def _narrowing(filters: RagFilters, count: Count | None = None) -> Narrowing:
    """What of the index is seen; a count looks only at what was said."""
    since, until = _span(filters, count)
    direction = filters.direction or (count.direction if count else None)
    meta = {"agent_id": filters.agent, "direction": direction}
    return Narrowing(
        source_ids=None if filters.callids is None else tuple(filters.callids),
        kinds=None if count is None else (SPOKEN,),
        since=since,
        until=until,
        meta={key: str(value) for key, value in meta.items() if value is not None},
        at_least={} if filters.min_score is None else {"score": filters.min_score},
        at_most={} if filters.max_score is None else {"score": filters.max_score},
    )


def _call_set(count: Count, filters: RagFilters) -> queries.CallSet:
    since, until = _span(filters, count)
    where = CallFilter(
        from_=since,
        to=until,
        status=count.status,
        direction=filters.direction or count.direction,
        agent=filters.agent,
        min_score=filters.min_score,
        max_score=filters.max_score,
    )
    return queries.CallSet(where=where, callids=filters.callids)


def _span(filters: RagFilters, count: Count | None) -> tuple[datetime | None, datetime | None]:
    """The time that both the filters and the question leave."""
    period = count.period if count else None
    if period is None:
        return filters.from_, filters.to
    since = period.since if filters.from_ is None else max(period.since, filters.from_)
    until = period.until if filters.to is None else min(period.until, filters.to)
    return since, until


def _hit(hit: Hit, query: str) -> HitRead:
    line = closest_line(hit, query)
    return HitRead(
        bid=hit.place,
        callid=hit.source_id,
        segment_idx=_spoken_idx(line.idx),
        start_ms=line.start_ms,
        text=hit.text,
        score=hit.score,
        meta={**hit.meta, "kind": hit.kind},
    )


def _citation(citation: Citation) -> CitationRead:
    return CitationRead(
        n=citation.n,
        bid=citation.place,
        callid=citation.source_id,
        segment_idx=_spoken_idx(citation.turn_idx),
        start_ms=citation.start_ms,
        quote=citation.quote,
    )


def _spoken_idx(turn_idx: int) -> int | None:
    return None if turn_idx < 0 else turn_idx
