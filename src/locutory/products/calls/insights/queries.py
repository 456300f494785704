"""Counts over calls, by name. The session adds the tenant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    case,
    desc,
    distinct,
    func,
    literal,
    or_,
    select,
)

from locutory.capabilities.knowledge.api import containing_sources
from locutory.kernel.db import Session
from locutory.kernel.db.dialect import json_has_text
from locutory.products.calls.findings.models import CallObjection, CallTopic
from locutory.products.calls.insights.contract import (
    ANY,
    SENTIMENT_EDGE,
    Bound,
    Figure,
    Group,
    Period,
    Sentiment,
    Value,
    Where,
)
from locutory.products.calls.records.contract import COLLECTION, Stage, StageState, Status
from locutory.products.calls.records.models import CallRecord

_R = CallRecord
_MOST_NAMES = 2_000
_MOST_GROUPS = 200

# each in the unit of the contract
_COLUMNS: dict[Value, SQLColumnExpression[Any]] = {
    Value.SCORE: _R.overall_score,
    Value.DURATION: _R.audio_ms / 1000.0,
    Value.SENTIMENT: _R.sentiment_score,
    Value.TALK_RATIO: _R.talk_ratio * 100.0,
    Value.BANT: _R.bant_score,
}
_LABEL: ColumnElement[Any] = case(
    (_R.sentiment_score > SENTIMENT_EDGE, Sentiment.POSITIVE),
    (_R.sentiment_score < -SENTIMENT_EDGE, Sentiment.NEGATIVE),
    else_=Sentiment.NEUTRAL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSet:
    """The calls that are meant: all conditions hold. Times are of the start, half-open.

    `own` are the agents whose calls the reader may see, None for all.
    """

    where: tuple[Where, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    callids: Sequence[str] | None = None
    own: Sequence[str] | None = None

    def within(self, period: Period | None) -> "CallSet":
        """Those of them in a period."""
        if period is None:
            return self
        since = period.since if self.since is None else max(self.since, period.since)
        until = period.until if self.until is None else min(self.until, period.until)
        return replace(self, since=since, until=until)

    def that(self, where: Where) -> "CallSet":
        """Those of them for which this holds too."""
        return replace(self, where=(*self.where, where))

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        bare = all(one == Where() for one in self.where)
        bounds = (self.since, self.until, self.callids, self.own)
        return bare and all(bound is None for bound in bounds)

    def conditions(self, db: Session) -> list[ColumnElement[bool]]:
        """What a call must be."""
        return [*(one for where in self.where for one in _conditions(db, where)), *self.bounds()]

    def bounds(self) -> list[ColumnElement[bool]]:
        """What a call must be, apart from `where`."""
        wanted: list[ColumnElement[bool]] = []
        if self.since is not None:
            wanted.append(_R.started_at >= self.since)
        if self.until is not None:
            wanted.append(_R.started_at < self.until)
        if self.callids is not None:
            wanted.append(_R.callid.in_(self.callids))
        if self.own is not None:
            wanted.append(_R.agent_id.in_(self.own))
        return wanted


def callids_of(tenant_id: UUID, calls: CallSet) -> Select[str]:
    """A SELECT of the calls' ids, for a search that is narrowed to them. Without phrases."""
    statement = select(_R.callid).where(_R.tenant_id == tenant_id)
    wanted = [one for where in calls.where for one in _plain(where, tenant_id)]
    return statement.where(*wanted, *calls.bounds())


def _conditions(db: Session, where: Where) -> list[ColumnElement[bool]]:
    wanted = _plain(where, db.tenant_id)
    if where.phrases:
        wanted.append(_R.callid.in_(containing_sources(db, COLLECTION, where.phrases)))
    return wanted


def _plain(where: Where, tenant_id: UUID) -> list[ColumnElement[bool]]:
    """The conditions that rows of calls and findings decide."""
    wanted: list[ColumnElement[bool]] = [_bounded(bound) for bound in where.bounds]
    if where.objections:
        objected = select(CallObjection.call_id).where(CallObjection.tenant_id == tenant_id)
        if ANY not in where.objections:
            objected = objected.where(CallObjection.type_key.in_(where.objections))
        wanted.append(_R.id.in_(objected))
    if where.topics:
        about = select(CallTopic.call_id).where(
            CallTopic.tenant_id == tenant_id, CallTopic.topic_key.in_(where.topics)
        )
        wanted.append(_R.id.in_(about))
    wanted += [json_has_text(_R.tags, literal(tag.lower())) for tag in where.tags]
    if where.status is not None:
        wanted.append(_R.status == where.status)
    if where.direction is not None:
        wanted.append(_R.direction == where.direction)
    if where.agent is not None:
        wanted.append(_R.agent_id == where.agent)
    if where.sentiment is not None:
        wanted += [_R.sentiment_score.is_not(None), _LABEL.in_([where.sentiment])]
    if where.language is not None:
        code = where.language.lower()
        dialect = func.lower(_R.language).startswith(f"{code}-", autoescape=True)
        wanted.append(or_(func.lower(_R.language) == code, dialect))
    return wanted


