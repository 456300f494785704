"""No tenant sees another: a matrix over every route that the program serves.

The routes are the app's own, so a new one is tried on its first day. What a route needs to be
asked sensibly stands in `BODIES` and `names`; a route that is missing there fails by name.
"""

import asyncio
import io
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import select

from locutory.app import Server, route_lines
from locutory.capabilities.runtime.models import Batch
from locutory.engines.blobs import BlobStore
from locutory.engines.crm import Lead
from locutory.kernel.auth.queries import find_tenant
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.kernel.db.base import table_of
from locutory.kernel.ids import new_id
from locutory.kernel.jobs.models import Job
from locutory.products.calls.leads.keeping import prepared, store
from locutory.products.calls.notices.models import Delivery
from locutory.products.calls.pipeline.models import PipelineAlert, SyncWatermark
from locutory.products.calls.records.models import CallRecord, CallTranscript

if TYPE_CHECKING:
    from tests.conftest import Resident


pytestmark = pytest.mark.both_databases

NO_ONE = str(UUID(int=1))
UNKNOWN = {
    "bid": "nobody",
    "callid": "never-heard",
    "user_id": NO_ONE,
    "key_id": NO_ONE,
    "api_key_id": NO_ONE,
    "embed_key_id": NO_ONE,
    "type_key": "never_heard",
    "moment_id": NO_ONE,
    "reclassification_id": NO_ONE,
    "key": "never_made",
    "run_id": NO_ONE,
    "backtest_id": NO_ONE,
    "template_id": NO_ONE,
    "review_id": NO_ONE,
    "bulk_id": NO_ONE,
    "batch_id": NO_ONE,
    "job_id": NO_ONE,
    "alert_id": NO_ONE,
    "agent_id": "no-such-agent",
    "session_id": NO_ONE,
    "webhook_id": NO_ONE,
    "delivery_id": NO_ONE,
    "export_id": NO_ONE,
    "source_id": NO_ONE,
    "backfill_id": NO_ONE,
    "request_id": NO_ONE,
    "name": f"source:{NO_ONE}",
    "provider": "exotel",
    "lead_id": "no-such-lead",
}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)

