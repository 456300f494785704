"""A server on a real socket that says exactly what a test tells it to, byte for byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest


@dataclass(slots=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter


Answer = Callable[[Asked], Awaitable[None]]


@dataclass(slots=True)
class RawServer:
    """Each connection carries one request; `answer` writes the bytes."""

    answer: Answer | None = None
    port: int = 0
    asked: list[Asked] = field(default_factory=list)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {
                name.lower(): value
                for name, _, value in (line.partition(": ") for line in head[1:])
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            asked = Asked(method, path, headers, body, writer)
            self.asked.append(asked)
            assert self.answer is not None
            await self.answer(asked)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    raw = RawServer()
    listener = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.port = listener.sockets[0].getsockname()[1]
    yield raw
    listener.close()


@pytest.fixture
def reply() -> Callable[..., Answer]:
    """A full reply: `reply(200, b"body", ETag='"1"')`; `length` may lie."""

    def build(
        status: int = 200, body: bytes = b"", *, length: int | None = None, **headers: str
    ) -> Answer:
        async def answer(asked: Asked) -> None:
            lines = [f"HTTP/1.1 {status} X", "Connection: close"]
            lines += [f"Content-Length: {len(body) if length is None else length}"]
            lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
            asked.writer.write("\r\n".join([*lines, "", ""]).encode() + body)

        return answer

    return build
