"""A business with calls: some put into the tables as they are, some really taken in and heard."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select
from tests.conftest import Resident, log_in

from locutory import app
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.capabilities.knowledge.api import Filing, Knowledge, prepare, store
from locutory.engines.blobs import BlobStore, LocalBlobs
from locutory.kernel.audit.models import AuditRow
from locutory.kernel.auth import people, queries
from locutory.kernel.crypto import phone_hash
from locutory.kernel.db import Database, Session
from locutory.kernel.ids import new_id
from locutory.kernel.provenance import Provenance, Source
from locutory.products.calls.demo import path as demo_path
from locutory.products.calls.findings.models import CallMoment, CallObjection, CallTopic
from locutory.products.calls.records.contract import COLLECTION
from locutory.products.calls.records.models import CallRecord, CallTag

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass
class House:
    """Business 6004, its administrator, and ways to fill it."""

    server: app.Server
    resident: Resident
    db: Database
    tenant_id: UUID
    password_hash: str

    async def ask(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        return await self.resident.ask(method, f"/call-records/{self.resident.bid}{path}", **rest)

    async def told(self, method: str, path: str, status: int = 200, **rest: Any) -> Any:
        reply = await self.ask(method, path, **rest)
        assert reply.status_code == status, reply.text
        return reply.json()

    async def ids(self, query: str = "", **rest: Any) -> list[str]:
        """The call ids of a list."""
        page = await self.told("GET", f"?{query}", **rest)
        return [row["callid"] for row in page["items"]]

    async def keep(
        self,
        callid: str,
        *,
        hour: int = 0,
        phone: str | None = None,
        topics: Sequence[str] = (),
        objections: Sequence[str] = (),
        moments: Sequence[str] = (),
        tags: Sequence[str] = (),
        said: Sequence[str] = (),
        **fields: Any,
    ) -> UUID:
        """Put a call into the tables; `said` makes it findable by its words."""
        began, id_ = START + timedelta(hours=hour), new_id()
        values = {"status": "done", "stage": "index", "source_hash": callid, **fields}
        if phone is not None:
            key = self.server.secrets.phone_key
            values["customer_phone_hash"] = phone_hash(phone, tenant=self.tenant_id, key=key)
            values["phone_last4"] = phone[-4:]
        turns = tuple(
            Turn(idx=n, role=Role.AGENT, text=text, start_ms=n * 5_000, end_ms=n * 5_000 + 4_000)
            for n, text in enumerate(said)
        )
        provenance = Provenance(source=Source.SIDECAR, engine="fixture/1")
        transcript = Transcript(turns=turns, duration_ms=60_000, provenance=provenance)
        prepared = await prepare(self.server.services.get(Knowledge), transcript)
        filing = Filing(
            collection=COLLECTION, source_id=callid, version=1, occurred_at=began, meta={}
        )

        async def write(tx: Session) -> None:
            tx.add(CallRecord(id=id_, callid=callid, started_at=began, tags=list(tags), **values))
            for n, key in enumerate(topics):
                topic = CallTopic(call_id=id_, topic_key=key, label=key, share=0.9 - n / 10)
                topic.source = "rules"
                tx.add(topic)
            for key in objections:
                found = CallObjection(call_id=id_, type_key=key, turn_idx=0, start_ms=0, quote="q")
                found.handled, found.source = "yes", "rules"
                tx.add(found)
            for key in moments:
                tx.add(CallMoment(call_id=id_, rule_key=key, start_ms=0, end_ms=1))
            for tag in tags:
                tx.add(CallTag(call_id=id_, tag=tag))
            await store(tx, prepared, filing)

        await self.db.write(write)
        return id_

    async def take_in(self, callid: str, demo: str = "hc-0003", **form: str) -> dict[str, Any]:
        """Upload a demo recording with its transcript, and let the pipeline work."""
        return await self.upload(callid, demo, f"{demo}.json", **form)

    async def upload(
        self, callid: str, demo: str, transcript: str | None, **form: str
    ) -> dict[str, Any]:
        files = {"file": (f"{callid}.ogg", demo_path(f"audio/{demo}.ogg").read_bytes())}
        if transcript is not None:
            files["transcript"] = (transcript, demo_path(f"transcripts/{transcript}").read_bytes())
        return await self.send(callid, files, **form)

    async def send(self, callid: str, files: dict[str, Any], **form: str) -> dict[str, Any]:
        reply = await self.resident.ask(
            "POST",
            f"/ingest/{self.resident.bid}/audio",
            files=files,
            data={"callid": callid, **form},
        )
        assert reply.status_code == 202, reply.text
        await self.work()
        return await self.told("GET", f"/{callid}")

    async def work(self) -> None:
        """Let the jobs run."""
        await self.server.worker().drain(skip_delays=True)

    async def person(self, name: str, role: str) -> tuple[UUID, str]:
        """A member with a login: their id and token."""
        new = people.NewUser(
            email=f"{name}@6004.example", name=name, password_hash=self.password_hash
        )

        async def make(tx: Session) -> UUID:
            user_id = await people.create_user(tx, new, actor="test")
            await people.add_member(tx, self.tenant_id, user_id, [f"calls:{role}"], actor="test")
            return user_id

        user_id = await self.server.storage.database().write(make)
        return user_id, (await log_in(self.resident.client, new.email))["access_token"]

    async def audited(self, action: str) -> list[Any]:
        """The audit rows of an action, oldest first."""
        async with self.server.storage.read(None) as session:
            statement = select(AuditRow).where(AuditRow.action == action).order_by(AuditRow.id)
            return list((await session.scalars(statement)).all())

    async def files(self) -> list[str]:
        """The keys of the business's files."""
        blobs: Any = self.server.services.get(BlobStore)
        assert isinstance(blobs, LocalBlobs)
        return [key async for key in blobs.keys(f"calls/{self.tenant_id}")]


@pytest.fixture
async def house(server: app.Server, ours: Resident, password_hash: str) -> House:
    async with server.storage.read(None) as session:
        tenant = await queries.find_tenant(session, ours.bid)
    assert tenant is not None
    db = server.storage.database(tenant.id)
    return House(server, ours, db, tenant.id, password_hash)