# what a route takes, by "METHOD /path": keywords of a request, with the words of `names` in braces
_LOGIN = {"json": {"email": "{email}", "password": "correct horse", "tenant": "{bid}"}}
_REFRESH = {"json": {"refresh_token": "{refresh_token}", "tenant": "{bid}"}}
_SILENCE = {"kind": "silence", "min_ms": 5000}
_AGENT = {
    "name": "Agent",
    "prompt_user": "{{ transcript }}",
    "output_schema": {"type": "object", "properties": {"a": {"type": "string"}}},
}
_NEW_AGENT = {**_AGENT, "key": "brand_new"}
_TEMPLATE = {
    "name": "A template",
    "parameters": [{"key": "polite", "section": "Talk", "question": "Polite?", "type": "bool"}],
}
_SITE = "https://portal.example.org"
_LONG_AGO = {"from": "2001-01-01T00:00:00Z", "to": "2001-02-01T00:00:00Z"}
_CRM = {
    "provider": "leadsquared",
    "url": "https://crm.example.com",
    "credentials": {"access_key": "a key", "secret_key": "a secret"},
    "enabled": True,
}
_TALK = {"messages": [{"role": "user", "content": "Hello?"}]}
_EMBED_KEY = {"name": "Portal", "scopes": ["calls:read"], "origins": [_SITE]}
BODIES: dict[str, dict[str, Any]] = {
    "POST /agents/{bid}": {"json": _NEW_AGENT},
    "POST /agents/{bid}/validate": {"json": _NEW_AGENT},
    "POST /agents/{bid}/test-run": {"json": {"agent": _NEW_AGENT, "callids": ["{callid}"]}},
    "PUT /agents/{bid}/{key}": {"json": _AGENT},
    "PATCH /agents/{bid}/{key}": {"json": {"enabled": False}},
    "POST /agents/{bid}/{key}/rollback": {"json": {}},
    "POST /agents/{bid}/{key}/test-run": {"json": {"callids": ["{callid}"]}},
    "POST /agents/{bid}/{key}/backtest": {"json": {"calls": 1}},
    "POST /call-records/{bid}/{callid}/reanalyze": {"json": {}},
    "PUT /crm/{bid}/config": {"json": _CRM},
    "POST /crm/{bid}/leads/import": {"files": {"file": ("leads.csv", b"lead_id,name\nL9,Z\n")}},
    "DELETE /dlq/{bid}/{job_id}": {"json": {"reason": "a test call"}},
    "PATCH /pipeline/{bid}/config": {"json": {"filters": {"min_duration_s": 20}}},
    "POST /alerts/{bid}/{alert_id}/ack": {"json": {"note": "seen"}},
    "POST /analytics/{bid}/query": {"json": {"metrics": ["calls"]}},
    "POST /api/auth/keys": {"json": {"name": "a key", "scopes": ["calls:read"]}},
    "POST /api/auth/login": _LOGIN,
    "POST /api/auth/profile/avatar": {"files": {"file": ("me.png", PNG)}},
    "POST /api/auth/refresh": _REFRESH,
    "POST /auth": _LOGIN,
    "POST /auth/embed": {"json": {"embed_key": "{embed_key}"}, "headers": {"origin": _SITE}},
    "POST /auth/login": _LOGIN,
    "POST /auth/password": {
        "json": {"current_password": "not this horse", "new_password": "another horse"}
    },
    "POST /auth/refresh": _REFRESH,
    "POST /auth/stream-ticket": {"json": {"bid": "{bid}"}},
    "POST /businesses": {"json": {"bid": "brand-new", "name": "New"}},
    "PATCH /businesses/{bid}": {"json": {"name": "Renamed"}},
    "POST /businesses/{bid}/api-keys": {"json": {"name": "a key", "scopes": ["read"]}},
    "POST /businesses/{bid}/embed-keys": {"json": _EMBED_KEY},
    "POST /businesses/{bid}/users": {
        "json": {"email": "guest@example.org", "name": "Guest", "role": "viewer"}
    },
    "PATCH /businesses/{bid}/users/{user_id}": {"json": {"role": "business_admin"}},
    "POST /call-records/{bid}/{callid}/reviews": {"json": {"reviewer_id": None}},
    "PUT /businesses/{bid}/floor-agents": {
        "json": {"items": [{"external_id": "a-1", "name": "Asha"}]}
    },
    "POST /businesses/{bid}/floor-agents/import": {
        "files": {"file": ("agents.csv", b"external_id,name\na-2,Ravi\n")}
    },
    "POST /call-records/{bid}/bulk": {
        "json": {"action": "tag", "callids": ["never"], "confirm_count": 0}
    },
    "PATCH /call-records/{bid}/{callid}": {"json": {"tags": ["ours"]}},
    "POST /call-records/{bid}/{callid}/comments": {"json": {"text": "a note"}},
    "POST /call-records/{bid}/{callid}/retranscribe": {"json": {}},
    "POST /call-records/{bid}/{callid}/speakers": {"json": {"map": {"S1": "agent"}}},
    "PATCH /call-records/{bid}/{callid}/transcript": {
        "json": {"base_version": 1, "edits": [{"idx": 0, "text": "Good morning."}]}
    },
    "POST /ingest/{bid}/audio": {"files": {"file": ("a.wav", b"RIFF\x24\0\0\0WAVEfmt ")}},
    "POST /ingest/{bid}/backfill": {"json": {"source_id": "{source_id}", **_LONG_AGO}},
    "POST /ingest/{bid}/calls": {"json": {"calls": [{"callid": "new"}]}},
    "POST /ingest/{bid}/cdc": {"json": {"payload": {"op": "t"}}},
    "POST /ingest/{bid}/webhooks/{provider}": {"json": {"CallSid": "new"}},
    "POST /ingest/{bid}/webhooks/{provider}/{token}": {"json": {"CallSid": "new"}},
    "POST /moments/{bid}": {"json": {"key": "other", "name": "Other", "rule": _SILENCE}},
    "PATCH /moments/{bid}/{moment_id}": {"json": {"name": "Renamed"}},
    "POST /moments/{bid}/{moment_id}/test": {"json": {"callids": ["{callid}"]}},
    "POST /objections/{bid}/reclassify": {"json": {}},
    "POST /objections/{bid}/types": {"json": {"key": "parking", "label": "Parking"}},
    "PATCH /objections/{bid}/types/{type_key}": {"json": {"label": "Renamed"}},
    "POST /dlq/{bid}/redrive": {"json": {"filter": {"code": "NONE"}}},
    "POST /dlq/{bid}/{job_id}/redrive": {"json": {"overrides": {"provider": "stub"}}},
    "POST /pipeline/{bid}/sources": {"json": {"name": "Relay", "kind": "push"}},
    "PATCH /pipeline/{bid}/sources/{source_id}": {"json": {"name": "Renamed"}},
    "POST /pipeline/{bid}/config/rollback": {"json": {"version": 1}},
    "POST /pipeline/{bid}/control": {"json": {"action": "resume"}},
    "POST /webhooks/{bid}": {
        "json": {"name": "Tickets", "url": "https://hooks.invalid", "events": ["call.done"]}
    },
    "PATCH /webhooks/{bid}/{webhook_id}": {"json": {"name": "Renamed"}},
    "PUT /notices/{bid}/settings": {"json": {"news": ["call.failed"], "score_below": 40}},
    "POST /exports/{bid}": {"json": {"kind": "calls", "format": "csv"}},
    "POST /privacy/{bid}/erase": {"json": {"callid": "never-made", "reason": "ticket 1"}},
    "POST /rag/chat": {"json": {"bids": ["{bid}"], "message": "what about the price?"}},
    "POST /rag/search": {"json": {"bids": ["{bid}"], "query": "price"}},
    "POST /rag/{bid}/chat": {"json": {"message": "what about the price?"}},
    "POST /rag/{bid}/search": {"json": {"query": "price"}},
    "PUT /review-sampling/{bid}": {"json": {"per_agent": 1}},
    "POST /review-sampling/{bid}/draw": {"json": {"week": "2026-W03"}},
    "PATCH /reviews/{review_id}": {"json": {"comment": "seen"}},
    "POST /reviews/{review_id}/dispute": {
        "json": {"reasons": [{"key": "greeting", "reason": "I did greet"}]}
    },
    "POST /reviews/{review_id}/resolve": {"json": {"outcome": "uphold"}},
    "POST /scoring-templates/{bid}": {"json": _TEMPLATE | {"name": "Another"}},
    "PUT /scoring-templates/{bid}/{template_id}": {"json": _TEMPLATE},
    "POST /scoring-templates/{bid}/{template_id}/preview": {"json": {"callids": ["{callid}"]}},
    "PUT /pipeline/{bid}/budgets": {"json": {"audio_minutes": 600}},
    "PUT /pipeline/{bid}/config": {"json": {"filters": {"min_duration_s": 30}}},
    "PUT /pipeline/{bid}/webhooks-in/{provider}": {"json": {"keep_former_s": 3600}},
    "PUT /pipeline/{bid}/watermarks/{name}": {"json": {"ts": None, "reason": "ticket 1"}},
    "POST /api/runtime/llm/batch": {"json": {"items": [{"id": "1", **_TALK}]}},
    "POST /api/runtime/llm/chat": {"json": _TALK},
    "POST /v1/chat/completions": {"json": {"model": "locutory-default", **_TALK}},
    "POST /update-call": {"json": {"bid": "{bid}", "callid": "new"}},
}
# what a route asks for in its query beside the business, as BODIES
QUERIES = {
    "DELETE /businesses/{bid}": {"confirm": "{bid}"},
    "POST /ingest/{bid}/cdc": {"source": "{table}"},
    "POST /ingest/{bid}/webhooks/{provider}": {"token": "{token}"},
}
# what takes away that which the others are about, in this order
LAST = ["DELETE /call-records/{bid}/{callid}", "DELETE /businesses/{bid}"]
NAMING = {"bid", "bids", "tenant"}  # fields and query parameters that say which business
MAKES_A_BUSINESS = {"POST /businesses"}  # its bid is one that must not exist yet
OPEN = {
    "GET /docs",
    "GET /docs/oauth2-redirect",
    "GET /health",
    "GET /healthz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /readyz",
    "POST /api/auth/login",
    "POST /api/auth/refresh",
    "POST /auth",
    "POST /auth/embed",
    "POST /auth/login",
    "POST /auth/refresh",
}
# who delivers has no login: what is no secret of the business is refused, whatever business it is
BY_SECRET = {
    "POST /ingest/{bid}/webhooks/{provider}",
    "POST /ingest/{bid}/webhooks/{provider}/{token}",
}
REFUSED = {"UNAUTHENTICATED", "TOKEN_INVALID", "BAD_SIGNATURE"}
FILES = {"GET /call-records/{bid}/{callid}/audio"}
ANSWERED_S = 20.0
ANSWERS_WITHOUT_END = {"GET /call-records/{bid}/stream"}


