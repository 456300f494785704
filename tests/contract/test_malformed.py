"""Whatever is sent, the server answers for it: never a 5xx, and failures in the one shape."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI

if TYPE_CHECKING:
    from tests.conftest import Resident

pytestmark = pytest.mark.both_databases

ERROR_KEYS = {"detail", "error_code", "timestamp", "correlation_id", "retry_after"}
HUGE = "9" * 400


def cursor(sort: str, value: Any, id_: Any = "00000000-0000-0000-0000-000000000001") -> str:
    """A forged place in a list."""
    return base64.urlsafe_b64encode(json.dumps([sort, value, id_]).encode()).decode().rstrip("=")


ODD_TEXTS = {  # as they stand in an address
    "nul": "a%00b",
    "invalid UTF-8": "%ff%fe",
    "huge number": HUGE,
    "long": "x" * 3000,
    "negative": "-1",
    "beyond 64 bits": str(2**63),
    "not a number": "NaN",
    "empty": "",
    "surrogate": "%ed%a0%80",
    "a date of no calendar": "0001-01-01T00:00:00%2B14:00",
    "the last moment": "9999-12-31T23:59:59-14:00",
    "a time without an offset": "2026-01-02T03:04:05",
    "a date": "2026-01-02",
    "half a cursor": "WyJzdGFydGVkX2F0OmRlc2Mi",
    "a cursor beyond time": cursor("started_at:desc", {"ms": 1e30}),
    "a cursor with a text for a time": cursor("started_at:desc", "x"),
    "a cursor with a list for a time": cursor("started_at:desc", [1]),
    "a cursor with a number for a name": cursor("businesses", 1),
    "a cursor with a nul": cursor("businesses", "a\0b"),
    "a cursor with a number for an id": cursor("users", None, 1),
}
ODD_VALUES = (  # as they stand in a JSON body
    "null",
    "true",
    "-1",
    HUGE,
    "1e400",
    "NaN",
    '""',
    '"\\u0000"',
    '"a\\u0000b"',
    '"\\ud800"',
    f'"{"x" * 5000}"',
    "[]",
    '[null, 1, "\\u0000"]',
    '["\\ud800"]',
    "{}",
    '{"a\\u0000": {"b": "\\ud800"}}',
    '"0001-01-01T00:00:00+14:00"',
    '"9999-12-31T23:59:59-14:00"',
)
ODD_BODIES = (
    b"",
    b"{",
    b'{"calls": [',
    b"null",
    b"[]",
    b'"text"',
    b"1",
    b"\x00",
    b"\xff\xfe\xfd",
    b'{"email": "\xff"}',
    b"[" * 20_000,
    b'{"a":' * 20_000,
)
ODD_TYPES = ("text/plain", "multipart/form-data", "multipart/form-data; boundary=x", "nonsense")
PLAUSIBLE = {  # where a type says too little for a request to get past the first check
    "bid": "6004",
    "bids": ["6004"],
    "tenant": "6004",
    "email": "admin@6004.example",
    "role": "viewer",
    "scopes": ["calls:read"],
    "timezone": "UTC",
    "country_code": "IN",
    "currency": "INR",
    "callid": "known",
    "key": "promise",
    "prompt_user": "{{ transcript }}",
    "output_schema": {"type": "object", "properties": {"a": {"type": "string"}}},
    "provider": None,
    "model": None,
    "fallback": [],
    "depends_on": [],
    "agents": None,
    "version": None,
    "from": "2026-01-01",
    "to": "2026-02-01",
    "audio_url": "https://example.org/a.wav",
    "kind": "call",
    "expires_at": None,
    "session_id": None,
    "callids": ["known"],
    "rule": {"kind": "silence", "min_ms": 5000},
    "synonyms": {},
    "metrics": ["calls"],
    "dimensions": ["day"],
    "min_score": None,
    "max_score": None,
    "options": {},
    "binding": {},
    "reviewer_id": None,
    "week": None,
    "action": "tag",
    "params": {},
    "filter": {},
    "map": {"S1": "agent"},
    "phone": "+15550001111",
    "lead_id": None,
    "messages": [{"role": "user", "content": "Hello?"}],
    "response_schema": None,
    "response_format": None,
    "scheme": None,
    "secret": None,
}
ENDS_THE_SESSION = "/logout"
ENDLESS = "/stream"
NOBODY = "00000000-0000-0000-0000-000000000001"


@dataclass(frozen=True, slots=True)
class Operation:
    """What the reference says of a route; `fields` are its body's, with plausible values."""

    method: str
    path: str
    in_path: tuple[str, ...]
    in_query: tuple[str, ...]
    media_type: str | None
    fields: dict[str, Any] = field(default_factory=dict)


