"""How much waits where: read-only figures of the queue, for status pages, metrics and alerts."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Uuid, bindparam, delete, select, text

from locutory.kernel.db.base import table_of
from locutory.kernel.db.session import Session
from locutory.kernel.jobs.admin import gates_of
from locutory.kernel.jobs.models import WorkerRow
from locutory.kernel.jobs.queue import FENCED, clock_ms

_worker = table_of(WorkerRow)


@dataclass(slots=True)
class Depth:
    """One queue of one tenant. `waiting` waits for a time that was set without a failure."""

    ready: int = 0
    running: int = 0
    waiting: int = 0
    retry: int = 0
    dead: int = 0
    oldest_age_s: float | None = None
    gate: str | None = None  # paused | blocked | once
    gate_code: str | None = None
    gate_detail: str | None = None
    gate_class: str | None = None  # of the failure that blocked it


# Each state is asked by itself, so that each is a walk along its own partial index.
_COUNTS = {
    field: text(
        f"SELECT queue, count(*) AS n FROM kernel_job WHERE {condition} "
        "AND queue IN :queues AND tenant_id = :tenant GROUP BY queue"
    ).bindparams(bindparam("tenant", type_=Uuid()), bindparam("queues", expanding=True))
    for field, condition in {
        "ready": "state = 'queued'",
        "running": "state = 'running'",
        "waiting": "state = 'delayed' AND attempts = 0",
        "retry": "state = 'delayed' AND attempts > 0",
        "dead": "state = 'dead'",
    }.items()
}
_OLDEST = text(
    "SELECT min(run_at_ms) FROM kernel_job "
    "WHERE state = 'queued' AND queue = :queue AND tenant_id = :tenant"
).bindparams(bindparam("tenant", type_=Uuid()))
_AT_MOST = text(
    "SELECT count(*) FROM (SELECT 1 FROM kernel_job "
    "WHERE state = 'queued' AND queue IN :queues AND tenant_id = :tenant LIMIT :most) AS counted"
).bindparams(bindparam("tenant", type_=Uuid()), bindparam("queues", expanding=True))
_AT_MOST_OVERALL = text(
    "SELECT count(*) FROM (SELECT 1 FROM kernel_job WHERE state = 'queued' LIMIT :most) AS counted"
)
_READY_SINCE = text(
    "SELECT 1 FROM kernel_job WHERE state = 'queued' AND queue = :queue"
    " AND run_at_ms <= :before LIMIT 1"
)
_MEANS = text(
    "SELECT queue, avg(finished_ms - started_ms) / 1000.0 FROM kernel_job "
    "WHERE (state = 'done' OR state = 'cancelled') AND finished_ms >= :since "
    "AND started_ms IS NOT NULL GROUP BY queue"
)
_RUNNING = text("SELECT queue, count(*) FROM kernel_job WHERE state = 'running' GROUP BY queue")
_TOTALS = text(
    "SELECT queue, count(*), min(run_at_ms) FROM kernel_job WHERE state = 'queued' GROUP BY queue"
)


async def depths(session: Session, tenant_id: UUID, queues: Collection[str]) -> dict[str, Depth]:
    """The tenant's queues of these names, empty ones as well."""
    found = {name: Depth() for name in queues}
    asked = {"tenant": tenant_id, "queues": list(queues)}
    for field, statement in _COUNTS.items():
        for name, count in await session.execute(statement, asked, execution_options=FENCED):
            setattr(found[name], field, count)
    now = await clock_ms(session)
    gates = await gates_of(session, tenant_id)
    for name, depth in found.items():
        if depth.ready:
            oldest = await session.scalar(
                _OLDEST, {"tenant": tenant_id, "queue": name}, execution_options=FENCED
            )
            depth.oldest_age_s = max(0, now - (oldest or now)) / 1000
        gate = gates.get(name) or gates.get("*")
        if gate is not None:
            depth.gate, depth.gate_code, depth.gate_detail = gate.state, gate.code, gate.detail
            depth.gate_class = gate.error_class
    return found