@dataclass(frozen=True, slots=True)
class Door:
    """A route: what its path names, and the business-naming parts of its query and body."""

    method: str
    path: str
    parameters: frozenset[str]
    takes_body: bool
    by_query: frozenset[str] = field(default_factory=frozenset)
    by_body: frozenset[str] = field(default_factory=frozenset)

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def names_a_business(self) -> bool:
        named = "bid" in self.parameters or self.by_query or self.by_body
        return bool(named) and self.line not in MAKES_A_BUSINESS

    def request(self, names: dict[str, str]) -> tuple[str, dict[str, Any]]:
        """The path and the keywords of a request about these names."""
        missing = self.parameters - names.keys()
        assert not missing, f"{self.line}: give {missing} a value in `names` and in UNKNOWN"
        rest = dict(filled(BODIES.get(self.line, {}), names))
        asked = dict.fromkeys(self.by_query, names["bid"])
        if asked or self.line in QUERIES:
            rest["params"] = {**asked, **filled(QUERIES.get(self.line, {}), names)}
        return self.path.format_map(names), rest


def filled(value: Any, names: dict[str, str]) -> Any:
    """A request's keywords with the words in braces replaced."""
    if isinstance(value, dict):
        return {key: filled(part, names) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, names) for part in value]
    return value.format_map(names) if isinstance(value, str) else value


