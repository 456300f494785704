"""Answering questions for counts, averages, shares and trends from rows: an `Aggregator`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from locutory.capabilities.knowledge.contract import Aggregate
from locutory.kernel.clock import as_utc
from locutory.kernel.db import Session
from locutory.kernel.words import fold
from locutory.products.calls.insights import queries, wording
from locutory.products.calls.insights.contract import (
    SQL,
    Bound,
    Count,
    Figure,
    Measure,
    Names,
    Period,
    Rank,
    Value,
    Where,
)
from locutory.products.calls.insights.periods import buckets
from locutory.products.calls.insights.questions import may_count, understand
from locutory.products.calls.insights.schemas import RagFilters
from locutory.products.calls.records.sight import Reader


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts rows of one business or several, a sentence each."""

    readers: Sequence[Reader]
    filters: RagFilters
    now: datetime

    async def __call__(self, question: str) -> Aggregate | None:
        """Answer by SQL; None unless every word of the question is understood."""
        if not may_count(question):
            return None
        understood = [await self._understood(reader, question) for reader in self.readers]
        counts = [count for count in understood if count is not None]
        if len(counts) < len(self.readers):
            return None
        sentences: list[str] = []
        rows: list[dict[str, Any]] = []
        for reader, count in zip(self.readers, counts, strict=True):
            found = await _figures(reader, count, self.filters, self.now)
            if found is None:
                return None
            bid = reader.tenant.slug
            sentence = wording.sentence(count, found)
            sentences.append(f"{bid}: {sentence}" if len(counts) > 1 else sentence)
            rows += [{"bid": bid, **_row(figure)} for figure in found]
        return Aggregate(
            text="\n".join(sentences),
            engine=SQL,
            data=_chart(counts[0], rows),
            filter=_filter(counts[0], self.filters),
        )

    async def _understood(self, reader: Reader, question: str) -> Count | None:
        """The count in the words of everybody, else in those of this business."""
        zone = ZoneInfo(reader.tenant.timezone)
        count = understand(question, self.now, zone)
        if count is None:
            async with reader.db.read() as session:
                names = await _names(session)
            count = understand(question, self.now, zone, names)
        return None if count is None or _clash(count, self.filters) else count


def call_set(reader: Reader, filters: RagFilters) -> queries.CallSet:
    """The calls that a request's filters leave of those that the reader may see."""
    bounds = [
        Bound(value=Value.SCORE, least=least, number=number)
        for least, number in ((True, filters.min_score), (False, filters.max_score))
        if number is not None
    ]
    where = Where(
        topics=() if filters.topic is None else (filters.topic,),
        tags=() if filters.tag is None else (filters.tag,),
        direction=filters.direction,
        sentiment=filters.sentiment,
        language=filters.language,
        agent=filters.agent,
        bounds=tuple(bounds),
    )
    return queries.CallSet(
        where=(where,),
        since=filters.from_,
        until=filters.to,
        callids=filters.callids,
        own=reader.own,
    )


async def _names(session: Session) -> Names:
    """What a business calls its agents (first names too, where only one has it) and findings."""
    known = [(id_, name) for id_, name in await queries.agents(session)]
    full = {fold(name): (id_, name) for id_, name in known}
    first: dict[str, list[tuple[str, str]]] = {}
    for id_, name in known:
        first.setdefault(fold(name).partition(" ")[0], []).append((id_, name))
    topics = await queries.topics(session)
    return Names(
        agents={**{one: who[0] for one, who in first.items() if len(who) == 1}, **full},
        topics={
            fold(word): key
            for key, label in topics
            for word in (key.replace("_", " "), label)
            if word.strip()
        },
        objections={
            fold(key).replace("_", " "): key for key in await queries.objection_types(session)
        },
    )


async def _figures(
    reader: Reader, count: Count, filters: RagFilters, now: datetime
) -> list[Figure] | None:
    """The numbers that answer, in the order of the answer; None where there would be too many."""
    calls = call_set(reader, filters)
    async with reader.db.read() as session:
        found = await _in_period(session, count, calls, count.period, now, reader)
        if found is None or count.versus is None:
            return _ranked(count, found)
        before = await _in_period(session, count, calls, count.versus, now, reader)
    if before is None:
        return None
    if count.group is not None and count.group.is_time:
        return None  # two trends have no common axis
    return _ranked(count, _beside(count, found, before))


