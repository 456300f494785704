"""SELECTs on trials and on the calls that they are made of. The session adds the tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select

from locutory.kernel.db import Session
from locutory.kernel.paging import AnySelect, keyset
from locutory.products.calls.agents.contract import TrialKind
from locutory.products.calls.agents.models import AgentTrial
from locutory.products.calls.records.contract import Status
from locutory.products.calls.records.models import CallAnalysis, CallRecord, CallStageRun

_T, _R = AgentTrial, CallRecord
CANDIDATES = 5_000
"""Of so many of the newest calls a sample is drawn."""


async def find_trial(session: Session, kind: TrialKind, trial_id: UUID) -> AgentTrial | None:
    """A trial of that kind."""
    return await session.scalar(select(_T).where(_T.id == trial_id, _T.kind == kind))


async def trials(
    session: Session,
    kind: TrialKind,
    *,
    agent: str | None,
    after: tuple[Any, UUID] | None,
    limit: int,
) -> Sequence[AgentTrial]:
    """Trials, newest first, one more than `limit` if there are more."""
    statement = select(_T).where(_T.kind == kind)
    if agent is not None:
        statement = statement.where(_T.agent_key == agent)
    ordered = keyset(
        statement,
        column=_T.created_at,
        id_column=_T.id,
        after=after,
        descending=True,
        limit=limit,
    )
    return (await session.scalars(ordered)).all()


async def candidates(
    session: Session, *, from_: datetime | None, to: datetime | None
) -> Sequence[Row[Any]]:
    """Light rows of the newest judged calls with words: id, callid, direction, score."""
    statement: AnySelect = select(_R.id, _R.callid, _R.direction, _R.overall_score)
    statement = statement.where(_R.status == Status.DONE, _R.has_words)
    if from_ is not None:
        statement = statement.where(_R.started_at >= from_)
    if to is not None:
        statement = statement.where(_R.started_at < to)
    newest = statement.order_by(_R.started_at.desc(), _R.id.desc()).limit(CANDIDATES)
    return (await session.execute(newest)).all()


async def records_of(session: Session, callids: Sequence[str]) -> dict[str, CallRecord]:
    """The calls of these ids, without those that there are not."""
    rows = await session.scalars(select(_R).where(_R.callid.in_(callids)))
    return {row.callid: row for row in rows}


async def last_run_no(session: Session, call_id: UUID) -> int:
    """How often the call went through the pipeline."""
    found = await session.scalar(
        select(func.max(CallStageRun.run_no)).where(CallStageRun.call_id == call_id)
    )
    return found or 1


async def metas(session: Session, call_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """What each call's newest analysis says of its agents."""
    newest = (
        select(CallAnalysis.call_id, func.max(CallAnalysis.version).label("version"))
        .where(CallAnalysis.call_id.in_(call_ids))
        .group_by(CallAnalysis.call_id)
        .subquery()
    )
    rows = await session.execute(
        select(CallAnalysis.call_id, CallAnalysis.meta).join(
            newest,
            (CallAnalysis.call_id == newest.c.call_id) & (CallAnalysis.version == newest.c.version),
        )
    )
    return {row.call_id: row.meta for row in rows}