def fields_of(api: FastAPI, operation: dict[str, Any]) -> set[str]:
    """The names in an operation's body, whatever its media type."""
    content = operation.get("requestBody", {}).get("content", {})
    pending = [media["schema"] for media in content.values()]
    names: set[str] = set()
    while pending:
        schema = pending.pop()
        if "$ref" in schema:
            schema = api.openapi()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        pending += [*schema.get("anyOf", ()), *schema.get("allOf", ())]
        names |= schema.get("properties", {}).keys()
    return names


def doors(api: FastAPI) -> Iterator[Door]:
    """Every route of an app."""
    reference = api.openapi()["paths"]
    for context in iter_route_contexts(api.routes):
        path = context.path or ""
        for method in (context.methods or set()) - {"HEAD"}:
            operation = reference.get(path, {}).get(method.lower(), {})
            query = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
            yield Door(
                method,
                path,
                frozenset(getattr(context, "param_convertors", {})),
                "requestBody" in operation,
                frozenset(query & NAMING),
                frozenset(fields_of(api, operation) & NAMING),
            )


def refusal(reply: httpx2.Response) -> tuple[Any, ...]:
    """All of a failure that does not change from one request to the next."""
    body = reply.json()
    return reply.status_code, body["detail"], body["error_code"], tuple(sorted(body))


