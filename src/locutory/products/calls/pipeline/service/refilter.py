"""Looking again at calls that filters kept out, after the filters have changed."""

from datetime import datetime
from uuid import UUID

from locutory.kernel.db import Session
from locutory.kernel.events import emit
from locutory.kernel.jobs import Context, enqueue
from locutory.kernel.jobs.contract import Priority
from locutory.products.calls.pipeline import queries
from locutory.products.calls.pipeline.contract import first_job
from locutory.products.calls.pipeline.filters import Facts, refusal
from locutory.products.calls.pipeline.service.leads import standing
from locutory.products.calls.records.contract import (
    CallStatusChanged,
    LeadMatch,
    Stage,
    StageState,
    Status,
)
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.records.queries import stage_runs

_BATCH = 100
_Place = tuple[datetime, UUID] | None


async def refilter(ctx: Context) -> None:
    """Let in what the filters of now let in; commits of 100 calls. May run twice."""
    place: _Place = None
    while True:

        async def step(tx: Session, after: _Place = place) -> _Place:
            config = (await queries.configured(tx)).config
            leads = await standing(tx, config.lead_filter)
            found = await queries.filtered_out(tx, after=after, limit=_BATCH)
            for record in found[:_BATCH]:
                why = refusal(config.filters, facts_of(record), leads)
                if why is None:
                    await let_in(tx, record)
                else:
                    record.status_reason = why
            if len(found) <= _BATCH:
                return None
            last = found[_BATCH - 1]
            return last.started_at, last.id

        place = await ctx.write(step)
        if place is None:
            return


async def let_in(tx: Session, record: CallRecord) -> None:
    """Work a call that was kept out."""
    runs = await stage_runs(tx, record.id)
    record.status, record.status_reason = Status.PENDING, None
    record.stage, record.stage_state = Stage.TRANSCRIBE, StageState.QUEUED
    run_no = max((run.run_no for run in runs), default=0) + 1
    await enqueue(tx, first_job(record.id, record.callid, run_no, priority=Priority.RERUN))
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


def facts_of(record: CallRecord) -> Facts:
    """What is known of a stored call."""
    duration_s = None
    if record.audio_ms is not None:
        duration_s = record.audio_ms / 1000
    elif record.ended_at is not None and record.ended_at > record.started_at:
        duration_s = (record.ended_at - record.started_at).total_seconds()
    return Facts(
        callid=record.callid,
        direction=record.direction,
        disposition=record.disposition,
        agent_id=record.agent_id,
        duration_s=duration_s,
        language=record.language,
        consent=record.consent,
        lead_matched=record.lead_match in (LeadMatch.EXACT, LeadMatch.LATE),
    )
