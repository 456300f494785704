"""What a person does to the queue: look at dead letters, redrive, discard, cancel, pause.

Each takes a tenant and an actor, and leaves an audit row in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, text, update

from locutory.kernel.audit import audit
from locutory.kernel.db.base import table_of
from locutory.kernel.db.session import Session
from locutory.kernel.errors import ConflictError, ErrorClass, NotFoundError
from locutory.kernel.jobs.contract import JobState
from locutory.kernel.jobs.models import Job, JobAttempt, JobGate, JobShare
from locutory.kernel.jobs.queue import FENCED, clock_ms

_job, _attempt = table_of(Job), table_of(JobAttempt)
_gate, _share = table_of(JobGate), table_of(JobShare)
_PAGE = 200


class JobNotFound(NotFoundError):
    """There is no such job here."""

    code = "JOB_NOT_FOUND"


class JobNotDead(ConflictError):
    """Only a dead job can be redriven or discarded."""

    code = "JOB_NOT_DEAD"


class NotRedrivable(ConflictError):
    """Trying again cannot help until the input changes; override something or discard it."""

    code = "JOB_NOT_REDRIVABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A job that will not run again without a person, with every attempt that led there."""

    id: UUID
    queue: str
    kind: str
    subject: str | None
    payload: dict[str, Any]
    error_class: str
    error_code: str
    error_detail: str
    redrives: int
    died_ms: int
    attempts: tuple[dict[str, Any], ...]

    @property
    def redrivable(self) -> bool:
        """Whether the same input may do better another time."""
        return self.error_class != ErrorClass.PERMANENT_INPUT


async def dead_letters(
    session: Session, tenant_id: UUID, *, queue: str | None = None, after: UUID | None = None
) -> list[DeadLetter]:
    """A page of 200 at most, oldest first; `after` is the last id of the page before."""
    statement = select(_job).where(text("state = 'dead'"), _job.c.tenant_id == tenant_id)
    if queue is not None:
        statement = statement.where(_job.c.queue == queue)
    if after is not None:
        statement = statement.where(_job.c.id > after)
    rows = await session.execute(
        statement.order_by(_job.c.id).limit(_PAGE), execution_options=FENCED
    )
    jobs = rows.all()
    attempts = await session.execute(
        select(_attempt)
        .where(_attempt.c.job_id.in_([job.id for job in jobs]))
        .order_by(_attempt.c.ended_ms, _attempt.c.id),
        execution_options=FENCED,
    )
    by_job: dict[UUID, list[dict[str, Any]]] = {}
    for row in attempts:
        by_job.setdefault(row.job_id, []).append(
            {
                "ended_ms": row.ended_ms,
                "worker": row.worker,
                "error_class": row.error_class,
                "error_code": row.error_code,
                "error_detail": row.error_detail,
            }
        )
    return [
        DeadLetter(
            id=job.id,
            queue=job.queue,
            kind=job.kind,
            subject=job.subject,
            payload=job.payload,
            error_class=job.error_class or "",
            error_code=job.error_code or "",
            error_detail=job.error_detail or "",
            redrives=job.redrives,
            died_ms=job.finished_ms or 0,
            attempts=tuple(by_job.get(job.id, ())),
        )
        for job in jobs
    ]


async def redrive(
    tx: Session,
    tenant_id: UUID,
    job_id: UUID,
    *,
    actor: str,
    overrides: Mapping[str, Any] | None = None,
) -> None:
    """Let a dead job run again, with parts of its payload replaced if `overrides` says so.

    Raises JobNotFound, JobNotDead, NotRedrivable.
    """
    job = await _dead(tx, tenant_id, job_id)
    if job.error_class == ErrorClass.PERMANENT_INPUT and not overrides:
        raise NotRedrivable
    at_ms = await clock_ms(tx)
    payload = {**job.payload, **(overrides or {})}
    await tx.execute(
        update(_job)
        .where(_job.c.id == job_id)
        .values(
            state=JobState.QUEUED,
            payload=payload,
            attempts=0,
            throttles=0,
            lost=0,
            run_at_ms=at_ms,
            created_ms=at_ms,  # the age limit counts from the redrive
            finished_ms=None,
            cancel_requested=False,
            redrives=job.redrives + 1,
        ),
        execution_options=FENCED,
    )
    tx.signal("jobs")
    await audit(
        tx, actor=actor, action="job.redrive", object=str(job_id), overrides=sorted(overrides or {})
    )


