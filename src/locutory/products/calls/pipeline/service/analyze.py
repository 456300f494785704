"""From a transcript to judgements: the agents run, their evidence is checked, one commit."""

from datetime import datetime
from typing import Any

from locutory.capabilities.analysis.api import Analyst, Judged
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.kernel.events import emit
from locutory.kernel.failpoints import failpoint
from locutory.kernel.jobs import Context, JobSpec
from locutory.kernel.provenance import Provenance, Source
from locutory.products.calls.pipeline.contract import INDEX, NO_SPEECH
from locutory.products.calls.pipeline.service.runs import call_of, note_run, run_no
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import (
    AnalysisReady,
    CallStatusChanged,
    Stage,
    StageState,
    Status,
)
from locutory.products.calls.records.counting import CallCounters
from locutory.products.calls.records.models import CallAnalysis, CallTranscript

_SHORT = 200


async def analyze(ctx: Context) -> None:
    """Run the stage for one call. Running it again for the same call changes nothing."""
    began = utc_now()
    async with ctx.db.read() as session:
        record = await queries.get_by_id(session, call_of(ctx.job))
        row = await queries.transcript(session, record.id, record.transcript_version)
        metric = await queries.metric(session, record.id)
    if record.status != Status.TRANSCRIBED or row is None:
        return
    transcript = transcript_of(row)
    judged = await ctx.services.get(Analyst).judge(
        transcript,
        db=ctx.db,
        metrics={} if metric is None else metric.figures,
        variables={
            "call": {
                "callid": record.callid,
                "direction": record.direction,
                "started_at": record.started_at.isoformat(),
                "duration_s": (record.audio_ms or 0) / 1000,
            },
            "floor_agent": {"id": record.agent_id, "name": record.agent_name},
        },
    )
    failpoint("calls.agents.done")
    following = JobSpec(
        kind=INDEX,
        payload={"call_id": str(record.id), "run_no": run_no(ctx)},
        subject=record.callid,
    )
    await ctx.finish(lambda tx: _save(tx, ctx, row.version, judged, began), following)
    failpoint("calls.analysis.saved")
    await ctx.services.get(CallCounters).analyzed(record.tenant_id, judged.meta)


def transcript_of(row: CallTranscript) -> Transcript:
    """The redacted transcript as the shared word."""
    return Transcript(
        turns=tuple(
            Turn(
                idx=turn["idx"],
                role=Role(turn["role"]),
                text=turn["text"],
                start_ms=turn["start_ms"],
                end_ms=turn["end_ms"],
                speaker=turn["speaker"],
                channel=turn["channel"],
                confidence=turn["confidence"],
                flags=tuple(turn["flags"]),
            )
            for turn in row.turns
        ),
        duration_ms=row.duration_ms,
        provenance=Provenance(source=Source(row.origin), engine=row.engine),
        language=row.language,
    )


async def _save(
    tx: Session, ctx: Context, transcript_version: int, judged: Judged, began: datetime
) -> None:
    record = await queries.get_by_id(tx, call_of(ctx.job))
    latest = await queries.latest_analysis(tx, record.id)
    version = 1 if latest is None else latest.version + 1
    tx.add(
        CallAnalysis(
            call_id=record.id,
            version=version,
            transcript_version=transcript_version,
            analysis=judged.blob,
            meta=judged.meta,
        )
    )
    quality, sentiment = judged.blob.get("quality"), judged.blob.get("sentiment")
    total = None if quality is None else quality["total"]
    record.overall_score = None if total is None else round(total, 2)
    record.sentiment_score = None if sentiment is None else sentiment["overall"]
    record.bant_score = (judged.blob.get("bant") or {}).get("score")
    record.summary_short = _short(judged.blob.get("summary"))
    record.degraded, record.partial = judged.degraded, judged.partial
    record.status, record.stage, record.stage_state = Status.DONE, Stage.INDEX, StageState.QUEUED
    record.status_reason = NO_SPEECH if NO_SPEECH in record.flags else None
    record.done_at = utc_now()
    await note_run(
        tx,
        ctx.job,
        Stage.ANALYZE,
        StageState.OK,
        began=began,
        engine=judged.engine,
        engine_ms=judged.engine_ms,
    )
    await tx.flush()
    await emit(
        tx,
        AnalysisReady(
            callid=record.callid,
            version=version,
            score=record.overall_score,
            sentiment=record.sentiment_score,
            degraded=record.degraded,
        ),
        CallStatusChanged(
            callid=record.callid,
            status=record.status,
            stage=record.stage,
            stage_state=record.stage_state,
        ),
    )
    failpoint("calls.analysis.before_commit")


def _short(summary: dict[str, Any] | None) -> str | None:
    text = (summary or {}).get("text") or ""
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"
