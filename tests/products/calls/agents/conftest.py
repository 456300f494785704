"""A business with a model that says what a test tells it to, and a few calls."""

import copy
import io
import json
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select

from locutory.app import Server
from locutory.capabilities.analysis.api import Analyst
from locutory.engines.llm.base import LLM, LLMRequest
from locutory.engines.llm.scripted import Answer, ScriptedLLM
from locutory.kernel.audit.models import AuditRow
from locutory.kernel.auth.queries import find_tenant

if TYPE_CHECKING:
    from tests.conftest import Resident

RATE, TURN_MS = 8000, 3000
PROMISE = {
    "key": "promise",
    "name": "Promise",
    "prompt_user": "What was promised?\n{{ transcript }}",
    "output_schema": {
        "type": "object",
        "properties": {
            "date": {"type": ["string", "null"]},
            "score": {"type": "number", "minimum": 0, "maximum": 10},
            "evidence": {"type": "array", "items": {"type": "evidence"}},
        },
        "required": ["date", "score", "evidence"],
    },
}
TALK = (
    "Good morning, Anna speaking.",
    "My parcel has not arrived.",
    "It will be there on Tuesday.",
    "Thanks, goodbye.",
)


def example(schema: dict[str, Any]) -> Any:
    """The plainest value of a JSON schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"]
    if isinstance(kind, list):
        return None
    if kind == "object":
        return {name: example(part) for name, part in schema["properties"].items()}
    if kind == "array":
        return [example(schema["items"])] * schema.get("minItems", 0)
    return {"string": "", "boolean": False}.get(kind, schema.get("minimum", 0))


def plain(request: LLMRequest) -> str:
    """The plainest answer that any agent takes."""
    return json.dumps(example(dict(request.schema or {})))


@dataclass
class House:
    """Our business; `model` None: rules answer."""

    server: Server
    ours: "Resident"
    model: ScriptedLLM
    says: Callable[[LLMRequest], Answer] = field(default=plain)
    promise: dict[str, Any] = field(default_factory=lambda: copy.deepcopy(PROMISE))

    @staticmethod
    def plain(request: LLMRequest) -> str:
        return plain(request)

    async def ask(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        """A request about our business; `{bid}` need not be said."""
        return await self.ours.ask(method, path.replace("/6004", f"/{self.ours.bid}"), **rest)

    async def told(self, method: str, path: str, status: int = 200, **rest: Any) -> Any:
        """The body of a reply that must have this status."""
        reply = await self.ask(method, path, **rest)
        assert reply.status_code == status, reply.text
        return reply.json() if reply.content else None

    async def refused(self, method: str, path: str, **rest: Any) -> tuple[int, str]:
        """Status and code of a reply that must be a failure."""
        reply = await self.ask(method, path, **rest)
        assert reply.status_code >= 400, reply.text
        return reply.status_code, reply.json()["error_code"]

    async def hear(self, callid: str, *lines: str) -> dict[str, Any]:
        """The call of a talk with these turns, after its jobs have ended."""
        said = lines or TALK
        files = {
            "file": ("call.wav", recording(len(said))),
            "transcript": ("call.json", talk(*said)),
        }
        path = "/ingest/6004/audio"
        await self.told("POST", path, 202, data={"callid": callid}, files=files)
        await self.drain()
        return await self.call(callid)

    async def call(self, callid: str) -> dict[str, Any]:
        call: dict[str, Any] = await self.told("GET", f"/call-records/6004/{callid}")
        return call

    async def drain(self) -> None:
        await self.server.worker().drain(skip_delays=True)

    async def publish(self, agent: dict[str, Any] | None = None) -> dict[str, Any]:
        """A new agent that is in force, by default the one about promises."""
        agent = agent or self.promise
        await self.told("POST", "/agents/6004", 201, json=agent)
        published: dict[str, Any] = await self.told("POST", f"/agents/6004/{agent['key']}/publish")
        return published

    async def tenant(self) -> UUID:
        async with self.server.storage.read(None) as session:
            tenant = await find_tenant(session, self.ours.bid)
        assert tenant is not None
        return tenant.id

    async def deeds(self) -> list[str]:
        """What the audit log says of our business, in order."""
        rows = select(AuditRow.action).where(AuditRow.tenant_id == await self.tenant())
        async with self.server.storage.read(None) as session:
            return list((await session.scalars(rows.order_by(AuditRow.id))).all())

    @staticmethod
    def ids(texts: list[str]) -> list[UUID]:
        return [UUID(text) for text in texts]

    def without_model(self) -> None:
        self.server.services.add(Analyst, Analyst(None))

    def asked(self) -> int:
        """How many questions the model has had since the last time."""
        count = len(self.model.requests)
        self.model.requests.clear()
        return count


def recording(turns: int) -> bytes:
    """So many times three seconds of a square wave."""
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(b"\x10\x27\xf0\xd8" * (RATE * TURN_MS * turns // 2000))
    return target.getvalue()


def talk(*lines: str) -> bytes:
    """A sidecar in which agent and customer take turns."""
    segments = [
        {
            "start_ms": n * TURN_MS,
            "end_ms": (n + 1) * TURN_MS - 300,
            "speaker": ("agent", "customer")[n % 2],
            "channel": n % 2,
            "text": line,
        }
        for n, line in enumerate(lines)
    ]
    return json.dumps({"language": "en", "segments": segments}).encode()


@pytest.fixture
def house(server: Server, ours: "Resident") -> House:
    model = ScriptedLLM(lambda request: house.says(request))
    house = House(server, ours, model)
    server.services.add(LLM, model)
    server.services.add(Analyst, Analyst(model))
    return house
