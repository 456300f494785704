"""Clients of an event stream in one process: raw sockets that note when each event came.

Prints its figures as JSON. `listen` counts what every client got of one burst of events;
`return` leaves and comes back with Last-Event-ID while events flow.
"""

import argparse
import asyncio
import json
import random
import re
import resource
import time
from dataclasses import dataclass, field

import uvloop

from benches.api_child import BID
from benches.serving import get

_STAMP = re.compile(rb'"callid": ?"(\d+)"')
_ID = re.compile(rb"^id: (\d+)", re.MULTILINE)
_CONNECTING = 100  # at once
_PATIENCE_S = 30.0


def request(key: str, last_event_id: int | None = None) -> bytes:
    """The head that opens a stream."""
    lines = [
        f"GET /call-records/{BID}/stream HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        "Accept: text/event-stream",
    ]
    if last_event_id is not None:
        lines.append(f"Last-Event-ID: {last_event_id}")
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass
class Tally:
    """What all clients saw, and the bells that ring when enough has been seen."""

    clients: int
    events: int
    lags_ms: list[float] = field(default_factory=list)
    opened: int = 0
    all_open: asyncio.Event = field(default_factory=asyncio.Event)
    all_seen: asyncio.Event = field(default_factory=asyncio.Event)

    def opened_one(self) -> None:
        self.opened += 1
        if self.opened == self.clients:
            self.all_open.set()

    def saw(self, stamps: list[bytes]) -> None:
        now = time.monotonic_ns()
        self.lags_ms += [(now - int(stamp)) / 1e6 for stamp in stamps]
        if len(self.lags_ms) >= self.clients * self.events:
            self.all_seen.set()


class Listener(asyncio.Protocol):
    """One client; remembers which events it got."""

    def __init__(self, tally: Tally, key: str) -> None:
        self.tally, self.key = tally, key
        self.rest = b""
        self.open = False
        self.stamps: set[bytes] = set()
        self.repeated = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.write(request(self.key))

    def data_received(self, data: bytes) -> None:
        whole, end, self.rest = (self.rest + data).rpartition(b"\n\n")
        if not end:
            return
        if not self.open:
            if not whole.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(whole[:200].decode())
            self.open = True
            self.tally.opened_one()
        stamps = _STAMP.findall(whole)
        if stamps:
            self.repeated += len(stamps) - len(set(stamps) - self.stamps)
            self.stamps.update(stamps)
            self.tally.saw(stamps)


async def listen(asked: argparse.Namespace) -> dict[str, float]:
    """All clients open, then a burst; every one must get every event once."""
    loop = asyncio.get_running_loop()
    tally = Tally(asked.clients, asked.events)
    turns = asyncio.Semaphore(_CONNECTING)
    listeners: list[Listener] = []
    transports = []

    async def connect() -> None:
        async with turns:
            transport, listener = await loop.create_connection(
                lambda: Listener(tally, asked.key), "127.0.0.1", asked.port
            )
            transports.append(transport)
            listeners.append(listener)

    await asyncio.gather(*(connect() for _ in range(asked.clients)))
    async with asyncio.timeout(120):
        await tally.all_open.wait()
    path = f"/bench/publish/{BID}?count={asked.events}&per_s={asked.per_s}"
    await asyncio.to_thread(get, asked.port, path, asked.key, "POST")
    try:
        async with asyncio.timeout(asked.events / asked.per_s + _PATIENCE_S):
            await tally.all_seen.wait()
    except TimeoutError:
        pass  # what is missing is counted below
    for transport in transports:
        transport.abort()
    lags = sorted(tally.lags_ms) or [float("inf")]
    return {
        "expected": asked.clients * asked.events,
        "delivered": sum(len(listener.stamps) for listener in listeners),
        "repeated": sum(listener.repeated for listener in listeners),
        "p50_ms": lags[len(lags) // 2],
        "p99_ms": lags[int(len(lags) * 0.99)],
    }


async def come_back(asked: argparse.Namespace) -> dict[str, float]:
    """Clients that leave after some events and return; counts the gaps in their numbers."""
    clients = min(20, asked.returns)
    returns_each = asked.returns // clients
    path = f"/bench/publish/{BID}?count={asked.events}&per_s={asked.per_s}"
    first, chosen = asyncio.Event(), random.Random(asked.seed)
    waiting = clients

    async def read_ids(last: int | None, enough: int) -> list[int]:
        nonlocal waiting
        reader, writer = await asyncio.open_connection("127.0.0.1", asked.port)
        writer.write(request(asked.key, last))
        ids: list[int] = []
        try:
            async with asyncio.timeout(_PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(head.decode())
                while len(ids) < enough:
                    frame = await reader.readuntil(b"\n\n")
                    if b"retry:" in frame and last is None:
                        waiting -= 1
                        if waiting == 0:
                            first.set()
                    if b"event: reset" in frame:
                        raise RuntimeError("the log does not reach back")
                    ids += [int(number) for number in _ID.findall(frame)]
        finally:
            writer.transport.abort()
        return ids

    async def client() -> list[int]:
        seen = await read_ids(None, 1)
        for _ in range(returns_each):
            # a page is read whole or not: what came after the last id we noted is thrown away
            enough = min(chosen.randint(1, 5), seen[0] + asked.events - 1 - seen[-1])
            seen += (await read_ids(seen[-1], enough))[:enough]
        return seen + await read_ids(seen[-1], seen[0] + asked.events - 1 - seen[-1])

    tasks = [asyncio.create_task(client()) for _ in range(clients)]
    await first.wait()
    await asyncio.to_thread(get, asked.port, path, asked.key, "POST")
    all_seen = await asyncio.gather(*tasks)
    begin = min(seen[0] for seen in all_seen)
    missed = repeated = 0
    for seen in all_seen:
        missed += len(set(range(begin, begin + asked.events)) - set(seen))
        repeated += len(seen) - len(set(seen))
    return {"returns": clients * returns_each, "missed": missed, "repeated": repeated}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("deed", choices=("listen", "return"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", default="-")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--returns", type=int, default=1000)
    parser.add_argument("--events", type=int, default=10)
    parser.add_argument("--per-s", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    deed = listen if asked.deed == "listen" else come_back
    raise_file_limit()
    print(json.dumps(uvloop.run(deed(asked))))


def raise_file_limit() -> None:
    """Allow as many sockets as the system lets us."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
