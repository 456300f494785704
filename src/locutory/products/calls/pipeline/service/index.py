"""Making a call findable."""

from typing import Any

from locutory.capabilities.knowledge.api import (
    Filing,
    Knowledge,
    Note,
    prepare,
    reindex_if_behind,
    store,
)
from locutory.kernel.clock import rfc3339, utc_now
from locutory.kernel.db import Session
from locutory.kernel.events import emit
from locutory.kernel.failpoints import failpoint
from locutory.kernel.jobs import Context
from locutory.products.calls.pipeline.service.runs import call_of, note_run
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import (
    COLLECTION,
    CallStatusChanged,
    Stage,
    StageState,
    Status,
)
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.transcripts import transcript_of


async def index(ctx: Context) -> None:
    """Run the stage for one call: the newest transcript replaces what was findable before."""
    began = utc_now()
    async with ctx.db.read() as session:
        record = await queries.get_by_id(session, call_of(ctx.job))
        row = await queries.transcript(session, record.id, record.transcript_version)
        analysis = await queries.latest_analysis(session, record.id)
    if record.status != Status.DONE or row is None:
        return
    transcript = transcript_of(row)
    meta = {
        "agent_id": record.agent_id,
        "agent": record.agent_name,
        "direction": record.direction,
        "started_at": rfc3339(record.started_at),
        "score": record.overall_score,
        "sentiment": record.sentiment_score,
    }
    knowledge = ctx.services.get(Knowledge)
    notes = _notes(analysis.analysis) if analysis else []
    prepared = await prepare(knowledge, transcript, notes=notes)
    failpoint("calls.index.prepared")
    engine = knowledge.embedder.name
    filing = Filing(
        collection=COLLECTION,
        source_id=record.callid,
        version=row.version,
        occurred_at=record.started_at,
        meta=meta,
    )

    async def save(tx: Session) -> None:
        current = await queries.get_by_id(tx, record.id)
        await store(tx, prepared, filing)
        await reindex_if_behind(tx, knowledge, COLLECTION)
        current.stage_state = StageState.OK
        await note_run(tx, ctx.job, Stage.INDEX, StageState.OK, began=began, engine=engine)
        await tx.flush()
        await mark_stale(tx, record.id)
        await emit(
            tx,
            CallStatusChanged(
                callid=current.callid,
                status=current.status,
                stage=Stage.INDEX,
                stage_state=StageState.OK,
            ),
        )
        failpoint("calls.index.before_commit")

    await ctx.finish(save)
    failpoint("calls.index.saved")


def _notes(analysis: dict[str, Any]) -> list[Note]:
    """What was written about the call: its summary, and what is to be done next."""
    summary = (analysis.get("summary") or {}).get("text")
    steps = [step.get("text") for step in analysis.get("next_steps") or []]
    texts = [summary, "\n".join(step for step in steps if step)]
    return [Note(kind="analysis", text=text) for text in texts if text]
