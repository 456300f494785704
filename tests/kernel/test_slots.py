"""Slots of a provider that all processes share: never more at once, fewer when it asks for that."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from sqlalchemy import text
from tests.stubs.vendor import Answer, Request, VendorStub, served

from locutory.kernel.db import Storage
from locutory.kernel.errors import EngineThrottled, EngineUnavailable, ErrorClass
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import HttpSettings, ProviderSettings
from locutory.kernel.slots import ProviderSlots, SlotsTakenError
from locutory.kernel.slots.table import CLEAN_MS, Allowance

pytestmark = pytest.mark.both_databases
NAME = "vendor"


class BusyStub(VendorStub):
    """Keeps every request until it is let go; `most` is how many there were at once."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = self.most = 0
        self.gate = threading.Semaphore(0)

    def answer(self, request: Request) -> Answer:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.gate.acquire(timeout=30)
        with self.lock:
            self.inside -= 1
        return Answer(200, {})


class Process:
    """What a process has of its own: connections to the database and to the provider."""

    def __init__(self, storage: Storage, url: str, **settings: float) -> None:
        self.storage, self.url = storage, url
        given = ProviderSettings.model_validate({"limits": {NAME: 4}, **settings})
        self.slots = ProviderSlots(storage, given, wait_s=20)
        self.http = HttpClient(HttpSettings())

    async def ask(self) -> None:
        async with self.slots.slot(NAME):
            await self.http.post_json(self.url, {}, engine=NAME)

    async def allowed(self) -> float:
        async with self.storage.read(None) as session:
            found = await session.execute(text("SELECT allowed FROM kernel_provider"))
            return float(found.scalar_one())

    async def has_looked(self) -> None:
        async with asyncio.timeout(30):
            while True:
                async with self.storage.read(None) as session:
                    known = await session.execute(text("SELECT count(*) FROM kernel_provider"))
                    if known.scalar_one():
                        return

    async def change(self, sql: str) -> None:
        await self.storage.database().write(lambda tx: tx.execute(text(sql)))


@pytest.fixture
def busy() -> Iterator[BusyStub]:
    with served(BusyStub()) as stub:
        yield stub


@pytest.fixture
async def processes(database_url: str, busy: BusyStub) -> AsyncIterator[list[Process]]:
    found = []
    for _ in range(2):
        storage = Storage(database_url)
        await storage.open()
        found.append(Process(storage, busy.url))
    yield found
    for process in found:
        process.slots.close()
        await process.http.close()
        await process.storage.close()


async def reached(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.005)


async def test_two_processes_have_no_more_calls_at_once_than_the_limit(
    processes: list[Process], busy: BusyStub
) -> None:
    calls = [asyncio.create_task(processes[n % 2].ask()) for n in range(12)]

    for done in range(12):
        await reached(lambda done=done: busy.inside == min(4, 12 - done))  # type: ignore[misc]
        busy.gate.release()
        await reached(lambda done=done: sum(c.done() for c in calls) == done + 1)  # type: ignore[misc]
    await asyncio.gather(*calls)

    assert busy.most == 4
    async with processes[0].storage.read(None) as session:
        left = await session.execute(text("SELECT count(*) FROM kernel_provider_slot"))
        assert left.scalar_one() == 0


async def test_a_provider_that_asks_for_less_gets_less_once_for_one_burst(
    processes: list[Process],
) -> None:
    together = asyncio.Barrier(3)

    async def throttled(process: Process) -> None:
        async with process.slots.slot(NAME):
            await together.wait()
            raise EngineThrottled("too fast", engine=NAME)

    burst = await asyncio.gather(
        *(throttled(processes[n % 2]) for n in range(3)), return_exceptions=True
    )
    after_burst = await processes[0].allowed()
    with pytest.raises(EngineThrottled):
        async with processes[1].slots.slot(NAME):
            raise EngineThrottled("still too fast", engine=NAME)

    assert [type(one) for one in burst] == [EngineThrottled] * 3
    assert after_burst == pytest.approx(2.8)
    assert await processes[0].allowed() == pytest.approx(1.96)


