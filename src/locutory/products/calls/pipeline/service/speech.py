"""A recording at a speech engine: as the engine wants it, and paid for once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import structlog

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
from locutory.kernel.errors import EngineTimeout
from locutory.kernel.failpoints import failpoint
from locutory.kernel.jobs import Context
from locutory.kernel.scratch import work_folder
from locutory.kernel.settings import Settings
from locutory.kernel.telemetry.tracing import Tracing
from locutory.products.calls.pipeline import queries
from locutory.products.calls.pipeline.models import SpeechJob
from locutory.products.calls.pipeline.service.runs import overrides
from locutory.products.calls.pipeline.sound import Sound
from locutory.products.calls.records.counting import CallCounters
from locutory.products.calls.records.models import CallRecord

log = structlog.get_logger(__name__)


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
        with ctx.services.get(Tracing).span(call, **{"locutory.provider": engine.name}):
            if isinstance(engine, ResumableSTT):
                return await _by_job(ctx, record, engine, request)
            return await engine.transcribe(request)


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
        ref = await engine.submit(request)
        if ref is None:
            return await engine.transcribe(request)
        failpoint("calls.stt.opened")
        kept = await _keep(ctx, record, engine, request, ref)
        failpoint("calls.stt.kept")
    try:
        return await engine.collect(request, kept)
    except JobOverError:
        await ctx.write(lambda tx: _forget(tx, record, engine, request))
        raise
    except EngineTimeout:
        await ctx.write(lambda tx: _count_timeout(tx, record, engine, request))
        raise


async def _kept(
    ctx: Context, record: CallRecord, engine: STTProvider, request: STTRequest
) -> Submission | None:
    async with ctx.db.read() as session:
        row = await _row(session, record, engine, request)
    if row is None or row.ref is None:
        return None
    return Submission(ref=row.ref, at=row.submitted_at, timeouts=row.timeouts)


async def _keep(
    ctx: Context, record: CallRecord, engine: STTProvider, request: STTRequest, ref: str
) -> Submission:
    """Store the job's name, in a commit of its own, before it is started."""
    submission = Submission(ref=ref, at=utc_now())

    async def store(tx: Session) -> int:
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
        row.submissions += 1
        return row.submissions

    count = await ctx.write(store)
    if count > 1:
        log.warning("a call is submitted anew", callid=record.callid, provider=engine.name, n=count)
        ctx.services.get(CallCounters).resubmitted(engine.name)
    return submission


async def _forget(
    tx: Session, record: CallRecord, engine: STTProvider, request: STTRequest
) -> None:
    row = await _row(tx, record, engine, request)
    if row is not None:
        row.ref = None


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
