"""SELECTs for the read models, by name."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Uuid,
    and_,
    func,
    literal_column,
    or_,
    select,
    text,
)

from locutory.kernel.db import Session
from locutory.kernel.db.base import table_of
from locutory.products.calls.analytics.contract import EngineClass, Grain
from locutory.products.calls.analytics.facts import Objection, Told, Topic
from locutory.products.calls.analytics.measures import COUNTS, MEASURE_KEYS, PARTS
from locutory.products.calls.analytics.models import CallDay, CallDayKey, CallFact
from locutory.products.calls.analytics.periods import Span
from locutory.products.calls.findings.models import CallObjection, CallTopic
from locutory.products.calls.records.contract import StageState
from locutory.products.calls.records.models import (
    CallAnalysis,
    CallMetric,
    CallRecord,
    CallStageRun,
    CallTranscript,
    StaleCall,
)

FENCED = {"fenced": True}  # bare tables: every statement here names its tenant
fact, day, day_key = table_of(CallFact), table_of(CallDay), table_of(CallDayKey)
_record, _stale = table_of(CallRecord), table_of(StaleCall)
_R = CallRecord
_TOLD = (
    _R.id,
    _R.callid,
    _R.kind,
    _R.direction,
    _R.agent_id,
    _R.agent_name,
    _R.disposition,
    _R.started_at,
    _R.ended_at,
    _R.audio_ms,
    _R.language,
    _R.status,
    _R.transcript_version,
    _R.has_words,
    _R.overall_score,
    _R.sentiment_score,
    _R.bant_score,
    _R.degraded,
    _R.asr_quality,
    _R.flags,
    _R.custom,
    _R.updated_at,
    _R.done_at,
)
_BEHIND = text(
    """
    WITH RECURSIVE behind(tenant_id) AS (
        SELECT (SELECT tenant_id FROM calls_stale ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT s.tenant_id FROM calls_stale s WHERE s.tenant_id > behind.tenant_id
                ORDER BY s.tenant_id LIMIT 1)
        FROM behind WHERE behind.tenant_id IS NOT NULL
    )
    SELECT tenant_id FROM behind WHERE tenant_id IS NOT NULL
    """
).columns(tenant_id=Uuid())


# --- what is behind ---------------------------------------------------------------------------


async def tenants_behind(kernel: Session) -> Sequence[UUID]:
    """Businesses with marked calls; one index probe each (a skip scan)."""
    return (await kernel.execute(_BEHIND)).scalars().all()


async def marks(db: Session, limit: int) -> dict[UUID, UUID]:
    """The oldest marks, by call."""
    statement = select(StaleCall.call_id, StaleCall.mark).order_by(StaleCall.id).limit(limit)
    return {row.call_id: row.mark for row in await db.execute(statement)}


async def count_marks(db: Session, most: int) -> int:
    """How many calls are marked, `most` at most."""
    some = select(_stale.c.id).where(_stale.c.tenant_id == db.tenant_id).limit(most).subquery()
    counted = await db.execute(select(func.count()).select_from(some), execution_options=FENCED)
    return int(counted.scalar_one())


async def told_of(db: Session, ids: Collection[UUID]) -> list[Told]:
    """What the tables tell of these calls; those that are gone are left out."""
    records = (await db.execute(select(*_TOLD).where(_R.id.in_(ids)))).all()
    figures = await db.execute(
        select(CallMetric.call_id, CallMetric.figures).where(CallMetric.call_id.in_(ids))
    )
    by_figures = {row.call_id: row.figures for row in figures}
    newest = (
        select(func.max(CallAnalysis.version))
        .where(CallAnalysis.call_id == _R.id)
        .correlate(_R)
        .scalar_subquery()
    )
    analyses = await db.execute(
        select(CallAnalysis.call_id, CallAnalysis.analysis, CallAnalysis.meta)
        .join(_R, _R.id == CallAnalysis.call_id)
        .where(_R.id.in_(ids), CallAnalysis.version == newest)
    )
    by_analysis = {row.call_id: row for row in analyses}
    transcripts = await db.execute(
        select(CallTranscript.call_id, CallTranscript.word_count, CallTranscript.quality)
        .join(_R, _R.id == CallTranscript.call_id)
        .where(_R.id.in_(ids), CallTranscript.version == _R.transcript_version)
    )
    by_transcript = {row.call_id: row for row in transcripts}
    stages = await _stage_times(db, ids)
    objections = await _objections(db, ids)
    topics = await _topics(db, ids)
    found = []
    for record in records:
        analysis = by_analysis.get(record.id)
        transcript = by_transcript.get(record.id)
        quality = record.asr_quality
        if quality is None and transcript is not None:
            quality = transcript.quality.get("asr_quality")
        found.append(
            Told(
                record=record,
                figures=by_figures.get(record.id) or {},
                analysis={} if analysis is None else analysis.analysis,
                meta={} if analysis is None else analysis.meta,
                words=0 if transcript is None else transcript.word_count,
                asr_quality=quality,
                stage_s=stages.get(record.id, {}),
                objections=objections.get(record.id, ()),
                topics=topics.get(record.id, ()),
            )
        )
    return found


async def _stage_times(db: Session, ids: Collection[UUID]) -> dict[UUID, dict[str, float]]:
    run = CallStageRun
    rows = await db.execute(
        select(run.call_id, run.stage, run.started_at, run.finished_at)
        .where(run.call_id.in_(ids), run.state == StageState.OK, run.finished_at.is_not(None))
        .order_by(run.call_id, run.stage, run.run_no)
    )
    found: dict[UUID, dict[str, float]] = {}
    for row in rows:
        took_s = max(0.0, (row.finished_at - row.started_at).total_seconds())
        found.setdefault(row.call_id, {})[row.stage] = took_s  # the last run counts
    return found


async def _objections(db: Session, ids: Collection[UUID]) -> dict[UUID, list[Objection]]:
    one = CallObjection
    rows = await db.execute(
        select(one.call_id, one.type_key, one.handled)
        .where(one.call_id.in_(ids), one.evidence_ok)
        .order_by(one.call_id, one.id)
    )
    found: dict[UUID, list[Objection]] = {}
    for row in rows:
        objection = Objection(type_key=row.type_key, handled=row.handled)
        found.setdefault(row.call_id, []).append(objection)
    return found


async def _topics(db: Session, ids: Collection[UUID]) -> dict[UUID, list[Topic]]:
    one = CallTopic
    rows = await db.execute(
        select(one.call_id, one.topic_key, one.label, one.share)
        .where(one.call_id.in_(ids))
        .order_by(one.call_id, one.id)
    )
    found: dict[UUID, list[Topic]] = {}
    for row in rows:
        topic = Topic(key=row.topic_key, label=row.label, share=row.share)
        found.setdefault(row.call_id, []).append(topic)
    return found


async def unseen(
    db: Session, *, zone: str, after: UUID | None, limit: int
) -> tuple[list[UUID], UUID | None]:
    """Calls of the next `limit` whose fact is missing or old, and where to go on (None: over)."""
    tenant = db.tenant_id
    page = select(_record.c.id, _record.c.updated_at).where(_record.c.tenant_id == tenant)
    if after is not None:
        page = page.where(_record.c.id > after)
    some = page.order_by(_record.c.id).limit(limit).subquery()
    rows = (
        await db.execute(
            select(some.c.id, some.c.updated_at, fact.c.seen_at, fact.c.zone)
            .select_from(some.outerjoin(fact, fact.c.id == some.c.id))
            .order_by(some.c.id),
            execution_options=FENCED,
        )
    ).all()
    old = [row.id for row in rows if row.seen_at != row.updated_at or row.zone != zone]
    return old, rows[-1].id if len(rows) == limit else None


async def orphans(db: Session, *, after: UUID | None, limit: int) -> tuple[list[UUID], UUID | None]:
    """Facts of the next `limit` whose call is gone, and where to go on (None: over)."""
    tenant = db.tenant_id
    page = select(fact.c.id).where(fact.c.tenant_id == tenant)
    if after is not None:
        page = page.where(fact.c.id > after)
    some = page.order_by(fact.c.id).limit(limit).subquery()
    rows = (
        await db.execute(
            select(some.c.id, _record.c.id.label("record_id"))
            .select_from(some.outerjoin(_record, _record.c.id == some.c.id))
            .order_by(some.c.id),
            execution_options=FENCED,
        )
    ).all()
    gone = [row.id for row in rows if row.record_id is None]
    return gone, rows[-1].id if len(rows) == limit else None


# --- reading the read models ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Which calls are looked at. What stands below `within` is not in the day tables.

    `within` holds whatever span is asked for, also that of the period before.
    """

    span: Span
    agents: tuple[str, ...] = ()
    direction: str | None = None
    template: str | None = None
    engines: tuple[str, ...] = ()
    within: Span | None = None
    status: str | None = None
    language: str | None = None
    disposition: str | None = None
    kind: str | None = None
    has_text: bool | None = None
    min_score: float | None = None
    max_score: float | None = None

    @property
    def in_rollup(self) -> bool:
        """Whether the day tables can answer."""
        beyond = (self.status, self.language, self.disposition, self.kind, self.has_text)
        return all(one is None for one in (*beyond, self.min_score, self.max_score))

    @property
    def reach(self) -> Span:
        """The days that are looked at; none at all where the reader may see none of the span."""
        if self.within is None:
            return self.span
        first = max(self.span.first, self.within.first)
        return Span(first, max(first, min(self.span.end, self.within.end)))

    def of(self, table: FromClause, tenant_id: UUID) -> list[ColumnElement[bool]]:
        """The conditions on a table of facts."""
        return [table.c.tenant_id == tenant_id, _within(table, self.reach), *self._others(table)]

    def rolled(
        self, table: FromClause, tenant_id: UUID, *, by_agent: bool, by_day: bool = False
    ) -> list[ColumnElement[bool]]:
        """The conditions on a day table: whole months by their own rows, but where days count."""
        days = Grain.AGENT if by_agent else Grain.ALL
        months = Grain.AGENT_MONTH if by_agent else Grain.MONTH
        reach = self.reach
        whole = None if by_day else reach.months
        parts = [(days, reach)]
        if whole is not None:
            before, after = Span(reach.first, whole.first), Span(whole.end, reach.end)
            parts = [(months, whole), *((days, rest) for rest in (before, after) if rest.days)]
        ranges = [and_(table.c.grain == grain, _within(table, span)) for grain, span in parts]
        return [table.c.tenant_id == tenant_id, or_(*ranges), *self._others(table)]

    def _others(self, table: FromClause) -> list[ColumnElement[bool]]:
        c = table.c
        conditions: list[ColumnElement[bool]] = []
        if self.agents:
            conditions.append(c.agent.in_(self.agents))
        if self.engines:
            conditions.append(c.engine.in_(self.engines))
        for name in ("direction", "template"):
            value = getattr(self, name)
            if value is not None:
                conditions.append(c[name] == value)
        if not self.in_rollup:
            conditions += self._beyond(c)
        return conditions

    def _beyond(self, c: Any) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        for name in ("status", "language", "disposition", "kind"):
            value = getattr(self, name)
            if value is not None:
                conditions.append(c[name] == value)
        if self.has_text is not None:
            conditions.append(c.has_text == int(self.has_text))
        if self.min_score is not None:
            conditions.append(c.score >= self.min_score)
        if self.max_score is not None:
            conditions.append(c.score <= self.max_score)
        return conditions