def operations(api: FastAPI) -> Iterator[Operation]:
    """Every operation of the reference."""
    reference = api.openapi()
    for path, methods in reference["paths"].items():
        for method, operation in methods.items():
            parameters = operation.get("parameters", ())
            content = operation.get("requestBody", {}).get("content", {})
            media_type = next(iter(content), None)
            schema = {} if media_type is None else content[media_type]["schema"]
            yield Operation(
                method.upper(),
                path,
                tuple(p["name"] for p in parameters if p["in"] == "path"),
                tuple(p["name"] for p in parameters if p["in"] == "query"),
                media_type,
                example(schema, reference["components"]["schemas"]) or {},
            )


def example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """A value that a schema of the reference probably takes."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for name in ("anyOf", "allOf"):
        if name in schema:
            return example(schema[name][0], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("default"):
        return schema["default"]
    kind = schema.get("type")
    if kind == "object":
        known = schema.get("properties", {})
        values = {key: example(part, schemas) for key, part in known.items()}
        return values | {k: v for k, v in PLAUSIBLE.items() if k in values} or {"callid": "x"}
    if kind == "array":
        return [example(schema.get("items", {}), schemas)]
    formats = {"uuid": "00000000-0000-0000-0000-000000000001", "date-time": "2026-01-02T03:04:05Z"}
    plain = {"integer": 1, "number": 1.0, "boolean": True}
    return plain.get(kind or "", formats.get(schema.get("format", ""), "demo_text_value"))


@dataclass
class Prober:
    """Sends what nobody should, and keeps what the server should not have answered."""

    api: FastAPI
    resident: "Resident"
    names: dict[str, str]
    faults: list[str] = field(default_factory=list)
    tried: int = 0

    async def send(self, what: str, operation: Operation, target: str, **rest: Any) -> None:
        if operation.path.endswith(ENDLESS) and "?" in target:
            status, body = await self._opening(target)
        else:
            reply = await self.resident.ask(operation.method, target, **rest)
            status, body = reply.status_code, reply.content
        self.tried += 1
        if status >= 500 or (status >= 400 and not _is_error(body)):
            text = body[:200].decode(errors="replace")
            self.faults.append(f"{operation.method} {operation.path}: {what}: {status} {text}")

    async def _opening(self, target: str) -> tuple[int, bytes]:
        """Status and body of a request whose sender hangs up once it has been read."""
        path, _, query = target.partition("?")
        heard: list[dict[str, Any]] = []
        said = iter([{"type": "http.request", "body": b""}])

        async def receive() -> dict[str, Any]:
            return next(said, {"type": "http.disconnect"})

        async def send(message: dict[str, Any]) -> None:
            heard.append(message)

        bearer = f"Bearer {self.resident.token}".encode()
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"authorization", bearer)],
            "client": ("127.0.0.1", 1),
            "server": ("locutory.test", 80),
        }
        await self.api(scope, receive, send)  # type: ignore[arg-type]
        body = b"".join(message.get("body", b"") for message in heard)
        return heard[0]["status"], body

    def target(self, operation: Operation, **odd: str) -> str:
        nobody = dict.fromkeys(operation.in_path, NOBODY)
        return operation.path.format_map({**nobody, **self.names, **odd})

    async def paths(self, operation: Operation) -> None:
        for name in operation.in_path:
            for what, text in ODD_TEXTS.items():
                target = self.target(operation, **{name: text or "%20"})
                await self.send(f"{name}={what}", operation, target)

    async def queries(self, operation: Operation) -> None:
        body: dict[str, Any] = {} if not operation.fields else {"json": operation.fields}
        target = self.target(operation)
        for name in (*operation.in_query, "no_such_parameter"):
            for what, text in ODD_TEXTS.items():
                await self.send(f"?{name}={what}", operation, f"{target}?{name}={text}", **body)

    async def bodies(self, operation: Operation) -> None:
        target = self.target(operation)
        for content in ODD_BODIES:
            for media_type in ("application/json", *ODD_TYPES):
                headers = {"content-type": media_type}
                what = f"{media_type} {content[:20]!r}"
                await self.send(what, operation, target, content=content, headers=headers)

    async def fields(self, operation: Operation) -> None:
        target = self.target(operation)
        for name in (*operation.fields, "no_such_field"):
            for value in ODD_VALUES:
                rest = {k: v for k, v in operation.fields.items() if k != name}
                text = json.dumps({**rest, name: "HERE"}).replace('"HERE"', value)
                headers = {"content-type": "application/json"}
                what = f"{name}: {value[:30]}"
                await self.send(what, operation, target, content=text.encode(), headers=headers)

    async def forms(self, operation: Operation) -> None:
        target = self.target(operation)
        for name in operation.fields:
            for odd in ("", "a\x00b", HUGE, "x" * 5000, "0001-01-01T00:00:00+14:00"):
                file = {} if name == "file" else {"file": ("a\x00.wav", b"RIFF\x00")}
                what = f"form {name}={odd[:30]!r}"
                await self.send(what, operation, target, data={name: odd}, files=file or None)


def _is_error(body: bytes) -> bool:
    try:
        found = json.loads(body)
    except ValueError:
        return False
    return isinstance(found, dict) and found.keys() >= ERROR_KEYS


@pytest.fixture
async def prober(api: FastAPI, ours: "Resident") -> Prober:
    call = {"callid": "known", "audio_url": None}
    await ours.ask("POST", f"/ingest/{ours.bid}/calls", json={"calls": [call]})
    silence = {"key": "silence", "name": "Silence", "rule": PLAUSIBLE["rule"]}
    rule = (await ours.ask("POST", f"/moments/{ours.bid}", json=silence)).json()
    question = {"key": "polite", "section": "Talk", "question": "Polite?", "type": "bool"}
    body = {"name": "A template", "parameters": [question]}
    template = (await ours.ask("POST", f"/scoring-templates/{ours.bid}", json=body)).json()
    path = f"/call-records/{ours.bid}/known/reviews"
    review = (await ours.ask("POST", path, json={})).json()
    path_in = f"/pipeline/{ours.bid}/webhooks-in/exotel"
    names = {
        "bid": ours.bid,
        "callid": "known",
        "user_id": str(ours.user_id),
        "key_id": "00000000-0000-0000-0000-000000000001",
        "type_key": "price",
        "moment_id": rule["id"],
        "key": "bant",
        "template_id": template["id"],
        "review_id": review["id"],
        "agent_id": "known",
        "provider": "exotel",
        "token": (await ours.ask("PUT", path_in, json={})).json()["token"],
    }
    return Prober(api, ours, names)


def probed(api: FastAPI) -> list[Operation]:
    """All but what would end the session that probes; what deletes comes last."""
    found = [o for o in operations(api) if not o.path.endswith(ENDS_THE_SESSION)]
    return sorted(found, key=lambda o: o.method == "DELETE")


async def test_no_path_makes_the_server_stumble(prober: Prober, api: FastAPI) -> None:
    for operation in probed(api):
        await prober.paths(operation)

    assert not prober.faults, "\n".join(prober.faults)
    assert prober.tried > 200


async def test_no_query_makes_the_server_stumble(prober: Prober, api: FastAPI) -> None:
    for operation in probed(api):
        await prober.queries(operation)

    assert not prober.faults, "\n".join(prober.faults)
    assert prober.tried > 500


async def test_no_body_makes_the_server_stumble(prober: Prober, api: FastAPI) -> None:
    for operation in probed(api):
        if operation.media_type is not None:
            await prober.bodies(operation)

    assert not prober.faults, "\n".join(prober.faults)
    assert prober.tried > 500


async def test_no_field_makes_the_server_stumble(prober: Prober, api: FastAPI) -> None:
    for operation in probed(api):
        if operation.media_type == "application/json":
            await prober.fields(operation)
        elif operation.media_type is not None:
            await prober.forms(operation)

    assert not prober.faults, "\n".join(prober.faults)
    assert prober.tried > 500


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("TRACE", "/calls")])
async def test_what_is_not_served_is_said_in_the_one_shape(
    prober: Prober, method: str, path: str
) -> None:
    reply = await prober.resident.ask(method, path)

    assert reply.status_code in (404, 405)
    assert _is_error(reply.content)
