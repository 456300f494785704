"""The queue's statements: enqueue, claim, end. Each runs inside a transaction of the caller."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Uuid, bindparam, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from locutory.kernel.db.base import table_of
from locutory.kernel.db.dialect import Json, now_ms
from locutory.kernel.db.session import Session
from locutory.kernel.ids import new_id
from locutory.kernel.jobs.contract import (
    KERNEL,
    Announcer,
    Claimed,
    Failure,
    JobSpec,
    JobState,
    Registry,
)
from locutory.kernel.jobs.fairness import Share
from locutory.kernel.jobs.models import Job, JobAttempt, JobGate, JobShare

FENCED = {"fenced": True}  # kernel tables: every statement here names its tenant or its job ids
_job = table_of(Job)
_attempt = table_of(JobAttempt)
_gate = table_of(JobGate)
_share = table_of(JobShare)

INSERT_NEW: dict[str, Any] = {
    "sqlite": sqlite.insert(Job).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(Job).on_conflict_do_nothing(),
}
_INSERT_PLAIN = insert(_job)
_NOW = select(now_ms())
_FOREVER_MS = 1 << 62
ANY_PRIORITY = 1 << 30


async def clock_ms(tx: Session) -> int:
    """The database's clock. SQLite's is this machine's, so it need not be asked for it."""
    if tx.get_bind().dialect.name == "sqlite":
        return time.time_ns() // 1_000_000
    return (await tx.execute(_NOW, execution_options=FENCED)).scalar_one()


def rows_of(
    specs: Iterable[JobSpec],
    registry: Registry,
    *,
    tenant_id: UUID,
    at_ms: int,
    correlation_id: str | None,
) -> list[dict[str, Any]]:
    """The rows to insert for these specs. Raises KeyError for a kind that nobody registered."""
    rows = []
    for spec in specs:
        kind = registry.get(spec.kind)
        rows.append(
            {
                "id": new_id(),
                "tenant_id": tenant_id,
                "queue": kind.queue,
                "kind": spec.kind,
                "payload": spec.payload,
                "subject": spec.subject,
                "state": JobState.DELAYED if spec.delay_s > 0 else JobState.QUEUED,
                "priority": spec.priority,
                "run_at_ms": at_ms + int(spec.delay_s * 1000),
                "attempts": 0,
                "throttles": 0,
                "lost": 0,
                "max_attempts": kind.max_attempts,
                "token": 0,
                "cancel_requested": False,
                "dedupe_key": spec.dedupe_key,
                "correlation_id": correlation_id,
                "redrives": 0,
                "created_ms": at_ms,
            }
        )
    return rows


