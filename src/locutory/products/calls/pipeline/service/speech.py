"""A recording at a speech engine: as the engine wants it, and paid for once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import update

from locutory.engines.stt import (
    Heard,
    JobOverError,
    Part,
    ResumableSTT,
    STTProvider,
    STTRequest,
    STTResult,
    Submission,
    cut,
)
from locutory.kernel.clock import utc_now
from locutory.kernel.cpu import CpuPool
from locutory.kernel.db import Session
from locutory.kernel.errors import (
    ConfigError,
    EngineError,
    EngineTimeout,
    ErrorClass,
    InvalidError,
)
from locutory.kernel.failpoints import failpoint
from locutory.kernel.jobs import Context
from locutory.kernel.scratch import work_folder
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.kernel.slots import ProviderSlots
from locutory.kernel.telemetry.tracing import Tracing
from locutory.products.calls.pipeline import queries
from locutory.products.calls.pipeline.config import PipelineConfig
from locutory.products.calls.pipeline.models import SpeechJob
from locutory.products.calls.pipeline.service.runs import overrides
from locutory.products.calls.pipeline.sharing import ApartError, Circle, Seat, Sharing
from locutory.products.calls.pipeline.sound import Sound
from locutory.products.calls.records.counting import CallCounters
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.records.speech import speech_engine

log = structlog.get_logger(__name__)
_STAND_IN = (
    ErrorClass.PROVIDER_OUTAGE,
    ErrorClass.PROVIDER_TIMEOUT,
    ErrorClass.CONTENT_REJECTED,
)
"""Failures that another engine may not have (calls spec, 6.2)."""
ENGINE_MISSING = "ENGINE_MISSING"
_TRIES_TOGETHER = 2
"""How often a call waits for others whose job came to nothing; then it goes alone."""


def require_engines(services: Services, config: PipelineConfig) -> PipelineConfig:
    """The configuration itself. Raises InvalidError for an engine that this server lacks."""
    faults = []
    for name in sorted(config.stt.engines):
        try:
            speech_engine(services, name)
        except ConfigError as error:
            faults.append({"field": "stt", "code": ENGINE_MISSING, "message": error.detail})
    if faults:
        raise InvalidError(faults[0]["message"], errors=faults)
    return config


async def hear_by_any(
    ctx: Context,
    record: CallRecord,
    engines: Sequence[STTProvider],
    sound: Sound | None,
    path: Path,
) -> tuple[str, STTResult | None]:
    """What the first engine hears, or the next one where it is out of order, late or unwilling.

    With its name, and without a result when it comes to the acoustic engine, whose turns are
    known. Raises what the first one raised: it is the one that the call waits for.
    """
    failed: EngineError | None = None
    for engine in engines:
        if engine.name == "embedded" and sound is not None:
            return engine.name, None
        try:
            return engine.name, await hear(ctx, record, engine, sound, path)
        except EngineError as error:
            await ctx.services.get(CallCounters).unheard(record.tenant_id, engine.name)
            log.warning("not heard", provider=engine.name, error_class=error.cls, why=error.detail)
            failed = failed or error
            if failed is error and error.cls not in _STAND_IN:
                break
    assert failed is not None
    raise failed


async def hear(
    ctx: Context, record: CallRecord, engine: STTProvider, sound: Sound | None, path: Path
) -> STTResult:
    """What the engine hears. Raises what it raises.

    A job that the call has at the provider already is collected, whoever opened it.
    """
    async with _parts(ctx, record, engine, sound, path) as parts:
        call = f"transcribe {engine.name}"
        request = STTRequest(
            call_ref=str(record.id), parts=parts, language_hint=overrides(ctx).get("language")
        )
        tracing = ctx.services.get(Tracing)
        async with _slot(ctx, engine):
            with tracing.span(call, **{"locutory.provider": engine.name}):
                if isinstance(engine, ResumableSTT):
                    return await _by_job(ctx, record, engine, request)
                return await engine.transcribe(request)


def _slot(ctx: Context, engine: STTProvider) -> AbstractAsyncContextManager[None]:
    if not engine.capabilities.outside:
        return nullcontext()
    return ctx.services.get(ProviderSlots).slot(engine.name)


@asynccontextmanager
async def _parts(
    ctx: Context, record: CallRecord, engine: STTProvider, sound: Sound | None, path: Path
) -> AsyncIterator[tuple[Part, ...]]:
    """The files that the engine is given; derived ones exist for as long as this is open."""
    whole = Part(role="mixed", object_key=record.audio_key or "", path=path)
    if sound is None:
        yield (whole,)
    elif not engine.capabilities.derived:
        probe = sound.probe
        channels = 2 if sound.true_stereo and engine.capabilities.multichannel else 1
        yield (replace(whole, ms=probe.duration_ms, codec=probe.codec, channels=channels),)
    else:
        async with work_folder(ctx.services.get(Settings).data_dir / "tmp") as folder:
            yield await _cut(ctx, engine, sound.heard, path, folder, apart=sound.true_stereo)


async def _cut(
    ctx: Context, engine: STTProvider, heard: Heard, path: Path, folder: Path, *, apart: bool
) -> tuple[Part, ...]:
    max_ms = engine.capabilities.max_ms
    pool = ctx.services.get(CpuPool)
    return tuple(await pool.run(cut, path, folder, heard, apart=apart, max_ms=max_ms))


async def _by_job(
    ctx: Context, record: CallRecord, engine: ResumableSTT, request: STTRequest
) -> STTResult:
    kept = await _kept(ctx, record, engine, request)
    if kept is None:
        kept = await _opened(ctx, record, engine, request)
    if kept is None:
        return await engine.transcribe(request)
    try:
        return await engine.collect(request, kept)
    except JobOverError:
        await ctx.write(lambda tx: _forget(tx, record, engine, request))
        raise
    except EngineTimeout:
        await ctx.write(lambda tx: _count_timeout(tx, record, engine, request))
        raise


async def _opened(
    ctx: Context, record: CallRecord, engine: ResumableSTT, request: STTRequest
) -> Submission | None:
    """A job with the call's files, shared if others come; None for what needs none."""
    kin = engine.kin(request) if engine.linger_s > 0 else None
    for _ in range(_TRIES_TOGETHER if kin is not None else 0):
        seat = await ctx.services.get(Sharing).seat(
            (record.tenant_id, engine.name, kin),
            files=len(request.parts),
            audio_ms=sum(part.ms or 0 for part in request.parts),
            most=engine.job_files,
            linger_s=engine.linger_s,
        )
        if seat.alone:
            break
        try:
            return await _together(ctx, record, engine, request, seat)
        except ApartError:
            kept = await _kept(ctx, record, engine, request)
            if kept is not None:
                return kept
    ref = await engine.submit(request)
    if ref is None:
        return None
    failpoint("calls.stt.opened")
    kept, _ = await _keep(ctx, record, engine, request, ref)
    failpoint("calls.stt.kept")
    return kept


