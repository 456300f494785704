"""What a person does to the queue."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from locutory.kernel.db import Session, Storage
from locutory.kernel.errors import EngineAuthError, EngineUnavailable, InputError
from locutory.kernel.events.sealer import Sealer
from locutory.kernel.jobs import (
    Claimed,
    Context,
    Failure,
    JobKind,
    JobSpec,
    Registry,
    Worker,
    admin,
    enqueue,
    housekeeping,
    letters,
)
from locutory.kernel.settings import JobSettings

pytestmark = pytest.mark.both_databases
ONE, TWO = UUID(int=1), UUID(int=2)


class Bench:
    """A worker whose one kind does what the test says."""

    def __init__(self, storage: Storage, **settings: float) -> None:
        self.storage = storage
        self.fail_with: Exception | None = None
        self.ran: list[dict[str, object]] = []
        self.died: list[str] = []
        registry = Registry(
            [JobKind(kind="k", queue="q", handler=self.run, max_attempts=2, on_dead=self.on_dead)]
        )
        storage.shared["registry"] = registry
        self.registry = registry
        self.worker = Worker(storage, registry, {"q": 4}, JobSettings(**settings))  # type: ignore[arg-type] # floats

    async def run(self, ctx: Context) -> None:
        self.ran.append(ctx.payload)
        if self.fail_with is not None:
            raise self.fail_with

    async def on_dead(self, tx: Session, job: Claimed, failure: Failure) -> None:
        self.died.append(failure.code)

    async def put(self, *specs: JobSpec) -> None:
        await self.storage.database(ONE).write(lambda tx: enqueue(tx, *specs))

    async def dead(self) -> list[letters.DeadLetter]:
        async with self.storage.read(None) as session:
            return await letters.dead_letters(session, ONE, attempts=True)

    async def kernel(self, fn: object) -> None:
        await self.storage.database().write(fn)  # type: ignore[arg-type] # any write function

    async def states(self) -> dict[str, int]:
        async with self.storage.read(None) as session:
            rows = await session.execute(
                text("SELECT state, count(*) FROM kernel_job GROUP BY state")
            )
            return dict(rows.all())


async def test_a_dead_letter_tells_every_attempt_and_runs_again_on_redrive(
    storage: Storage,
) -> None:
    bench = Bench(storage)
    bench.fail_with = EngineUnavailable("the provider said 503", engine="x")
    await bench.put(JobSpec(kind="k", payload={"n": 1}, subject="call-1"))
    await bench.worker.drain(skip_delays=True)

    (letter,) = await bench.dead()
    bench.fail_with = None
    await bench.kernel(
        lambda tx: admin.redrive(tx, ONE, letter.id, actor="ana", overrides={"provider": "y"})
    )
    await bench.worker.drain()

    assert len(letter.attempts) == 2
    assert letter.error_detail == "the provider said 503"
    assert bench.died == ["ENGINE_UNAVAILABLE"]
    assert bench.ran[-1] == {"n": 1, "provider": "y"}
    assert await bench.dead() == []
    assert await bench.states() == {"done": 1}


async def test_what_cannot_help_is_not_redriven_but_can_be_discarded(storage: Storage) -> None:
    bench = Bench(storage)
    bench.fail_with = InputError("corrupt", code="AUDIO_EMPTY")
    await bench.put(JobSpec(kind="k"))
    await bench.worker.drain()
    (letter,) = await bench.dead()

    with pytest.raises(admin.NotRedrivable):
        await bench.kernel(lambda tx: admin.redrive(tx, ONE, letter.id, actor="ana"))
    await bench.kernel(
        lambda tx: admin.discard(tx, ONE, letter.id, actor="ana", reason="a test call")
    )

    assert not letter.redrivable
    assert await bench.dead() == []


async def test_a_foreign_job_is_not_there(storage: Storage) -> None:
    bench = Bench(storage)
    bench.fail_with = InputError("corrupt")
    await bench.put(JobSpec(kind="k"))
    await bench.worker.drain()
    (letter,) = await bench.dead()

    with pytest.raises(admin.JobNotFound):
        await bench.kernel(lambda tx: admin.redrive(tx, TWO, letter.id, actor="eve"))
    with pytest.raises(admin.JobNotFound):
        await bench.kernel(lambda tx: admin.cancel(tx, TWO, uuid4(), actor="eve"))


async def test_a_blocked_queue_goes_on_when_it_is_resumed(storage: Storage) -> None:
    bench = Bench(storage)
    bench.fail_with = EngineAuthError("401", engine="x")
    await bench.put(*(JobSpec(kind="k") for _ in range(20)))
    await bench.worker.drain()
    blocked = await bench.states()

    bench.fail_with = None
    await bench.kernel(lambda tx: admin.resume(tx, ONE, "q", actor="ana"))
    bench.worker._gates_read_ms = 0
    await bench.worker.drain()

    assert blocked == {"queued": 20}
    assert await bench.states() == {"done": 20}


async def test_a_paused_queue_holds_its_jobs(storage: Storage) -> None:
    bench = Bench(storage)
    await bench.put(JobSpec(kind="k"))
    await bench.kernel(lambda tx: admin.pause(tx, ONE, "*", actor="ana", reason="upkeep"))

    await bench.worker.drain()

    assert await bench.states() == {"queued": 1}


async def test_cancel_ends_what_waits_and_what_runs(storage: Storage) -> None:
    started = asyncio.Event()

    async def endless(ctx: Context) -> None:
        started.set()
        await asyncio.Event().wait()

    registry = Registry([JobKind(kind="k", queue="q", handler=endless)])
    storage.shared["registry"] = registry
    worker = Worker(storage, registry, {"q": 1}, JobSettings(lease_s=0.4))
    await storage.database(ONE).write(lambda tx: enqueue(tx, JobSpec(kind="k"), JobSpec(kind="k")))
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    await started.wait()
    async with storage.read(None) as session:
        ids = list(await session.scalars(text("SELECT id FROM kernel_job").columns()))

    for id_ in ids:
        await storage.database().write(
            lambda tx, id_=id_: admin.cancel(tx, ONE, UUID(str(id_)), actor="ana")
        )
    async with asyncio.timeout(10):
        while True:
            async with storage.read(None) as session:
                left = await session.scalar(
                    text("SELECT count(*) FROM kernel_job WHERE state != 'cancelled'")
                )
            if left == 0:
                break
            await asyncio.sleep(0.02)
    stop.set()
    await running

    assert len(ids) == 2


async def test_a_job_that_kills_its_workers_is_poison(storage: Storage) -> None:
    bench = Bench(storage)
    await bench.put(JobSpec(kind="k"))

    for _ in range(3):
        await bench.kernel(
            lambda tx: tx.execute(
                text("UPDATE kernel_job SET state = 'running', lease_until_ms = 1")
            )
        )
        await bench.worker._house()

    (letter,) = await bench.dead()
    assert (letter.error_class, bench.died) == ("poison", ["POISON"])


async def test_a_schedule_enqueues_once_when_it_is_due(storage: Storage) -> None:
    bench = Bench(storage)
    await bench.kernel(
        lambda tx: housekeeping.schedule(
            tx, name="nightly", cron="0 3 * * *", kind="k", payload={"x": 1}, tenant_id=ONE
        )
    )
    await bench.kernel(lambda tx: tx.execute(text("UPDATE kernel_job_schedule SET next_ms = 1000")))

    for _ in range(2):
        await bench.kernel(lambda tx: housekeeping.run_schedules(tx, bench.registry))
    await bench.worker.drain()

    assert bench.ran == [{"x": 1}]


async def test_finished_jobs_are_forgotten_and_dead_ones_kept(storage: Storage) -> None:
    bench = Bench(storage)
    await bench.put(JobSpec(kind="k"))
    await bench.worker.drain()
    bench.fail_with = InputError("corrupt")
    await bench.put(JobSpec(kind="k"))
    await bench.worker.drain()
    await bench.kernel(lambda tx: tx.execute(text("UPDATE kernel_job SET finished_ms = 1000")))

    await bench.kernel(lambda tx: housekeeping.forget_finished(tx, 1))

    assert await bench.states() == {"dead": 1}


async def test_progress_is_kept_with_the_heartbeat(storage: Storage) -> None:
    noted, go_on = asyncio.Event(), asyncio.Event()

    async def slow(ctx: Context) -> None:
        ctx.progress(3, 10, "three of ten")
        noted.set()
        await go_on.wait()

    registry = Registry([JobKind(kind="k", queue="q", handler=slow)])
    storage.shared["registry"] = registry
    worker = Worker(storage, registry, {"q": 1})
    await storage.database(ONE).write(lambda tx: enqueue(tx, JobSpec(kind="k")))
    drained = asyncio.create_task(worker.drain())
    await noted.wait()

    await worker._heartbeat()

    async with storage.read(None) as session:
        (job,) = await admin.jobs_of(session, ONE, "none") or [None]
        progress = await session.scalar(text("SELECT progress FROM kernel_job"))
    go_on.set()
    await drained
    assert job is None
    assert "three of ten" in str(progress)


async def test_every_deed_is_audited(storage: Storage) -> None:
    bench = Bench(storage)
    await bench.kernel(lambda tx: admin.pause(tx, ONE, "q", actor="ana"))
    await bench.kernel(lambda tx: admin.set_share(tx, ONE, "q", weight=5, cap=2, actor="ana"))
    await Sealer(storage, Registry()).seal()

    async with storage.read(None) as session:
        actions = await session.scalars(text("SELECT action FROM kernel_audit ORDER BY seq"))
        assert list(actions) == ["queue.pause", "queue.share"]
