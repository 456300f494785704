"""Facts: told with their data, numbered without gaps, delivered once in effect, chained."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

import pytest
from sqlalchemy import text

from locutory.kernel.audit import audit, verify
from locutory.kernel.db import Session, Storage
from locutory.kernel.events import Event, emit, subscribe
from locutory.kernel.events.sealer import Sealer
from locutory.kernel.jobs import Context, Registry, Worker
from locutory.kernel.realtime import Hub

pytestmark = pytest.mark.both_databases
ONE, TWO = UUID(int=1), UUID(int=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened(Event):
    type: ClassVar[str] = "test.happened"
    n: int


async def tell(storage: Storage, n: int, tenant: UUID = ONE) -> None:
    await storage.database(tenant).write(lambda tx: emit(tx, Happened(n=n)))


async def numbers(storage: Storage, tenant: UUID) -> list[tuple[int, int]]:
    frames = await Hub(storage).page(tenant, 0)
    return [(frame.seq, frame.payload["n"]) for frame in frames]


async def test_events_are_numbered_per_tenant_without_gaps(storage: Storage) -> None:
    sealer = Sealer(storage, Registry())
    for n in range(3):
        await tell(storage, n)
    await tell(storage, 9, TWO)

    await sealer.seal()
    await tell(storage, 3)
    await sealer.seal()

    assert await numbers(storage, ONE) == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert await numbers(storage, TWO) == [(1, 9)]


async def test_what_is_rolled_back_was_never_told(storage: Storage) -> None:
    async def fail(tx: Session) -> None:
        await emit(tx, Happened(n=1))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await storage.database(ONE).write(fail)

    assert await Sealer(storage, Registry()).seal() == 0


async def test_two_sealers_number_nothing_twice(storage: Storage) -> None:
    sealers = [Sealer(storage, Registry()) for _ in range(2)]
    for n in range(20):
        await tell(storage, n)
        await asyncio.gather(*(sealer.seal() for sealer in sealers))
    await sealers[0].seal()

    assert [seq for seq, _ in await numbers(storage, ONE)] == list(range(1, 21))


async def test_a_subscriber_is_called_once_for_each_event(storage: Storage) -> None:
    seen: list[tuple[UUID, int]] = []

    async def note(ctx: Context, event: Happened) -> None:
        seen.append((ctx.job.tenant_id, event.n))

    registry = Registry()
    sealer = Sealer(storage, registry, (subscribe(Happened, note),))
    storage.shared["registry"] = registry
    worker = Worker(storage, registry, {"events": 4})
    await tell(storage, 1)
    await tell(storage, 2, TWO)

    await sealer.seal()
    await sealer.seal()
    await worker.drain()

    assert sorted(seen) == [(ONE, 1), (TWO, 2)]


async def test_the_audit_chain_shows_a_change(storage: Storage) -> None:
    for n in range(5):
        await storage.database(ONE).write(
            lambda tx, n=n: audit(tx, actor="ana", action="test", object=str(n), n=n)
        )
    await Sealer(storage, Registry()).seal()
    async with storage.read(None) as session:
        assert await verify(session, ONE) is None

    await storage.database().write(
        lambda tx: tx.execute(text("UPDATE kernel_audit SET actor = 'eve' WHERE seq = 3"))
    )

    async with storage.read(None) as session:
        assert await verify(session, ONE) == 3