@dataclass
class Street:
    """Two businesses with an object of each kind, and every door."""

    ours: "Resident"
    theirs: "Resident"
    doors: list[Door]
    made: dict[str, dict[str, str]]  # by business: ids that the server gave

    def names(self, of: "Resident", **other: str) -> dict[str, str]:
        """What there is in a business; credentials are always ours."""
        own = {
            "bid": of.bid,
            "callid": f"call-of-{of.bid}",
            "user_id": str(of.user_id),
            "key_id": str(of.key_id),
            "job_id": str(uuid5(of.user_id, "job")),
            "alert_id": str(uuid5(of.user_id, "alert")),
            "agent_id": f"agent-of-{of.bid}",
            "email": self.ours.email,
            "refresh_token": self.ours.refresh_token,
        }
        token = {"token": self.made[self.ours.bid]["token"]}
        return {**own, **self.made[of.bid], **token, **other}

    async def knock(self, door: Door, names: dict[str, str], token: str | None) -> httpx2.Response:
        """The answer; a stream that opens has none, so that a deadline says so."""
        path, rest = door.request(names)
        try:
            async with asyncio.timeout(ANSWERED_S):
                return await self.ours.ask(door.method, path, token=token, **rest)
        except TimeoutError:
            return httpx2.Response(200, json={"detail": "no end", "error_code": None})

    async def view(self, of: "Resident") -> dict[str, Any]:
        """What a resident sees of their own business."""
        names = self.names(of)
        seen = {}
        for door in self.doors:
            if door.method == "GET" and door.names_a_business and not endless(door):
                path, rest = door.request(names)
                reply = await of.ask("GET", path, **rest)
                if reply.status_code >= 400:
                    seen[door.line] = refusal(reply)
                else:
                    seen[door.line] = reply.content if door.line in FILES else reply.json()
        seen["keys"] = (await of.ask("GET", "/api/auth/keys")).json()["items"]
        return seen


def _turn(door: Door) -> tuple[bool, int]:
    """What deletes comes last, and last of all what takes away all that is left."""
    return door.method == "DELETE", LAST.index(door.line) if door.line in LAST else -1


def endless(door: Door) -> bool:
    return door.line in ANSWERS_WITHOUT_END


async def tenant_id_of(server: Server, bid: str) -> UUID:
    async with server.storage.read(None) as session:
        tenant = await find_tenant(session, bid)
    assert tenant is not None
    return tenant.id


async def furnish(server: Server, resident: "Resident") -> str:
    """Give a resident's call a recording and words; return the id of a deed on many calls."""
    callid = f"call-of-{resident.bid}"
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16_000))
    tenant_id = await tenant_id_of(server, resident.bid)
    key = f"calls/{tenant_id}/x/original-0"
    await server.services.get(BlobStore).put(key, sound.getvalue())
    turn = {"idx": 0, "start_ms": 0, "end_ms": 900, "role": "agent", "speaker": "S1"}
    turn |= {"text": "Hello.", "channel": 0, "confidence": None, "role_confidence": None}

    async def write(tx: Session) -> None:
        record = await tx.scalar(select(CallRecord).where(CallRecord.callid == callid))
        assert record is not None
        record.audio_key, record.transcript_version = key, 1
        transcript = CallTranscript(call_id=record.id, version=1, epoch=1, origin="sidecar")
        transcript.engine, transcript.duration_ms, transcript.word_count = "x/1", 1000, 1
        transcript.turns, transcript.quality = [{**turn, "flags": []}], {}
        tx.add(transcript)

    await server.storage.database(tenant_id).write(write)
    ask = {"action": "tag", "callids": [callid], "confirm_count": 1}
    reply = await resident.ask("POST", f"/call-records/{resident.bid}/bulk", json=ask)
    return str(reply.json()["job_id"])


async def leave_trouble(server: Server, of: "Resident") -> None:
    """A dead letter and an alert in somebody's business."""
    job = {
        "id": uuid5(of.user_id, "job"),
        "queue": "transcribe",
        "kind": "calls.transcribe",
        "payload": {"call_id": NO_ONE, "run_no": 1},
        "state": "dead",
        "priority": 50,
        **dict.fromkeys(("run_at_ms", "created_ms", "finished_ms"), 1_000_000),
        **dict.fromkeys(("attempts", "throttles", "lost", "token", "redrives"), 0),
        "max_attempts": 6,
        "cancel_requested": False,
        "error_class": "poison",
        "error_code": "POISON",
        "error_detail": "its worker vanished",
    }
    alert = PipelineAlert(
        id=uuid5(of.user_id, "alert"),
        key="DlqNotEmpty",
        about="",
        state="firing",
        severity="warning",
        detail="1 dead letter",
        since=utc_now(),
    )

    async def put(tx: Session) -> None:
        row = {**job, "tenant_id": tx.tenant_id}
        await tx.execute(table_of(Job).insert(), row, execution_options={"fenced": True})
        tx.add(alert)

    async with server.storage.read(None) as session:
        tenant = await find_tenant(session, of.bid)
    assert tenant is not None
    await server.storage.database(tenant.id).write(put)


