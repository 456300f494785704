"""A business with reviewers, and calls that went through the real analyze stage."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import httpx2
import pytest

from locutory import app
from locutory.kernel.auth import people
from locutory.kernel.db import Database, Session
from locutory.kernel.jobs import JobSpec, enqueue
from locutory.products.calls.pipeline.contract import ANALYZE
from locutory.products.calls.records.models import CallMetric, CallRecord, CallTranscript

if TYPE_CHECKING:
    from tests.conftest import Resident

BEGAN = datetime(2026, 1, 14, 10, tzinfo=UTC)  # a Wednesday of week 3
SAID = ("agent: Good morning, how can I help?", "customer: I want to cancel.", "agent: Thank you.")

# Rules answer `greeting` and `talk`; `care`, `offer` and `polite` need a person.
TEMPLATE: dict[str, Any] = {
    "name": "Floor",
    "pass_mark": 60,
    "parameters": [
        {
            "key": "greeting",
            "section": "Opening",
            "question": "Greeted?",
            "type": "phrase",
            "weight": 3,
            "binding": {"phrases": ["good morning"], "role": "agent"},
        },
        {
            "key": "talk",
            "section": "Talk",
            "question": "Left room?",
            "type": "metric",
            "weight": 3,
            "binding": {"metric": "talk_ratio", "bands": [[None, 0.5, 1], [0.5, None, 0]]},
        },
        {
            "key": "care",
            "section": "Talk",
            "question": "How caring?",
            "type": "scale",
            "weight": 2,
            "options": {"max": 4},
        },
        {
            "key": "offer",
            "section": "Talk",
            "question": "Offered?",
            "type": "enum",
            "weight": 1,
            "options": {"points": {"yes": 1, "partly": 0.5, "no": 0}},
        },
        {
            "key": "polite",
            "section": "Talk",
            "question": "Polite?",
            "type": "bool",
            "weight": 1,
            "critical": True,
            "na_allowed": False,
        },
    ],
}


@dataclass
class Person:
    """Somebody of the business who is logged in."""

    client: httpx2.AsyncClient
    id: UUID
    token: str

    async def ask(
        self, method: str, path: str, json: Any = None, **headers: str
    ) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.token}", **headers}
        return await self.client.request(method, path, json=json, headers=headers)

    async def told(self, method: str, path: str, json: Any = None) -> Any:
        """The body of a reply that must be a success."""
        reply = await self.ask(method, path, json)
        assert reply.status_code < 300, reply.text
        return reply.json()

    async def refused(self, method: str, path: str, json: Any = None) -> tuple[int, str]:
        """Status and code of a reply that must be a refusal."""
        reply = await self.ask(method, path, json)
        assert reply.status_code >= 400, reply.text
        return reply.status_code, reply.json()["error_code"]


@dataclass
class Floor:
    """Business 6004 at work."""

    template: ClassVar[dict[str, Any]] = TEMPLATE

    server: app.Server
    ours: "Resident"
    tenant_id: UUID
    password_hash: str

    @property
    def db(self) -> Database:
        return self.server.storage.database(self.tenant_id)

    @property
    def admin(self) -> Person:
        return Person(self.ours.client, self.ours.user_id, self.ours.token)

    async def person(self, name: str, role: str) -> Person:
        """Somebody with a role here."""
        email = f"{name}@example.org"
        new = people.NewUser(email=email, name=name, password_hash=self.password_hash)

        async def make(tx: Session) -> UUID:
            user_id = await people.create_user(tx, new, actor="test")
            roles = [f"calls:{role}"]
            await people.add_member(tx, self.tenant_id, user_id, roles, actor="test")
            return user_id

        user_id = await self.server.storage.database().write(make)
        ask = {"email": email, "password": "correct horse"}
        reply = await self.ours.client.post("/auth/login", json=ask)
        return Person(self.ours.client, user_id, reply.json()["access_token"])

    async def publish(self, **changes: Any) -> str:
        """A published template's id."""
        body = {**self.template, **changes}
        made = await self.admin.told("POST", "/scoring-templates/6004", body)
        await self.admin.told("POST", f"/scoring-templates/6004/{made['id']}/publish")
        template_id: str = made["id"]
        return template_id

    async def call(
        self,
        callid: str,
        *said: str,
        talk_ratio: float | None = 0.4,
        began: datetime = BEGAN,
        **fields: Any,
    ) -> dict[str, Any]:
        """The page of a call that was analysed; each line is `role: words`."""
        turns = [
            {
                "idx": n,
                "role": line.partition(": ")[0],
                "text": line.partition(": ")[2],
                "start_ms": n * 20_000,
                "end_ms": n * 20_000 + 15_000,
                "speaker": "",
                "channel": None,
                "confidence": None,
                "role_confidence": None,
                "flags": [],
            }
            for n, line in enumerate(said or SAID)
        ]
        values = {"agent_id": "a1", "agent_name": "Asha", "direction": "inbound", **fields}

        async def keep(tx: Session) -> UUID:
            record = CallRecord(
                callid=callid,
                started_at=began,
                status="transcribed",
                stage="analyze",
                source_hash=callid,
                audio_ms=60_000,
                has_words=True,
                transcript_version=1,
                **values,
            )
            tx.add(record)
            await tx.flush()
            transcript = CallTranscript(
                call_id=record.id,
                version=1,
                epoch=1,
                origin="sidecar",
                engine="fixture/1",
                duration_ms=60_000,
                word_count=9,
                turns=turns,
                quality={},
            )
            figures = {"talk_ratio": talk_ratio, "dead_air_pct": 0.0}
            metric = CallMetric(
                call_id=record.id, transcript_version=1, basis="provider", figures=figures
            )
            tx.add_all([transcript, metric])
            return record.id

        call_id = await self.db.write(keep)
        await self.analyse(call_id)
        return await self.read(callid)

    async def analyse(self, id_: UUID | str) -> None:
        """Run the stage, and whatever follows from it."""
        call_id = UUID(str(id_))
        payload = {"call_id": str(call_id), "run_no": 1}

        async def queue(tx: Session) -> None:
            record = await tx.get(CallRecord, call_id)
            assert record is not None
            record.status = "transcribed"
            await enqueue(tx, JobSpec(kind=ANALYZE, payload=payload))

        await self.db.write(queue)
        await self.settle()

    async def settle(self) -> None:
        """Number the events, work all jobs."""
        await self.server.sealer.seal()
        await self.server.worker().drain()

    async def read(self, callid: str) -> dict[str, Any]:
        page: dict[str, Any] = await self.admin.told("GET", f"/call-records/6004/{callid}")
        return page

    async def review(self, person: Person, callid: str, *answers: Any, **rest: Any) -> Any:
        """A review that somebody gives at once."""
        body = {"answers": list(answers), "state": "submitted", **rest}
        return await person.told("POST", f"/call-records/6004/{callid}/reviews", body)


@pytest.fixture
async def floor(server: app.Server, ours: "Resident", password_hash: str) -> Floor:
    tenant = await people_tenant(server, "6004")
    return Floor(server, ours, tenant, password_hash)


async def people_tenant(server: app.Server, slug: str) -> UUID:
    found = await people.list_tenants(server.storage.database(), among=None, after=None, limit=10)
    return next(tenant.id for tenant in found if tenant.slug == slug)


@pytest.fixture
async def rita(floor: Floor) -> Person:
    return await floor.person("rita", "reviewer")


@pytest.fixture
async def sam(floor: Floor) -> Person:
    return await floor.person("sam", "supervisor")
