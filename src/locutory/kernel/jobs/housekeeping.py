"""What keeps the queue in order: leases that ran out, gates, schedules, retention, workers."""

from collections.abc import Collection, Mapping
from datetime import UTC
from typing import Any
from uuid import UUID

from sqlalchemy import Insert, Uuid, bindparam, delete, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from locutory.kernel.clock import from_ms, to_ms
from locutory.kernel.db.base import table_of
from locutory.kernel.db.session import Session
from locutory.kernel.errors import ErrorClass
from locutory.kernel.jobs import queue
from locutory.kernel.jobs.contract import (
    KERNEL,
    Claimed,
    Failure,
    JobSpec,
    JobState,
    Registry,
)
from locutory.kernel.jobs.models import Job, JobGate, JobSchedule, WorkerRow
from locutory.kernel.jobs.queue import FENCED

POISONED = Failure(
    cls=ErrorClass.POISON, code="POISON", detail="its worker vanished again and again"
)
_RETENTION_BATCH = 500
_job = table_of(Job)
_gate = table_of(JobGate)
_schedule = table_of(JobSchedule)
_worker = table_of(WorkerRow)

_EXPIRED = """
    SELECT id, tenant_id, queue, kind, payload, token, attempts, throttles, lost, max_attempts,
           created_ms, subject, correlation_id
    FROM kernel_job WHERE state = 'running' AND lease_until_ms <= :now {lock}
    """
_EXPIREDS = {
    name: text(_EXPIRED.format(lock=lock)).columns(
        id=Uuid(), tenant_id=Uuid(), payload=_job.c.payload.type
    )
    for name, lock in (("sqlite", ""), ("postgresql", "FOR UPDATE SKIP LOCKED"))
}
# Several jobs may find the same closed door at once; the first one's words stay.
_CLOSE = text(
    """
    INSERT INTO kernel_job_gate (tenant_id, queue, state, code, detail, error_class, since_ms)
    VALUES (:tenant, :queue, 'blocked', :code, :detail, :class, :now) ON CONFLICT DO NOTHING
    """
).bindparams(bindparam("tenant", type_=Uuid()))


def _upsert(insert_: Any) -> Insert:
    statement = insert_(_schedule)
    changed = {c.name: statement.excluded[c.name] for c in _schedule.c if c.name != "name"}
    upsert: Insert = statement.on_conflict_do_update(index_elements=["name"], set_=changed)
    return upsert


_PUT_SCHEDULE = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}
# A job's failed runs go with it.
_FORGET_ATTEMPTS = text(
    f"""
    DELETE FROM kernel_job_attempt WHERE job_id IN (
        SELECT id FROM kernel_job
        WHERE (state = 'done' OR state = 'cancelled') AND finished_ms < :before
        ORDER BY finished_ms, id LIMIT {_RETENTION_BATCH}
    )
    """
)
_FORGET = text(
    f"""
    DELETE FROM kernel_job WHERE id IN (
        SELECT id FROM kernel_job
        WHERE (state = 'done' OR state = 'cancelled') AND finished_ms < :before
        ORDER BY finished_ms, id LIMIT {_RETENTION_BATCH}
    )
    """
)


async def reap(tx: Session, max_lost: int) -> tuple[int, list[Claimed]]:
    """Queue again what vanished workers held; how many, and those that vanished too often."""
    at_ms = await queue.clock_ms(tx)
    rows = await tx.execute(
        _EXPIREDS[tx.get_bind().dialect.name], {"now": at_ms}, execution_options=FENCED
    )
    again, poisoned = 0, []
    for row in rows.all():
        job = Claimed(**row._asdict())
        if job.lost + 1 >= max_lost:
            poisoned.append(job)
            continue
        lost = Failure(
            cls=ErrorClass.POISON, code="WORKER_LOST", detail="the worker's lease ran out"
        )
        await queue.end(
            tx, job, state=JobState.QUEUED, at_ms=at_ms, failure=lost, lost=job.lost + 1
        )
        again += 1
    return again, poisoned


async def still_expired(tx: Session, job: Claimed, at_ms: int) -> bool:
    """Whether nobody has taken the job since it was found expired."""
    found = await tx.execute(
        select(_job.c.id)
        .where(
            _job.c.id == job.id,
            _job.c.token == job.token,
            _job.c.state == JobState.RUNNING,
            _job.c.lease_until_ms <= at_ms,
        )
        .with_for_update(),
        execution_options=FENCED,
    )
    return found.first() is not None


async def close_gate(tx: Session, job: Claimed, failure: Failure, at_ms: int) -> None:
    """Block the tenant's queue: the jobs wait, nothing floods the dead letters."""
    await tx.execute(
        _CLOSE,
        {
            "tenant": job.tenant_id,
            "queue": job.queue,
            "code": failure.code,
            "detail": failure.detail,
            "class": failure.cls,
            "now": at_ms,
        },
        execution_options=FENCED,
    )


