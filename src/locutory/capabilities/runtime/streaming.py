"""Answers as server-sent events, by our own names and in OpenAI's form."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final

import orjson
from starlette.responses import StreamingResponse

from locutory.capabilities.runtime.openai_wire import chunk_head, failure_of, usage_of
from locutory.capabilities.runtime.service import read_of
from locutory.engines.llm.base import End, Events, LLMRequest, Piece, Reset
from locutory.kernel.errors import LocutoryError

_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


def events_response(events: Events, request: LLMRequest) -> StreamingResponse:
    """`token`, `reset`, then `final`, or `error` as the last."""
    return _response(_own(events, request))


def chunks_response(events: Events, *, model: str, with_usage: bool) -> StreamingResponse:
    """Chunks as OpenAI sends them; one with the usage where it is asked for; `[DONE]`."""
    return _response(_openai(events, model=model, with_usage=with_usage))


def _response(body: AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(body, media_type="text/event-stream", headers=_HEADERS)


async def _own(events: Events, request: LLMRequest) -> AsyncIterator[bytes]:
    async with aclosing(events) as source:
        try:
            async for event in source:
                match event:
                    case Piece(text):
                        yield _named("token", {"text": text})
                    case Reset(reason):
                        yield _named("reset", {"reason": reason})
                    case End(reply):
                        yield _named("final", read_of(reply, request).model_dump(mode="json"))
        except LocutoryError as error:
            told = {"detail": error.detail, "error_code": error.error_code}
            yield _named("error", {**told, "retry_after": error.retry_after})


async def _openai(events: Events, *, model: str, with_usage: bool) -> AsyncIterator[bytes]:
    head = chunk_head(model)
    begun: dict[str, Any] = {"role": "assistant", "content": ""}
    yield _data({**head, "choices": [_choice(begun, None)]})
    async with aclosing(events) as source:
        try:
            async for event in source:
                if isinstance(event, Piece):
                    yield _data({**head, "choices": [_choice({"content": event.text}, None)]})
                elif isinstance(event, End):
                    yield _data({**head, "choices": [_choice({}, event.reply.finish_reason)]})
                    if with_usage:
                        yield _data({**head, "choices": [], "usage": usage_of(event.reply)})
        except LocutoryError as error:
            yield _data({"error": failure_of(error)})
            return
    yield b"data: [DONE]\n\n"


def _choice(delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def _named(name: str, body: object) -> bytes:
    return b"event: %s\n%s" % (name.encode(), _data(body))


def _data(body: object) -> bytes:
    return b"data: %s\n\n" % orjson.dumps(body)
