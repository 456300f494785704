"""Many tenants on one worker: who waits for whom, counted in jobs, not in seconds."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest
from sqlalchemy import text

from locutory.kernel.db import Storage
from locutory.kernel.errors import EngineUnavailable
from locutory.kernel.jobs import Context, JobKind, JobSpec, Registry, Worker, admin, enqueue
from locutory.kernel.jobs.contract import Priority
from locutory.kernel.jobs.fairness import Share

pytestmark = pytest.mark.both_databases
ONE, TWO = UUID(int=1), UUID(int=2)


class Shop:
    """A worker whose jobs run until they are told to end; `started` holds their tenants."""

    def __init__(self, storage: Storage, slots: int) -> None:
        self.storage = storage
        self.started: list[Context] = []
        self.running: dict[UUID, asyncio.Event] = {}
        registry = Registry([JobKind(kind="k", queue="q", handler=self.run)])
        storage.shared["registry"] = registry
        self.worker = Worker(storage, registry, {"q": slots})

    async def run(self, ctx: Context) -> None:
        self.started.append(ctx)
        event = self.running[ctx.job.id] = asyncio.Event()
        await event.wait()
        del self.running[ctx.job.id]

    async def put(self, tenant: UUID, count: int, priority: int = Priority.NORMAL) -> None:
        db = self.storage.database(tenant)
        specs = [JobSpec(kind="k", priority=priority) for _ in range(count)]
        for first in range(0, count, 2000):
            await db.write(lambda tx, part=specs[first : first + 2000]: enqueue(tx, *part))

    async def turn(self) -> None:
        """Claim what there are slots for, and let it begin."""
        await self.worker._tick()
        await asyncio.sleep(0)

    async def end(self, count: int) -> None:
        """End the jobs that run longest, one by one, each slot filled before the next ends."""
        for _ in range(count):
            oldest = next(c.job.id for c in self.started if c.job.id in self.running)
            self.running[oldest].set()
            while oldest in self.worker._running:
                await asyncio.sleep(0)
            await self.turn()

    async def close(self) -> None:
        for event in list(self.running.values()):
            event.set()
        while self.worker._running:
            await asyncio.sleep(0)

    def held(self) -> Counter[UUID]:
        return Counter(c.job.tenant_id for c in self.started if c.job.id in self.running)


async def test_one_call_behind_twenty_thousand_is_next(storage: Storage) -> None:
    shop = Shop(storage, slots=8)
    await shop.put(ONE, 20_000)
    await shop.turn()
    await shop.put(TWO, 1)

    await shop.end(1)

    assert len(shop.started) == 9
    assert shop.started[-1].job.tenant_id == TWO
    await shop.close()


async def test_four_with_a_backlog_get_a_quarter_each(storage: Storage) -> None:
    shop = Shop(storage, slots=8)
    tenants = [UUID(int=n) for n in range(1, 5)]
    for tenant in tenants:
        await shop.put(tenant, 80)
    await shop.turn()

    await shop.end(200)

    served = Counter(c.job.tenant_id for c in shop.started[:200])
    assert sum(served.values()) == 200
    assert all(44 <= served[tenant] <= 56 for tenant in tenants)
    await shop.close()


async def test_backfill_holds_half_of_the_slots_while_fresh_calls_wait(storage: Storage) -> None:
    shop = Shop(storage, slots=8)
    await shop.put(ONE, 40, Priority.BACKFILL)
    await shop.turn()
    alone = shop.held()

    await shop.put(TWO, 40)
    await shop.storage.database().write(
        lambda tx: admin.set_share(tx, ONE, "q", weight=10, cap=None, actor="ana")
    )
    shop.worker._gates_read_ms = 0
    await shop.end(16)

    assert alone == {ONE: 8}
    assert shop.held() == {ONE: 4, TWO: 4}
    await shop.close()


async def test_backfill_takes_every_slot_that_fresh_calls_leave(storage: Storage) -> None:
    shop = Shop(storage, slots=8)
    await shop.put(ONE, 40, Priority.BACKFILL)
    await shop.put(ONE, 2)
    await shop.put(TWO, 1)

    await shop.turn()
    await shop.turn()

    assert sum(shop.held().values()) == 8
    fresh = [c for c in shop.started if c.job.priority == Priority.NORMAL]
    assert len(fresh) == 3
    await shop.close()


async def test_a_tenants_own_patience_replaces_the_kinds(storage: Storage) -> None:
    async def fails(ctx: Context) -> None:
        raise EngineUnavailable("503", engine="x")

    async def hangs(ctx: Context) -> None:
        await asyncio.Event().wait()

    registry = Registry(
        [
            JobKind(kind="fails", queue="q", handler=fails, max_attempts=6),
            JobKind(kind="hangs", queue="slow", handler=hangs, max_attempts=6),
        ]
    )
    storage.shared["registry"] = registry
    worker = Worker(storage, registry, {"q": 1, "slow": 1})

    async def set_up(tx: object) -> None:
        await admin.put_share(tx, ONE, "q", Share(max_attempts=2))  # type: ignore[arg-type]
        await admin.put_share(tx, ONE, "slow", Share(max_attempts=1, timeout_s=1))  # type: ignore[arg-type]

    await storage.database().write(set_up)
    for kind in ("fails", "hangs"):
        await storage.database(ONE).write(lambda tx, kind=kind: enqueue(tx, JobSpec(kind=kind)))

    await worker.drain(skip_delays=True)

    async with storage.read(None) as session:
        rows = await session.execute(
            text("SELECT kind, state, attempts, error_code FROM kernel_job ORDER BY kind")
        )
        assert [tuple(row) for row in rows] == [
            ("fails", "dead", 2, "ENGINE_UNAVAILABLE"),
            ("hangs", "dead", 1, "TIMEOUT"),
        ]
