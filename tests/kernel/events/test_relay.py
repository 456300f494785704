"""Events on their way to a broker: in order, none lost, told again only after a death."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import redis
from tests.brokers import REDIS, forget_redis, need_redis, new_prefix

from locutory.engines.bus import get_bus
from locutory.kernel.auth import people
from locutory.kernel.auth.slugs import Slugs
from locutory.kernel.bus import Bus, BusUnavailable
from locutory.kernel.db import Database, Storage
from locutory.kernel.events import Event, emit
from locutory.kernel.events import relay as relaying
from locutory.kernel.events.relay import Relay
from locutory.kernel.events.sealer import Sealer
from locutory.kernel.jobs import Registry
from locutory.kernel.telemetry.metrics import Metrics

pytestmark = pytest.mark.both_databases


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened(Event):
    type: ClassVar[str] = "test.happened"
    n: int


@pytest.fixture
def prefix() -> Iterator[str]:
    need_redis()
    name = new_prefix()
    yield name
    forget_redis(name)


async def business(storage: Storage, slug: str) -> Database:
    new = people.NewTenant(slug=slug, name=slug)
    tenant = await storage.database().write(lambda tx: people.create_tenant(tx, new, actor="test"))
    return storage.database(tenant.id)


async def happen(db: Database, *numbers: int) -> None:
    await db.write(lambda tx: emit(tx, *(Happened(n=n) for n in numbers)))
    while await Sealer(db.storage, Registry()).seal():
        pass


def relay(storage: Storage, bus: Bus) -> Relay:
    return Relay(storage, bus, Slugs(storage), Metrics())


def log_of(prefix: str) -> list[dict[str, Any]]:
    with redis.Redis.from_url(REDIS) as client:
        entries = client.xrange(f"{prefix}locutory.events")
    return [json.loads(fields[b"body"]) for _, fields in entries]


def heard(prefix: str, slug: str) -> list[tuple[int, int]]:
    told = [e for e in log_of(prefix) if e["type"] == "test.happened" and e["tenant"] == slug]
    return [(e["sequence"], e["data"]["n"]) for e in told]


async def test_each_tenants_events_are_told_in_order(storage: Storage, prefix: str) -> None:
    one, two = await business(storage, "one"), await business(storage, "two")
    bus = get_bus(REDIS, prefix)
    teller = relay(storage, bus)
    await happen(one, *range(450))
    await happen(two, 7)

    while await teller.tell():
        pass
    await happen(one, 450)
    while await teller.tell():
        pass

    await bus.close()
    assert [n for _, n in heard(prefix, "one")] == list(range(451))
    assert [seq for seq, _ in heard(prefix, "one")] == sorted({s for s, _ in heard(prefix, "one")})
    assert [n for _, n in heard(prefix, "two")] == [7]


async def test_an_event_is_told_as_a_cloud_event(storage: Storage, prefix: str) -> None:
    db = await business(storage, "one")
    bus = get_bus(REDIS, prefix)
    await happen(db, 1)

    await relay(storage, bus).tell()

    await bus.close()
    event = next(e for e in log_of(prefix) if e["type"] == "test.happened")
    assert event.pop("id")
    assert event.pop("time").endswith("Z")
    assert event.pop("sequence") >= 1
    assert event == {
        "specversion": "1.0",
        "source": "/locutory/one",
        "type": "test.happened",
        "datacontenttype": "application/json",
        "tenant": "one",
        "data": {"n": 1},
    }


async def test_one_of_two_relays_works(storage: Storage, prefix: str) -> None:
    db = await business(storage, "one")
    bus = get_bus(REDIS, prefix)
    first, second = relay(storage, bus), relay(storage, bus)
    for n in range(20):
        await happen(db, n)
        await asyncio.gather(first.tell(), second.tell())
    while await first.tell() + await second.tell():
        pass

    await bus.close()
    assert [n for _, n in heard(prefix, "one")] == list(range(20))


async def test_what_a_broker_did_not_take_is_told_when_it_is_back(
    storage: Storage, prefix: str
) -> None:
    db = await business(storage, "one")
    away, back = get_bus("redis://127.0.0.1:1/0"), get_bus(REDIS, prefix)
    await happen(db, 1, 2)
    teller = relay(storage, away)

    with pytest.raises(BusUnavailable):
        await teller.tell()
    teller._bus = back
    while await teller.tell():
        pass

    await away.close()
    await back.close()
    assert [n for _, n in heard(prefix, "one")] == [1, 2]


async def test_a_running_relay_follows_the_log(
    storage: Storage, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # many idle looks between two events, and a lease that nobody outlives
    monkeypatch.setattr(relaying, "_SWEEP_S", 0.01)
    monkeypatch.setattr(relaying, "_LEASE_S", 3600.0)
    db = await business(storage, "one")
    bus = get_bus(REDIS, prefix)
    stop = asyncio.Event()
    running = asyncio.create_task(relay(storage, bus).run(stop))
    with redis.Redis.from_url(REDIS) as client:
        async with asyncio.timeout(30.0):
            for n in range(5):
                await asyncio.to_thread(client.blpop, [f"{prefix}nothing"], 0.05)
                await happen(db, n)
                while (0, n) not in [(0, m) for _, m in heard(prefix, "one")]:
                    last = {f"{prefix}locutory.events": "$"}
                    await asyncio.to_thread(client.xread, last, block=50)
    stop.set()
    await running
    await bus.close()
    assert [n for _, n in heard(prefix, "one")] == list(range(5))
