"""The stream of calls as a page uses it: a real port, a real worker, a line that keeps breaking."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from sqlalchemy import select

from locutory.app import Server, compose, create_app
from locutory.kernel.auth import Tenant, people
from locutory.kernel.db import Session
from locutory.kernel.events.models import EventRow
from locutory.kernel.settings import DatabaseSettings, Settings
from locutory.products.calls.businesses.contract import Role
from locutory.products.calls.demo import DemoCall, manifest, path

BUSINESSES = ("demo", "northlight")
CALLS = 20
RECONNECTS = 200
PASSWORD = "correct horse"
DEADLINE_S = 60.0
HEARTBEAT = b": still here"
STREAMED = ("call.", "transcript.", "analysis.", "dlq.", "pipeline.")


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it came over the wire."""

    seq: int
    type: str
    data: dict[str, Any]

    @property
    def final(self) -> bool:
        """Whether it says that a call is through every stage."""
        milestone = (self.data.get("status"), self.data.get("stage_state"))
        return self.type == "call.status" and milestone == ("done", "ok")


@dataclass
class Line:
    """One connection to a stream."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def until(self, mark: bytes) -> None:
        """Read on to the end of the line that begins with a mark."""
        while not (line := await self.reader.readline()).startswith(mark):
            assert line, f"the stream ended before {mark!r}"

    async def event(self) -> Told:
        seen: dict[str, str] = {}
        while True:
            line = (await self.reader.readline()).decode()
            assert line, "the stream ended"
            name, colon, value = line.rstrip("\r\n").partition(": ")
            if colon and name in ("id", "event", "data"):
                seen[name] = value
            elif not line.strip() and "data" in seen:
                return Told(int(seen["id"]), seen["event"], json.loads(seen["data"]))


@dataclass
class House:
    """A server on a port, with an administrator's token for each business."""

    server: Server
    port: int
    tenants: dict[str, Tenant] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def client(self, bid: str) -> httpx2.AsyncClient:
        headers = {"authorization": f"Bearer {self.tokens[bid]}"}
        return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=headers)

    @asynccontextmanager
    async def listening(
        self, bid: str, *, since: int | None = None, ticket: str | None = None
    ) -> AsyncIterator[Line]:
        """A connection whose head was read; the end of the block hangs up without a word."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        query = "" if ticket is None else f"?ticket={ticket}"
        lines = [f"GET /call-records/{bid}/stream{query} HTTP/1.1", "Host: x"]
        lines += [] if ticket else [f"Authorization: Bearer {self.tokens[bid]}"]
        lines += [] if since is None else [f"Last-Event-ID: {since}"]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        line = Line(reader, writer)
        try:
            async with asyncio.timeout(DEADLINE_S):
                assert (await reader.readline()).split()[1] == b"200"
                await line.until(b"retry:")
                yield line
        finally:
            writer.transport.abort()

    async def stored(self, bid: str) -> list[Told]:
        """What the event table has for the stream of a business."""
        async with self.server.storage.database(self.tenants[bid].id).read() as session:
            statement = select(EventRow).where(EventRow.tenant_id == self.tenants[bid].id)
            rows = (await session.scalars(statement.order_by(EventRow.seq))).all()
        return [
            Told(row.seq, row.type, row.payload)
            for row in rows
            if row.seq is not None and row.type.startswith(STREAMED)
        ]

    async def upload(self, call: DemoCall) -> None:
        files = {"file": (Path(call.audio).name, path(call.audio).read_bytes())}
        if call.transcript is not None:
            sidecar = path(call.transcript)
            files["transcript"] = (sidecar.name, sidecar.read_bytes())
        async with self.client(call.bid) as client:
            reply = await client.post(
                f"/ingest/{call.bid}/audio", data={"callid": call.callid}, files=files, timeout=60
            )
        assert reply.status_code == 202, reply.text

    async def feed(self, calls: list[DemoCall]) -> None:
        for call in calls:
            await self.upload(call)

    async def follow(self, bid: str) -> list[Told]:
        """All events until every call is through, over a line that breaks 200 times.

        Every other connection is lost before it brings anything; the others bring one event
        each while there is one to come. What is left comes over a last one.
        """
        told: list[Told] = []
        for n in range(RECONNECTS):
            async with self.listening(bid, since=told[-1].seq if told else 0) as line:
                if n % 2 and sum(event.final for event in told) < CALLS:
                    told.append(await line.event())
        async with self.listening(bid, since=told[-1].seq) as line:
            while sum(event.final for event in told) < CALLS:
                told.append(await line.event())
        return told


async def open_business(house: House, bid: str) -> None:
    email = f"admin@{bid}.example"
    password_hash = await house.server.auth.passwords.hash(PASSWORD)
    user = people.NewUser(email=email, name=bid, password_hash=password_hash)

    async def make(tx: Session) -> Tenant:
        tenant = await people.create_tenant(tx, people.NewTenant(slug=bid, name=bid), actor="test")
        user_id = await people.create_user(tx, user, actor="test")
        roles = [Role.BUSINESS_ADMIN.full]
        await people.add_member(tx, tenant.id, user_id, roles, actor="test")
        return tenant

    house.tenants[bid] = await house.server.storage.database().write(make)
    ask = {"email": email, "password": PASSWORD}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{house.port}") as client:
        house.tokens[bid] = (await client.post("/auth/login", json=ask)).json()["access_token"]


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    settings = Settings(data_dir=tmp_path / "data", database=DatabaseSettings(url=database_url))
    server = compose(settings)
    config = uvicorn.Config(create_app(server), port=0, log_config=None, access_log=False)
    http = uvicorn.Server(config)
    serving = asyncio.create_task(http.serve())
    while not http.started and not serving.done():
        await asyncio.sleep(0.01)
    house = House(server, http.servers[0].sockets[0].getsockname()[1])
    for bid in BUSINESSES:
        await open_business(house, bid)
    yield house
    http.should_exit = True
    await serving


async def test_two_hundred_broken_lines_lose_nothing_and_repeat_nothing(house: House) -> None:
    calls = [call for call in manifest().calls if call.bid == "demo"][:CALLS]
    async with house.listening("northlight", since=0) as neighbour:
        feeding = asyncio.create_task(house.feed(calls))
        told = await house.follow("demo")
        await feeding
        stored = await house.stored("demo")

        assert told == stored[: len(told)]
        assert [event for event in stored[len(told) :] if event.final] == []
        assert {event.data["callid"] for event in told} == {call.callid for call in calls}

        # so long the neighbour's line brought a heartbeat and nothing else
        while not (line := await neighbour.reader.readline()).startswith(HEARTBEAT):
            assert line, "the stream ended"
            assert not line.startswith((b"id:", b"event:", b"data:")), line
        await house.upload(next(c for c in manifest().calls if c.bid == "northlight"))
        first = await neighbour.event()
        assert (first.seq, first.type) == (1, "call.upserted")


async def test_a_ticket_opens_the_stream_once_and_of_one_business_only(house: House) -> None:
    async with house.client("demo") as client:
        ticket = (await client.post("/auth/stream-ticket")).json()["ticket"]
        await client.post("/ingest/demo/calls", json={"calls": [{"callid": "one"}]})
        async with house.listening("demo", since=0, ticket=ticket) as line:
            first = await line.event()
        path = f"/call-records/demo/stream?ticket={ticket}"
        again = await client.get(path, headers={"authorization": ""})
        other = (await client.post("/auth/stream-ticket")).json()["ticket"]
    async with httpx2.AsyncClient(base_url=str(client.base_url)) as stranger:
        used = await stranger.get(path)
        elsewhere = await stranger.get(f"/call-records/northlight/stream?ticket={other}")

    assert first.data["callid"] == "one"
    assert (again.status_code, used.status_code) == (401, 401)
    assert (elsewhere.status_code, elsewhere.json()["error_code"]) == (404, "BID_NOT_FOUND")


async def test_a_position_that_never_was_is_told_to_reload(house: House) -> None:
    async with house.client("demo") as client:
        await client.post("/ingest/demo/calls", json={"calls": [{"callid": "one"}]})
    async with house.listening("demo", since=0) as line:
        first = await line.event()
    async with house.listening("demo", since=10**30) as line:
        reset = await line.event()

    assert reset == Told(first.seq, "reset", {"last_seq": first.seq})


async def test_a_stranger_and_a_neighbour_get_no_stream(house: House) -> None:
    async with house.client("northlight") as client:
        foreign = await client.get("/call-records/demo/stream")
        unknown = await client.get("/call-records/nobody/stream")
        stranger = await client.get("/call-records/demo/stream", headers={"authorization": ""})

    assert (foreign.status_code, stranger.status_code) == (404, 401)
    assert foreign.json()["detail"] == unknown.json()["detail"]