async def insert_rows(tx: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Insert job rows, dropping those whose dedupe key is taken, and wake the workers."""
    if not rows:
        return
    keyed = any(row["dedupe_key"] for row in rows)
    if keyed:
        statement = INSERT_NEW[tx.get_bind().dialect.name]
        await tx.execute(statement.values(rows), execution_options=FENCED)
    else:
        await tx.execute(_INSERT_PLAIN, list(rows), execution_options=FENCED)
    tx.signal("jobs")
    ready = [row for row in rows if row["state"] == JobState.QUEUED]
    _announce(tx, lambda announcer: announcer.ready(ready))


def _announce(tx: Session, tell: Callable[[Announcer], None]) -> None:
    """Tell the workers over the broker, where there is one, after the commit."""
    announcer: Announcer | None = tx.info.get("announcer")
    if announcer is not None:
        tx.after_commit(lambda: tell(announcer))


async def enqueue(tx: Session, *specs: JobSpec) -> list[UUID]:
    """Enqueue in the transaction of the data that needs the work done; return the jobs' ids.

    The tenant is the session's; a kernel session enqueues work that is nobody's in particular. The
    id of a job that its dedupe key drops is nobody's.
    """
    registry: Registry = tx.info["registry"]
    rows = rows_of(
        specs,
        registry,
        tenant_id=tx.info.get("tenant_id") or KERNEL,
        at_ms=await clock_ms(tx),
        correlation_id=tx.info.get("correlation_id"),
    )
    await insert_rows(tx, rows)
    return [row["id"] for row in rows]


async def hurry(tx: Session, *dedupe_keys: str) -> None:
    """Let the session's tenant's jobs of these keys run now if they wait for their time."""
    if dedupe_keys:
        await tx.execute(
            update(_job)
            .where(
                _job.c.tenant_id == tx.tenant_id,
                _job.c.dedupe_key.in_(dedupe_keys),
                _job.c.state == JobState.DELAYED,
            )
            .values(state=JobState.QUEUED, run_at_ms=await clock_ms(tx)),
            execution_options=FENCED,
        )
        tx.signal("jobs")


# Written as text: a partial index is used only where its condition stands as a literal.

_IDS = bindparam("ids", expanding=True, type_=Uuid())

# One index probe per tenant with waiting work, however many jobs each has (a skip scan).
_WAITING = text(
    """
    WITH RECURSIVE waiting(tenant_id) AS (
        SELECT (SELECT tenant_id FROM kernel_job WHERE state = 'queued' AND queue = :queue
                ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT j.tenant_id FROM kernel_job j WHERE j.state = 'queued' AND j.queue = :queue
                AND j.tenant_id > waiting.tenant_id ORDER BY j.tenant_id LIMIT 1)
        FROM waiting WHERE waiting.tenant_id IS NOT NULL
    )
    SELECT tenant_id,
        (SELECT f.priority FROM kernel_job f WHERE f.state = 'queued' AND f.queue = :queue
         AND f.tenant_id = waiting.tenant_id ORDER BY f.priority LIMIT 1) AS first,
        (SELECT l.priority FROM kernel_job l WHERE l.state = 'queued' AND l.queue = :queue
         AND l.tenant_id = waiting.tenant_id ORDER BY l.priority DESC LIMIT 1) AS last
    FROM waiting WHERE tenant_id IS NOT NULL
    """
).columns(tenant_id=Uuid())

_CLAIM = """
    UPDATE kernel_job
    SET state = 'running', token = token + 1, worker = :worker, started_ms = :now,
        lease_until_ms = :until
    WHERE id IN (
        SELECT id FROM kernel_job
        WHERE state = 'queued' AND queue = :queue AND tenant_id = :tenant
            AND priority < :below AND run_at_ms <= :latest
        ORDER BY priority, run_at_ms, id LIMIT :count {lock}
    )
    RETURNING id, tenant_id, queue, kind, payload, token, attempts, throttles, lost, max_attempts,
              created_ms, subject, correlation_id, priority, run_at_ms
    """
_CLAIMS = {
    name: text(_CLAIM.format(lock=lock))
    .bindparams(
        bindparam("tenant", type_=Uuid()),
        *(bindparam(name, type_=BigInteger()) for name in ("now", "latest")),
    )
    .columns(id=Uuid(), tenant_id=Uuid(), payload=Json)
    for name, lock in (("sqlite", ""), ("postgresql", "FOR UPDATE SKIP LOCKED"))
}

_PROMOTE = text(
    "UPDATE kernel_job SET state = 'queued' WHERE state = 'delayed' AND run_at_ms <= :now"
)
_NEXT_DUE = text("SELECT min(run_at_ms) FROM kernel_job WHERE state = 'delayed'")

_HELD = """
    SELECT id, token, cancel_requested FROM kernel_job
    WHERE id IN :ids AND state = 'running' AND lease_until_ms > :now {lock}
    """
_HELDS = {
    name: text(_HELD.format(lock=lock)).bindparams(_IDS).columns(id=Uuid())
    for name, lock in (("sqlite", ""), ("postgresql", "FOR UPDATE"))
}
_DONE = text(
    """
    UPDATE kernel_job SET state = 'done', finished_ms = :now, lease_until_ms = NULL
    WHERE id IN :ids
    """
).bindparams(_IDS)
_EXTEND = text("UPDATE kernel_job SET lease_until_ms = :until WHERE id IN :ids").bindparams(_IDS)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A tenant with queued work; the priorities of its first job and of its last."""

    tenant_id: UUID
    first: int
    last: int


async def waiting_tenants(tx: Session, queue: str) -> list[Waiting]:
    """Tenants with work that could start now, if their gate is open."""
    rows = await tx.execute(_WAITING, {"queue": queue}, execution_options=FENCED)
    return [Waiting(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Gates:
    """Which tenants' queues are closed; queue `*` stands for all of a tenant's."""

    closed: set[tuple[UUID, str]] = field(default_factory=set)
    once: dict[tuple[UUID, str], int] = field(default_factory=dict)  # what was ready then may pass

    def shut(self, tenant_id: UUID, queue: str) -> bool:
        """Whether nothing of this queue may start."""
        return (tenant_id, queue) in self.closed or (tenant_id, "*") in self.closed

    def latest_ms(self, tenant_id: UUID, queue: str) -> int:
        """Jobs that became ready after this time stay."""
        return min(self.once.get((tenant_id, name), _FOREVER_MS) for name in (queue, "*"))


async def gates(tx: Session) -> Gates:
    """All gates that are not open."""
    rows = await tx.execute(
        select(_gate.c.tenant_id, _gate.c.queue, _gate.c.state, _gate.c.since_ms),
        execution_options=FENCED,
    )
    found = Gates()
    for tenant_id, queue, state, since_ms in rows:
        if state == "once":
            found.once[tenant_id, queue] = since_ms
        else:
            found.closed.add((tenant_id, queue))
    return found


async def shares(tx: Session) -> dict[str, dict[UUID, Share]]:
    """Configured weights and caps, by queue."""
    found: dict[str, dict[UUID, Share]] = {}
    rows = await tx.execute(
        select(
            _share.c.queue,
            _share.c.tenant_id,
            *(_share.c[one.name] for one in fields(Share)),
        ),
        execution_options=FENCED,
    )
    for queue, tenant_id, *share in rows:
        found.setdefault(queue, {})[tenant_id] = Share(*share)
    return found


async def claim(
    tx: Session,
    *,
    queue: str,
    tenant_id: UUID,
    count: int,
    worker: str,
    at_ms: int,
    lease_ms: int,
    below: int = ANY_PRIORITY,
    latest_ms: int = _FOREVER_MS,
) -> list[Claimed]:
    """Take up to `count` of a tenant's queued jobs, best priority and oldest first.

    Only those of a smaller priority than `below` that were ready at `latest_ms`.
    """
    rows = await tx.execute(
        _CLAIMS[tx.get_bind().dialect.name],
        {
            "worker": worker,
            "now": at_ms,
            "until": at_ms + lease_ms,
            "queue": queue,
            "tenant": tenant_id,
            "count": count,
            "below": below,
            "latest": latest_ms,
        },
        execution_options=FENCED,
    )
    ordered = sorted(rows, key=lambda row: row[-2:] + row[:1])
    return [
        Claimed(
            id=row[0],
            tenant_id=row[1],
            queue=row[2],
            kind=row[3],
            payload=row[4],
            token=row[5],
            attempts=row[6],
            throttles=row[7],
            lost=row[8],
            max_attempts=row[9],
            created_ms=row[10],
            subject=row[11],
            correlation_id=row[12],
            priority=row[13],
        )
        for row in ordered
    ]


async def promote_due(tx: Session, at_ms: int) -> int | None:
    """Make delayed jobs ready whose time has come; return when the next one is due."""
    await tx.execute(_PROMOTE, {"now": at_ms}, execution_options=FENCED)
    return (await tx.execute(_NEXT_DUE, execution_options=FENCED)).scalar_one_or_none()


# --- the fence --------------------------------------------------------------------------------


async def held(tx: Session, jobs: Iterable[Claimed], at_ms: int) -> dict[UUID, bool]:
    """Which of these are still ours, each with its wish to be cancelled.

    Ours: our token is the newest, and our lease is valid at `at_ms`; 0 asks for the token alone.
    """
    tokens = {job.id: job.token for job in jobs}
    if not tokens:
        return {}
    rows = await tx.execute(
        _HELDS[tx.get_bind().dialect.name],
        {"ids": list(tokens), "now": at_ms},
        execution_options=FENCED,
    )
    return {id_: bool(cancel) for id_, token, cancel in rows if tokens[id_] == token}


async def complete(tx: Session, ids: Sequence[UUID], at_ms: int) -> None:
    """End jobs well; the caller has asked `held` in this transaction."""
    if ids:
        await tx.execute(_DONE, {"ids": list(ids), "now": at_ms}, execution_options=FENCED)


async def extend(tx: Session, ids: Sequence[UUID], until_ms: int) -> None:
    """Prolong leases; the caller has asked `held` in this transaction."""
    if ids:
        await tx.execute(_EXTEND, {"ids": list(ids), "until": until_ms}, execution_options=FENCED)


async def end(
    tx: Session,
    job: Claimed,
    *,
    state: JobState,
    at_ms: int,
    delay_s: float = 0.0,
    failure: Failure | None = None,
    worker: str | None = None,
    **changes: Any,
) -> None:
    """Put a job into `state`, with the failure that led there kept as an attempt."""
    values: dict[str, Any] = {"state": state, "lease_until_ms": None, "worker": None, **changes}
    if state in (JobState.DONE, JobState.DEAD, JobState.CANCELLED):
        values["finished_ms"] = at_ms
    else:
        values["run_at_ms"] = at_ms + int(delay_s * 1000)
    if failure is not None:
        values |= {
            "error_class": failure.cls,
            "error_code": failure.code,
            "error_detail": failure.detail,
        }
        await tx.execute(
            insert(_attempt),
            {
                "id": new_id(),
                "job_id": job.id,
                "tenant_id": job.tenant_id,
                "token": job.token,
                "worker": worker,
                "outcome": state,
                "error_class": failure.cls,
                "error_code": failure.code,
                "error_detail": failure.detail,
                "ended_ms": at_ms,
            },
            execution_options=FENCED,
        )
    await tx.execute(
        update(_job).where(_job.c.id == job.id).values(values), execution_options=FENCED
    )
    if state == JobState.QUEUED:
        tx.signal("jobs")
    if state == JobState.DEAD:
        code = failure.code if failure is not None else ""
        _announce(tx, lambda announcer: announcer.dead(job.queue, job.tenant_id, job.id, code))
