"""What a dead job means for its call."""

from locutory.kernel.clock import from_ms
from locutory.kernel.db import Session
from locutory.kernel.events import emit
from locutory.kernel.jobs import Claimed, Failure
from locutory.products.calls.pipeline.service.runs import call_of, note_run
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import (
    CallStatusChanged,
    DeadLetterAdded,
    Stage,
    StageState,
    Status,
)
from locutory.products.calls.records.marks import mark_stale


async def give_up(tx: Session, job: Claimed, failure: Failure) -> None:
    """Mark the call failed, with the failure's own words, in the transaction that gives up.

    Indexing that fails, or judging anew, never takes `done` away; it shows as the stage's state.
    """
    stage = Stage(job.queue)
    record = await queries.find_by_id(tx, call_of(job))
    if record is None or record.status == Status.SKIPPED:
        return  # deleted or cancelled meanwhile
    began = from_ms(job.created_ms)
    await note_run(tx, job, stage, StageState.DEAD, began=began, failure=failure)
    record.stage, record.stage_state = stage, StageState.DEAD
    if stage is not Stage.INDEX and record.status != Status.DONE:  # else it was judged anew
        record.status = Status.FAILED
        record.status_reason, record.status_detail = failure.code, failure.detail
    await tx.flush()
    await mark_stale(tx, record.id)
    await emit(
        tx,
        CallStatusChanged(
            callid=record.callid,
            status=record.status,
            stage=stage,
            stage_state=StageState.DEAD,
            reason=failure.code,
        ),
        DeadLetterAdded(
            callid=record.callid,
            stage=stage,
            error_class=failure.cls,
            error_code=failure.code,
            detail=failure.detail,
        ),
    )
