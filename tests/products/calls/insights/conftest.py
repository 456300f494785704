"""Search and chat behind logins, over two businesses with calls."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from tests.conftest import CHEAP

from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.capabilities.knowledge.api import Filing, Knowledge, prepare, store
from locutory.engines.embeddings.hashed import HashedEmbedder
from locutory.engines.vectors.embedded import EmbeddedVectors
from locutory.kernel import http_errors
from locutory.kernel.auth import Auth, Roles, Tenant
from locutory.kernel.auth.people import (
    NewTenant,
    NewUser,
    add_member,
    create_tenant,
    create_user,
)
from locutory.kernel.auth.routes import router as auth_router
from locutory.kernel.db import Database, Session, Storage
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import Registry, Worker
from locutory.kernel.provenance import Provenance, Source
from locutory.kernel.ratelimit import Limiter
from locutory.kernel.services import Services
from locutory.kernel.settings import LimitSettings, Settings
from locutory.products.calls.businesses.contract import ROLES
from locutory.products.calls.findings.models import CallObjection, CallTopic
from locutory.products.calls.insights.module import module
from locutory.products.calls.records.contract import COLLECTION
from locutory.products.calls.records.models import CallRecord

PASSWORD = "correct horse"


@dataclass
class Archive:
    """Two businesses, `6004` and `7417`; people of `6004` log in here."""

    storage: Storage
    auth: Auth
    knowledge: Knowledge
    client: httpx2.AsyncClient
    app: FastAPI
    tenants: dict[str, Tenant] = field(default_factory=dict)

    def db(self, bid: str) -> Database:
        return self.storage.database(self.tenants[bid].id)

    def use(self, knowledge: Knowledge) -> None:
        """Go on with other engines, as after a restart with other settings."""
        self.knowledge = knowledge
        self.app.state.services = Services()
        self.app.state.services.add(Knowledge, knowledge)

    async def drain(self) -> None:
        """Run the jobs that wait."""
        registry = self.storage.shared["registry"]
        queues = dict.fromkeys(registry.queues, 1)
        services = self.app.state.services
        await Worker(self.storage, registry, queues, services=services).drain(skip_delays=True)

    async def open(self, bid: str) -> None:
        new = NewTenant(slug=bid, name=f"House {bid}")
        create = self.storage.database().write(lambda tx: create_tenant(tx, new, actor="test"))
        self.tenants[bid] = await create

    async def person(self, name: str, role: str, *bids: str) -> "Person":
        new = NewUser(
            email=f"{name}@example.org",
            name=name,
            password_hash=await self.auth.passwords.hash(PASSWORD),
        )
        kernel = self.storage.database()
        user_id = await kernel.write(lambda tx: create_user(tx, new, actor="test"))
        for bid in bids:
            tenant_id = self.tenants[bid].id

            async def join(tx: Session, tenant_id: Any = tenant_id) -> None:
                await add_member(tx, tenant_id, user_id, [f"calls:{role}"], actor="test")

            await kernel.write(join)
        ask = {"email": new.email, "password": PASSWORD}
        reply = await self.client.post("/auth/login", json=ask)
        return Person(self.client, reply.json()["access_token"])

    async def call(
        self,
        bid: str,
        callid: str,
        *said: str,
        at: datetime | None = None,
        topics: Sequence[str] = (),
        objections: Sequence[str] = (),
        **fields: Any,
    ) -> None:
        """Keep a call and make it findable; without words it has only a record."""
        began = at or datetime.now(UTC)
        db = self.storage.database(self.tenants[bid].id)
        turns = tuple(
            Turn(idx=n, role=Role.AGENT, text=text, start_ms=n * 5_000, end_ms=n * 5_000 + 4_000)
            for n, text in enumerate(said)
        )
        provenance = Provenance(source=Source.SIDECAR, engine="fixture/1")
        transcript = Transcript(turns=turns, duration_ms=60_000, provenance=provenance)
        prepared = await prepare(self.knowledge, transcript)
        meta = {"agent_id": fields.get("agent_id"), "score": fields.get("overall_score")}
        filing = Filing(
            collection=COLLECTION, source_id=callid, version=1, occurred_at=began, meta=meta
        )
        values = {"status": "done", "source_hash": callid, **fields}

        async def keep(tx: Session) -> None:
            record = CallRecord(id=new_id(), callid=callid, started_at=began, **values)
            tx.add(record)
            tx.add_all([_topic(record, key) for key in topics])
            tx.add_all([_objection(record, key) for key in objections])
            await store(tx, prepared, filing)

        await db.write(keep)


def _topic(record: CallRecord, key: str) -> CallTopic:
    return CallTopic(call_id=record.id, topic_key=key, label=key, share=1.0, source="rules")


def _objection(record: CallRecord, key: str) -> CallObjection:
    return CallObjection(
        call_id=record.id,
        type_key=key,
        turn_idx=0,
        start_ms=0,
        quote="",
        handled="unknown",
        source="rules",
    )


@dataclass
class Person:
    """Somebody who is logged in."""

    client: httpx2.AsyncClient
    token: str

    async def post(self, path: str, body: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.token}"}
        return await self.client.post(path, json=body, headers=headers)

    async def ask(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.token}"}
        return await self.client.request(method, path, headers=headers, **rest)

    async def got(self, path: str, **params: Any) -> Any:
        """The body of a GET that must be a success."""
        reply = await self.ask("GET", path, params=params)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def told(self, path: str, body: Any) -> Any:
        """The body of a reply that must be a success."""
        reply = await self.post(path, body)
        assert reply.status_code == 200, reply.text
        return reply.json()


@pytest.fixture
async def archive(storage: Storage) -> AsyncIterator[Archive]:
    roles = Roles()
    roles.add("calls", ROLES)
    storage.shared["registry"] = Registry(module.jobs)
    auth = Auth(storage, Settings(auth=CHEAP), roles, jwt_key=b"k" * 32)
    knowledge = Knowledge.of(HashedEmbedder(), EmbeddedVectors())
    app = FastAPI()
    app.state.storage, app.state.auth = storage, auth
    app.state.services = Services()
    app.state.services.add(Knowledge, knowledge)
    app.state.limiter = Limiter(LimitSettings())
    http_errors.install(app)
    app.include_router(auth_router)
    assert module.router is not None
    app.include_router(module.router)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://calls.test") as client:
        archive = Archive(storage, auth, knowledge, client, app)
        for bid in ("6004", "7417"):
            await archive.open(bid)
        yield archive
    auth.close()


@pytest.fixture
async def ana(archive: Archive) -> Person:
    """An analyst of business 6004."""
    return await archive.person("ana", "analyst", "6004")
