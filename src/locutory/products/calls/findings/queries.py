"""SELECTs on findings, by name. The session adds the tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select

from locutory.kernel.db import Session
from locutory.kernel.paging import AnySelect, keyset
from locutory.products.calls.findings.models import (
    CallMoment,
    CallObjection,
    MomentRule,
    ObjectionTypeRow,
    Reclassification,
)
from locutory.products.calls.records.contract import Status
from locutory.products.calls.records.models import CallRecord

_O, _R = CallObjection, CallRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRange:
    """Which calls; None does not narrow."""

    from_: datetime | None = None
    to: datetime | None = None
    agent: str | None = None

    def apply(self, statement: AnySelect) -> AnySelect:
        """The statement on calls with these conditions; times are half-open."""
        conditions = [
            None if self.from_ is None else _R.started_at >= self.from_,
            None if self.to is None else _R.started_at < self.to,
            None if self.agent is None else _R.agent_id == self.agent,
        ]
        return statement.where(*(c for c in conditions if c is not None))


async def type_rows(db: Session) -> Sequence[ObjectionTypeRow]:
    """A business's own types and forms of built-in ones."""
    return (await db.scalars(select(ObjectionTypeRow).order_by(ObjectionTypeRow.key))).all()


async def find_type(db: Session, key: str) -> ObjectionTypeRow | None:
    """A business's row of a type."""
    return await db.scalar(select(ObjectionTypeRow).where(ObjectionTypeRow.key == key))


async def moment_rules(db: Session) -> Sequence[MomentRule]:
    """All moment rules of a business, by key."""
    return (await db.scalars(select(MomentRule).order_by(MomentRule.key))).all()


async def find_moment(db: Session, id_: UUID) -> MomentRule | None:
    """One moment rule."""
    return await db.scalar(select(MomentRule).where(MomentRule.id == id_))


async def moment_key_taken(db: Session, key: str) -> bool:
    """Whether there is a rule with this key."""
    found = await db.scalar(select(MomentRule.id).where(MomentRule.key == key))
    return found is not None


async def matched_rules(db: Session, call_id: UUID) -> set[str]:
    """The keys of rules that matched a call so far."""
    rows = await db.scalars(select(CallMoment.rule_key).where(CallMoment.call_id == call_id))
    return set(rows)


async def matched_spans(db: Session, call_id: UUID) -> set[tuple[str, int]]:
    """(rule_key, start_ms) of a call's moments."""
    rows = await db.execute(
        select(CallMoment.rule_key, CallMoment.start_ms).where(CallMoment.call_id == call_id)
    )
    return {(key, start_ms) for key, start_ms in rows}


async def page(
    db: Session,
    where: CallRange,
    *,
    type_key: str | None,
    handled: str | None,
    after: tuple[Any, UUID] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Objections of the newest calls first, one more than `limit` if there are more."""
    statement: AnySelect = select(
        _O.id,
        _O.type_key,
        _O.quote,
        _O.turn_idx,
        _O.start_ms,
        _O.handled,
        _O.response_idx,
        _O.source,
        _O.evidence_ok,
        _O.started_at.label("sort_value"),
        _R.callid,
        _R.agent_name,
        _R.agent_id,
    ).join(_R, _R.id == _O.call_id)
    conditions = [
        None if where.from_ is None else _O.started_at >= where.from_,
        None if where.to is None else _O.started_at < where.to,
        None if where.agent is None else _R.agent_id == where.agent,
        None if type_key is None else _O.type_key == type_key,
        None if handled is None else _O.handled == handled,
    ]
    statement = statement.where(*(c for c in conditions if c is not None))
    statement = keyset(
        statement,
        column=_O.started_at,
        id_column=_O.id,
        after=after,
        descending=True,
        limit=limit,
    )
    return (await db.execute(statement)).all()


async def calls_with_text(db: Session, where: CallRange) -> int:
    """How many calls have words."""
    statement = where.apply(select(func.count()).select_from(_R).where(_R.has_words.is_(True)))
    return int((await db.execute(statement)).scalar_one())


async def counts(db: Session, where: CallRange) -> Sequence[Row[Any]]:
    """(type_key, handled, occurrences) of every pair."""
    statement = where.apply(
        select(_O.type_key, _O.handled, func.count().label("occurrences"))
        .join(_R, _R.id == _O.call_id)
        .group_by(_O.type_key, _O.handled)
    )
    return (await db.execute(statement)).all()


async def calls_by_type(db: Session, where: CallRange) -> dict[str, int]:
    """How many calls have at least one of each type."""
    statement = where.apply(
        select(_O.type_key, func.count(func.distinct(_O.call_id)))
        .join(_R, _R.id == _O.call_id)
        .where(_R.has_words.is_(True))
        .group_by(_O.type_key)
    )
    return {row[0]: row[1] for row in await db.execute(statement)}


async def running(db: Session) -> Reclassification | None:
    """The run that is under way."""
    return await db.scalar(
        select(Reclassification).where(Reclassification.state == "running").limit(1)
    )


async def find_run(db: Session, id_: UUID) -> Reclassification | None:
    """One run."""
    return await db.scalar(select(Reclassification).where(Reclassification.id == id_))


def _judged(where: CallRange) -> AnySelect:
    """Ids of calls that were analysed on words."""
    return where.apply(select(_R.id).where(_R.status == Status.DONE.value, _R.has_words.is_(True)))


async def count_judged(db: Session, where: CallRange) -> int:
    """How many calls a run would look at."""
    found = select(func.count()).select_from(_judged(where).subquery())
    return (await db.execute(found)).scalar_one()


async def judged_after(
    db: Session, where: CallRange, after: UUID | None, limit: int
) -> Sequence[UUID]:
    """The next calls of a run, by id."""
    statement = _judged(where).order_by(_R.id).limit(limit)
    if after is not None:
        statement = statement.where(_R.id > after)
    return (await db.scalars(statement)).all()
