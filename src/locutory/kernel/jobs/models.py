"""Tables of the queue. Times are milliseconds of the database's clock."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.db.base import Base


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(
        name,
        *columns,
        unique=unique,
        sqlite_where=text(where),
        postgresql_where=text(where),
    )


# The lists of dead letters: all of a tenant's, or those of a queue, class or code, by death.
DEAD_ORDERS = {
    "all": ("finished_ms", "id"),
    "queue": ("queue", "finished_ms", "id"),
    "class": ("error_class", "finished_ms", "id"),
    "code": ("error_code", "finished_ms", "id"),
}


class Job(Base):
    """One piece of work; the row is the truth about it."""

    __tablename__ = "kernel_job"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    queue: Mapped[str]
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    subject: Mapped[str | None]
    state: Mapped[str]
    priority: Mapped[int]
    run_at_ms: Mapped[int]
    attempts: Mapped[int]  # failures that count
    throttles: Mapped[int]  # failures that do not
    lost: Mapped[int]  # workers that vanished with it
    max_attempts: Mapped[int]
    token: Mapped[int]
    lease_until_ms: Mapped[int | None]
    worker: Mapped[str | None]
    cancel_requested: Mapped[bool]
    progress: Mapped[dict[str, Any] | None]
    error_class: Mapped[str | None]
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    dedupe_key: Mapped[str | None]
    correlation_id: Mapped[str | None]
    redrives: Mapped[int]
    created_ms: Mapped[int]
    started_ms: Mapped[int | None]
    finished_ms: Mapped[int | None]

    # Partial indexes on the waiting states keep a claim's cost flat, whatever lies behind it.
    __table_args__ = (
        _partial(
            "ix_kernel_job_queued",
            *("queue", "tenant_id", "priority", "run_at_ms", "id"),
            where="state = 'queued'",
        ),
        _partial("ix_kernel_job_delayed", "run_at_ms", where="state = 'delayed'"),
        _partial("ix_kernel_job_running", "lease_until_ms", where="state = 'running'"),
        *(
            _partial(f"ix_kernel_job_dead_{name}", "tenant_id", *columns, where="state = 'dead'")
            for name, columns in DEAD_ORDERS.items()
        ),
        _partial(
            "ix_kernel_job_finished", "finished_ms", where="state = 'done' OR state = 'cancelled'"
        ),
        _partial("ix_kernel_job_subject", "tenant_id", "subject", where="subject IS NOT NULL"),
        _partial(
            "uq_kernel_job_dedupe",
            *("tenant_id", "dedupe_key"),
            where="dedupe_key IS NOT NULL",
            unique=True,
        ),
    )


class JobAttempt(Base):
    """A run that did not end well, kept for whoever looks at a dead letter."""

    __tablename__ = "kernel_job_attempt"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    job_id: Mapped[UUID] = mapped_column(index=True)
    tenant_id: Mapped[UUID]
    token: Mapped[int]
    worker: Mapped[str | None]
    outcome: Mapped[str]
    error_class: Mapped[str]
    error_code: Mapped[str]
    error_detail: Mapped[str]
    ended_ms: Mapped[int]


class JobGate(Base):
    """A closed gate: the tenant's jobs of that queue stay queued until it opens.

    With state `once` the jobs that were ready at `since_ms` still go through.
    """

    __tablename__ = "kernel_job_gate"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    queue: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]  # paused | blocked | once
    code: Mapped[str]
    detail: Mapped[str]
    error_class: Mapped[str | None]  # of the failure that closed it
    since_ms: Mapped[int]


class JobShare(Base):
    """A tenant's weight (1-10) in a queue and the most slots it may hold at once.

    `max_attempts` and `timeout_s` replace the kind's own; the brake halves the slots.
    """

    __tablename__ = "kernel_job_share"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    queue: Mapped[str] = mapped_column(primary_key=True)
    weight: Mapped[int]
    cap: Mapped[int | None]
    max_attempts: Mapped[int | None]
    timeout_s: Mapped[int | None]
    braked: Mapped[bool] = mapped_column(server_default=false())


class JobSchedule(Base):
    """Work that comes round; `cron` has five fields, in UTC."""

    __tablename__ = "kernel_job_schedule"

    name: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    cron: Mapped[str]
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    next_ms: Mapped[int]


class WorkerRow(Base):
    """A process that works, as long as its heartbeat is fresh."""

    __tablename__ = "kernel_worker"

    id: Mapped[str] = mapped_column(primary_key=True)
    queues: Mapped[dict[str, Any]]
    started_ms: Mapped[int]
    heartbeat_ms: Mapped[int]