async def run_schedules(tx: Session, registry: Registry) -> None:
    """Enqueue what is due and move it on. Of several workers one finds it due."""
    at_ms = await queue.clock_ms(tx)
    due = await tx.execute(
        select(_schedule).where(_schedule.c.next_ms <= at_ms).with_for_update(skip_locked=True),
        execution_options=FENCED,
    )
    for row in due.all():
        if registry.find(row.kind) is None:
            continue
        spec = JobSpec(
            kind=row.kind, payload=row.payload, dedupe_key=f"schedule:{row.name}:{row.next_ms}"
        )
        rows = queue.rows_of(
            [spec], registry, tenant_id=row.tenant_id, at_ms=at_ms, correlation_id=None
        )
        await queue.insert_rows(tx, rows)
        await tx.execute(
            update(_schedule)
            .where(_schedule.c.name == row.name)
            .values(next_ms=next_time_ms(row.cron, at_ms)),
            execution_options=FENCED,
        )


def next_time_ms(cron: str, after_ms: int) -> int:
    """The next time that a five-field cron text names, in UTC. Raises ValueError on a bad text."""
    from croniter import croniter  # noqa: PLC0415 - loads slowly, and few processes have schedules

    moment = croniter(cron, from_ms(after_ms)).get_next(type(from_ms(0)))
    return to_ms(moment.astimezone(UTC))


async def schedule(
    tx: Session,
    *,
    name: str,
    cron: str,
    kind: str,
    payload: dict[str, Any],
    tenant_id: UUID,
    first_ms: int | None = None,
) -> None:
    """Put a schedule in place; the same name replaces it. `first_ms` is its first time."""
    at_ms = await queue.clock_ms(tx)
    row = {
        "name": name,
        "tenant_id": tenant_id,
        "cron": cron,
        "kind": kind,
        "payload": payload,
        "next_ms": next_time_ms(cron, at_ms) if first_ms is None else first_ms,
    }
    await tx.execute(_PUT_SCHEDULE[tx.get_bind().dialect.name], row, execution_options=FENCED)


async def ensure_schedule(tx: Session, *, name: str, cron: str, kind: str) -> None:
    """Put a schedule of nobody in particular in place, due at once, unless just this is there."""
    found = await tx.execute(
        select(_schedule.c.name).where(
            _schedule.c.name == name, _schedule.c.cron == cron, _schedule.c.kind == kind
        ),
        execution_options=FENCED,
    )
    if found.first() is None:
        now = await queue.clock_ms(tx)
        await schedule(
            tx, name=name, cron=cron, kind=kind, payload={}, tenant_id=KERNEL, first_ms=now
        )


async def forget_finished(tx: Session, keep_hours: int) -> None:
    """Delete a batch of finished jobs that are past keeping. Dead letters stay for a person."""
    before = await queue.clock_ms(tx) - keep_hours * 3_600_000
    for statement in (_FORGET_ATTEMPTS, _FORGET):
        await tx.execute(statement, {"before": before}, execution_options=FENCED)


async def sign_on(tx: Session, worker: str, queues: Mapping[str, int], at_ms: int) -> None:
    """Say that this worker lives."""
    done = await tx.execute(
        update(_worker).where(_worker.c.id == worker).values(heartbeat_ms=at_ms),
        execution_options=FENCED,
    )
    if done.rowcount == 0:  # type: ignore[attr-defined] # CursorResult of an update
        await tx.execute(
            insert(_worker),
            {
                "id": worker,
                "queues": {str(k): v for k, v in queues.items()},
                "started_ms": at_ms,
                "heartbeat_ms": at_ms,
            },
            execution_options=FENCED,
        )


async def sign_off(tx: Session, worker: str) -> None:
    """Say that this worker is gone."""
    await tx.execute(delete(_worker).where(_worker.c.id == worker), execution_options=FENCED)


async def note_progress(tx: Session, notes: Mapping[UUID, Mapping[str, Any]]) -> None:
    """Store what running jobs say of themselves."""
    if notes:
        await tx.execute(
            update(_job).where(_job.c.id == bindparam("job_id")),
            [{"job_id": id_, "progress": dict(note)} for id_, note in notes.items()],
            execution_options=FENCED,
        )


async def promote_all(tx: Session) -> None:
    """Make every delayed job ready now."""
    await tx.execute(
        text("UPDATE kernel_job SET state = 'queued' WHERE state = 'delayed'"),
        execution_options=FENCED,
    )


async def anything_ready(
    tx: Session, queues: list[str], *, tenants: Collection[UUID] | None = None, delayed: bool
) -> bool:
    """Whether a job of these queues (and tenants) could run and no gate holds it."""
    states = ["queued", "delayed"] if delayed else ["queued"]
    shut = select(_gate.c.tenant_id).where(
        _gate.c.tenant_id == _job.c.tenant_id, _gate.c.queue.in_([_job.c.queue, "*"])
    )
    wanted = [_job.c.state.in_(states), _job.c.queue.in_(queues), ~shut.exists()]
    if tenants is not None:
        wanted.append(_job.c.tenant_id.in_(tenants))
    found = await tx.execute(select(_job.c.id).where(*wanted).limit(1), execution_options=FENCED)
    return found.first() is not None