def _bounded(bound: Bound) -> ColumnElement[bool]:
    column = _COLUMNS[bound.value]
    if bound.least:
        return column > bound.number if bound.strict else column >= bound.number
    return column < bound.number if bound.strict else column <= bound.number


async def one_figure(db: Session, calls: CallSet, value: Value | None) -> Figure:
    """How many calls there are, or the mean of their values that are known."""
    if value is None:
        number = await db.scalar(select(func.count(_R.id)).where(*calls.conditions(db))) or 0
        return Figure(key="", label="", value=float(number), n=number)
    column = _COLUMNS[value]
    statement = select(func.avg(column), func.count(column)).where(*calls.conditions(db))
    mean, number = (await db.execute(statement)).one()
    return Figure(key="", label="", value=_float(mean), n=int(number))


async def by_group(db: Session, calls: CallSet, group: Group, value: Value | None) -> list[Figure]:
    """A figure for each part, the largest first; calls whose part is unknown do not count."""
    key, label, joined = _PARTS[group]
    column = None if value is None else _COLUMNS[value]
    n = func.count(distinct(_R.id)) if column is None else func.count(column)
    number: ColumnElement[Any] = n if column is None else func.avg(column)
    statement: Select[Any] = select(key.label("part"), label, number.label("number"), n.label("n"))
    if joined is not None:
        statement = statement.join(joined, joined.call_id == _R.id)
    statement = statement.where(key.is_not(None), *calls.conditions(db))
    if group is Group.SENTIMENT:
        statement = statement.where(_R.sentiment_score.is_not(None))
    # by their names: PostgreSQL would take the same CASE with other parameters for another one
    ordered = statement.group_by("part").order_by(desc("number"), "part").limit(_MOST_GROUPS)
    return [
        Figure(key=row[0], label=row[1] or row[0], value=_float(row.number), n=int(row.n))
        for row in await db.execute(ordered)
        if row.n
    ]


async def by_time(
    db: Session, calls: CallSet, buckets: Sequence[Period], value: Value | None
) -> list[Figure]:
    """A figure for each of these stretches, which follow one another; none is left out."""
    within = calls.within(Period(name="", since=buckets[0].since, until=buckets[-1].until))
    number = case(
        *((_R.started_at < one.until, place) for place, one in enumerate(buckets)),
        else_=len(buckets),
    ).label("bucket")
    column = _R.id if value is None else _COLUMNS[value]
    measured = [func.count(column)] if value is None else [func.count(column), func.avg(column)]
    statement = select(number, *measured).where(*within.conditions(db)).group_by("bucket")
    rows = {row[0]: row for row in await db.execute(statement)}
    found = []
    for place, one in enumerate(buckets):
        row = rows.get(place)
        n = 0 if row is None else int(row[1])
        mean = float(n) if value is None else _float(row[2]) if row is not None else None
        found.append(Figure(key=f"{one.since.date()}", label=one.name, value=mean, n=n))
    return found


async def agents(db: Session) -> Sequence[tuple[str, str]]:
    """(id, name) of agents who had calls."""
    statement = select(_R.agent_id, func.max(_R.agent_name)).where(_R.agent_id.is_not(None))
    rows = await db.execute(statement.group_by(_R.agent_id).limit(_MOST_NAMES))
    return [(id_, name or id_) for id_, name in rows if id_ is not None]


async def topics(db: Session) -> Sequence[tuple[str, str]]:
    """(key, label) of the topics that calls had."""
    statement = select(CallTopic.topic_key, func.max(CallTopic.label))
    rows = await db.execute(statement.group_by(CallTopic.topic_key).limit(_MOST_NAMES))
    return [(key, label) for key, label in rows]


async def objection_types(db: Session) -> Sequence[str]:
    """The types of objections that calls had."""
    return (await db.scalars(select(CallObjection.type_key).distinct().limit(_MOST_NAMES))).all()


async def waiting_for_index(db: Session) -> tuple[int, datetime | None]:
    """How many calls are done and not findable yet, and since when the oldest of them is done."""
    statement = select(func.count(_R.id), func.min(_R.done_at)).where(
        _R.status == Status.DONE,
        _R.stage == Stage.INDEX,
        _R.stage_state.in_((StageState.QUEUED, StageState.RUNNING)),
    )
    number, oldest = (await db.execute(statement)).one()
    return int(number), oldest


_PARTS: dict[Group, tuple[SQLColumnExpression[Any], SQLColumnExpression[Any], Any]] = {
    Group.STATUS: (_R.status, func.max(_R.status), None),
    Group.DIRECTION: (_R.direction, func.max(_R.direction), None),
    Group.AGENT: (_R.agent_id, func.max(_R.agent_name), None),
    Group.LANGUAGE: (_R.language, func.max(_R.language), None),
    Group.SENTIMENT: (_LABEL, func.max(_LABEL), None),
    Group.OBJECTION: (CallObjection.type_key, func.max(CallObjection.type_key), CallObjection),
    Group.TOPIC: (CallTopic.topic_key, func.max(CallTopic.label), CallTopic),
}


def _float(number: Any) -> float | None:
    return None if number is None else float(number)
