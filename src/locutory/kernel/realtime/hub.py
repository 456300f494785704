"""One reader of the event log per tenant and process, shared by all its clients.

A sealed event is read once, encoded once and kept in a ring; clients hold only a position in it.
Clients that have everything are idle, and new frames are pushed to them one after the other: to
wake each one's task for it costs more than the sending. A client that cannot take a frame at once
goes on in its own task. So a slow client costs nothing and delays nobody: it catches up from the
ring, from the table if the ring has moved on, or is told to reload if the table has too.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import orjson
import structlog
from sqlalchemy import bindparam, func, select

from locutory.kernel.db.base import table_of
from locutory.kernel.db.database import Storage
from locutory.kernel.events.models import EventRow
from locutory.kernel.signals import pause

log = structlog.get_logger(__name__)

RING = 1000
HEARTBEAT_S = 7.5  # a silent client hears something after twice this at the latest
_POLL_S = 0.5
_PAGE = 500
_PORTION = 100  # pushes before other tasks have their turn: some 2 ms
_FENCED = {"fenced": True}
_event = table_of(EventRow)
_PAGE_OF = (
    select(_event.c.seq, _event.c.type, _event.c.subject, _event.c.payload)
    .where(_event.c.tenant_id == bindparam("tenant"), _event.c.seq > bindparam("after"))
    .order_by(_event.c.seq)
    .limit(_PAGE)
)
_LAST = select(func.max(_event.c.seq)).where(_event.c.tenant_id == bindparam("tenant"))
_FIRST = select(func.min(_event.c.seq)).where(_event.c.tenant_id == bindparam("tenant"))


@dataclass(frozen=True, slots=True)
class Frame:
    """An event as it goes over the wire, with what filters need."""

    seq: int
    type: str
    subject: str | None
    payload: dict[str, Any]
    data: bytes


Accept = Callable[[Frame], bool]
Narrow = Callable[[list[Frame]], Awaitable[list[Frame]]]


def encode(seq: int, type_: str, payload: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, type_.encode(), orjson.dumps(payload))


class Listener(Protocol):
    """A client that has everything and waits."""

    def push(self, frames: list[Frame], last_seq: int, joined: dict[Accept | None, Any]) -> None:
        """Take the frames past its position, or the heartbeat if there are none.

        `joined` keeps what was made for one filter, for all that share it. Must not block.
        """
        ...

    def wake(self) -> None:
        """Look around: the server stops."""
        ...


class _Channel:
    """A tenant's ring, and its clients that wait for the next frame."""

    def __init__(self, last_seq: int) -> None:
        self.ring: deque[Frame] = deque(maxlen=RING)
        self.last_seq = last_seq
        self.clients = 0
        self.idle: dict[Listener, None] = {}
        self.told_at = time.monotonic()

    async def add(self, frames: list[Frame]) -> None:
        """Keep frames and push them to everybody who waits."""
        self.ring.extend(frames)
        self.last_seq = frames[-1].seq
        await self.tell(frames)

    async def tell(self, frames: list[Frame]) -> None:
        """Push frames, or a heartbeat without any, in portions that leave others their turn."""
        self.told_at = time.monotonic()
        last_seq = self.last_seq
        joined: dict[Accept | None, Any] = {}
        waiting = list(self.idle)
        for start in range(0, len(waiting), _PORTION):
            for listener in waiting[start : start + _PORTION]:
                if listener in self.idle:
                    listener.push(frames, last_seq, joined)
            await asyncio.sleep(0)

    def after(self, seq: int) -> list[Frame] | None:
        """Frames past a position; None if the ring no longer reaches back so far."""
        if seq >= self.last_seq:
            return []
        if not self.ring or self.ring[0].seq > seq + 1:
            return None
        behind = self.last_seq - seq
        if behind == 1:
            return [self.ring[-1]]
        return [frame for frame in self.ring if frame.seq > seq]


class Hub:
    """All channels of a process. `run` keeps them fed."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._channels: dict[UUID, _Channel] = {}
        self.stopping = False

    @property
    def clients(self) -> int:
        """How many clients listen now."""
        return sum(channel.clients for channel in self._channels.values())

    async def run(self, stop: asyncio.Event) -> None:
        """Feed the channels: at once after a commit here, half a second after one elsewhere."""
        try:
            with self._storage.signals.woken(stop, "sealed") as wake:
                while not stop.is_set():
                    wake.clear()
                    await self._feed_all()
                    await pause(wake, _POLL_S if self._channels else 60)
        finally:
            self.stopping = True
            for channel in self._channels.values():
                for listener in list(channel.idle):
                    listener.wake()

    async def _feed_all(self) -> None:
        for tenant_id, channel in list(self._channels.items()):
            try:
                await self._feed(tenant_id, channel)
            except Exception:
                log.exception("cannot read the event log", tenant=str(tenant_id))
            # one clock for all its clients: a timer of their own costs each more than
            # the event that it waits for
            if time.monotonic() - channel.told_at >= HEARTBEAT_S:
                await channel.tell([])

    async def open(self, tenant_id: UUID) -> "_Channel":
        """The tenant's channel, made if nobody listened yet. Close it with `close`."""
        channel = self._channels.get(tenant_id)
        if channel is None:
            last = await self.last_seq(tenant_id)
            channel = self._channels.setdefault(tenant_id, _Channel(last))
        channel.clients += 1
        return channel

    def close(self, tenant_id: UUID, channel: "_Channel") -> None:
        """A client has gone; a channel without clients is dropped."""
        channel.clients -= 1
        if channel.clients == 0:
            self._channels.pop(tenant_id, None)

    async def last_seq(self, tenant_id: UUID) -> int:
        """The newest number of a tenant's log, 0 if there is none."""
        async with self._storage.read(None) as session:
            found = await session.scalar(_LAST, {"tenant": tenant_id}, execution_options=_FENCED)
        return found or 0

    async def first_seq(self, tenant_id: UUID) -> int:
        """The oldest number that is still kept, 0 if there is none."""
        async with self._storage.read(None) as session:
            found = await session.scalar(_FIRST, {"tenant": tenant_id}, execution_options=_FENCED)
        return found or 0

    async def page(self, tenant_id: UUID, after: int) -> list[Frame]:
        """Up to 500 frames past a position, from the table."""
        async with self._storage.read(None) as session:
            rows = await session.execute(
                _PAGE_OF, {"tenant": tenant_id, "after": after}, execution_options=_FENCED
            )
            return [
                Frame(row.seq, row.type, row.subject, row.payload, encode(row[0], row[1], row[3]))
                for row in rows
            ]

    async def _feed(self, tenant_id: UUID, channel: _Channel) -> None:
        while frames := await self.page(tenant_id, channel.last_seq):
            await channel.add(frames)
            if len(frames) < _PAGE:
                return