@pytest.fixture
async def street(api: FastAPI, server: Server, ours: "Resident", theirs: "Resident") -> Street:
    made: dict[str, dict[str, str]] = {}
    for resident in (ours, theirs):
        await leave_trouble(server, resident)
        call = {
            "callid": f"call-of-{resident.bid}",
            "customer_phone": "+911234567890",
            "agent_id": f"agent-of-{resident.bid}",
        }
        path = f"/ingest/{resident.bid}/calls"
        assert (await resident.ask("POST", path, json={"calls": [call]})).json()["accepted"] == 1
        picture = {"file": ("me.png", PNG)}
        reply = await resident.ask("POST", "/api/auth/profile/avatar", files=picture)
        assert reply.status_code == 200, reply.text
        path = f"/scoring-templates/{resident.bid}"
        template = (await resident.ask("POST", path, json=_TEMPLATE)).json()
        path = f"/call-records/{resident.bid}/{call['callid']}/reviews"
        review = (await resident.ask("POST", path, json={})).json()
        ask = BODIES["POST /webhooks/{bid}"]
        hook = (await resident.ask("POST", f"/webhooks/{resident.bid}", **ask)).json()["id"]
        type_ = {"key": f"type_of_{resident.bid}", "label": "Own"}
        await created(resident, f"/objections/{resident.bid}/types", type_)
        rule = {"key": "silence", "name": "Silence", "rule": _SILENCE}
        ask = {"json": {"message": "what about the price?"}}
        reply = await resident.ask("POST", f"/rag/{resident.bid}/chat", **ask)
        made[resident.bid] = {
            "session_id": reply.json()["session_id"],
            "bulk_id": await furnish(server, resident),
            "moment_id": await created(resident, f"/moments/{resident.bid}", rule),
            "reclassification_id": await created(
                resident, f"/objections/{resident.bid}/reclassify", {}
            ),
            "type_key": f"type_of_{resident.bid}",
            "key": f"agent_of_{resident.bid}",
            "export_id": await created(
                resident, f"/exports/{resident.bid}", {"kind": "calls", "format": "csv"}
            ),
            "request_id": await created(
                resident,
                f"/privacy/{resident.bid}/erase",
                {"callid": "never-made", "reason": "ticket 1"},
            ),
            "template_id": template["id"],
            "review_id": review["id"],
            "webhook_id": hook,
            "delivery_id": await delivered(server, resident.bid, hook),
            "api_key_id": await created(
                resident,
                f"/businesses/{resident.bid}/api-keys",
                {"name": "a key", "scopes": ["read"]},
            ),
            **await watching(server, resident),
            "name": await read_so_far(server, resident.bid),
            "embed_key_id": await created(
                resident, f"/businesses/{resident.bid}/embed-keys", _EMBED_KEY
            ),
            **await trials(resident),
            "batch_id": await batch(server, resident.bid),
            "lead_id": await with_crm(server, resident),
        }
    return Street(ours, theirs, list(doors(api)), made)


async def with_crm(server: Server, resident: "Resident") -> str:
    """A connection that is off, and a lead of an import."""
    reply = await resident.ask("PUT", f"/crm/{resident.bid}/config", json=_CRM)
    assert reply.status_code == 200, reply.text
    lead_id = f"lead-of-{resident.bid}"
    async with server.storage.read(None) as session:
        tenant = await find_tenant(session, resident.bid)
    assert tenant is not None
    batch = prepared([Lead(lead_id=lead_id)], tenant=tenant, secrets=server.secrets)
    db = server.storage.database(tenant.id)
    await db.write(lambda tx: store(tx, "import", batch, secrets=server.secrets))
    return lead_id


async def created(resident: "Resident", path: str, body: dict[str, Any]) -> str:
    """The id of something new, or "" where it has none."""
    reply = await resident.ask("POST", path, json=body)
    assert reply.status_code in (201, 202), reply.text
    return str(reply.json().get("id", ""))


