"""What all streams of answers have in common: lines, events, patience, and how they may end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Final

import orjson

from locutory.engines.llm.base import (
    LLM,
    End,
    Events,
    LLMRequest,
    Piece,
    StreamingLLM,
)
from locutory.kernel.errors import ContentRejected, EngineTimeout, EngineUnavailable, InvalidOutput

MALFORMED: Final = 3
CHARS_PER_TOKEN: Final = 4
_LONGEST_LINE: Final = 1 << 20
_DONE: Final = b"[DONE]"


class StreamCut(EngineUnavailable):
    """The stream broke off before its end."""

    code = "LLM_STREAM_CUT"


async def events_of(llm: LLM, request: LLMRequest) -> Events:
    """The model's own stream, or its whole answer as one piece where it has none."""
    if isinstance(llm, StreamingLLM):
        async with aclosing(llm.stream(request)) as events:
            async for event in events:
                yield event
        return
    reply = await llm.complete(request)
    yield Piece(reply.text)
    yield End(reply)


async def paced(
    events: Events,
    *,
    engine: str,
    first_s: float,
    idle_s: float,
    left_s: Callable[[], float],
) -> Events:
    """The same events; raises EngineTimeout when one is too long in coming.

    `first_s` is the longest time to the first piece, `idle_s` between two, `left_s()` to the end.
    """
    limit_s = first_s
    async with aclosing(events) as source:
        while True:
            own_s = min(limit_s, left_s())
            try:
                async with asyncio.timeout(own_s):
                    event = await anext(source, None)
            except TimeoutError as error:
                raise EngineTimeout(f"no token in {own_s:.3g} s", engine=engine) from error
            if event is None:
                return
            if isinstance(event, Piece):
                limit_s = idle_s
            yield event


async def lines_of(chunks: AsyncIterator[bytes], *, engine: str) -> AsyncIterator[bytes]:
    """Lines of a body that comes in chunks, without their ends; also a last one that has none."""
    rest = b""
    async for chunk in chunks:
        rest += chunk
        *lines, rest = rest.split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")
        if len(rest) > _LONGEST_LINE:
            raise InvalidOutput("a line of the stream has no end", engine=engine)
    if rest:
        yield rest


async def json_lines(
    lines: AsyncIterator[bytes], *, engine: str, sse: bool
) -> AsyncIterator[dict[str, Any]]:
    """The JSON object of each line, or of each `data:` line up to `[DONE]`.

    Comments, other fields and blank lines are passed over, and up to three lines that are no
    object; more raise StreamCut.
    """
    malformed = 0
    async for line in lines:
        if sse and not line.startswith(b"data:"):
            continue
        data = (line.removeprefix(b"data:") if sse else line).strip()
        if not data:
            continue
        if sse and data == _DONE:
            return
        found = _object(data)
        if found is None:
            malformed += 1
            if malformed > MALFORMED:
                raise StreamCut("the stream is no JSON", engine=engine)
            continue
        yield found


def ended(
    reason: str | None, text: str, *, engine: str, may_be_cut: bool, refusal: str | None = None
) -> str:
    """The finish reason of a whole answer. Raises StreamCut, ContentRejected, InvalidOutput."""
    if reason is None:
        raise StreamCut(engine=engine)
    if reason == "length":
        if may_be_cut and text:
            return reason
        raise InvalidOutput("the answer was cut off", engine=engine, code="LLM_TRUNCATED")
    if reason == "content_filter" or refusal:
        raise ContentRejected(refusal or "a safety filter refused", engine=engine)
    if not text:
        raise InvalidOutput("the reply has no text", engine=engine)
    return "stop"


def estimated_tokens(*texts: str) -> int:
    """Four characters a token, for those who do not count them."""
    return -(-sum(len(text) for text in texts) // CHARS_PER_TOKEN)


def asked_tokens(request: LLMRequest) -> int:
    """What the request itself takes, estimated."""
    return estimated_tokens(request.system, request.user, *(turn.text for turn in request.history))


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
