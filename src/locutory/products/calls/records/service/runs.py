"""Sending a call through the pipeline again, or no further."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy import select

from locutory.kernel.audit import audit
from locutory.kernel.db import Session
from locutory.kernel.errors import ConfigError
from locutory.kernel.events import emit
from locutory.kernel.jobs import JobSpec, JobState, admin, enqueue
from locutory.kernel.services import Services
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import (
    NO_CONSENT,
    CallBusy,
    CallSettled,
    CallStatusChanged,
    NoRecording,
    NothingToRetry,
    ProviderUnknown,
    Stage,
    StageState,
    Status,
)
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.models import CallRecord, CallTranscript
from locutory.products.calls.records.schemas import RetranscribeAsk, RunRead
from locutory.products.calls.records.sight import Reader
from locutory.products.calls.records.speech import speech_engine

_WAITING = (JobState.QUEUED, JobState.DELAYED, JobState.RUNNING)
_KINDS = {stage.job for stage in Stage}
CANCELLED = "cancelled"


async def send(
    tx: Session, record: CallRecord, stage: Stage, overrides: Mapping[str, str] | None = None
) -> None:
    """Put the call at a stage, with its job and event, in this transaction.

    `overrides` are what the stage does otherwise this time, such as another `provider`.
    """
    status = {
        Stage.TRANSCRIBE: Status.PENDING,
        Stage.ANALYZE: Status.TRANSCRIBED,
        Stage.INDEX: Status.DONE,
    }[stage]
    record.status, record.stage, record.stage_state = status, stage, StageState.QUEUED
    if stage is not Stage.INDEX:  # what is done keeps saying why, such as no_speech
        record.status_reason, record.status_detail = None, None
    payload: dict[str, Any] = {
        "call_id": str(record.id),
        "run_no": await queries.next_run_no(tx, record.id),
    }
    if overrides:
        payload["overrides"] = dict(overrides)
    await tx.flush()
    await enqueue(tx, JobSpec(kind=stage.job, payload=payload, subject=record.callid))
    await mark_stale(tx, record.id)
    await emit(tx, changed(record))


async def retranscribe(
    tx: Session,
    record: CallRecord,
    *,
    actor: str,
    overrides: Mapping[str, str] | None = None,
) -> None:
    """Hear the recording afresh; the transcript that there is stays readable meanwhile.

    Raises CallBusy, NoRecording.
    """
    await require_idle(tx, record)
    _require_recording(record)
    await _drop_dead(tx, record, actor=actor)
    record.epoch += 1
    await send(tx, record, Stage.TRANSCRIBE, overrides)
    await _note(tx, "call.retranscribe", record, actor, epoch=record.epoch, **(overrides or {}))


async def retry(tx: Session, record: CallRecord, *, actor: str) -> None:
    """Run again what failed: from the analysis on where this run has its transcript.

    Raises CallBusy, NothingToRetry, NoRecording.
    """
    await require_idle(tx, record)
    again = (CANCELLED, NO_CONSENT)  # without consent still, it is skipped once more
    skipped = record.status == Status.SKIPPED and record.status_reason in again
    unindexed = record.status == Status.DONE and record.stage_state == StageState.DEAD
    if not (record.status == Status.FAILED or skipped or unindexed):
        raise NothingToRetry
    if unindexed:
        stage = Stage.INDEX
    elif await _is_heard(tx, record):
        stage = Stage.ANALYZE
    else:
        _require_recording(record)
        stage = Stage.TRANSCRIBE
    await _drop_dead(tx, record, actor=actor)
    await send(tx, record, stage)
    await _note(tx, "call.retry", record, actor, stage=stage)


async def cancel(tx: Session, record: CallRecord, *, actor: str) -> None:
    """Do no more work on a call. Raises CallSettled where none is left."""
    if record.status not in (Status.PENDING, Status.TRANSCRIBED):
        raise CallSettled
    await stop_jobs(tx, record, actor=actor)
    record.status, record.status_reason = Status.SKIPPED, CANCELLED
    record.status_detail, record.stage_state = None, StageState.SKIPPED
    await tx.flush()
    await mark_stale(tx, record.id)
    await emit(tx, changed(record))
    await _note(tx, "call.cancel", record, actor)


async def require_idle(tx: Session, record: CallRecord) -> None:
    """Raises CallBusy while a stage waits for, or works on, the call."""
    if any(job.state in _WAITING for job in await _jobs(tx, record)):
        raise CallBusy


async def stop_jobs(tx: Session, record: CallRecord, *, actor: str) -> None:
    """Cancel what waits or runs for a call."""
    for job in await _jobs(tx, record):
        if job.state in _WAITING:
            await admin.cancel(tx, tx.tenant_id, job.id, actor=actor)


def changed(record: CallRecord) -> CallStatusChanged:
    """The event of a call's present state."""
    return CallStatusChanged(
        callid=record.callid,
        status=record.status,
        stage=record.stage,
        stage_state=record.stage_state,
        reason=record.status_reason,
    )