async def delivered(server: Server, bid: str, webhook_id: str) -> str:
    """A line in the log of a webhook."""
    storage = server.storage
    tenant_id = await tenant_id_of(server, bid)
    row = Delivery(
        id=new_id(),
        webhook_id=UUID(webhook_id),
        event_id=new_id(),
        news="call.done",
        body=b"{}",
        body_sha256="",
        state="ok",
    )

    async def store(tx: Session) -> None:
        tx.add(row)

    await storage.database(tenant_id).write(store)
    return str(row.id)


async def read_so_far(server: Server, bid: str) -> str:
    """The name of a watermark."""
    name = f"source:{new_id()}"

    async def store(tx: Session) -> None:
        tx.add(SyncWatermark(name=name, cursor={}))

    await server.storage.database(await tenant_id_of(server, bid)).write(store)
    return name


async def watching(server: Server, resident: "Resident") -> dict[str, str]:
    """A watched folder and a walk through its past."""
    root = server.settings.data_dir / "in"
    (root / resident.bid).mkdir(parents=True)
    server.settings.intake.folders = (root,)
    source = {"name": "Dialler", "kind": "folder", "path": str(root / resident.bid)}
    source_id = await created(resident, f"/pipeline/{resident.bid}/sources", source)
    ask = {"source_id": source_id, **_LONG_AGO}
    backfill_id = await created(resident, f"/ingest/{resident.bid}/backfill", ask)
    columns = {"table": "history", "row_id": "id", "callid": "callid"}
    pushing = {"name": "Changes", "kind": "push", "mapping": columns}
    table = await created(resident, f"/pipeline/{resident.bid}/sources", pushing)
    hook = await resident.ask("PUT", f"/pipeline/{resident.bid}/webhooks-in/exotel", json={})
    made = {"source_id": source_id, "backfill_id": backfill_id, "table": table}
    return {**made, "provider": "exotel", "token": hook.json()["token"]}


async def batch(server: Server, bid: str) -> str:
    """A batch of requests to models; no model is there that would answer it."""
    row = Batch(state="queued", total=0, max_concurrency=1, created_by="test")

    async def store(tx: Session) -> None:
        tx.add(row)

    await server.storage.database(await tenant_id_of(server, bid)).write(store)
    return str(row.id)


async def trials(resident: "Resident") -> dict[str, str]:
    """An agent of the business, in force with a draft beside it, and a trial of each kind."""
    path, key = f"/agents/{resident.bid}", f"agent_of_{resident.bid}"
    await resident.ask("POST", path, json={**_AGENT, "key": key})
    await resident.ask("POST", f"{path}/{key}/publish")
    await resident.ask("PATCH", f"{path}/{key}", json={"name": "Draft"})
    ask = {"callids": [f"call-of-{resident.bid}"], "wait_s": 0}
    run = await resident.ask("POST", f"{path}/{key}/test-run", json=ask)
    backtest = await resident.ask("POST", f"{path}/{key}/backtest", json={})
    assert (run.status_code, backtest.status_code) == (202, 202), run.text + backtest.text
    return {"run_id": run.json()["id"], "backtest_id": backtest.json()["id"]}


def test_every_route_that_takes_a_body_has_one_here(api: FastAPI) -> None:
    taking = {door.line for door in doors(api) if door.takes_body}

    missing = sorted(taking - BODIES.keys())
    assert missing == [], f"add a request that would be accepted to BODIES for each of {missing}"
    assert sorted(BODIES.keys() - taking) == [], "BODIES names routes that are gone"


def test_every_body_that_can_name_a_business_does(api: FastAPI) -> None:
    naming = {d.line for d in doors(api) if d.by_body} - MAKES_A_BUSINESS

    missing = [line for line in sorted(naming) if "{bid}" not in str(BODIES.get(line))]
    assert missing == [], f"let the entries of {missing} in BODIES say {{bid}}"


def test_lists_of_routes_here_are_not_stale(api: FastAPI) -> None:
    named = OPEN | BY_SECRET | MAKES_A_BUSINESS | ANSWERS_WITHOUT_END | QUERIES.keys() | set(LAST)
    assert named - set(route_lines(api)) == set()


