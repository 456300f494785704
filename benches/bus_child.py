"""One measured run around a broker, in a process of its own."""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import uvloop
from sqlalchemy import text

from benches.common import Figures
from benches.queue_child import cpu_s
from locutory.engines.bus import get_bus
from locutory.kernel.auth import people
from locutory.kernel.auth.slugs import Slugs
from locutory.kernel.bus import Bus, Message
from locutory.kernel.db import Storage
from locutory.kernel.db.migrate import migrate
from locutory.kernel.events import Event, emit
from locutory.kernel.events.relay import EVENTS_AT_ONCE, Relay
from locutory.kernel.events.sealer import Sealer
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import Registry
from locutory.kernel.telemetry.metrics import Metrics

_AT_ONCE = 200  # events of a commit while a backlog is made
_FENCED = {"fenced": True}
_SENT = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
INSERT INTO kernel_event (id, tenant_id, seq, type, payload, at_ms)
SELECT printf('%032x', i), :tenant, i, 'bench.happened', '{"n"\\:1}', 1 FROM n
"""
_HEADS = (
    "INSERT INTO kernel_seal (tenant_id, log, seq, hash) VALUES (:tenant, 'event', :count, '')"
    " ON CONFLICT (tenant_id, log) DO UPDATE SET seq = excluded.seq",
    "INSERT INTO kernel_relay (tenant_id, seq) VALUES (:tenant, :count)"
    " ON CONFLICT (tenant_id) DO UPDATE SET seq = excluded.seq",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened(Event):
    type: ClassVar[str] = "bench.happened"
    n: int
    callid: str = "c-000000000000"
    status: str = "done"


@dataclass
class House:
    """A database with one business, and a broker."""

    storage: Storage
    tenant_id: UUID
    bus: Bus

    def relay(self) -> Relay:
        return Relay(self.storage, self.bus, Slugs(self.storage), Metrics())

    async def happen(self, count: int) -> None:
        """So many events, numbered."""
        db = self.storage.database(self.tenant_id)
        for start in range(0, count, _AT_ONCE):
            events = [Happened(n=n) for n in range(start, min(count, start + _AT_ONCE))]
            await db.write(lambda tx, some=events: emit(tx, *some))
        while await Sealer(self.storage, Registry()).seal():
            pass


@asynccontextmanager
async def house(url: str) -> AsyncIterator[House]:
    with tempfile.TemporaryDirectory(prefix="locutory-bench-") as folder:
        database = f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}"
        await asyncio.to_thread(migrate, database)
        storage, bus = Storage(database), get_bus(url, f"b{new_id().hex[-8:]}.")
        await storage.open()
        new = people.NewTenant(slug="bench", name="Bench")
        tenant = await storage.database().write(
            lambda tx: people.create_tenant(tx, new, actor="bench")
        )
        yield House(storage, tenant.id, bus)
        await bus.close()
        await storage.close()


async def relayed(url: str, count: int) -> Figures:
    """A backlog told by the relay: from the database to the broker's confirmation."""
    async with house(url) as at:
        await at.bus.check()
        await at.happen(count)
        relay, told, began = at.relay(), 0, time.perf_counter()
        while some := await relay.tell():
            told += some
        seconds = time.perf_counter() - began
    if told < count:
        raise RuntimeError(f"{told} of {count} events were told")
    return {"per_s": told / seconds}


async def published(url: str, count: int) -> Figures:
    """The same messages from memory, as many at once."""
    body = json.dumps({"specversion": "1.0", "data": {"n": 1}, "fill": "x" * 230}).encode()
    bus = get_bus(url, f"b{new_id().hex[-8:]}.")
    await bus.check()
    began = time.perf_counter()
    for start in range(0, count, EVENTS_AT_ONCE):
        many = range(start, min(count, start + EVENTS_AT_ONCE))
        await bus.tell(
            [Message(id=f"m{n}", topic="bench.happened", key="bench", body=body) for n in many]
        )
    seconds = time.perf_counter() - began
    await bus.close()
    return {"per_s": count / seconds}


