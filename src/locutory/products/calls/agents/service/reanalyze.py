"""Judging a call anew: all its agents or some, while its present analysis stays to be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from locutory.capabilities.analysis.api import agents_in_force, degraded_agents
from locutory.kernel.audit import audit
from locutory.kernel.db import Session
from locutory.kernel.errors import InvalidError
from locutory.kernel.events import emit
from locutory.kernel.jobs import JobSpec, enqueue
from locutory.products.calls.agents import queries
from locutory.products.calls.agents.contract import ANALYZE, CallNotTranscribed
from locutory.products.calls.agents.schemas import JobRead, Reanalyze
from locutory.products.calls.records.contract import (
    CallBusy,
    CallNotFound,
    CallStatusChanged,
    Stage,
    StageState,
    Status,
)
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.records.queries import transcript

_ENDED = (StageState.OK, StageState.DEAD)


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What became of calls that were to be upgraded; `queued` are their ids."""

    queued: tuple[UUID, ...]
    whole: int  # nothing of them is degraded
    busy: int  # their pipeline runs, or they have no transcript


async def reanalyze(tx: Session, callid: str, ask: Reanalyze, *, actor: str) -> JobRead:
    """Enqueue the call's agents. Raises CallNotFound, CallBusy, CallNotTranscribed, InvalidError.

    InvalidError names agents that are not in force.
    """
    record = await tx.scalar(
        select(CallRecord).where(CallRecord.callid == callid).with_for_update()
    )
    if record is None:
        raise CallNotFound
    _check_idle(record)
    if not await _has_words_left(tx, record):
        raise CallNotTranscribed
    if ask.agents is not None:
        await _check_known(tx, ask.agents)
    job_id = await _enqueue(tx, record, ask.agents, force=ask.force)
    await audit(
        tx,
        actor=actor,
        action="call.reanalyze",
        object=callid,
        agents=sorted(set(ask.agents or ())),
        force=ask.force,
    )
    return JobRead(job_id=job_id)


async def upgrade_degraded(tx: Session, call_ids: Sequence[UUID], *, actor: str) -> Upgraded:
    """Enqueue exactly the degraded results of these calls; calls that are busy stay as they are.

    Call it for some hundred at a time. Doing it twice enqueues nothing twice: a call with work
    ahead is busy.
    """
    queued: list[UUID] = []
    whole = busy = 0
    metas = await queries.metas(tx, call_ids)
    in_force = {spec.key for spec in await agents_in_force(tx)}
    for call_id in sorted(set(call_ids)):
        keys = [key for key in degraded_agents(metas.get(call_id, {})) if key in in_force]
        if not keys:
            whole += 1
            continue
        record = await tx.scalar(
            select(CallRecord).where(CallRecord.id == call_id).with_for_update()
        )
        if record is None or not _idle(record) or not await _has_words_left(tx, record):
            busy += 1
            continue
        await _enqueue(tx, record, keys, force=False)
        await audit(
            tx, actor=actor, action="call.upgrade_degraded", object=record.callid, agents=keys
        )
        queued.append(call_id)
    return Upgraded(tuple(queued), whole, busy)


def _check_idle(record: CallRecord) -> None:
    if record.transcript_version < 1 and record.status != Status.PENDING:
        raise CallNotTranscribed
    if not _idle(record):
        raise CallBusy("The call's pipeline runs; wait until it has ended.")


def _idle(record: CallRecord) -> bool:
    """Whether the call has a transcript and nothing more will happen to it by itself."""
    ended = record.stage_state in _ENDED and record.status in (Status.DONE, Status.FAILED)
    return ended and record.transcript_version > 0


async def _has_words_left(tx: Session, record: CallRecord) -> bool:
    """Whether the transcript is there to be judged: retention may have let its words go."""
    return await transcript(tx, record.id, record.transcript_version) is not None


async def _check_known(tx: Session, keys: Sequence[str]) -> None:
    in_force = {spec.key for spec in await agents_in_force(tx)}
    faults = [
        {
            "field": f"agents[{number}]",
            "code": "AGENT_NOT_IN_FORCE",
            "message": f"no published agent {key}",
        }
        for number, key in enumerate(keys)
        if key not in in_force
    ]
    if faults:
        raise InvalidError("not all of these agents are in force", errors=faults)


async def _enqueue(
    tx: Session, record: CallRecord, agents: Sequence[str] | None, *, force: bool
) -> UUID:
    run_no = await queries.last_run_no(tx, record.id) + 1
    again = {"agents": None if agents is None else sorted(set(agents)), "force": force}
    spec = JobSpec(
        kind=ANALYZE,
        payload={"call_id": str(record.id), "run_no": run_no, "again": again},
        subject=record.callid,
    )
    [job_id] = await enqueue(tx, spec)
    record.stage, record.stage_state = Stage.ANALYZE, StageState.QUEUED
    await tx.flush()
    await emit(
        tx,
        CallStatusChanged(
            callid=record.callid,
            status=record.status,
            stage=record.stage,
            stage_state=record.stage_state,
        ),
    )
    return job_id
