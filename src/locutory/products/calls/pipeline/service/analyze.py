"""From a transcript to judgements: the agents run, their evidence is checked, one commit."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from locutory.capabilities.analysis.api import Analyst, Judged
from locutory.capabilities.analysis.contract import Template
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.kernel.events import emit
from locutory.kernel.failpoints import failpoint
from locutory.kernel.jobs import Context, JobSpec
from locutory.kernel.settings import Settings
from locutory.products.calls.agents.material import find_material
from locutory.products.calls.findings import service as findings
from locutory.products.calls.pipeline.contract import INDEX, NO_SPEECH
from locutory.products.calls.pipeline.models import CallUsage
from locutory.products.calls.pipeline.queries import configured
from locutory.products.calls.pipeline.service.runs import call_of, note_run, overrides, run_no
from locutory.products.calls.pipeline.service.spending import agents_use, require_budget
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import (
    AnalysisReady,
    CallStatusChanged,
    Stage,
    StageState,
    Status,
)
from locutory.products.calls.records.counting import CallCounters
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.models import CallAnalysis, CallRecord
from locutory.products.calls.reviews.service.scores import store_engine_score

_SHORT = 200


async def analyze(ctx: Context) -> None:
    """Run the stage for one call. Running it again for the same call changes nothing.

    A call that is to be judged `again` has an analysis, which stays as an earlier version; agents
    that are not named keep their results in the new one.
    """
    began, began_s = utc_now(), time.monotonic()
    again = ctx.payload.get("again")
    async with ctx.db.read() as session:
        record = await queries.get_by_id(session, call_of(ctx.job))
        config = (await configured(session)).config
        if _waits(record, again):
            await require_budget(session, config.budgets, Stage.ANALYZE)
    if not _waits(record, again):
        return
    material = await find_material(ctx.db, record, ctx.services.get(Secrets))
    if material is None:
        return
    only = None if again is None else again["agents"]
    analyst = ctx.services.get(Analyst)
    if overrides(ctx).get("provider") == "rules":
        analyst = replace(analyst, llm=None, _runners={})
    judged = await analyst.judge(
        material.transcript,
        db=ctx.db,
        metrics=material.metrics,
        variables=material.variables,
        earlier=material.earlier,
        only=only,
        fresh=again is not None and again["force"],
    )
    if material.crm_context is not None:
        judged = replace(judged, blob={**judged.blob, "crm_context": material.crm_context})
    found = findings.Findings.of(judged.blob, judged.meta, material.moments)
    failpoint("calls.agents.done")
    following = JobSpec(
        kind=INDEX,
        payload={"call_id": str(record.id), "run_no": run_no(ctx)},
        subject=record.callid,
        priority=ctx.job.priority,
    )
    version, template = material.transcript_version, material.template

    # what was kept from an earlier analysis was paid for then
    ran = {key: one for key, one in judged.meta.items() if only is None or key in only}

    async def save(tx: Session) -> None:
        record = await _save(tx, ctx, version, template, judged, ran, began)
        if record is None:
            return
        await findings.store_findings(tx, record, material.transcript, found)
        failpoint("calls.analysis.before_commit")

    await ctx.finish(save, following)
    failpoint("calls.analysis.saved")
    counters = ctx.services.get(CallCounters)
    await counters.analyzed(record.tenant_id, ran, _use(ctx, judged, ran).cost_micros)
    took_s = time.monotonic() - began_s
    counters.overhead(Stage.ANALYZE, took_s, judged.engine_ms / 1000)


def _waits(record: CallRecord, again: dict[str, Any] | None) -> bool:
    """Whether the call is still where this job was made for."""
    if again is None:
        return record.status == Status.TRANSCRIBED
    return record.stage == Stage.ANALYZE and record.status in (Status.DONE, Status.FAILED)


async def _save(
    tx: Session,
    ctx: Context,
    transcript_version: int,
    template: Template,
    judged: Judged,
    ran: Mapping[str, Mapping[str, Any]],
    began: datetime,
) -> CallRecord | None:
    record = await queries.get_by_id(tx, call_of(ctx.job))
    waits = _waits(record, ctx.payload.get("again"))
    if not waits or record.transcript_version != transcript_version:
        return None  # cancelled, or corrected meanwhile: the correction has its own job
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
    sentiment = judged.blob.get("sentiment")
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
    tx.add(_use(ctx, judged, ran))
    await tx.flush()
    await store_engine_score(tx, record, template, judged.blob.get("quality"))
    await mark_stale(tx, record.id)
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
    return record


def _use(ctx: Context, judged: Judged, meta: Mapping[str, Mapping[str, Any]]) -> CallUsage:
    """What the agents of `meta` used."""
    return agents_use(
        call_of(ctx.job),
        run_no(ctx),
        meta,
        engine=judged.engine,
        degraded=judged.degraded,
        prices=ctx.services.get(Settings).prices,
    )


def _short(summary: dict[str, Any] | None) -> str | None:
    text = (summary or {}).get("text") or ""
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"
