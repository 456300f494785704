"""The jobs of the pipeline."""

from locutory.kernel.db import Session
from locutory.kernel.jobs import Context, JobKind, JobSpec
from locutory.products.calls.pipeline import service
from locutory.products.calls.pipeline.contract import (
    ANALYZE,
    INDEX,
    REFILTER,
    TRANSCRIBE,
    UPKEEP,
    WATCH,
)
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import Stage, Status
from locutory.products.calls.reviews.contract import ScoreChanged, ScoreSource

JOBS = (
    JobKind(
        kind=TRANSCRIBE,
        queue=Stage.TRANSCRIBE,
        handler=service.transcribe,
        max_attempts=6,
        timeout_s=3600,
        on_dead=service.give_up,
    ),
    JobKind(
        kind=ANALYZE,
        queue=Stage.ANALYZE,
        handler=service.analyze,
        max_attempts=5,
        timeout_s=900,
        on_dead=service.give_up,
    ),
    JobKind(
        kind=INDEX,
        queue=Stage.INDEX,
        handler=service.index,
        max_attempts=8,
        timeout_s=300,
        on_dead=service.give_up,
    ),
    JobKind(kind=REFILTER, queue=UPKEEP, handler=service.refilter, timeout_s=3600),
    JobKind(kind=WATCH, queue=UPKEEP, handler=service.watch, max_attempts=1, timeout_s=300),
)


async def file_anew(ctx: Context, event: ScoreChanged) -> None:
    """Let search know the score that a person gave; after an analysis it is filed anyway."""
    async with ctx.db.read() as session:
        record = await queries.find(session, event.callid)
    if record is None or record.status != Status.DONE or event.source == ScoreSource.AI:
        return
    following = JobSpec(
        kind=INDEX, payload={"call_id": str(record.id), "run_no": 1}, subject=record.callid
    )

    async def nothing(tx: Session) -> None:
        """The job that follows is all that there is to write."""

    await ctx.finish(nothing, following)
