"""What every stage notes of its run."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete

from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.kernel.jobs import Claimed, Context, Failure
from locutory.products.calls.records.contract import Stage, StageState
from locutory.products.calls.records.models import CallStageRun


async def note_run(
    tx: Session,
    job: Claimed,
    stage: Stage,
    state: StageState,
    *,
    began: datetime,
    engine: str | None = None,
    engine_ms: int | None = None,
    failure: Failure | None = None,
) -> None:
    """Write the stage's row; a job that runs again replaces its own."""
    call_id, run_no = call_of(job), int(job.payload.get("run_no", 1))
    await tx.execute(
        delete(CallStageRun).where(
            CallStageRun.call_id == call_id,
            CallStageRun.stage == stage,
            CallStageRun.run_no == run_no,
        )
    )
    tx.add(
        CallStageRun(
            call_id=call_id,
            stage=stage,
            run_no=run_no,
            state=state,
            attempts=job.attempts + 1,
            engine=engine,
            engine_ms=engine_ms,
            started_at=began,
            finished_at=utc_now(),
            error_class=None if failure is None else failure.cls,
            error_code=None if failure is None else failure.code,
            error_detail=None if failure is None else failure.detail,
        )
    )


def call_of(job: Claimed) -> UUID:
    """The call that a job is about."""
    return UUID(job.payload["call_id"])


def overrides(ctx: Context) -> dict[str, str]:
    """What a person asked to be done otherwise this time."""
    asked: dict[str, str] = ctx.payload.get("overrides", {})
    return asked


def run_no(ctx: Context) -> int:
    """Which run of the call's pipeline this is, from 1."""
    return int(ctx.payload.get("run_no", 1))
