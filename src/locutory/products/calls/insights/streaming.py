"""An answer as server-sent events. Only sentences that stood the check are ever sent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import orjson
from starlette.responses import StreamingResponse

from locutory.kernel.errors import LocutoryError
from locutory.products.calls.insights.service import Conversation

HEARTBEAT_S = 15.0
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def streamed(conversation: Conversation) -> StreamingResponse:
    """The response; its headers go out at once, the sentences when they have been checked."""
    return StreamingResponse(
        _events(conversation), media_type="text/event-stream", headers=_HEADERS
    )


async def _events(conversation: Conversation) -> AsyncIterator[bytes]:
    working = asyncio.create_task(conversation.answer())
    try:
        while not (await asyncio.wait({working}, timeout=HEARTBEAT_S))[0]:
            yield b": still here\n\n"
        answer, whole = await working
    except LocutoryError as error:
        yield _event("error", {"detail": error.detail, "error_code": error.error_code})
        return
    finally:
        # whoever hangs up early does not wait for the model
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError, LocutoryError):
            await working
    for place, sentence in enumerate(answer.sentences):
        yield _event("token", {"text": f" {sentence}" if place else sentence})
    body = whole.model_dump(mode="json")
    yield _event("citations", {"citations": body.pop("citations")})
    body.pop("answer")
    yield _event("done", body)


def _event(name: str, body: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(body))
