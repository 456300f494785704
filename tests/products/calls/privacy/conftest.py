"""A business whose calls were really taken in and heard, and a look at all that is stored."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select, text
from tests.conftest import Resident, log_in

from locutory import app
from locutory.kernel.audit.models import AuditRow
from locutory.kernel.auth import people, queries
from locutory.kernel.db import Database, Session
from locutory.kernel.db.base import Base
from locutory.kernel.jobs import JobSpec, enqueue
from locutory.products.calls.demo import path as demo_path
from locutory.products.calls.privacy.contract import ROUND

SRT = """1
00:00:00,200 --> 00:00:03,000
Agent: Good morning, this is Asha, how may I help you?

2
00:00:03,500 --> 00:00:07,000
Customer: {said}

3
00:00:07,500 --> 00:00:09,500
Agent: Thank you, I have noted that.
"""


@dataclass
class House:
    """Business 6004, its administrator, and its calls."""

    server: app.Server
    resident: Resident
    db: Database
    tenant_id: UUID
    folder: Path
    password_hash: str

    async def ask(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        return await self.resident.ask(method, path.format(bid=self.resident.bid), **rest)

    async def told(self, method: str, path: str, status: int = 200, **rest: Any) -> Any:
        reply = await self.ask(method, path, **rest)
        assert reply.status_code == status, reply.text
        return reply.json() if reply.content else None

    async def hear(self, callid: str, said: str = "I would like to pay.", **form: str) -> None:
        """Take a call in and let the pipeline work."""
        await self.send(callid, said, **form)
        await self.work()

    async def send(self, callid: str, said: str = "I would like to pay.", **form: str) -> None:
        files = {
            "file": (f"{callid}.ogg", demo_path("audio/hc-0001.ogg").read_bytes()),
            "transcript": ("a.srt", SRT.format(said=said).encode()),
        }
        data = {"callid": callid, **form}
        reply = await self.ask("POST", "/ingest/{bid}/audio", files=files, data=data)
        assert reply.status_code == 202, reply.text

    async def erase(self, status: int = 202, **ask: str) -> Any:
        """Ask for an erasure; nothing of its job is done yet."""
        body = {"reason": "ticket 4711", **ask}
        return await self.told("POST", "/privacy/{bid}/erase", status, json=body)

    async def receipt(self, request: dict[str, Any]) -> Any:
        """The request as it is now."""
        return await self.told("GET", f"/privacy/{{bid}}/requests/{request['id']}")

    async def work(self) -> None:
        """Let the jobs run."""
        await self.server.sealer.seal()
        await self.server.worker().drain(skip_delays=True)

    async def night(self) -> None:
        """The round of a night, to its end."""

        async def ring(tx: Session) -> None:
            await enqueue(tx, JobSpec(kind=ROUND))

        await self.server.storage.database().write(ring)
        await self.work()

    async def ids(self, query: str = "") -> list[str]:
        page = await self.told("GET", f"/call-records/{{bid}}?{query}")
        return [row["callid"] for row in page["items"]]

    async def person(self, name: str, role: str) -> str:
        """A member's token."""
        new = people.NewUser(
            email=f"{name}@6004.example", name=name, password_hash=self.password_hash
        )

        async def make(tx: Session) -> None:
            user_id = await people.create_user(tx, new, actor="test")
            await people.add_member(tx, self.tenant_id, user_id, [f"calls:{role}"], actor="test")

        await self.server.storage.database().write(make)
        token: str = (await log_in(self.resident.client, new.email))["access_token"]
        return token

    async def audited(self, action: str) -> list[Any]:
        """The audit rows of an action, oldest first."""
        async with self.server.storage.read(None) as session:
            statement = select(AuditRow).where(AuditRow.action == action).order_by(AuditRow.id)
            return list((await session.scalars(statement)).all())

    async def keeping(self, traces: Iterable[str]) -> dict[str, list[str]]:
        """By trace, the files of the installation that hold it; whole rows on PostgreSQL."""
        contents = {
            str(file.relative_to(self.folder)): await _content(file)
            for file in self.folder.rglob("*")
            if file.is_file() and file.name != "secrets.json"
        }
        if not self.server.storage.is_sqlite:
            contents |= await self._rows()
        found = {}
        for trace in traces:
            sought = trace.lower().encode()
            found[trace] = [name for name, held in contents.items() if sought in held]
        return {trace: names for trace, names in found.items() if names}

    async def _rows(self) -> dict[str, bytes]:
        found = {}
        async with self.server.storage.read(None) as session:
            for table in Base.metadata.sorted_tables:
                rows = await session.execute(
                    text(f"SELECT t::text FROM {table.name} AS t"),
                    execution_options={"fenced": True},
                )
                found[table.name] = "\n".join(rows.scalars()).lower().encode()
        return found


async def _content(file: Path) -> bytes:
    """What is in a file, in lower case.

    Another process reads it: by closing a file a process lets go of its locks on it, SQLite's too.
    """
    reader = await asyncio.create_subprocess_exec("cat", file, stdout=asyncio.subprocess.PIPE)
    content, _ = await reader.communicate()
    return content.lower()


@pytest.fixture
async def house(server: app.Server, ours: Resident, password_hash: str, tmp_path: Path) -> House:
    async with server.storage.read(None) as session:
        tenant = await queries.find_tenant(session, ours.bid)
    assert tenant is not None
    db = server.storage.database(tenant.id)
    return House(server, ours, db, tenant.id, tmp_path, password_hash)
