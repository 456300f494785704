"""Taking out of the queue what it keeps of a thing that is erased."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from locutory.kernel.clock import to_ms
from locutory.kernel.db.base import table_of
from locutory.kernel.db.session import Session
from locutory.kernel.jobs.contract import JobState
from locutory.kernel.jobs.models import Job, JobAttempt
from locutory.kernel.jobs.queue import FENCED

_job, _attempt = table_of(Job), table_of(JobAttempt)


async def running_about(session: Session, subject: str, *, before: datetime | None) -> bool:
    """Whether somebody works on the thing at this moment."""
    found = await session.execute(
        select(_job.c.id)
        .where(_job.c.state == JobState.RUNNING, *_about(session, subject, before))
        .limit(1),
        execution_options=FENCED,
    )
    return found.first() is not None


async def forget_about(
    tx: Session, subject: str, *, spared: Collection[str], before: datetime | None
) -> int:
    """Delete the jobs about a thing, dead letters too, with their attempts; return how many.

    What waits is not done any more, unless its kind begins with one of `spared`. With `before`,
    only jobs that were made earlier.
    """
    kinds = [_job.c.kind.not_like(f"{kind}%") for kind in spared]
    mine = [_job.c.state != JobState.RUNNING, *kinds, *_about(tx, subject, before)]
    ids = select(_job.c.id).where(*mine)
    await tx.execute(delete(_attempt).where(_attempt.c.job_id.in_(ids)), execution_options=FENCED)
    done = await tx.execute(delete(_job).where(*mine), execution_options=FENCED)
    return int(done.rowcount)  # type: ignore[attr-defined] # a DELETE has it


def _about(session: Session, subject: str, before: datetime | None) -> list[Any]:
    about = [_job.c.tenant_id == session.tenant_id, _job.c.subject == subject]
    return about if before is None else [*about, _job.c.created_ms < to_ms(before)]
