"""How much waits where: read-only figures of the queue, for status pages and metrics."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, select, text

from locutory.kernel.db.base import table_of
from locutory.kernel.db.session import Session
from locutory.kernel.jobs.models import Job, JobGate, WorkerRow
from locutory.kernel.jobs.queue import FENCED, clock_ms

_job, _gate, _worker = table_of(Job), table_of(JobGate), table_of(WorkerRow)


@dataclass(slots=True)
class Depth:
    """One queue of one tenant."""

    ready: int = 0
    running: int = 0
    retry: int = 0
    dead: int = 0
    oldest_age_s: float | None = None
    gate: str | None = None  # paused | blocked
    gate_code: str | None = None
    gate_detail: str | None = None


# Each state is asked by itself, so that each is a walk along its own partial index.
_COUNTS = {
    state: text(
        f"SELECT queue, count(*) AS n FROM kernel_job "
        f"WHERE state = '{state}' AND tenant_id = :tenant GROUP BY queue"
    ).bindparams(bindparam("tenant", type_=Uuid()))
    for state in ("queued", "running", "delayed", "dead")
}
_FIELDS = {"queued": "ready", "running": "running", "delayed": "retry", "dead": "dead"}


async def depths(session: Session, tenant_id: UUID) -> dict[str, Depth]:
    """The tenant's queues that hold anything, by name."""
    found: dict[str, Depth] = {}
    for state, statement in _COUNTS.items():
        rows = await session.execute(statement, {"tenant": tenant_id}, execution_options=FENCED)
        for queue_name, count in rows:
            setattr(found.setdefault(queue_name, Depth()), _FIELDS[state], count)
    now = await clock_ms(session)
    for queue_name, depth in found.items():
        if depth.ready:
            oldest = await session.scalar(
                select(func.min(_job.c.run_at_ms)).where(
                    text("state = 'queued'"),
                    _job.c.tenant_id == tenant_id,
                    _job.c.queue == queue_name,
                ),
                execution_options=FENCED,
            )
            depth.oldest_age_s = max(0, now - (oldest or now)) / 1000
    gates = await session.execute(
        select(_gate).where(_gate.c.tenant_id == tenant_id), execution_options=FENCED
    )
    for gate in gates:
        depth = found.setdefault(gate.queue, Depth())
        depth.gate, depth.gate_code, depth.gate_detail = gate.state, gate.code, gate.detail
    return found


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


async def served_queues(session: Session, fresh_s: float) -> set[str]:
    """Queues that some worker with a fresh heartbeat serves."""
    since = await clock_ms(session) - int(fresh_s * 1000)
    rows = await session.execute(
        select(_worker.c.queues).where(_worker.c.heartbeat_ms > since), execution_options=FENCED
    )
    return {name for queues in rows.scalars() for name in queues}