async def queued(
    session: Session, tenant_id: UUID | None, queues: Collection[str], *, most: int
) -> int:
    """How many jobs could start now, counted up to `most`; all tenants' where none is given."""
    if tenant_id is None:
        found = await session.execute(_AT_MOST_OVERALL, {"most": most}, execution_options=FENCED)
    else:
        asked = {"tenant": tenant_id, "queues": list(queues), "most": most}
        found = await session.execute(_AT_MOST, asked, execution_options=FENCED)
    count: int = found.scalar_one()
    return count


async def finished_since(session: Session, tenant_id: UUID, seconds: int) -> dict[str, int]:
    """How many jobs of each queue ended well in the last seconds."""
    since = await clock_ms(session) - seconds * 1000
    rows = await session.execute(
        text(
            "SELECT queue, count(*) FROM kernel_job "
            "WHERE (state = 'done' OR state = 'cancelled') AND finished_ms >= :since "
            "AND tenant_id = :tenant GROUP BY queue"
        ).bindparams(bindparam("tenant", type_=Uuid())),
        {"since": since, "tenant": tenant_id},
        execution_options=FENCED,
    )
    return dict(rows.all())


async def mean_seconds(session: Session, window_s: int) -> dict[str, float]:
    """How long the jobs of each queue took that ended in the last seconds, of all tenants."""
    since = await clock_ms(session) - window_s * 1000
    rows = await session.execute(_MEANS, {"since": since}, execution_options=FENCED)
    return {name: float(mean) for name, mean in rows}


@dataclass(frozen=True, slots=True)
class Total:
    """What is ready in a queue, of all tenants."""

    ready: int
    oldest_age_s: float


async def totals(session: Session) -> dict[str, Total]:
    """The queues in which anything is ready."""
    now = await clock_ms(session)
    rows = await session.execute(_TOTALS, execution_options=FENCED)
    return {name: Total(count, max(0, now - oldest) / 1000) for name, count, oldest in rows}


async def running(session: Session) -> dict[str, int]:
    """How many jobs of each queue run now, of all tenants."""
    rows = await session.execute(_RUNNING, execution_options=FENCED)
    return dict(rows.all())


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSeen:
    """A worker process; `alive` as long as its heartbeat is fresh."""

    id: str
    queues: dict[str, int]  # slots
    started_ms: int
    heartbeat_ms: int
    alive: bool


async def workers(session: Session, fresh_s: float) -> list[WorkerSeen]:
    """Every worker that has not signed off, the latest heartbeat first."""
    since = await clock_ms(session) - int(fresh_s * 1000)
    rows = await session.execute(
        select(_worker).order_by(_worker.c.heartbeat_ms.desc(), _worker.c.id),
        execution_options=FENCED,
    )
    return [
        WorkerSeen(
            id=row.id,
            queues=row.queues,
            started_ms=row.started_ms,
            heartbeat_ms=row.heartbeat_ms,
            alive=row.heartbeat_ms > since,
        )
        for row in rows
    ]


async def served_queues(session: Session, fresh_s: float) -> set[str]:
    """Queues that some worker with a fresh heartbeat serves."""
    return {name for w in await workers(session, fresh_s) if w.alive for name in w.queues}


async def unserved(session: Session, queues: Collection[str], silent_s: float) -> set[str]:
    """Those queues in which work has been ready for so long and that no living worker serves."""
    before = await clock_ms(session) - int(silent_s * 1000)
    found = set()
    for queue in set(queues) - await served_queues(session, silent_s):
        asked = {"queue": queue, "before": before}
        if (await session.execute(_READY_SINCE, asked, execution_options=FENCED)).first():
            found.add(queue)
    return found


async def forget_silent(tx: Session, silent_s: int) -> None:
    """Drop workers that have been silent for so long: they died without a word."""
    before = await clock_ms(tx) - silent_s * 1000
    await tx.execute(
        delete(_worker).where(_worker.c.heartbeat_ms < before), execution_options=FENCED
    )