async def _in_period(
    session: Session,
    count: Count,
    calls: queries.CallSet,
    period: Period | None,
    now: datetime,
    reader: Reader,
) -> list[Figure] | None:
    if count.measure is not Measure.SHARE:
        return await _split(session, count, calls.that(count.where), period, now, reader)
    of_all, of_part = _parted(count.where)
    whole = await _split(session, count, calls.that(of_all), period, now, reader)
    part = await _split(session, count, calls.that(of_all).that(of_part), period, now, reader)
    if whole is None or part is None:
        return None
    numbers = {figure.key: figure.n for figure in part}
    return [
        replace(one, value=100 * numbers.get(one.key, 0) / one.n if one.n else None)
        for one in whole
    ]


async def _split(
    session: Session,
    count: Count,
    calls: queries.CallSet,
    period: Period | None,
    now: datetime,
    reader: Reader,
) -> list[Figure] | None:
    value = count.value if count.measure is Measure.AVERAGE else None
    if count.group is None:
        return [await queries.one_figure(session, calls.within(period), value)]
    if not count.group.is_time:
        return await queries.by_group(session, calls.within(period), count.group, value)
    stretches = buckets(count.group, period, now, ZoneInfo(reader.tenant.timezone))
    return None if stretches is None else await queries.by_time(session, calls, stretches, value)


def _parted(where: Where) -> tuple[Where, Where]:
    """(which calls are the whole, which of these are the part).

    "The share of inbound calls that failed" is of inbound calls; "the share of inbound calls" is
    of all calls.
    """
    whole = Where(
        direction=where.direction,
        agent=where.agent,
        agent_name=where.agent_name,
        language=where.language,
    )
    return (Where(), where) if where == whole else (whole, where)


def _beside(count: Count, found: list[Figure], before: list[Figure]) -> list[Figure]:
    previous = {figure.key: figure for figure in before}
    present = {figure.key for figure in found}
    nothing = 0.0 if count.measure is Measure.CALLS else None
    gone = [replace(figure, value=nothing, n=0) for figure in before if figure.key not in present]
    return [
        replace(one, previous=previous[one.key].value if one.key in previous else nothing)
        for one in (*found, *gone)
    ]


def _ranked(count: Count, found: list[Figure] | None) -> list[Figure] | None:
    if found is None or count.rank is None:
        return found
    known = [figure for figure in found if figure.value is not None]
    least = count.rank is Rank.LEAST
    ordered = sorted(known, key=lambda one: (one.value or 0.0) * (1 if least else -1))
    return ordered if count.top is None else ordered[: count.top]


def _clash(count: Count, filters: RagFilters) -> bool:
    """Whether the question and the filters want calls that cannot be the same."""
    pairs = (
        (count.where.direction, filters.direction),
        (count.where.sentiment, filters.sentiment),
        (count.where.agent, filters.agent),
    )
    return any(None not in pair and pair[0] != pair[1] for pair in pairs)


_UNITS = {
    Value.SCORE: "score_0_100",
    Value.DURATION: "seconds",
    Value.SENTIMENT: "sentiment",
    Value.TALK_RATIO: "percent",
    Value.BANT: "score_0_100",
}


def _chart(count: Count, rows: list[dict[str, Any]]) -> dict[str, Any]:
    unit = {Measure.CALLS: "calls", Measure.SHARE: "percent"}.get(count.measure)
    if unit is None:
        unit = _UNITS[count.value or Value.SCORE]
    return {
        "measure": count.measure,
        "value": count.value,
        "unit": unit,
        "group": count.group,
        "rows": rows,
    }


def _row(figure: Figure) -> dict[str, Any]:
    row = asdict(figure)
    return row if figure.previous is not None else {k: v for k, v in row.items() if k != "previous"}


def _filter(count: Count, filters: RagFilters) -> dict[str, Any]:
    """What was counted, in the terms of the filters; only what narrows."""
    where = {key: value for key, value in asdict(count.where).items() if value}
    spans = {
        name: {
            "name": period.name,
            "from": as_utc(period.since).isoformat().replace("+00:00", "Z"),
            "to": as_utc(period.until).isoformat().replace("+00:00", "Z"),
        }
        for name, period in (("period", count.period), ("versus", count.versus))
        if period is not None
    }
    asked = filters.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**where, **spans, **({"filters": asked} if asked else {})}
