"""A business whose calls really go through the pipeline, one after the other or all at once."""

import io
import struct
import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from locutory import app
from locutory.engines.blobs import BlobStore
from locutory.kernel.auth.contract import Tenant
from locutory.kernel.auth.queries import find_tenant
from locutory.kernel.db import Database
from locutory.kernel.db.base import table_of
from locutory.kernel.ids import new_id
from locutory.kernel.jobs.models import Job
from locutory.products.calls.pipeline.disk import StoreLook
from locutory.products.calls.pipeline.service.watch import watch_one

if TYPE_CHECKING:
    from tests.conftest import Resident

BROKEN = b"RIFF\x24\0\0\0WAVEfmt "  # begins as a recording does, and ends there
SIDECAR = b"""WEBVTT

00:00.000 --> 00:02.000
<v Agent>Good morning, how may I help you?

00:02.500 --> 00:05.000
<v Customer>The villa costs too much for me.
"""


def tone(seconds: float = 2.0) -> bytes:
    """A short recording in which something is heard."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        count = int(seconds * 8000)
        out.writeframes(
            b"".join(
                struct.pack("<h", 12_000 * ((n // 20) % 2 * 2 - 1) * (n // 1600 % 2))
                for n in range(count)
            )
        )
    return buffer.getvalue()


@dataclass
class House:
    """Our business, with its own ways to fill and to work the pipeline."""

    server: app.Server
    resident: "Resident"
    tenant: Tenant

    @property
    def db(self) -> Database:
        return self.server.storage.database(self.tenant.id)

    async def ask(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        """A request to a path below which the business is named by {bid}."""
        return await self.resident.ask(method, path.format(bid=self.resident.bid), **rest)

    async def told(self, method: str, path: str, **rest: Any) -> Any:
        """The body of an answer that must be a success."""
        reply = await self.ask(method, path, **rest)
        assert reply.status_code < 300, reply.text
        return reply.json() if reply.content else None

    async def refused(self, method: str, path: str, status: int, **rest: Any) -> Any:
        """The body of an answer that must have this status."""
        reply = await self.ask(method, path, **rest)
        assert reply.status_code == status, reply.text
        return reply.json()

    async def upload(
        self, callid: str, audio: bytes, transcript: bytes | None = SIDECAR, **fields: str
    ) -> None:
        files = {"file": (f"{callid}.wav", audio)}
        if transcript is not None:
            files["transcript"] = (f"{callid}.vtt", transcript)
        await self.told(
            "POST", "/ingest/{bid}/audio", data={"callid": callid, **fields}, files=files
        )

    async def work(self) -> int:
        """Run all that may run, as a worker that has just started does."""
        worker = self.server.worker()
        await worker._heartbeat()
        return await worker.drain(skip_delays=True)

    async def watch(self) -> None:
        store = StoreLook(self.server.services.get(BlobStore))
        await watch_one(self.db, self.server.settings, store)

    async def call(self, callid: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.told("GET", "/call-records/{bid}/" + callid)
        return found

    async def status(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.told("GET", "/pipeline/{bid}/status")
        return found

    async def alerts(self, state: str = "firing") -> list[dict[str, Any]]:
        found = await self.told("GET", "/alerts/{bid}", params={"state": state})
        items: list[dict[str, Any]] = found["items"]
        return items

    async def configure(self, **parts: Any) -> dict[str, Any]:
        found: dict[str, Any] = await self.told("PATCH", "/pipeline/{bid}/config", json=parts)
        return found

    async def rows(self, sql: str) -> list[Any]:
        async with self.server.storage.read(None) as session:
            return list((await session.execute(text(sql))).all())

    async def change(self, sql: str) -> None:
        """A statement on the kernel's tables, to arrange what would take long to come about."""
        await self.server.storage.database().write(lambda tx: tx.execute(text(sql)))

    async def jobs(self, count: int, state: str, **values: Any) -> list[UUID]:
        """Put job rows of ours there, as if they had come so far."""
        rows = [
            {
                "id": new_id(),
                "tenant_id": self.tenant.id,
                "queue": "transcribe",
                "kind": "calls.transcribe",
                "payload": {"call_id": str(UUID(int=9)), "run_no": 1},
                "subject": f"lost-{n}",
                "state": state,
                "priority": 50,
                "run_at_ms": 1_000 + n,
                "attempts": 6,
                "throttles": 0,
                "lost": 0,
                "max_attempts": 6,
                "token": 1,
                "cancel_requested": False,
                "redrives": 0,
                "created_ms": 1_000,
                "finished_ms": 2_000 + n if state == "dead" else None,
                "error_class": "transient_network" if state == "dead" else None,
                "error_code": "CONNECTION" if state == "dead" else None,
                "error_detail": "reset by +91 98765 43210" if state == "dead" else None,
                **values,
            }
            for n in range(count)
        ]

        async def put(tx: Any) -> None:
            await tx.execute(table_of(Job).insert(), rows, execution_options={"fenced": True})

        await self.server.storage.database().write(put)
        return [row["id"] for row in rows]


async def house_of(server: app.Server, resident: "Resident") -> House:
    async with server.storage.read(None) as session:
        tenant = await find_tenant(session, resident.bid)
    assert tenant is not None
    return House(server, resident, tenant)


@pytest.fixture
async def house(server: app.Server, ours: "Resident") -> House:
    return await house_of(server, ours)


@pytest.fixture
async def neighbour(server: app.Server, theirs: "Resident") -> House:
    return await house_of(server, theirs)


@pytest.fixture
def recording() -> bytes:
    return tone()


@pytest.fixture
def broken() -> bytes:
    return BROKEN
