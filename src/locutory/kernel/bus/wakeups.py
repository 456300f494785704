"""Wake-ups of workers over a broker: a message per ready job, sent after the commit that made it.

The row in the database stays the truth: a worker that is woken claims whatever is due by fairness,
and looks by itself each poll interval. So a message may be lost, doubled or late, and a broker
that is down costs a poll interval.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

import orjson

from locutory.kernel.auth.slugs import Slugs
from locutory.kernel.bus.contract import DEAD, Bus, BusUnavailable, Message
from locutory.kernel.bus.reaching import until_reached
from locutory.kernel.db.database import Storage
from locutory.kernel.signals import set_also_by
from locutory.kernel.telemetry.metrics import Metrics

SIGNAL: Final = "jobs"
_MOST_WAITING = 20_000
_BATCH = 500
_LOOK_S = 30.0


class Topics:
    """The names of topics: `transcribe.{bid}` for queues by business, `locutory.{queue}` else."""

    def __init__(self, slugs: Slugs, by_business: Mapping[str, str]) -> None:
        """`by_business` maps a queue to the name that its topics begin with."""
        self._slugs = slugs
        self._by_business = by_business

    async def of(self, queue: str, tenant_id: UUID) -> tuple[str, str]:
        """The topic of a tenant's jobs in a queue, and the tenant's slug; "" for the kernel's."""
        slug = await self._slugs.of(tenant_id)
        return self._name(queue, slug), slug

    async def all_of(
        self, queues: Collection[str], tenants: Collection[UUID] | None
    ) -> frozenset[str]:
        """The topics to hear for work in these queues, of these tenants or of all."""
        found = await self._slugs.all()
        slugs = [s for t, s in found.items() if tenants is None or t in tenants]
        return frozenset(self._name(queue, slug) for queue in queues for slug in ("", *slugs))

    def _name(self, queue: str, slug: str) -> str:
        stage = self._by_business.get(queue)
        return f"locutory.{queue}" if stage is None or not slug else f"{stage}.{slug}"


class Announcer:
    """Sends the wake-ups of what this process commits; the storage tells it after each commit."""

    def __init__(self, bus: Bus, topics: Topics, metrics: Metrics) -> None:
        self._bus = bus
        self._topics = topics
        self._waiting: deque[tuple[str, UUID, dict[str, Any]]] = deque()
        self._wake = asyncio.Event()
        self._sent = metrics.counter(
            "bus_wakeups_total", "Messages to workers over the broker", ("result",)
        )

    def ready(self, rows: Collection[Mapping[str, Any]]) -> None:
        """Jobs that may start now: rows with id, queue and tenant_id."""
        for row in rows:
            self._put(row["queue"], row["tenant_id"], {"job_id": str(row["id"])})

    def dead(self, queue: str, tenant_id: UUID, job_id: UUID, code: str) -> None:
        """A job that became a dead letter: told to the topic's dead letters."""
        self._put(queue, tenant_id, {"job_id": str(job_id), "error_code": code})

    def _put(self, queue: str, tenant_id: UUID, body: dict[str, Any]) -> None:
        if len(self._waiting) == _MOST_WAITING:
            self._sent.labels("dropped").inc()
            self._waiting.popleft()
        self._waiting.append((queue, tenant_id, body))
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send what waits until `stop`, and then what is left, once."""
        with set_also_by(stop, self._wake):
            while not stop.is_set():
                await self._wake.wait()
                self._wake.clear()
                await until_reached(self._send_all, stop)
        with contextlib.suppress(BusUnavailable):
            await self._send_all()

    async def _send_all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            try:
                await self._bus.send([await self._message(*one) for one in batch])
            except BaseException:
                room = _MOST_WAITING - len(self._waiting)
                self._waiting.extendleft(reversed(batch[:room]))
                raise
            self._sent.labels("sent").inc(len(batch))

    async def _message(self, queue: str, tenant_id: UUID, body: dict[str, Any]) -> Message:
        topic, slug = await self._topics.of(queue, tenant_id)
        whole = {**body, "tenant": slug, "stage": topic.partition(".")[0] if slug else queue}
        return Message(
            id=body["job_id"],
            topic=topic + DEAD if "error_code" in body else topic,
            body=orjson.dumps(whole),
            key=slug,
        )


class Wakened:
    """Hears the wake-ups of a worker's topics and passes them to the signals of this process."""

    def __init__(
        self,
        bus: Bus,
        topics: Topics,
        storage: Storage,
        queues: Collection[str],
        tenants: Collection[UUID] | None = None,
    ) -> None:
        self._bus = bus
        self._topics = topics
        self._storage = storage
        self._queues = queues
        self._tenants = tenants

    async def run(self, stop: asyncio.Event) -> None:
        """Hear until `stop`; look for new businesses now and then."""
        ending = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                await until_reached(lambda: self._hear(ending), stop)
        finally:
            ending.cancel()

    async def _hear(self, ending: "asyncio.Task[Any]") -> None:
        topics = await self._topics.all_of(self._queues, self._tenants)
        hearing = asyncio.create_task(self._bus.hear(topics, self._heard))
        try:
            while not ending.done():
                await asyncio.wait({hearing, ending}, timeout=_LOOK_S, return_when=_FIRST)
                if hearing.done():
                    return hearing.result()
                if await self._topics.all_of(self._queues, self._tenants) != topics:
                    return None
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    def _heard(self, topic: str, body: bytes) -> None:
        told = orjson.loads(body)  # its error is a ValueError
        if not isinstance(told, dict) or "job_id" not in told:
            raise ValueError(f"no wake-up came to {topic}")
        self._storage.signals.notify((SIGNAL,))


_FIRST = asyncio.FIRST_COMPLETED
