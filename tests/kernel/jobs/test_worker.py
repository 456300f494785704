"""The queue through its promises: nothing lost, nothing doubled, everyone served."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from locutory.kernel.db import Session, Storage
from locutory.kernel.errors import EngineAuthError, EngineUnavailable, InputError
from locutory.kernel.jobs import Context, JobKind, JobSpec, Registry, Worker, enqueue

pytestmark = pytest.mark.both_databases
TENANT = UUID(int=7)


async def states(storage: Storage) -> dict[str, int]:
    async with storage.read(None) as session:
        rows = await session.execute(text("SELECT state, count(*) FROM kernel_job GROUP BY state"))
        return dict(rows.all())


def worker_of(storage: Storage, *kinds: JobKind, slots: int = 8) -> Worker:
    registry = Registry(kinds)
    storage.shared["registry"] = registry
    return Worker(storage, registry, dict.fromkeys(registry.queues, slots))


async def put(storage: Storage, *specs: JobSpec, tenant: UUID = TENANT) -> None:
    await storage.database(tenant).write(lambda tx: enqueue(tx, *specs))


async def test_jobs_run_and_their_successors_too(storage: Storage) -> None:
    seen: list[int] = []

    async def step(ctx: Context) -> JobSpec | None:
        seen.append(ctx.payload["n"])
        return JobSpec(kind="step", payload={"n": ctx.payload["n"] + 1}) if len(seen) < 3 else None

    worker = worker_of(storage, JobKind(kind="step", queue="q", handler=step))
    await put(storage, JobSpec(kind="step", payload={"n": 1}))

    await worker.drain()

    assert seen == [1, 2, 3]
    assert await states(storage) == {"done": 3}


async def test_a_failed_enqueue_leaves_neither_data_nor_job(storage: Storage) -> None:
    async def nothing(ctx: Context) -> None: ...

    worker_of(storage, JobKind(kind="n", queue="q", handler=nothing))

    async def half(tx: Session) -> None:
        await enqueue(tx, JobSpec(kind="n"))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await storage.database(TENANT).write(half)

    assert await states(storage) == {}


async def test_a_passing_failure_is_retried_and_a_permanent_one_is_not(storage: Storage) -> None:
    tries = {"passing": 0, "permanent": 0}

    async def passing(ctx: Context) -> None:
        tries["passing"] += 1
        if tries["passing"] < 3:
            raise EngineUnavailable("down", engine="x")

    async def permanent(ctx: Context) -> None:
        tries["permanent"] += 1
        raise InputError("corrupt", code="AUDIO_EMPTY")

    worker = worker_of(
        storage,
        JobKind(kind="passing", queue="q", handler=passing),
        JobKind(kind="permanent", queue="q", handler=permanent),
    )
    await put(storage, JobSpec(kind="passing"), JobSpec(kind="permanent"))

    await worker.drain(skip_delays=True)

    assert tries == {"passing": 3, "permanent": 1}
    assert await states(storage) == {"done": 1, "dead": 1}


async def test_refused_credentials_close_the_gate_and_keep_the_jobs(storage: Storage) -> None:
    async def refused(ctx: Context) -> None:
        raise EngineAuthError("401", engine="x")

    worker = worker_of(storage, JobKind(kind="r", queue="q", handler=refused), slots=1)
    await put(storage, *(JobSpec(kind="r") for _ in range(5)))

    await worker.drain()

    assert await states(storage) == {"queued": 5}


async def test_a_job_that_a_worker_lost_and_took_again_frees_both_slots(storage: Storage) -> None:
    began, first = asyncio.Event(), asyncio.Event()
    runs: list[int] = []

    async def slow(ctx: Context) -> JobSpec:
        runs.append(ctx.job.token)
        if len(runs) == 1:
            began.set()
            await first.wait()
        else:
            first.set()
        return JobSpec(kind="slow", delay_s=3600.0)

    worker = worker_of(storage, JobKind(kind="slow", queue="q", handler=slow), slots=2)
    await put(storage, JobSpec(kind="slow"))
    draining = asyncio.create_task(worker.drain())
    await began.wait()

    await storage.database().write(_give_back)
    storage.signals.notify(["jobs"])
    await worker._tick()
    await draining

    assert runs == [1, 2]
    assert worker._held["q"].total() == 0
    assert await states(storage) == {"done": 1, "delayed": 1}


async def _give_back(tx: Session) -> None:
    await tx.execute(
        text(
            "UPDATE kernel_job SET state = 'queued', lease_until_ms = NULL WHERE state = 'running'"
        )
    )


async def test_a_worker_past_its_lease_cannot_write(storage: Storage) -> None:
    async def late(ctx: Context) -> None:
        async def expire(tx: Session) -> None:
            await tx.execute(text("UPDATE kernel_job SET lease_until_ms = 0"))

        await storage.database().write(expire)

        async def store(tx: Session) -> None:
            await enqueue(tx, JobSpec(kind="late", payload={"written": True}))

        await ctx.finish(store)

    worker = worker_of(storage, JobKind(kind="late", queue="q", handler=late))
    await put(storage, JobSpec(kind="late"))

    await worker.drain()

    assert await states(storage) == {"running": 1}


async def test_a_late_heartbeat_keeps_what_nobody_else_has_taken(storage: Storage) -> None:
    """A worker that the machine left too little time must not begin its own work again."""
    runs: list[int] = []

    async def slow(ctx: Context) -> None:
        runs.append(ctx.job.token)

        async def expire(tx: Session) -> None:
            await tx.execute(text("UPDATE kernel_job SET lease_until_ms = 1"))

        await storage.database().write(expire)
        await worker._heartbeat()
        await worker._house()

    worker = worker_of(storage, JobKind(kind="slow", queue="q", handler=slow))
    await put(storage, JobSpec(kind="slow"))

    await worker.drain()

    assert runs == [1]
    assert await states(storage) == {"done": 1}


async def test_every_tenant_gets_its_turn(storage: Storage) -> None:
    order: list[UUID] = []

    async def note(ctx: Context) -> None:
        order.append(ctx.job.tenant_id)

    worker = worker_of(storage, JobKind(kind="n", queue="q", handler=note), slots=4)
    large, small = uuid4(), uuid4()
    await put(storage, *(JobSpec(kind="n") for _ in range(100)), tenant=large)
    await put(storage, *(JobSpec(kind="n") for _ in range(3)), tenant=small)

    await worker.drain()

    assert len(order) == 103
    assert order[:8].count(small) == 3


async def test_a_dedupe_key_drops_the_second(storage: Storage) -> None:
    async def nothing(ctx: Context) -> None: ...

    worker = worker_of(storage, JobKind(kind="n", queue="q", handler=nothing))
    await put(storage, JobSpec(kind="n", dedupe_key="a"), JobSpec(kind="n", dedupe_key="b"))
    await put(storage, JobSpec(kind="n", dedupe_key="a"))

    await worker.drain()

    assert await states(storage) == {"done": 2}


async def test_many_workers_never_run_a_job_twice(storage: Storage) -> None:
    ran: list[UUID] = []

    async def note(ctx: Context) -> None:
        ran.append(ctx.job.id)
        await asyncio.sleep(0)

    registry = Registry([JobKind(kind="n", queue="q", handler=note)])
    storage.shared["registry"] = registry
    workers = [Worker(storage, registry, {"q": 5}) for _ in range(3)]
    await put(storage, *(JobSpec(kind="n") for _ in range(200)))

    await asyncio.gather(*(worker.drain() for worker in workers))

    assert len(ran) == len(set(ran)) == 200