async def _together(
    ctx: Context, record: CallRecord, engine: ResumableSTT, request: STTRequest, seat: Seat
) -> Submission:
    """Open, fill and start one job for all calls of the circle (ADR 28).

    Each call stores the job's name before its files go there, and the job is started only if all
    their rows can be marked as started in one commit: a call that gave it up meanwhile, here or in
    another process, prevents that. So each file is in one started job at most.
    """
    circle = seat.circle
    async with seat.together():
        if seat.first:
            opened = await engine.submit(request)
            if opened is None:
                raise ApartError
            circle.ref = opened
        await seat.meet()
        ref = engine.seat(circle.ref, seat.number, circle.audio_ms)
        kept, row_id = await _keep(ctx, record, engine, request, ref, shared=True)
        circle.row_ids.append(row_id)
        circle.refs.append(ref)
        failpoint("calls.stt.shared.kept")
        await engine.upload(request, ref)
        failpoint("calls.stt.shared.uploaded")
        await seat.meet()
        if seat.first:
            await ctx.write(lambda tx: _mark_started(tx, circle))
            failpoint("calls.stt.shared.marked")
            await engine.start(ref)
            failpoint("calls.stt.shared.started")
        await seat.meet()
    return kept


async def _mark_started(tx: Session, circle: Circle) -> None:
    """Raises ApartError, with nothing stored, if a row is not in this job any more."""
    if await _mark(tx, circle.row_ids, circle.refs, started=True) < len(circle.seats):
        raise ApartError


