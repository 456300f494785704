"""A server-sent event stream as a plain ASGI response: one task a client, nothing copied."""

import asyncio
import time
from collections.abc import Awaitable, Generator
from functools import partial
from typing import Any
from uuid import UUID

from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from locutory.kernel.realtime.hub import HEARTBEAT_S, RING, Accept, Frame, Hub, Narrow, encode


class EventStream(Response):
    """Streams a tenant's events from `since` on (None: from now on).

    Every sealed event comes once, in order. A `reset` event says that the client has missed
    what cannot be had any more and must reload. `accept` judges an event by itself; `narrow`
    may look up who is to see those that are left.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        hub: Hub,
        tenant_id: UUID,
        *,
        since: int | None = None,
        accept: Accept | None = None,
        narrow: Narrow | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        self._hub = hub
        self._tenant_id = tenant_id
        self._since = since
        self._accept = accept
        self._narrow = narrow
        self.status_code = 200
        self.background = background
        self.body = b""
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # a stream has no length
        headers = [(k, v) for k, v in self.raw_headers if k != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.create_task(_until_disconnect(receive))
        channel = await self._hub.open(self._tenant_id)
        writer = asyncio.current_task()
        assert writer is not None
        gone.add_done_callback(lambda task: None if task.cancelled() else writer.cancel("gone"))
        try:
            await send(_body(b"retry: 2000\n\n"))
            client = _Client(send, self._accept, self._narrow)
            if self._since is None:
                client.position = channel.last_seq
            else:
                client.position = await self._catch_up(client, self._since)
            while not self._hub.stopping:
                frames = channel.after(client.position)
                if frames is None:
                    client.position = await self._catch_up(client, client.position)
                elif frames:
                    await client.send_frames(frames)
                else:
                    channel.idle[client] = None
                    try:
                        await client.idle()
                    finally:
                        channel.idle.pop(client, None)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except asyncio.CancelledError as error:
            if error.args != ("gone",):
                raise
            writer.uncancel()
        finally:
            gone.cancel()
            self._hub.close(self._tenant_id, channel)

    async def _catch_up(self, client: "_Client", position: int) -> int:
        """Send what the table has past the position; `reset` where it no longer reaches back."""
        first = await self._hub.first_seq(self._tenant_id)
        last = await self._hub.last_seq(self._tenant_id)
        if first > position + 1 or position > last or last - position > RING:
            await client.send(_body(encode(last, "reset", {"last_seq": last})))
            return last
        while position < last:
            frames = await self._hub.page(self._tenant_id, position)
            if not frames:
                break
            await client.send_frames(frames)
            position = frames[-1].seq
        return position


class _Client:
    """One client's place in the stream; a `Listener` while it waits."""

    __slots__ = ("_accept", "_narrow", "_woken", "position", "send", "sent_at")

    def __init__(self, send: Send, accept: Accept | None, narrow: Narrow | None) -> None:
        self.send = send
        self.position = 0
        self.sent_at = time.monotonic()
        self._accept = accept
        self._narrow = narrow
        self._woken: asyncio.Future[Awaitable[None] | None] | None = None

    async def send_frames(self, frames: list[Frame]) -> None:
        """Send those that the filter lets through, and note the position."""
        seen = frames
        if self._narrow is not None:
            accept = self._accept
            seen = await self._narrow([f for f in frames if accept is None or accept(f)])
        body = _joined(seen, self._accept)
        if body:
            self.sent_at = time.monotonic()
            await self.send(_body(body))
        self.position = frames[-1].seq

    async def idle(self) -> None:
        """Wait until a push needs more than a moment, or until woken."""
        self._woken = asyncio.get_running_loop().create_future()
        rest = await self._woken
        if rest is not None:
            await rest

    def push(self, frames: list[Frame], last_seq: int, joined: dict[Accept | None, Any]) -> None:
        """Send at once what the socket takes at once; else the client's own task goes on."""
        if self._woken is None or self._woken.done():
            return
        if not frames:
            if time.monotonic() - self.sent_at >= HEARTBEAT_S:
                self._start(_HEARTBEAT)
            return
        if self.position >= last_seq:
            return
        # a look-up takes more than a moment; and who has caught up from the table may have read
        # what the channel is only now told of, and needs less than the others
        if self._narrow is not None or self.position >= frames[0].seq:
            self.wake()
            return
        message = joined.get(self._accept)
        if message is None:
            message = joined[self._accept] = _body(_joined(frames, self._accept))
        self.position = last_seq
        if message["body"]:
            self._start(message)

    def wake(self) -> None:
        """Let the client's own task look around."""
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def _start(self, message: Message) -> None:
        """Run the sending up to where it waits; mostly that is its end, and no task was woken."""
        assert self._woken is not None
        self.sent_at = time.monotonic()
        sending = self.send(message).__await__()
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return
        except Exception as error:
            self._woken.set_exception(error)
        else:
            self._woken.set_result(_Rest(sending, waits_for))


class _Rest:
    """What is left of an awaitable that was begun elsewhere; await it to go on."""

    def __init__(self, begun: Generator[Any, Any, None], waits_for: Any) -> None:
        self._begun = begun
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        while True:
            try:
                got = yield waits_for
            except BaseException as error:
                step = partial(self._begun.throw, error)
            else:
                step = partial(self._begun.send, got)
            try:
                waits_for = step()
            except StopIteration:
                return


def _body(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}


_HEARTBEAT = _body(b": still here\n\n")


def _joined(frames: list[Frame], accept: Accept | None) -> bytes:
    return b"".join([frame.data for frame in frames if accept is None or accept(frame)])


async def _until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
