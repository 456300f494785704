"""What code says about jobs: what to do, who does it, how it may end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from locutory.kernel.errors import ErrorClass, LocutoryError
from locutory.kernel.ids import KERNEL as KERNEL

if TYPE_CHECKING:
    from locutory.kernel.db import Session
    from locutory.kernel.jobs.worker import Context


class JobState(StrEnum):
    """Where a job stands. `delayed` waits for its time, `queued` only for a slot."""

    QUEUED = "queued"
    DELAYED = "delayed"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


class Priority:
    """Smaller goes first, within one tenant.

    From BACKFILL on, work may hold half of the slots at most while other work waits.
    """

    URGENT = 10
    RERUN = 30
    NORMAL = 50
    BACKFILL = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """A job to be enqueued.

    `subject` names the thing it is about, so that its jobs can be listed. A second job with the
    same `dedupe_key` in one tenant is dropped silently. `delay_s` counts from the commit.
    """

    kind: str
    payload: dict[str, Any] = field(default_factory=dict)
    subject: str | None = None
    priority: int = Priority.NORMAL
    delay_s: float = 0.0
    dedupe_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A job in the hands of a worker. `token` fences its writes; `attempts` counts from 0."""

    id: UUID
    tenant_id: UUID
    queue: str
    kind: str
    payload: dict[str, Any]
    token: int
    attempts: int
    throttles: int
    lost: int
    max_attempts: int
    created_ms: int
    subject: str | None
    correlation_id: str | None
    priority: int = Priority.NORMAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How a run ended badly. `detail` has at most 500 characters and no secrets."""

    cls: ErrorClass
    code: str
    detail: str
    retry_after_s: float | None = None


class LeaseLost(LocutoryError):
    """Another worker owns this job now; nothing of this run was written."""

    status, code = 409, "LEASE_LOST"


class Announcer(Protocol):
    """Told after each commit what other processes may want to hear; quick, and never raises."""

    def ready(self, rows: Collection[Mapping[str, Any]]) -> None:
        """Jobs that may start now: rows with id, queue and tenant_id."""
        ...

    def dead(self, queue: str, tenant_id: UUID, job_id: UUID, code: str) -> None:
        """A job that became a dead letter."""
        ...


Next = JobSpec | Iterable[JobSpec] | None
Handler = Callable[["Context"], Awaitable[Next]]
OnDead = Callable[["Session", Claimed, Failure], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """A kind of work: its handler, its queue, its patience.

    The handler may run twice for one job, so its effects must be keyed. What it returns is
    enqueued in the commit that ends the job. `on_dead` runs in the transaction that gives up.
    """

    kind: str
    queue: str
    handler: Handler
    max_attempts: int = 5
    timeout_s: float = 900.0
    on_dead: OnDead | None = None


class Registry:
    """Every kind of work that this process knows."""

    def __init__(self, kinds: Iterable[JobKind] = ()) -> None:
        self._kinds: dict[str, JobKind] = {}
        for kind in kinds:
            self.add(kind)

    def add(self, kind: JobKind) -> None:
        """Register a kind. Raises ValueError if its name is taken."""
        if kind.kind in self._kinds:
            raise ValueError(f"two handlers for {kind.kind}")
        self._kinds[kind.kind] = kind

    def get(self, kind: str) -> JobKind:
        """The kind of that name. Raises KeyError."""
        return self._kinds[kind]

    def find(self, kind: str) -> JobKind | None:
        """The kind of that name, or None."""
        return self._kinds.get(kind)

    @property
    def queues(self) -> set[str]:
        """All queues that have a handler."""
        return {kind.queue for kind in self._kinds.values()}
