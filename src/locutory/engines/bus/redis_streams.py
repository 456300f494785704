"""Redis Streams: a stream and one group of listeners per topic, one stream for events."""

import asyncio
import socket
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError, ResponseError

from locutory.kernel.bus.contract import DEAD, EVENTS, GROUP, BusUnavailable, Heard, Message
from locutory.kernel.errors import first_line
from locutory.kernel.ids import new_id

_MOST = 100_000  # entries of a stream; older ones go
_COUNT = 200
_BLOCK_S = 5.0
_WAIT_S = 10.0
Entries = Sequence[tuple[bytes, dict[bytes, bytes]]]
_FAILURES = (RedisError, OSError, TimeoutError)


class RedisStreams:
    """A Redis server at `redis[s]://user:password@host:port/db`."""

    name = "redis"

    def __init__(self, url: str, prefix: str = "") -> None:
        """`prefix` is put before every name, for servers that several installations share."""
        self._url = url
        self._prefix = prefix
        self._client = self._connect(_WAIT_S)

    async def send(self, messages: Sequence[Message]) -> None:
        """Append to the topics' streams in one round trip."""
        await self._append([(self._prefix + m.topic, _fields(m)) for m in messages])

    async def tell(self, messages: Sequence[Message]) -> None:
        """Append to the stream of events; an entry's field `type` is the event's."""
        stream = self._prefix + EVENTS
        await self._append([(stream, {"type": m.topic, **_fields(m)}) for m in messages])

    async def hear(self, topics: Collection[str], heard: Heard) -> None:
        """Read the topics' streams as one of the group `locutory`.

        Entries are deleted as they are read, so that a stream's length is what nobody has heard.
        """
        consumer = f"{socket.gethostname()}-{new_id().hex[-8:]}"
        client = self._connect(_BLOCK_S + _WAIT_S)
        me = asyncio.current_task()
        streams: dict[Any, Any] = dict.fromkeys((self._prefix + t for t in topics), ">")
        async with client, _told():
            for stream in streams:
                await _ensure_group(client, stream)
            while True:
                found: Any = await client.xreadgroup(
                    GROUP, consumer, streams, count=_COUNT, block=int(_BLOCK_S * 1000), noack=True
                )
                for name, entries in found or ():
                    await self._pass_on(client, name.decode(), entries, heard)
                    if me is not None and me.cancelling():
                        # the client can lose a cancellation that comes together with an answer
                        raise asyncio.CancelledError

    async def check(self) -> None:
        """Ping."""
        async with _told():
            await self._client.ping()

    async def close(self) -> None:
        """Close the pool."""
        await self._client.aclose()

    async def _append(self, entries: Sequence[tuple[str, dict[Any, Any]]]) -> None:
        async with _told(), self._client.pipeline(transaction=False) as pipe:
            for stream, fields in entries:
                pipe.xadd(stream, fields, maxlen=_MOST, approximate=True)
            await pipe.execute()

    async def _pass_on(self, client: Any, stream: str, entries: Entries, heard: Heard) -> None:
        topic = stream.removeprefix(self._prefix)
        async with client.pipeline(transaction=False) as pipe:
            for id_, fields in entries:
                try:
                    heard(topic, fields.get(b"body", b""))
                except ValueError:
                    pipe.xadd(stream + DEAD, fields, maxlen=_MOST, approximate=True)
                pipe.xdel(stream, id_)
            await pipe.execute()

    def _connect(self, wait_s: float) -> "redis.Redis":
        return redis.Redis.from_url(
            self._url, socket_connect_timeout=_WAIT_S, socket_timeout=wait_s, protocol=2
        )


def _fields(message: Message) -> dict[Any, Any]:
    return {"id": message.id, "key": message.key, "body": message.body}


async def _ensure_group(client: Any, stream: str) -> None:
    try:
        await client.xgroup_create(stream, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


@asynccontextmanager
async def _told() -> AsyncIterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise BusUnavailable(f"Redis: {first_line(error)}") from error
