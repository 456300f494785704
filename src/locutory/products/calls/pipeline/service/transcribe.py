"""From a recording to turns: fetch, listen, words, roles, figures, redaction, one commit."""

import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import structlog

from locutory.capabilities.analysis.api import prepare_rules_beside
from locutory.capabilities.interactions.contract import Transcript
from locutory.engines.blobs import BlobStore
from locutory.engines.stt import (
    EMPTY_TRANSCRIPT,
    SidecarInvalidError,
    STTProvider,
    STTResult,
    listen,
    parse_sidecar,
)
from locutory.kernel.clock import utc_now
from locutory.kernel.cpu import CpuPool
from locutory.kernel.crypto import Aad, Secrets
from locutory.kernel.db import Session
from locutory.kernel.errors import InputError
from locutory.kernel.events import emit
from locutory.kernel.failpoints import failpoint
from locutory.kernel.jobs import Context, JobSpec
from locutory.kernel.provenance import Provenance, Source
from locutory.kernel.redact import Redactor
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline.config import PipelineConfig
from locutory.products.calls.pipeline.contract import (
    ANALYZE,
    MIN_AUDIO_MS,
    NO_SPEECH,
    STT_FALLBACK,
    TOO_SHORT,
    SidecarUnusable,
)
from locutory.products.calls.pipeline.filters import refusal
from locutory.products.calls.pipeline.gate import Gated, inspect
from locutory.products.calls.pipeline.mapping import to_transcript
from locutory.products.calls.pipeline.metrics import CallMetrics, measure
from locutory.products.calls.pipeline.models import CallUsage
from locutory.products.calls.pipeline.queries import configured
from locutory.products.calls.pipeline.service.fetch import stored_audio
from locutory.products.calls.pipeline.service.leads import (
    NOT_SOUGHT,
    Sought,
    note,
    seek_late,
    standing,
)
from locutory.products.calls.pipeline.service.refilter import facts_of
from locutory.products.calls.pipeline.service.runs import call_of, note_run, overrides, run_no
from locutory.products.calls.pipeline.service.speech import hear_by_any
from locutory.products.calls.pipeline.service.spending import require_budget, speech_use
from locutory.products.calls.pipeline.sound import Sound
from locutory.products.calls.pipeline.uploads import kept_sidecar
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import (
    DROP_FILES,
    NO_CONSENT,
    CallStatusChanged,
    Stage,
    StageState,
    Status,
    TranscriptReady,
)
from locutory.products.calls.records.counting import CallCounters
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.models import CallMetric, CallRecord, CallTranscript
from locutory.products.calls.records.muting import muted
from locutory.products.calls.records.speech import speech_engine

