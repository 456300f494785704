"""A server-sent event stream as a plain ASGI response: one task a client, nothing copied."""

import asyncio
import time
from uuid import UUID

from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from locutory.kernel.realtime.hub import HEARTBEAT_S, RING, Accept, Frame, Hub, encode


class EventStream(Response):
    """Streams a tenant's events from `since` on (None: from now on).

    Every sealed event comes once, in order. A `reset` event says that the client has missed
    what cannot be had any more and must reload.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        hub: Hub,
        tenant_id: UUID,
        *,
        since: int | None = None,
        accept: Accept | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        self._hub = hub
        self._tenant_id = tenant_id
        self._since = since
        self._accept = accept
        self._sent_at = 0.0
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
            await self._send(send, b"retry: 2000\n\n")
            if self._since is None:
                position = channel.last_seq
            else:
                position = await self._catch_up(send, self._since)
            while not self._hub.stopping:
                bell = channel.bell
                frames = channel.after(position)
                if frames is None:
                    position = await self._catch_up(send, position)
                elif frames:
                    await self._send_frames(send, frames)
                    position = frames[-1].seq
                elif time.monotonic() - self._sent_at >= HEARTBEAT_S:
                    await self._send(send, b": still here\n\n")
                else:
                    await bell.wait()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except asyncio.CancelledError as error:
            if error.args != ("gone",):
                raise
            writer.uncancel()
        finally:
            gone.cancel()
            self._hub.close(self._tenant_id, channel)

    async def _catch_up(self, send: Send, position: int) -> int:
        """Send what the table has past the position; `reset` where it no longer reaches back."""
        first = await self._hub.first_seq(self._tenant_id)
        last = await self._hub.last_seq(self._tenant_id)
        if first > position + 1 or position > last or last - position > RING:
            await self._send(send, encode(last, "reset", {"last_seq": last}))
            return last
        while position < last:
            frames = await self._hub.page(self._tenant_id, position)
            if not frames:
                break
            await self._send_frames(send, frames)
            position = frames[-1].seq
        return position

    async def _send_frames(self, send: Send, frames: list[Frame]) -> None:
        if self._accept is not None:
            frames = [frame for frame in frames if self._accept(frame)]
        if frames:
            await self._send(send, b"".join([frame.data for frame in frames]))

    async def _send(self, send: Send, body: bytes) -> None:
        self._sent_at = time.monotonic()
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