async def _kept(
    ctx: Context, record: CallRecord, engine: STTProvider, request: STTRequest
) -> Submission | None:
    """The job that the call has, unless it shares one that was not started: that is given up."""
    async with ctx.db.read() as session:
        row = await _row(session, record, engine, request)
    if row is not None and row.ref is not None and row.started is False:
        own, ref = row.id, row.ref
        await ctx.write(lambda tx: _mark(tx, [own], [ref], started=None))
        async with ctx.db.read() as session:  # it may have been started in this moment
            row = await _row(session, record, engine, request)
    if row is None or row.ref is None:
        return None
    shared = row.started is not None
    return Submission(ref=row.ref, at=row.submitted_at, timeouts=row.timeouts, shared=shared)


async def _mark(
    tx: Session, ids: Sequence[UUID], refs: Sequence[str], *, started: bool | None
) -> int:
    """Start (True) or give up (None) these jobs, where they are neither; how many there were."""
    rows = update(SpeechJob).where(
        SpeechJob.id.in_(ids), SpeechJob.ref.in_(refs), SpeechJob.started.is_(False)
    )
    values: dict[str, Any] = {"started": started}
    if started is None:  # it costs nothing, so it does not count
        values |= {"ref": None, "submissions": SpeechJob.submissions - 1}
    done = await tx.execute(rows.values(values).execution_options(synchronize_session=False))
    return int(done.rowcount)  # type: ignore[attr-defined] # CursorResult of an update


async def _keep(
    ctx: Context,
    record: CallRecord,
    engine: STTProvider,
    request: STTRequest,
    ref: str,
    *,
    shared: bool = False,
) -> tuple[Submission, UUID]:
    """Store the job's name, in a commit of its own, before it is started; its row's id as well."""
    submission = Submission(ref=ref, at=utc_now(), shared=shared)

    async def store(tx: Session) -> tuple[int, UUID]:
        row = await _row(tx, record, engine, request)
        if row is None:
            row = SpeechJob(
                call_id=record.id,
                epoch=record.epoch,
                provider=engine.name,
                language=request.language_hint or "",
                submissions=0,
            )
            tx.add(row)
        row.ref, row.submitted_at, row.timeouts = submission.ref, submission.at, 0
        row.started = False if shared else None
        row.submissions += 1
        await tx.flush()
        return row.submissions, row.id

    count, row_id = await ctx.write(store)
    if count > 1:
        log.warning("a call is submitted anew", callid=record.callid, provider=engine.name, n=count)
        ctx.services.get(CallCounters).resubmitted(engine.name)
    return submission, row_id


async def _forget(
    tx: Session, record: CallRecord, engine: STTProvider, request: STTRequest
) -> None:
    row = await _row(tx, record, engine, request)
    if row is not None:
        row.ref, row.started = None, None


async def _count_timeout(
    tx: Session, record: CallRecord, engine: STTProvider, request: STTRequest
) -> None:
    row = await _row(tx, record, engine, request)
    if row is not None:
        row.timeouts += 1


async def _row(
    session: Session, record: CallRecord, engine: STTProvider, request: STTRequest
) -> SpeechJob | None:
    return await queries.speech_job(
        session, record.id, record.epoch, engine.name, request.language_hint or ""
    )