log = structlog.get_logger(__name__)
_WAITING = (Status.PENDING, Status.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The transcript's raw material and where it came from."""

    result: STTResult
    origin: Source
    engine: str
    engine_ms: int
    flags: frozenset[str] = frozenset()


async def transcribe(ctx: Context) -> None:
    """Run the stage for one call. Running it again for the same call changes nothing."""
    began, began_s = utc_now(), time.monotonic()
    async with ctx.db.read() as session:
        record = await queries.get_by_id(session, call_of(ctx.job))
        config = (await configured(session)).config
        if record.status not in _WAITING:
            return
        lead = await seek_late(session, record, ctx.services.get(Secrets))
        leads = await standing(session, config.lead_filter)
        known = replace(facts_of(record), lead_matched=lead.matched)
        why = refusal(config.filters, known, leads)
        if why is None:
            await require_budget(session, config.budgets, Stage.TRANSCRIBE)
    if why is not None:
        await _skip(ctx, None, began, why, lead=lead)
        return
    prepare_rules_beside()
    audio = await stored_audio(ctx, record)
    if audio is None:
        sound, words = None, await _words(ctx, record, None, None, config)
    else:
        blobs = ctx.services.get(BlobStore)
        async with blobs.local_copy(audio.key) as path:
            sound = await _listen(ctx, path)
            failpoint("calls.audio.heard")
            why = _unheard(record, sound, config)
            if why is not None:
                await _skip(ctx, sound, began, why)
                return
            words = await _words(ctx, record, sound, path, config)
    failpoint("calls.stt.done")
    draft = _draft(record, sound, words, config)
    spoken = replace(facts_of(record), language=draft.transcript.language)
    why = refusal(config.filters, spoken)
    if why is not None:
        await _skip(ctx, sound, began, why, draft)
        return
    following = JobSpec(
        kind=ANALYZE,
        payload={"call_id": str(record.id), "run_no": run_no(ctx)},
        subject=record.callid,
        priority=ctx.job.priority,
    )

    async def save(tx: Session) -> None:
        await _save(tx, ctx, draft, began, epoch=record.epoch, lead=lead)

    await ctx.finish(save, following)
    failpoint("calls.transcript.saved")
    await _count(ctx, record, draft, time.monotonic() - began_s)


async def _listen(ctx: Context, path: Path) -> Sound | None:
    """The recording's own story; None if it is told by another engine that a person chose."""
    try:
        probe, heard = await ctx.services.get(CpuPool).run(listen, path)
    except InputError:
        if overrides(ctx).get("provider", "embedded") == "embedded":
            raise
        return None
    return Sound(probe=probe, heard=heard)


def _unheard(record: CallRecord, sound: Sound | None, config: PipelineConfig) -> str | None:
    """Why a recording is not worth its words, now that its length is known."""
    if sound is None:
        return None
    if sound.probe.duration_ms < MIN_AUDIO_MS:
        return TOO_SHORT
    duration_s = sound.probe.duration_ms / 1000
    return refusal(config.filters, replace(facts_of(record), duration_s=duration_s))


async def _words(
    ctx: Context,
    record: CallRecord,
    sound: Sound | None,
    path: Path | None,
    config: PipelineConfig,
) -> Words:
    """The sidecar if one came along, else an engine's words, else turns without words.

    An engine that hears no words where somebody speaks leaves the turns, and a flag.
    """
    sidecar = await _sidecar(ctx, record, sound)
    if isinstance(sidecar, Words):
        return sidecar
    if path is None:
        raise SidecarUnusable
    flags, result, began = sidecar, None, time.monotonic()
    if sound is None or not sound.no_speech:
        engines = _engines(ctx, record, sound, config)
        answered, result = await hear_by_any(ctx, record, engines, sound, path)
        if answered != engines[0].name:
            ctx.services.get(CallCounters).stood_in(engines[0].name, answered)
            flags |= {STT_FALLBACK}
    if result is None:
        assert sound is not None
        return Words(
            result=_acoustic(sound),
            origin=Source.ACOUSTIC,
            engine="embedded/acoustic-1",
            engine_ms=0,
            flags=flags,
        )
    if EMPTY_TRANSCRIPT in result.warnings and sound is not None:
        result = replace(result, segments=sound.heard.segments)
        flags |= {EMPTY_TRANSCRIPT.lower()}
    return Words(
        result=result,
        origin=Source.STT,
        engine=f"{result.provider}/{result.model}",
        engine_ms=int((time.monotonic() - began) * 1000),
        flags=flags,
    )


def _engines(
    ctx: Context, record: CallRecord, sound: Sound | None, config: PipelineConfig
) -> list[STTProvider]:
    """Who is to hear the call: whom a person named for this time, else whom the rules name."""
    asked = overrides(ctx)
    if "provider" in asked:
        return [speech_engine(ctx.services, asked["provider"])]
    facts = facts_of(record)
    if sound is not None:
        facts = replace(facts, duration_s=sound.probe.duration_ms / 1000)
    facts = replace(facts, language=asked.get("language", facts.language))
    return [speech_engine(ctx.services, name) for name in config.stt.for_call(facts).names]


async def _sidecar(ctx: Context, record: CallRecord, sound: Sound | None) -> Words | frozenset[str]:
    """The sidecar's words; or flags that say why there are none."""
    if record.sidecar_key is None:
        return frozenset()
    blobs, ring = ctx.services.get(BlobStore), ctx.services.get(Secrets).ring
    data = await kept_sidecar(blobs, ring, record.tenant_id, record.sidecar_key)
    duration_ms = None if sound is None else sound.probe.duration_ms
    try:
        result = parse_sidecar(data, duration_ms=duration_ms)
    except SidecarInvalidError as error:
        log.warning("broken sidecar is ignored", callid=record.callid, reason=error.detail)
        return frozenset({"sidecar_invalid"})
    if result is None:
        log.warning("sidecar of another shape is ignored", callid=record.callid)
        return frozenset({"sidecar_ignored"})
    return Words(
        result=result,
        origin=Source.SIDECAR,
        engine=f"{result.provider}/{result.model}",
        engine_ms=0,
    )


def _acoustic(sound: Sound) -> STTResult:
    return STTResult(
        provider="embedded",
        model="acoustic-1",
        duration_ms=sound.heard.duration_ms,
        segments=sound.heard.segments,
        warnings=sound.heard.warnings,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Everything that the commit will hold."""

    gated: Gated
    texts: tuple[str, ...]  # redacted, beside the turns
    words: Words
    sound: Sound | None
    metrics: CallMetrics
    basis: str
    found: dict[str, int]
    kept: frozenset[str]  # kinds of personal data that stay readable here
    muted: list[tuple[int, int]]

    @property
    def transcript(self) -> Transcript:
        """The turns with their flags."""
        return self.gated.transcript


def _draft(record: CallRecord, sound: Sound | None, words: Words, config: PipelineConfig) -> Draft:
    side = config.agent_channel
    gated = inspect(
        to_transcript(
            words.result,
            direction=record.direction,
            agent_name=record.agent_name,
            agent_channel=None if side == "auto" else side,
            provenance=Provenance(source=words.origin, engine=words.engine),
        ),
        None if sound is None else _speech(sound),
    )
    transcript = gated.transcript
    redacted = Redactor(keep=config.redaction.kept).redact_turns(
        [turn.text for turn in transcript.turns]
    )
    found: dict[str, int] = {}
    for one in redacted:
        for kind, count in one.found.items():
            found[kind] = found.get(kind, 0) + count
    if sound is not None and sound.true_stereo:
        basis = "channel"
    else:
        heard_here = words.origin is Source.ACOUSTIC or EMPTY_TRANSCRIPT in words.result.warnings
        basis = "acoustic" if heard_here else "provider"
    return Draft(
        gated=gated,
        texts=tuple(one.text for one in redacted),
        words=words,
        sound=sound,
        metrics=measure(transcript.turns, transcript.duration_ms),
        basis=basis,
        found=found,
        kept=config.redaction.kept,
        muted=muted(transcript.turns, [one.spans for one in redacted], words.result.segments),
    )


def _speech(sound: Sound) -> dict[int | None, list[tuple[int, int]]]:
    """Where somebody was heard, by channel and, under None, at all."""
    heard: dict[int | None, list[tuple[int, int]]] = {None: []}
    for segment in sound.heard.segments:
        span = (segment.start_ms, segment.end_ms)
        heard[None].append(span)
        if sound.true_stereo:
            heard.setdefault(segment.channel, []).append(span)
    return heard


async def _save(
    tx: Session, ctx: Context, draft: Draft, began: datetime, *, epoch: int, lead: Sought
) -> None:
    record = await queries.get_by_id(tx, call_of(ctx.job))
    if record.status not in _WAITING or record.epoch != epoch:
        return  # cancelled meanwhile
    await note(tx, record, lead)
    transcript, words, sound = draft.transcript, draft.words, draft.sound
    version = record.transcript_version + 1
    texts = [turn.text for turn in transcript.turns]
    row = CallTranscript(
        call_id=record.id,
        version=version,
        epoch=record.epoch,
        origin=words.origin,
        engine=words.engine,
        language=transcript.language,
        duration_ms=transcript.duration_ms,
        word_count=sum(len(text.split()) for text in texts),
        turns=_turns(draft),
        raw_enc=_sealed(ctx, record, version, texts) if transcript.has_words else None,
        quality={
            **draft.gated.as_dict(),
            "redacted": draft.found,
            "readable": sorted(draft.kept),
            "warnings": list(words.result.warnings),
        },
        muted=draft.muted,
    )
    tx.add(row)
    figures = draft.metrics.as_dict()
    metric = await queries.metric(tx, record.id)
    if metric is None:
        metric = CallMetric(call_id=record.id)
        tx.add(metric)
    metric.transcript_version, metric.basis, metric.figures = version, draft.basis, figures
    flags = set(record.flags) | words.flags
    if sound is not None:
        flags |= sound.flags()
        record.audio_ms = sound.probe.duration_ms
        record.channels = sound.probe.channels
        record.true_stereo = sound.true_stereo
        if record.audio_sha256 and await queries.same_audio(tx, record.audio_sha256, record.id):
            flags.add("duplicate_audio")
    else:
        record.audio_ms = transcript.duration_ms
    if not transcript.has_words:
        flags.add("no_words")
    if draft.gated.low:
        flags.add("low_asr_quality")
    if not transcript.turns:
        flags.add(NO_SPEECH)
    record.flags = sorted(flags)
    record.transcript_version, record.has_words = version, transcript.has_words
    record.language, record.asr_quality = transcript.language, draft.gated.asr_quality
    record.talk_ratio = draft.metrics.talk_ratio
    record.status, record.status_reason, record.status_detail = Status.TRANSCRIBED, None, None
    record.stage, record.stage_state = Stage.ANALYZE, StageState.QUEUED
    await note_run(
        tx,
        ctx.job,
        Stage.TRANSCRIBE,
        StageState.OK,
        began=began,
        engine=words.engine,
        engine_ms=words.engine_ms,
    )
    tx.add(_use(ctx, draft))
    await tx.flush()
    await mark_stale(tx, record.id)
    await emit(
        tx,
        TranscriptReady(callid=record.callid, version=version, has_words=transcript.has_words),
        _changed(record),
    )
    failpoint("calls.transcript.before_commit")


def _turns(draft: Draft) -> list[dict[str, Any]]:
    return [
        {
            "idx": turn.idx,
            "start_ms": turn.start_ms,
            "end_ms": turn.end_ms,
            "role": turn.role,
            "role_confidence": turn.role_confidence,
            "speaker": turn.speaker,
            "channel": turn.channel,
            "text": text,
            "confidence": turn.confidence,
            "flags": list(turn.flags),
        }
        for turn, text in zip(draft.transcript.turns, draft.texts, strict=True)
    ]


def _sealed(ctx: Context, record: CallRecord, version: int, texts: list[str]) -> bytes:
    aad = Aad(record.tenant_id, CallTranscript.__tablename__, f"{record.id}:{version}", "raw")
    return ctx.services.get(Secrets).ring.encrypt(orjson.dumps(texts), aad=aad)


async def _skip(
    ctx: Context,
    sound: Sound | None,
    began: datetime,
    why: str,
    draft: Draft | None = None,
    *,
    lead: Sought = NOT_SOUGHT,
) -> None:
    """End the call here; a `draft` was paid for, so its use is booked."""

    async def store(tx: Session) -> None:
        record = await queries.get_by_id(tx, call_of(ctx.job))
        await note(tx, record, lead)
        if sound is not None:
            record.audio_ms, record.channels = sound.probe.duration_ms, sound.probe.channels
        if draft is not None:
            record.language = draft.transcript.language
            tx.add(_use(ctx, draft))
        record.status, record.status_reason = Status.SKIPPED, why
        record.stage_state = StageState.SKIPPED
        if why == NO_CONSENT and not record.legal_hold:
            record.audio_key = record.audio_sha256 = record.sidecar_key = None
        await note_run(tx, ctx.job, Stage.TRANSCRIBE, StageState.SKIPPED, began=began)
        await tx.flush()
        await mark_stale(tx, record.id)
        await emit(tx, _changed(record))

    unwanted = JobSpec(kind=DROP_FILES, payload={"call_id": str(call_of(ctx.job))})
    await ctx.finish(store, unwanted if why == NO_CONSENT else None)
    ctx.services.get(CallCounters).skipped(why)
    if draft is not None:
        _count_use(ctx, draft)


def _use(ctx: Context, draft: Draft) -> CallUsage:
    sound, words = draft.sound, draft.words
    return speech_use(
        call_of(ctx.job),
        run_no(ctx),
        words.result,
        heard_ms=draft.transcript.duration_ms if sound is None else sound.probe.duration_ms,
        paid=words.origin is Source.STT,
        prices=ctx.services.get(Settings).prices,
    )


async def _count(ctx: Context, record: CallRecord, draft: Draft, took_s: float) -> None:
    words, counters = draft.words, ctx.services.get(CallCounters)
    result = "ok" if draft.transcript.has_words else "no_words"
    engine_s = words.engine_ms / 1000
    await counters.transcribed(record.tenant_id, words.engine, engine_s, result)
    counters.overhead(Stage.TRANSCRIBE, took_s, engine_s)
    _count_use(ctx, draft)


def _count_use(ctx: Context, draft: Draft) -> None:
    if draft.words.origin is not Source.SIDECAR:
        use, provider = _use(ctx, draft), draft.words.result.provider
        ctx.services.get(CallCounters).heard(provider, use.audio_ms / 1000, use.cost_micros)


def _changed(record: CallRecord) -> CallStatusChanged:
    return CallStatusChanged(
        callid=record.callid,
        status=record.status,
        stage=record.stage,
        stage_state=record.stage_state,
        reason=record.status_reason,
    )
