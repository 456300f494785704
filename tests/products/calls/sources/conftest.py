"""A business with a folder that may be watched, filled as a dialler would fill it."""

import io
import os
import wave
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from tests.conftest import Resident
from tests.products.calls.sources.telephony import Telephony
from tests.source_databases import SourceServer, mysql_source, postgresql_source, source

from locutory.app import Server
from locutory.kernel.auth import queries
from locutory.kernel.db import Database
from locutory.kernel.jobs import JobSpec, enqueue
from locutory.kernel.jobs.models import Job
from locutory.kernel.settings import IntakeSettings
from locutory.products.calls.sources.contract import WATCH_FOLDERS

__all__ = ["mysql_source", "postgresql_source", "source"]

WORDS = b"""WEBVTT

00:00.000 --> 00:02.000
<v Agent>Good morning, how may I help you?
"""
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def sound(seed: int = 0) -> bytes:
    """Two seconds of a recording of its own."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setparams((1, 1, 8000, 0, "NONE", ""))
        out.writeframes(bytes((128 + (n * 7 + seed) % 61) % 256 for n in range(16_000)))
    return buffer.getvalue()


@dataclass
class Intake:
    """Business 6004 and its folder."""

    server: Server
    resident: Resident
    db: Database
    tenant_id: UUID
    root: Path

    @property
    def folder(self) -> Path:
        return self.root / self.resident.bid

    @property
    def settings(self) -> IntakeSettings:
        return self.server.settings.intake

    def put(self, name: str, content: bytes | None = None, *, at: datetime = NOON) -> Path:
        """A whole file, as old as `at`."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(sound(len(name)) if content is None else content)
        os.utime(file, (at.timestamp(), at.timestamp()))
        return file

    def lie(self, folder: str = "") -> list[str]:
        """The names of the files there."""
        place = self.folder / folder
        return sorted(p.name for p in place.iterdir() if not p.is_dir()) if place.is_dir() else []

    async def ask(self, method: str, path: str, **rest: Any) -> Any:
        return await self.resident.ask(method, path.format(bid=self.resident.bid), **rest)

    async def told(self, method: str, path: str, **rest: Any) -> Any:
        reply = await self.ask(method, path, **rest)
        assert reply.status_code < 300, reply.text
        return reply.json() if reply.content else None

    async def watch(self, **fields: Any) -> str:
        """Have the folder watched; return the source's id."""
        body = {"name": "Dialler", "kind": "folder", "path": str(self.folder), **fields}
        return str((await self.told("POST", "/pipeline/{bid}/sources", json=body))["id"])

    async def look(self, times: int = 1) -> None:
        """The minute's round, so many times; what comes in is not worked."""
        for _ in range(times):
            await self.server.storage.database().write(
                lambda tx: enqueue(tx, JobSpec(kind=WATCH_FOLDERS))
            )
            await self.work()

    async def work(self) -> None:
        worker = self.server.worker()
        worker.queues = {"intake": 4}
        await worker.drain()

    async def calls(self) -> list[dict[str, Any]]:
        page = await self.told("GET", "/call-records/{bid}?limit=200")
        return sorted(page["items"], key=lambda call: str(call["callid"]))

    async def stems(self) -> list[str]:
        """What the call ids begin with: the files' names."""
        return [call["callid"].rpartition("-")[0] for call in await self.calls()]

    async def health(self) -> dict[str, Any]:
        listed = await self.told("GET", "/pipeline/{bid}/sources")
        health: dict[str, Any] = listed["items"][0]["health"]
        return health

    async def jobs(self, kind: str) -> list[Any]:
        async with self.server.storage.read(None) as session:
            of_kind = select(Job).where(Job.kind == kind).order_by(Job.id)
            return list((await session.scalars(of_kind)).all())


@pytest.fixture
async def intake(server: Server, ours: Resident, tmp_path: Path) -> Intake:
    async with server.storage.read(None) as session:
        tenant = await queries.find_tenant(session, ours.bid)
    assert tenant is not None
    root = tmp_path / "in"
    (root / ours.bid).mkdir(parents=True)
    server.settings.intake = IntakeSettings(folders=(root,), settle_s=0, sidecar_wait_s=0)
    return Intake(server, ours, server.storage.database(tenant.id), tenant.id, root)


@pytest.fixture
async def telephony(server: Server, ours: Resident, source: SourceServer) -> Telephony:
    """Business 6004 with an empty history in each kind of database in turn."""
    return await furnished(server, ours, source)


@pytest.fixture
async def mysql_telephony(server: Server, ours: Resident, mysql_source: SourceServer) -> Telephony:
    return await furnished(server, ours, mysql_source)


async def furnished(server: Server, ours: Resident, source: SourceServer) -> Telephony:
    async with server.storage.read(None) as session:
        tenant = await queries.find_tenant(session, ours.bid)
    assert tenant is not None
    server.settings.intake = IntakeSettings(database_hosts=(f"{source.host}:{source.port}",))
    source.make_history()
    return Telephony(server, ours, server.storage.database(tenant.id), source)
