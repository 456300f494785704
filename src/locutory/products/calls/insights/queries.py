"""Counts over calls, by name. The session adds the tenant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select

from locutory.kernel.db import Session
from locutory.kernel.paging import AnySelect
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.records.queries import CallFilter

_R = CallRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSet:
    """The calls that are counted: those of a filter, of these ids where any are named."""

    where: CallFilter
    callids: Sequence[str] | None = None

    def of(self, statement: AnySelect) -> AnySelect:
        """The statement over these calls only."""
        narrowed = self.where.apply(statement)
        return narrowed if self.callids is None else narrowed.where(_R.callid.in_(self.callids))

    def of_any_status(self) -> "CallSet":
        """The same calls, whatever milestone they stand at."""
        return replace(self, where=replace(self.where, status=None))


async def count(db: Session, calls: CallSet) -> int:
    """How many calls there are."""
    return int(await db.scalar(calls.of(select(func.count(_R.id)))) or 0)


async def by_status(db: Session, calls: CallSet) -> dict[str, int]:
    """How many calls stand at each milestone, the largest number first."""
    number = func.count().label("number")
    statement = calls.of(select(_R.status, number)).group_by(_R.status)
    rows = await db.execute(statement.order_by(number.desc(), _R.status))
    return {row.status: row.number for row in rows}


async def mean_score(db: Session, calls: CallSet) -> tuple[float | None, int]:
    """The mean overall score (0-100) of the calls that have one, and how many these are."""
    columns = select(func.avg(_R.overall_score), func.count(_R.overall_score))
    mean, number = (await db.execute(calls.of(columns))).one()
    return None if mean is None else float(mean), int(number)


async def by_agent(db: Session, calls: CallSet, *, limit: int) -> list[tuple[str, int]]:
    """(name, calls) of the agents with most calls; calls of nobody known do not count."""
    number = func.count().label("number")
    statement = calls.of(select(_R.agent_id, func.max(_R.agent_name), number))
    known = statement.where(_R.agent_id.is_not(None)).group_by(_R.agent_id)
    rows = await db.execute(known.order_by(number.desc(), _R.agent_id).limit(limit))
    return [(name or agent_id, counted) for agent_id, name, counted in rows]
