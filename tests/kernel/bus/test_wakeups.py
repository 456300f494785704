"""Workers of other processes are woken over the broker; what the broker loses they find alone."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import redis
from tests.brokers import REDIS, forget_redis, need_redis, new_prefix

from locutory.engines.bus import get_bus
from locutory.kernel.auth import people
from locutory.kernel.bus.linking import BusLink
from locutory.kernel.db import Storage
from locutory.kernel.errors import InputError
from locutory.kernel.jobs import Context, JobKind, JobSpec, Registry, Worker, enqueue
from locutory.kernel.settings import BusSettings, JobSettings
from locutory.kernel.telemetry.metrics import Metrics

pytestmark = pytest.mark.both_databases
WITHIN_S = 20.0
NEVER = JobSettings(poll_s=3600.0)


@pytest.fixture
def prefix() -> Iterator[str]:
    need_redis()
    name = new_prefix()
    yield name
    forget_redis(name)


async def business(storage: Storage, slug: str = "demo") -> UUID:
    new = people.NewTenant(slug=slug, name=slug)
    tenant = await storage.database().write(lambda tx: people.create_tenant(tx, new, actor="test"))
    return tenant.id


def linked(storage: Storage, url: str, prefix: str) -> BusLink:
    bus = get_bus(url, prefix)
    return BusLink(bus, storage, BusSettings(), Metrics(), {"transcribe": "transcribe"})


class Place:
    """A worker in a process of its own, as far as wake-ups go: its own storage and broker link."""

    def __init__(self, url: str, broker: str, prefix: str) -> None:
        self.storage = Storage(url)
        self.ran: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.registry = Registry([JobKind(kind="hear", queue="transcribe", handler=self._note)])
        self.storage.shared["registry"] = self.registry
        self.link = linked(self.storage, broker, prefix)
        self._stop = asyncio.Event()

    async def _note(self, ctx: Context) -> None:
        if ctx.payload.get("bad"):
            raise InputError("no good")
        self.ran.put_nowait(ctx.payload)

    async def __aenter__(self) -> "Place":
        await self.storage.open()
        worker = Worker(self.storage, self.registry, {"transcribe": 4}, NEVER)
        self._tasks = [
            asyncio.create_task(one)
            for one in (
                worker.run(self._stop),
                self.link.hear(self._stop, ["transcribe"], None),
                *self.link.tasks(self._stop),
            )
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)
        await self.link.bus.close()
        await self.storage.close()


async def test_a_worker_elsewhere_is_woken_by_a_commit(storage: Storage, prefix: str) -> None:
    tenant_id = await business(storage)
    link = linked(storage, REDIS, prefix)
    stop = asyncio.Event()
    announcing = [asyncio.create_task(one) for one in link.tasks(stop)]
    async with Place(storage.url, REDIS, prefix) as elsewhere:
        storage.shared["registry"] = elsewhere.registry
        async with asyncio.timeout(WITHIN_S):
            for n in range(3):
                spec = JobSpec(kind="hear", payload={"n": n})
                await storage.database(tenant_id).write(lambda tx, one=spec: enqueue(tx, one))
                assert await elsewhere.ran.get() == {"n": n}
    stop.set()
    await asyncio.gather(*announcing)
    await link.bus.close()


async def test_what_a_broker_holds_names_the_job_the_business_and_the_stage(
    storage: Storage, prefix: str
) -> None:
    tenant_id = await business(storage)
    registry = Registry([JobKind(kind="hear", queue="transcribe", handler=_nothing)])
    storage.shared["registry"] = registry
    link = linked(storage, REDIS, prefix)
    (job_id,) = await storage.database(tenant_id).write(
        lambda tx: enqueue(tx, JobSpec(kind="hear"))
    )
    stop = asyncio.Event()
    stop.set()
    await asyncio.gather(*link.tasks(stop))
    await link.bus.close()

    with redis.Redis.from_url(REDIS) as client:
        ((_, fields),) = client.xrange(f"{prefix}transcribe.demo")
    assert json.loads(fields[b"body"]) == {
        "job_id": str(job_id),
        "tenant": "demo",
        "stage": "transcribe",
    }


async def test_a_dead_letter_is_told_to_the_topics_dead_letters(
    storage: Storage, prefix: str
) -> None:
    tenant_id = await business(storage)
    async with Place(storage.url, REDIS, prefix) as place:
        bad = JobSpec(kind="hear", payload={"bad": True})
        db = place.storage.database(tenant_id)
        await db.write(lambda tx: enqueue(tx, bad))
        with redis.Redis.from_url(REDIS) as client:
            grave = {f"{prefix}transcribe.demo.dlq": "0"}
            ((_, found),) = await asyncio.to_thread(client.xread, grave, block=20_000)
    told = json.loads(found[0][1][b"body"])
    assert (told["tenant"], told["stage"], told["error_code"]) == (
        "demo",
        "transcribe",
        "INPUT_UNUSABLE",
    )


async def test_nothing_waits_for_a_broker_that_is_away(storage: Storage) -> None:
    tenant_id = await business(storage)
    async with Place(storage.url, "redis://127.0.0.1:1/0", "") as place:
        db = place.storage.database(tenant_id)
        await db.write(lambda tx: enqueue(tx, JobSpec(kind="hear", payload={"n": 1})))
        async with asyncio.timeout(WITHIN_S):
            assert await place.ran.get() == {"n": 1}


async def _nothing(ctx: Context) -> None:
    """Done at once."""