async def test_a_foreign_business_is_as_unknown_as_one_that_is_not_there(street: Street) -> None:
    tried, faults = 0, []
    before = await street.view(street.theirs)
    for door in (d for d in street.doors if d.names_a_business):
        for token in (street.ours.token, street.ours.key):
            foreign = await street.knock(door, street.names(street.theirs), token)
            unknown = await street.knock(door, street.names(street.theirs, bid="nobody"), token)
            tried += 1
            hidden = 401 if door.line in BY_SECRET else 404
            if foreign.status_code != hidden or refusal(foreign) != refusal(unknown):
                faults.append((door.line, foreign.text, unknown.text))

    assert not faults, "\n".join(map(str, faults))
    assert tried >= 30
    assert await street.view(street.theirs) == before


async def test_a_foreign_object_is_as_unknown_as_one_that_is_not_there(street: Street) -> None:
    tried, faults = 0, []
    before = await street.view(street.theirs)
    # a provider is named alike in every business
    for door in (d for d in street.doors if d.parameters - {"bid", "provider", "token"}):
        for token in (street.ours.token, street.ours.key):
            ours = {"bid": street.ours.bid}
            foreign = await street.knock(door, street.names(street.theirs, **ours), token)
            unknown = await street.knock(door, street.names(street.theirs, **UNKNOWN | ours), token)
            tried += 1
            if foreign.status_code != 404 or refusal(foreign) != refusal(unknown):
                faults.append((door.line, foreign.text, unknown.text))

    assert not faults, "\n".join(map(str, faults))
    assert tried >= 10
    assert await street.view(street.theirs) == before


async def test_the_same_requests_are_understood_in_ones_own_business(street: Street) -> None:
    """Else the refusals above might be for another reason."""
    faults = []
    for door in sorted(street.doors, key=_turn):
        if (door.names_a_business or door.parameters) and not endless(door):
            names = street.names(street.ours)
            if "{refresh_token}" in str(BODIES.get(door.line)):  # each is good once
                names["refresh_token"] = (await street.ours.log_in())["refresh_token"]
            reply = await street.knock(door, names, street.ours.token)
            if reply.status_code in (401, 403, 404, 405, 422) or reply.status_code >= 500:
                faults.append((door.line, reply.text))

    assert not faults, "\n".join(map(str, faults))


async def test_a_chat_cannot_be_gone_on_with_from_another_business(street: Street) -> None:
    ask = {"message": "what about the price?"}
    path = f"/rag/{street.theirs.bid}/chat"
    session = (await street.theirs.ask("POST", path, json=ask)).json()["session_id"]
    for path, rest in (("/rag/6004/chat", {}), ("/rag/chat", {"bids": ["6004"]})):
        foreign = await street.ours.ask("POST", path, json={**ask, **rest, "session_id": session})
        nowhere = {**ask, **rest, "session_id": NO_ONE}
        unknown = await street.ours.ask("POST", path, json=nowhere)

        assert foreign.status_code == 404
        assert refusal(foreign) == refusal(unknown)


async def test_every_route_that_is_not_open_refuses_strangers(street: Street) -> None:
    tried, faults = 0, []
    forged = street.theirs.key[:-1] + ("A" if street.theirs.key[-1] != "A" else "B")
    for door in (d for d in street.doors if d.line not in OPEN):
        names = street.names(street.theirs)
        for token in (None, "nonsense", forged):
            reply = await street.knock(door, names, token)
            tried += 1
            if reply.status_code != 401 or reply.json()["error_code"] not in REFUSED:
                faults.append((door.line, token, reply.text))

    assert not faults, "\n".join(map(str, faults))
    assert tried >= 90


async def test_strangers_are_refused_before_their_body_is_read(street: Street) -> None:
    faults = []
    for door in (d for d in street.doors if d.takes_body and d.line not in OPEN):
        path, _ = door.request(street.names(street.theirs))
        headers = {"content-type": "application/json"}
        reply = await street.ours.ask(
            door.method, path, token=None, headers=headers, content=b'{"half'
        )
        if reply.status_code != 401:
            faults.append((door.line, reply.status_code, reply.text))

    assert not faults, "\n".join(map(str, faults))