async def _jobs(tx: Session, record: CallRecord) -> list[Any]:
    jobs = await admin.jobs_of(tx, tx.tenant_id, record.callid)
    mine = str(record.id)
    return [job for job in jobs if job.kind in _KINDS and job.payload.get("call_id") == mine]


async def _drop_dead(tx: Session, record: CallRecord, *, actor: str) -> None:
    """The new run takes the place of dead letters."""
    for job in await _jobs(tx, record):
        if job.state == JobState.DEAD:
            await admin.discard(tx, tx.tenant_id, job.id, actor=actor, reason="run again")


async def _is_heard(tx: Session, record: CallRecord) -> bool:
    """Whether the current transcript is of the current run of the speech engine."""
    epoch = await tx.scalar(
        select(CallTranscript.epoch).where(
            CallTranscript.call_id == record.id,
            CallTranscript.version == record.transcript_version,
            CallTranscript.purged_at.is_(None),
        )
    )
    return epoch == record.epoch


def _require_recording(record: CallRecord) -> None:
    if record.audio_key is None and record.audio_url_enc is None and record.sidecar_key is None:
        raise NoRecording


async def _note(tx: Session, action: str, record: CallRecord, actor: str, **detail: object) -> None:
    await audit(tx, actor=actor, action=action, object=f"call:{record.callid}", **detail)


async def hear_again(
    reader: Reader, callid: str, data: RetranscribeAsk, services: Services
) -> RunRead:
    """Hear a call afresh. Raises as `retranscribe`, CallNotFound, ProviderUnknown."""
    if data.provider is not None:
        try:
            speech_engine(services, data.provider)
        except ConfigError as error:
            fault = {"field": "provider", "code": ProviderUnknown.code, "message": error.detail}
            raise ProviderUnknown(error.detail, errors=[fault]) from error
    overrides = data.model_dump(exclude_none=True)
    return await _done(
        reader,
        callid,
        lambda tx, record: retranscribe(tx, record, actor=reader.actor, overrides=overrides),
    )


async def try_again(reader: Reader, callid: str) -> RunRead:
    """Run again what failed of a call. Raises as `retry`, CallNotFound."""
    return await _done(reader, callid, lambda tx, record: retry(tx, record, actor=reader.actor))


async def stop(reader: Reader, callid: str) -> RunRead:
    """Do no more work on a call. Raises as `cancel`, CallNotFound."""
    return await _done(reader, callid, lambda tx, record: cancel(tx, record, actor=reader.actor))


async def _done(
    reader: Reader, callid: str, deed: Callable[[Session, CallRecord], Awaitable[None]]
) -> RunRead:
    async def store(tx: Session) -> RunRead:
        record = await queries.get(tx, callid, own=reader.own, lock=True)
        await deed(tx, record)
        return RunRead(
            callid=record.callid,
            status=record.status,
            stage=record.stage,
            stage_state=record.stage_state,
            epoch=record.epoch,
        )

    return await reader.db.write(store)