def _within(table: FromClause, span: Span) -> ColumnElement[bool]:
    return and_(table.c.day >= span.first, table.c.day < span.end)


NOT_RULES = (EngineClass.MODEL.value, EngineClass.NONE.value)
_MEASURED = {f"{key}_{part}": (key, part) for key in MEASURE_KEYS for part in PARTS}
_WHOLE = frozenset({*COUNTS, *(f"{key}_n" for key in MEASURE_KEYS)})
IN_ROLLUP = frozenset({"day", "week", "month", "agent", "direction", "template", "engine"})


@cache
def _dimension(table: FromClause, name: str) -> ColumnElement[Any]:
    if name == "week":  # the number of the week; day 1 was a Monday
        return ((table.c.day - 1) // literal_column("7", Integer)).label("week")
    return table.c[name].label(name)


@cache  # to build sixty sums for each request would cost more than to run them
def _summed(table: FromClause, column: str) -> ColumnElement[Any]:
    """A column of the day table, summed over its rows or over facts."""
    if table is not fact or column not in _MEASURED:
        return func.sum(table.c[column]).label(column)
    key, part = _MEASURED[column]
    value = fact.c[key]
    how = {
        "n": func.count(value),
        "sum": func.sum(value),
        "sq": func.sum(value * value),
    }[part]
    return how.label(column)


async def sums(
    db: Session, where: Slice, columns: Collection[str], dimensions: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Columns of the day table summed up per value of the dimensions; None becomes 0.

    Days answer where they can, else the calls one by one.
    """
    wanted = list(dict.fromkeys(columns))
    rolled = where.in_rollup and IN_ROLLUP.issuperset(dimensions)
    table = day if rolled else fact
    conditions = where.of(table, db.tenant_id)
    if rolled:
        by_agent = bool(where.agents) or "agent" in dimensions
        by_day = not {"day", "week"}.isdisjoint(dimensions)
        conditions = where.rolled(day, db.tenant_id, by_agent=by_agent, by_day=by_day)
    by = [_dimension(table, name) for name in dimensions]
    outcome = [_summed(table, column) for column in wanted]
    if "agent" in dimensions:
        outcome.append(func.max(table.c.agent_name).label("agent_name"))
    statement = select(*by, *outcome).where(*conditions)
    if by:
        statement = statement.group_by(*(literal_column(str(n + 1)) for n in range(len(by))))
    rows = await db.execute(statement, execution_options=FENCED)
    names = [*dimensions, *wanted, *(["agent_name"] if "agent" in dimensions else [])]
    return [
        {name: _plain(name, value) for name, value in zip(names, row, strict=True)} for row in rows
    ]


def _plain(name: str, value: Any) -> Any:
    """A sum as a number; PostgreSQL gives decimals for those of integers."""
    if name in _WHOLE:
        return int(value or 0)
    return float(value or 0) if name in _MEASURED else value


async def bins(db: Session, where: Slice, column: str) -> dict[int, int]:
    """How many calls lie in each bin of `score_bins` or `lag_bins`."""
    conditions = where.rolled(day, db.tenant_id, by_agent=bool(where.agents))
    rows = await db.execute(select(day.c[column]).where(*conditions), execution_options=FENCED)
    found: dict[int, int] = {}
    for (counted,) in rows:
        for number, count in counted.items():
            place = int(number)
            found[place] = found.get(place, 0) + count
    return found


async def values(db: Session, where: Slice, measure: str) -> list[float]:
    """A measure of each call, sorted."""
    column = fact.c[measure]
    rows = await db.execute(
        select(column).where(*where.of(fact, db.tenant_id), column.is_not(None)).order_by(column),
        execution_options=FENCED,
    )
    return [float(value) for value in rows.scalars()]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """How often a named thing was found; see CallDayKey."""

    key: str
    label: str
    calls: int
    occurrences: int
    yes: int
    partial: int
    no: int
    unknown: int
    amount: int


_KEY_SUMS = ("calls", "occurrences", "yes", "partial", "no", "unknown", "amount")


async def keys(
    db: Session, where: Slice, kind: str, *, only: Collection[str] = (), limit: int
) -> list[KeyRow]:
    """The named things of a kind, those in most calls first."""
    c = day_key.c
    summed = [func.sum(c[name]).label(name) for name in _KEY_SUMS]
    statement = (
        select(c.key, func.max(c.label).label("label"), *summed)
        .where(*where.rolled(day_key, db.tenant_id, by_agent=bool(where.agents)), c.kind == kind)
        .group_by(c.key)
        .order_by(func.sum(c.calls).desc(), c.key)
        .limit(limit)
    )
    if only:
        statement = statement.where(c.key.in_(only))
    rows = await db.execute(statement, execution_options=FENCED)
    return [
        KeyRow(
            key=row.key,
            label=row.label,
            **{name: int(getattr(row, name)) for name in _KEY_SUMS},
        )
        for row in rows
    ]


async def knows_agent(db: Session, agent: str) -> bool:
    """Whether any call is this floor agent's."""
    found = await db.execute(select(_R.id).where(_R.agent_id == agent).limit(1))
    return found.first() is not None


_COACHED = (
    "callid",
    "day",
    "score",
    "auto_failed",
    "sentiment_trend",
    "longest_dead_air_ms",
    "interruptions_agent_per_10min",
    "objections_no",
)


async def coachable(
    db: Session, where: Slice, order: Mapping[str, bool], *, newest: int, limit: int
) -> list[tuple[str, Any]]:
    """`(name, call)` of those that lead in each figure; True means the highest lead.

    Only the newest calls count: coaching is about how somebody works now, and a page costs the
    same however long they have worked.
    """
    statement = select(*(fact.c[one] for one in _COACHED)).where(*where.of(fact, db.tenant_id))
    latest = statement.order_by(fact.c.day.desc(), fact.c.id.desc()).limit(newest)
    rows = (await db.execute(latest, execution_options=FENCED)).all()
    found: list[tuple[str, Any]] = []
    for name, descending in order.items():
        told = [(value, row) for row in rows if (value := getattr(row, name)) is not None]
        if name != "score":
            told = [(value, row) for value, row in told if (value > 0 if descending else value < 0)]
        told.sort(key=lambda pair: pair[0], reverse=descending)
        found += [(name, row) for _, row in told[:limit]]
    return found
