"""SELECTs on calls, by name. The session adds the tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, func, select

from locutory.kernel.db import Session
from locutory.kernel.db.base import table_of
from locutory.kernel.paging import AnySelect, keyset
from locutory.products.calls.records.contract import CallNotFound
from locutory.products.calls.records.models import (
    SORTS,
    CallAnalysis,
    CallMetric,
    CallRecord,
    CallStageRun,
    CallTranscript,
)

_R = CallRecord
_LIST = (
    _R.id,
    _R.callid,
    _R.status,
    _R.status_reason,
    _R.stage,
    _R.stage_state,
    _R.started_at,
    _R.audio_ms,
    _R.direction,
    _R.agent_id,
    _R.agent_name,
    _R.phone_last4,
    _R.overall_score,
    _R.sentiment_score,
    _R.bant_score,
    _R.talk_ratio,
    _R.summary_short,
    _R.has_words,
    _R.degraded,
    _R.partial,
    _R.flags,
    _R.updated_at,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """What a list of calls is narrowed to; None does not narrow."""

    from_: datetime | None = None
    to: datetime | None = None
    status: str | None = None
    direction: str | None = None
    agent: str | None = None
    min_score: float | None = None
    max_score: float | None = None

    def apply(self, statement: AnySelect) -> AnySelect:
        """The statement with these conditions; times are half-open."""
        conditions = [
            None if self.from_ is None else _R.started_at >= self.from_,
            None if self.to is None else _R.started_at < self.to,
            None if self.status is None else _R.status == self.status,
            None if self.direction is None else _R.direction == self.direction,
            None if self.agent is None else _R.agent_id == self.agent,
            None if self.min_score is None else _R.overall_score >= self.min_score,
            None if self.max_score is None else _R.overall_score <= self.max_score,
        ]
        return statement.where(*(c for c in conditions if c is not None))


async def page(
    db: Session,
    where: CallFilter,
    *,
    sort: str,
    descending: bool,
    after: tuple[Any, UUID] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Light rows, one more than `limit` if there are more; the last column is the sort value."""
    column = SORTS[sort]
    statement = keyset(
        where.apply(select(*_LIST, column.label("sort_value"))),
        column=column,
        id_column=_R.id,
        after=after,
        descending=descending,
        limit=limit,
    )
    return (await db.execute(statement)).all()


async def find(db: Session, callid: str) -> CallRecord | None:
    """The call with the source system's id."""
    return await db.scalar(select(_R).where(_R.callid == callid))


_table = table_of(_R)
_IS_KNOWN = select(_table.c.id).where(
    _table.c.tenant_id == bindparam("tenant"), _table.c.callid == bindparam("callid")
)


async def is_known(db: Session, callid: str) -> bool:
    """Whether the source system's id is taken, without the cost of loading the call."""
    found = await db.execute(
        _IS_KNOWN,
        {"tenant": db.tenant_id, "callid": callid},
        execution_options={"fenced": True},
    )
    return found.first() is not None


async def get(db: Session, callid: str) -> CallRecord:
    """The call with the source system's id. Raises CallNotFound."""
    record = await find(db, callid)
    if record is None:
        raise CallNotFound()
    return record


async def get_by_id(db: Session, call_id: UUID) -> CallRecord:
    """The call with our id. Raises CallNotFound."""
    record = await db.scalar(select(_R).where(_R.id == call_id))
    if record is None:
        raise CallNotFound()
    return record


async def transcript(db: Session, call_id: UUID, version: int) -> CallTranscript | None:
    """One version of a call's transcript."""
    return await db.scalar(
        select(CallTranscript).where(
            CallTranscript.call_id == call_id, CallTranscript.version == version
        )
    )


async def latest_analysis(db: Session, call_id: UUID) -> CallAnalysis | None:
    """The newest analysis of a call."""
    return await db.scalar(
        select(CallAnalysis)
        .where(CallAnalysis.call_id == call_id)
        .order_by(CallAnalysis.version.desc())
        .limit(1)
    )


async def metric(db: Session, call_id: UUID) -> CallMetric | None:
    """A call's figures."""
    return await db.scalar(select(CallMetric).where(CallMetric.call_id == call_id))


async def stage_runs(db: Session, call_id: UUID) -> Sequence[CallStageRun]:
    """A call's stages in order of their start."""
    statement = select(CallStageRun).where(CallStageRun.call_id == call_id)
    return (await db.scalars(statement.order_by(CallStageRun.started_at, CallStageRun.id))).all()


async def same_audio(db: Session, sha256: str, except_id: UUID) -> str | None:
    """The id of another call with the same audio."""
    return await db.scalar(
        select(_R.callid).where(_R.audio_sha256 == sha256, _R.id != except_id).limit(1)
    )


async def status_counts(db: Session) -> dict[str, int]:
    """How many calls stand at each milestone."""
    rows = await db.execute(select(_R.status, func.count()).group_by(_R.status))
    return dict(rows.all())
