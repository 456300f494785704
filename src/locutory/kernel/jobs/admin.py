"""What a person does to the queue: look at dead letters, redrive, discard, cancel, pause.

Each takes a tenant and an actor, and leaves an audit row in the same transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update

from locutory.kernel.audit import audit
from locutory.kernel.db.base import table_of
from locutory.kernel.db.session import Session
from locutory.kernel.errors import ConflictError, ErrorClass, NotFoundError
from locutory.kernel.jobs.contract import JobState, Priority
from locutory.kernel.jobs.fairness import Share
from locutory.kernel.jobs.models import Job, JobGate, JobShare
from locutory.kernel.jobs.queue import FENCED, clock_ms

_job = table_of(Job)
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
    job = await dead_job(tx, tenant_id, job_id)
    if job.error_class == ErrorClass.PERMANENT_INPUT and not overrides:
        raise NotRedrivable
    await requeue(tx, job, payload={**job.payload, **(overrides or {})})
    await audit(
        tx, actor=actor, action="job.redrive", object=str(job_id), overrides=sorted(overrides or {})
    )


async def requeue(tx: Session, job: Any, *, payload: dict[str, Any], delay_s: float = 0.0) -> None:
    """Put a dead job back into its queue, ahead of new ones; the caller audits."""
    at_ms = await clock_ms(tx)
    await tx.execute(
        update(_job)
        .where(_job.c.id == job.id)
        .values(
            state=JobState.DELAYED if delay_s > 0 else JobState.QUEUED,
            payload=payload,
            priority=min(job.priority, Priority.RERUN),
            attempts=0,
            throttles=0,
            lost=0,
            run_at_ms=at_ms + int(delay_s * 1000),
            created_ms=at_ms,  # the age limit counts from the redrive
            finished_ms=None,
            cancel_requested=False,
            redrives=job.redrives + 1,
        ),
        execution_options=FENCED,
    )
    tx.signal("jobs")


async def discard(tx: Session, tenant_id: UUID, job_id: UUID, *, actor: str, reason: str) -> None:
    """Give a dead job up for good; the reason is kept. Raises JobNotFound, JobNotDead."""
    await dead_job(tx, tenant_id, job_id)
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
    await close(tx, tenant_id, queue, state="paused", code="PAUSED", detail=reason)
    await audit(tx, actor=actor, action="queue.pause", object=queue, reason=reason)


async def resume(tx: Session, tenant_id: UUID, queue: str, *, actor: str) -> None:
    """Open a paused or blocked queue again."""
    await reopen(tx, tenant_id, queue)
    await audit(tx, actor=actor, action="queue.resume", object=queue)


async def close(
    tx: Session, tenant_id: UUID, queue: str, *, state: str, code: str, detail: str
) -> None:
    """Close a gate, or say anew why it is closed; the caller audits."""
    await reopen(tx, tenant_id, queue)
    row = {
        "tenant_id": tenant_id,
        "queue": queue,
        "state": state,
        "code": code,
        "detail": detail,
        "since_ms": await clock_ms(tx),
    }
    await tx.execute(insert(_gate), row, execution_options=FENCED)


async def reopen(tx: Session, tenant_id: UUID, queue: str, *, codes: Sequence[str] = ()) -> bool:
    """Open a gate, if it was closed for one of `codes` or those are not given; the caller audits.

    Returns whether it was closed.
    """
    statement = delete(_gate).where(_gate.c.tenant_id == tenant_id, _gate.c.queue == queue)
    if codes:
        statement = statement.where(_gate.c.code.in_(codes))
    done = await tx.execute(statement, execution_options=FENCED)
    tx.signal("jobs")
    return bool(done.rowcount)  # type: ignore[attr-defined] # CursorResult of a delete


async def gates_of(session: Session, tenant_id: UUID) -> dict[str, Any]:
    """A tenant's closed gates by queue; `*` stands for all queues."""
    rows = await session.execute(
        select(_gate).where(_gate.c.tenant_id == tenant_id), execution_options=FENCED
    )
    return {row.queue: row for row in rows}


async def set_share(
    tx: Session, tenant_id: UUID, queue: str, *, weight: int, cap: int | None, actor: str
) -> None:
    """Give a tenant a weight (1-10) and a cap in a queue. Raises ValueError."""
    await put_share(tx, tenant_id, queue, Share(weight, cap))
    await audit(tx, actor=actor, action="queue.share", object=queue, weight=weight, cap=cap)


async def put_share(tx: Session, tenant_id: UUID, queue: str, share: Share) -> None:
    """Store a tenant's share of a queue; the caller audits. Raises ValueError.

    A brake stays as it is: it is not a person's to set.
    """
    if not 1 <= share.weight <= 10 or (share.cap is not None and share.cap < 1):
        raise ValueError("a weight is 1 to 10, a cap at least 1")
    values = {
        "weight": share.weight,
        "cap": share.cap,
        "max_attempts": share.max_attempts,
        "timeout_s": share.timeout_s,
    }
    await _upsert_share(tx, tenant_id, queue, values, {"braked": False})


async def brake(tx: Session, tenant_id: UUID, queue: str, *, on: bool) -> None:
    """Halve a tenant's slots in a queue, or give them back."""
    await _upsert_share(tx, tenant_id, queue, {"braked": on}, {"weight": 1})


async def is_braked(session: Session, tenant_id: UUID, queue: str) -> bool:
    """Whether the tenant's slots in the queue are halved."""
    found = await session.execute(
        select(_share.c.braked).where(_share.c.tenant_id == tenant_id, _share.c.queue == queue),
        execution_options=FENCED,
    )
    return bool(found.scalar_one_or_none())


async def _upsert_share(
    tx: Session, tenant_id: UUID, queue: str, values: dict[str, Any], at_first: dict[str, Any]
) -> None:
    done = await tx.execute(
        update(_share)
        .where(_share.c.tenant_id == tenant_id, _share.c.queue == queue)
        .values(values),
        execution_options=FENCED,
    )
    if not done.rowcount:  # type: ignore[attr-defined] # CursorResult of an update
        row = {"tenant_id": tenant_id, "queue": queue, **at_first, **values}
        await tx.execute(insert(_share), row, execution_options=FENCED)
    tx.signal("jobs")


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


async def _job_of(tx: Session, tenant_id: UUID, job_id: UUID) -> Any:
    found = await tx.execute(
        select(_job).where(_job.c.id == job_id, _job.c.tenant_id == tenant_id).with_for_update(),
        execution_options=FENCED,
    )
    job = found.first()
    if job is None:
        raise JobNotFound
    return job


async def dead_jobs(tx: Session, tenant_id: UUID, ids: Sequence[UUID]) -> Sequence[Any]:
    """Those of these jobs that are dead, locked, in the order of `ids`."""
    found = await tx.execute(
        select(_job)
        .where(_job.c.id.in_(ids), _job.c.tenant_id == tenant_id, _job.c.state == JobState.DEAD)
        .order_by(_job.c.id)
        .with_for_update(),
        execution_options=FENCED,
    )
    by_id = {job.id: job for job in found}
    return [by_id[id_] for id_ in ids if id_ in by_id]


async def dead_job(tx: Session, tenant_id: UUID, job_id: UUID) -> Any:
    """The row of a dead job, locked. Raises JobNotFound, JobNotDead."""
    job = await _job_of(tx, tenant_id, job_id)
    if job.state != JobState.DEAD:
        raise JobNotDead
    return job