async def test_other_failures_leave_the_limit(processes: list[Process]) -> None:
    with pytest.raises(EngineUnavailable):
        async with processes[0].slots.slot(NAME):
            raise EngineUnavailable("down", engine=NAME)

    assert await processes[0].allowed() == 4


async def test_slots_of_a_process_that_died_are_free_when_their_leases_run_out(
    processes: list[Process], busy: BusyStub
) -> None:
    await processes[0].change(
        "INSERT INTO kernel_provider_slot (id, provider, taken_ms, until_ms) VALUES"
        + ",".join(f"('{n:032x}', '{NAME}', 0, 9000000000000)" for n in range(4))
    )
    waiting = asyncio.create_task(processes[1].ask())
    await processes[1].has_looked()
    none_yet = busy.inside
    await processes[0].change("UPDATE kernel_provider_slot SET until_ms = 1")

    busy.gate.release()
    await waiting

    assert none_yet == 0
    assert busy.most == 1


async def test_who_waits_too_long_is_told_so_and_takes_nothing(storage: Storage) -> None:
    slots = ProviderSlots(storage, ProviderSettings(most=1))
    hasty = ProviderSlots(storage, ProviderSettings(most=1), wait_s=0)

    async with slots.slot(NAME):
        with pytest.raises(SlotsTakenError) as caught:
            async with hasty.slot(NAME):
                pass
    async with slots.slot(NAME):
        pass

    assert caught.value.cls is ErrorClass.THROTTLED
    slots.close()
    hasty.close()


async def test_a_lease_is_renewed_for_as_long_as_the_call_lasts(storage: Storage) -> None:
    slots = ProviderSlots(storage, ProviderSettings(most=1, lease_s=0.3))

    async def until_ms() -> int:
        async with storage.read(None) as session:
            found = await session.execute(text("SELECT until_ms FROM kernel_provider_slot"))
            return int(found.scalar_one())

    async with slots.slot(NAME), asyncio.timeout(30):
        first = await until_ms()
        while await until_ms() == first:
            await asyncio.sleep(0.01)

    slots.close()


async def test_a_call_that_is_cancelled_while_it_waits_takes_nothing(storage: Storage) -> None:
    slots = ProviderSlots(storage, ProviderSettings(most=1))
    async with slots.slot(NAME):
        waiting = asyncio.create_task(slots.slot(NAME).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    async with slots.slot(NAME):
        pass
    slots.close()


@pytest.mark.parametrize(
    ("allowed", "clean_ms", "expected"),
    [
        (2.8, CLEAN_MS - 1, 2.8),
        (2.8, CLEAN_MS, 3.8),
        (2.8, 3 * CLEAN_MS, 5.8),
        (2.8, 1000 * CLEAN_MS, 10.0),
        (20.0, 0, 10.0),
    ],
)
def test_a_limit_rises_by_one_for_each_clean_half_minute(
    allowed: float, clean_ms: int, expected: float
) -> None:
    fell = Allowance(allowed, lowered_ms=1_000_000, raised_ms=500_000)

    assert fell.at(1_000_000 + clean_ms, 10).allowed == pytest.approx(expected)


def test_a_limit_rises_by_the_same_however_often_it_is_looked_at() -> None:
    often = once = Allowance(1.0, lowered_ms=0, raised_ms=0)
    for at_ms in range(0, 10 * CLEAN_MS + 1, 7_000):
        often = often.at(at_ms, 100)

    assert often.at(10 * CLEAN_MS, 100) == once.at(10 * CLEAN_MS, 100)
    assert often.lowered(1).allowed == pytest.approx(0.7 * often.allowed)
    assert Allowance(1.0, 0, 0).lowered(1).allowed == 1.0
