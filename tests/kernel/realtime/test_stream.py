"""The stream over a real socket: nothing missed, nothing twice, slow readers harm nobody."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message

from locutory.kernel.db import Storage
from locutory.kernel.events import Event, emit
from locutory.kernel.events.sealer import Sealer
from locutory.kernel.jobs import Registry
from locutory.kernel.realtime import EventStream, Hub

pytestmark = pytest.mark.both_databases
ONE = UUID(int=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Event):
    type: ClassVar[str] = "tick"
    n: int


class Server:
    """The hub and the sealer behind a stream route on a real port."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.hub = Hub(storage)
        self.sealer = Sealer(storage, Registry())

    async def stream(self, request: Request) -> EventStream:
        since = request.headers.get("last-event-id")
        return EventStream(self.hub, ONE, since=None if since is None else int(since))

    async def tell(self, n: int) -> None:
        await self.storage.database(ONE).write(lambda tx: emit(tx, Tick(n=n)))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        stop = asyncio.Event()
        app = Starlette(routes=[Route("/stream", self.stream)])
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
        tasks = [
            asyncio.create_task(job)
            for job in (self.hub.run(stop), self.sealer.run(stop), server.serve())
        ]
        while not server.started:
            await asyncio.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
        stop.set()
        server.should_exit = True
        await asyncio.gather(*tasks)


async def read_events(port: int, since: int | None, count: int) -> list[int]:
    """Connect, read `count` events, hang up without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    last = "" if since is None else f"Last-Event-ID: {since}\r\n"
    writer.write(f"GET /stream HTTP/1.1\r\nHost: x\r\n{last}\r\n".encode())
    seen: list[int] = []
    try:
        async with asyncio.timeout(20):
            while len(seen) < count:
                line = await reader.readline()
                if line.startswith(b"id: "):
                    seen.append(int(line[4:]))
    finally:
        writer.transport.abort()
    return seen


async def test_two_hundred_reconnects_miss_nothing_and_repeat_nothing(storage: Storage) -> None:
    server = Server(storage)
    total = 400
    async with server.running() as port:

        async def produce() -> None:
            for n in range(total):
                await server.tell(n)

        async def consume() -> list[int]:
            seen: list[int] = []
            for _ in range(200):
                seen += await read_events(port, seen[-1] if seen else 0, 2)
            return seen

        _, seen = await asyncio.gather(produce(), consume())

    # a client may have been sent more than it read; what it read is what it resumes from
    assert seen == sorted(set(seen))
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= total


async def test_a_position_that_is_no_longer_kept_gets_a_reset(storage: Storage) -> None:
    server = Server(storage)
    for n in range(3):
        await server.tell(n)
    await server.sealer.seal()
    async with server.running() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 99\r\n\r\n")
        async with asyncio.timeout(10):
            text = await reader.readuntil(b"event: reset")
        writer.transport.abort()

    assert b"id: 3" in text


async def test_who_read_further_in_the_table_than_the_hub_gets_nothing_twice(
    storage: Storage,
) -> None:
    server = Server(storage)
    channel = await server.hub.open(ONE)
    for n in range(3):
        await server.tell(n)
    await server.sealer.seal()
    sent: asyncio.Queue[Message] = asyncio.Queue()
    stop, never = asyncio.Event(), asyncio.Event()

    async def receive() -> Message:
        await never.wait()
        return {"type": "http.disconnect"}

    async def read_until(text: bytes) -> list[int]:
        seen = b""
        while text not in seen:
            seen += (await sent.get()).get("body", b"")
        return [int(number) for number in re.findall(rb"^id: (\d+)", seen, re.MULTILINE)]

    stream = EventStream(server.hub, ONE, since=0)
    async with asyncio.timeout(20):
        client = asyncio.create_task(stream({"type": "http"}, receive, sent.put))
        before = await read_until(b"id: 3")
        while not channel.idle:
            await asyncio.sleep(0)
        assert channel.last_seq == 0
        await server.tell(3)
        await server.sealer.seal()
        hub = asyncio.create_task(server.hub.run(stop))
        after = await read_until(b"id: 4")
        stop.set()
        await asyncio.gather(hub, client)

    assert (before, after) == ([1, 2, 3], [4])


async def test_a_reader_that_stalls_delays_nobody(storage: Storage) -> None:
    server = Server(storage)
    async with server.running() as port:
        _, stalled = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        stalled.write(b"GET /stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n")

        reading = asyncio.create_task(read_events(port, 0, 300))
        for n in range(300):
            await server.tell(n)
        seen = await reading
        stalled.transport.abort()

    assert seen[:300] == list(range(1, 301))
