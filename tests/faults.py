"""A proxy between us and a server, which spoils what passes; it runs in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

_PIECE = 65_536
_GARBAGE = b"\x00\xff lies \r\n\r\n" * 64


class Fault(StrEnum):
    """What is wrong with the server: each as a client sees it on the wire."""

    NONE = "none"
    ABSENT = "absent"  # nobody listens
    DIES = "dies"  # every connection ends, and nobody listens any more
    HANGS = "hangs"  # connections are taken, and nothing comes
    SLOW = "slow"  # every piece takes SLOW_S
    FLAPS = "flaps"  # every other connection ends as it begins, the others after a few pieces
    LIES = "lies"  # what comes back is no protocol of this world


SLOW_S = 0.05
_FLAP_PIECES = 6


class FaultProxy:
    """Listens at `port`; passes on to `host:port` as `fault` says."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self.port = 0
        self._fault = Fault.NONE
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._count = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def be(self, fault: Fault) -> None:
        """From now on; what is open ends, but for a server that merely hangs or is slow."""
        self._on_loop(self._be(fault))

    def _on_loop(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _be(self, fault: Fault) -> None:
        self._fault = fault
        listens = fault not in (Fault.ABSENT, Fault.DIES)
        if fault not in (Fault.HANGS, Fault.SLOW):
            for writer in list(self._open):
                writer.transport.abort()
        if listens and self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]
        elif not listens and self._server is not None:
            self._server.close()
            self._server = None

    async def _settle(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        if self._fault is Fault.FLAPS and self._count % 2:
            writer.transport.abort()
            return
        with suppress(OSError):
            behind, ahead = await asyncio.open_connection(*self._target)
            ways = [self._pump(reader, ahead, back=False), self._pump(behind, writer, back=True)]
            self._open |= {writer, ahead}
            try:
                await asyncio.wait(
                    [asyncio.ensure_future(way) for way in ways],
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                self._open -= {writer, ahead}
                writer.transport.abort()
                ahead.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, back: bool
    ) -> None:
        pieces = 0
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                pieces += 1
                while self._fault is Fault.HANGS:
                    await asyncio.sleep(0.01)
                if self._fault is Fault.SLOW:
                    await asyncio.sleep(SLOW_S)
                if self._fault is Fault.FLAPS and back and pieces > _FLAP_PIECES:
                    return
                writer.write(_GARBAGE if self._fault is Fault.LIES and back else piece)
                await writer.drain()

    def run(self) -> None:
        self._loop.run_forever()

    def close(self) -> None:
        self._loop.close()

    def stop(self) -> None:
        self.be(Fault.DIES)
        self._on_loop(self._settle())
        self._loop.call_soon_threadsafe(self._loop.stop)


@contextmanager
def proxied(target: str) -> Iterator[FaultProxy]:
    """A proxy before a URL's host and port, at first without a fault."""
    parts = urlsplit(target)
    assert parts.hostname is not None
    assert parts.port is not None
    proxy = FaultProxy(parts.hostname, parts.port)
    thread = threading.Thread(target=proxy.run, name="faults", daemon=True)
    thread.start()
    proxy.be(Fault.NONE)
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(5)
        proxy.close()