async def discard(tx: Session, tenant_id: UUID, job_id: UUID, *, actor: str, reason: str) -> None:
    """Give a dead job up for good; the reason is kept. Raises JobNotFound, JobNotDead."""
    await _dead(tx, tenant_id, job_id)
    at_ms = await clock_ms(tx)
    await tx.execute(
        update(_job).where(_job.c.id == job_id).values(state=JobState.CANCELLED, finished_ms=at_ms),
        execution_options=FENCED,
    )
    await audit(tx, actor=actor, action="job.discard", object=str(job_id), reason=reason)


async def cancel(tx: Session, tenant_id: UUID, job_id: UUID, *, actor: str) -> None:
    """Stop a job: at once if it waits, with its worker's next heartbeat if it runs.

    A job that has ended stays as it is. Raises JobNotFound.
    """
    job = await _job_of(tx, tenant_id, job_id)
    at_ms = await clock_ms(tx)
    if job.state in (JobState.QUEUED, JobState.DELAYED):
        values: dict[str, Any] = {"state": JobState.CANCELLED, "finished_ms": at_ms}
    elif job.state == JobState.RUNNING:
        values = {"cancel_requested": True}
    else:
        return
    await tx.execute(
        update(_job).where(_job.c.id == job_id).values(values), execution_options=FENCED
    )
    await audit(tx, actor=actor, action="job.cancel", object=str(job_id))


async def pause(tx: Session, tenant_id: UUID, queue: str, *, actor: str, reason: str = "") -> None:
    """Hold a tenant's queue (`*`: all of them); what runs ends, what waits stays."""
    await _open(tx, tenant_id, queue)
    row = {
        "tenant_id": tenant_id,
        "queue": queue,
        "state": "paused",
        "code": "PAUSED",
        "detail": reason,
        "since_ms": await clock_ms(tx),
    }
    await tx.execute(insert(_gate), row, execution_options=FENCED)
    await audit(tx, actor=actor, action="queue.pause", object=queue, reason=reason)


async def resume(tx: Session, tenant_id: UUID, queue: str, *, actor: str) -> None:
    """Open a paused or blocked queue again."""
    await _open(tx, tenant_id, queue)
    tx.signal("jobs")
    await audit(tx, actor=actor, action="queue.resume", object=queue)


async def set_share(
    tx: Session, tenant_id: UUID, queue: str, *, weight: int, cap: int | None, actor: str
) -> None:
    """Give a tenant a weight (1-10) and a cap in a queue. Raises ValueError."""
    if not 1 <= weight <= 10 or (cap is not None and cap < 1):
        raise ValueError("a weight is 1 to 10, a cap at least 1")
    where = (_share.c.tenant_id == tenant_id, _share.c.queue == queue)
    await tx.execute(delete(_share).where(*where), execution_options=FENCED)
    row = {"tenant_id": tenant_id, "queue": queue, "weight": weight, "cap": cap}
    await tx.execute(insert(_share), row, execution_options=FENCED)
    await audit(tx, actor=actor, action="queue.share", object=queue, weight=weight, cap=cap)


async def jobs_of(session: Session, tenant_id: UUID, subject: str) -> Sequence[Any]:
    """The jobs about one thing, newest first."""
    rows = await session.execute(
        select(_job)
        .where(_job.c.tenant_id == tenant_id, _job.c.subject == subject)
        .order_by(_job.c.id.desc())
        .limit(_PAGE),
        execution_options=FENCED,
    )
    return rows.all()


async def _open(tx: Session, tenant_id: UUID, queue: str) -> None:
    await tx.execute(
        delete(_gate).where(_gate.c.tenant_id == tenant_id, _gate.c.queue == queue),
        execution_options=FENCED,
    )


async def _job_of(tx: Session, tenant_id: UUID, job_id: UUID) -> Any:
    found = await tx.execute(
        select(_job).where(_job.c.id == job_id, _job.c.tenant_id == tenant_id).with_for_update(),
        execution_options=FENCED,
    )
    job = found.first()
    if job is None:
        raise JobNotFound
    return job


async def _dead(tx: Session, tenant_id: UUID, job_id: UUID) -> Any:
    job = await _job_of(tx, tenant_id, job_id)
    if job.state != JobState.DEAD:
        raise JobNotDead
    return job