async def delay(url: str, per_s: float, seconds: float) -> Figures:
    """From each commit to the broker's confirmation, beside that of a publish without database."""
    reached: dict[int, float] = {}
    begun: dict[int, float] = {}
    async with house(url) as at:

        class Watched:
            """The broker, noting when it has confirmed which event."""

            name = at.bus.name

            async def tell(self, messages: list[Message]) -> None:
                await at.bus.tell(messages)
                now = time.perf_counter()
                for message in messages:
                    data = json.loads(message.body)["data"]
                    if "n" in data:
                        reached.setdefault(data["n"], now)

        relay = Relay(at.storage, Watched(), Slugs(at.storage), Metrics())  # type: ignore[arg-type]
        sealer, stop = Sealer(at.storage, Registry()), asyncio.Event()
        running = [asyncio.create_task(part.run(stop)) for part in (sealer, relay)]
        db, count = at.storage.database(at.tenant_id), int(per_s * seconds)

        async def one(n: int) -> None:
            await db.write(lambda tx: emit(tx, Happened(n=n)))
            begun[n] = time.perf_counter()

        await asyncio.sleep(1.5)  # the relay has taken its lease
        tasks, next_at = [], time.perf_counter()
        for n in range(count):
            next_at += random.expovariate(per_s)
            await asyncio.sleep(max(0.0, next_at - time.perf_counter()))
            tasks.append(asyncio.create_task(one(n)))
        await asyncio.gather(*tasks)
        while len(reached) < count:
            await asyncio.sleep(0.01)
        alone = []
        for n in range(min(count, 500)):
            began = time.perf_counter()
            await at.bus.tell([Message(id=f"x{n}", topic="bench.alone", body=b"{}")])
            alone.append(time.perf_counter() - began)
        stop.set()
        await asyncio.gather(*running)
    late = sorted((reached[n] - begun[n]) * 1000 for n in range(count))
    plain = statistics.median(alone) * 1000
    return {
        "p50_ms": max(0.0, statistics.median(late) - plain),
        "p99_ms": late[int(len(late) * 0.99)] - plain,
        "plain_ms": plain,
    }


async def resting(url: str, seconds: float) -> Figures:
    """The processor's time of a relay that has nothing to tell."""
    async with house(url) as at:
        stop = asyncio.Event()
        running = asyncio.create_task(at.relay().run(stop))
        await asyncio.sleep(1.0)
        before = cpu_s()
        await asyncio.sleep(seconds)
        used = cpu_s() - before
        stop.set()
        await running
    return {"percent": 100 * used / seconds}


async def behind(url: str, sent: int, count: int) -> Figures:
    """The processor's time of telling some events beside so many that were told before."""
    async with house(url) as at:
        if sent:
            tenant = at.tenant_id.hex

            async def fill(tx) -> None:  # type: ignore[no-untyped-def]
                values = {"tenant": tenant, "count": sent}
                await tx.execute(text("DELETE FROM kernel_event"), execution_options=_FENCED)
                for statement in (_SENT, *_HEADS):
                    await tx.execute(text(statement), values, execution_options=_FENCED)

            await at.storage.database().write(fill)
        await at.happen(count)
        relay, before = at.relay(), cpu_s()
        while await relay.tell():
            pass
        return {"cpu_s": cpu_s() - before}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["relayed", "published", "delay", "resting", "behind"])
    parser.add_argument("--url", required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--sent", type=int, default=0)
    parser.add_argument("--per-s", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=5.0)
    asked = parser.parse_args()
    run = {
        "relayed": lambda: relayed(asked.url, asked.count),
        "published": lambda: published(asked.url, asked.count),
        "delay": lambda: delay(asked.url, asked.per_s, asked.seconds),
        "resting": lambda: resting(asked.url, asked.seconds),
        "behind": lambda: behind(asked.url, asked.sent, asked.count),
    }[asked.what]
    print(json.dumps(uvloop.run(run())))


if __name__ == "__main__":
    main()
