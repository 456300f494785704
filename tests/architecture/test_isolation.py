"""No tenant sees another: a matrix over every route that the program serves.

The routes are the app's own, so a new one is tried on its first day. What a route needs to be
asked sensibly stands in `BODIES` and `names`; a route that is missing there fails by name.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from locutory.app import route_lines

if TYPE_CHECKING:
    from tests.conftest import Resident

pytestmark = pytest.mark.both_databases

NO_ONE = str(UUID(int=1))
UNKNOWN = {"bid": "nobody", "callid": "never-heard", "user_id": NO_ONE, "key_id": NO_ONE}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)

# what a route takes, by "METHOD /path": keywords of a request, with the words of `names` in braces
_LOGIN = {"json": {"email": "{email}", "password": "correct horse", "tenant": "{bid}"}}
_REFRESH = {"json": {"refresh_token": "{refresh_token}", "tenant": "{bid}"}}
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/auth/keys": {"json": {"name": "a key", "scopes": ["calls:read"]}},
    "POST /api/auth/login": _LOGIN,
    "POST /api/auth/profile/avatar": {"files": {"file": ("me.png", PNG)}},
    "POST /api/auth/refresh": _REFRESH,
    "POST /auth": _LOGIN,
    "POST /auth/login": _LOGIN,
    "POST /auth/password": {
        "json": {"current_password": "not this horse", "new_password": "another horse"}
    },
    "POST /auth/refresh": _REFRESH,
    "POST /auth/stream-ticket": {"json": {"bid": "{bid}"}},
    "POST /businesses": {"json": {"bid": "brand-new", "name": "New"}},
    "PATCH /businesses/{bid}": {"json": {"name": "Renamed"}},
    "POST /businesses/{bid}/users": {
        "json": {"email": "guest@example.org", "name": "Guest", "role": "viewer"}
    },
    "PATCH /businesses/{bid}/users/{user_id}": {"json": {"role": "business_admin"}},
    "POST /ingest/{bid}/audio": {"files": {"file": ("a.wav", b"RIFF\x24\0\0\0WAVEfmt ")}},
    "POST /ingest/{bid}/calls": {"json": {"calls": [{"callid": "new"}]}},
    "POST /rag/chat": {"json": {"bids": ["{bid}"], "message": "what about the price?"}},
    "POST /rag/search": {"json": {"bids": ["{bid}"], "query": "price"}},
    "POST /rag/{bid}/chat": {"json": {"message": "what about the price?"}},
    "POST /rag/{bid}/search": {"json": {"query": "price"}},
    "POST /update-call": {"json": {"bid": "{bid}", "callid": "new"}},
}
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
    "POST /auth/login",
    "POST /auth/refresh",
}
REFUSED = {"UNAUTHENTICATED", "TOKEN_INVALID"}
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
        if self.by_query:
            rest["params"] = dict.fromkeys(self.by_query, names["bid"])
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

    def names(self, of: "Resident", **other: str) -> dict[str, str]:
        """What there is in a business; credentials are always ours."""
        own = {
            "bid": of.bid,
            "callid": f"call-of-{of.bid}",
            "user_id": str(of.user_id),
            "key_id": str(of.key_id),
            "email": self.ours.email,
            "refresh_token": self.ours.refresh_token,
        }
        return {**own, **other}

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
                seen[door.line] = (await of.ask("GET", path, **rest)).json()
        seen["keys"] = (await of.ask("GET", "/api/auth/keys")).json()["items"]
        return seen


def endless(door: Door) -> bool:
    return door.line in ANSWERS_WITHOUT_END


@pytest.fixture
async def street(api: FastAPI, ours: "Resident", theirs: "Resident") -> Street:
    for resident in (ours, theirs):
        call = {"callid": f"call-of-{resident.bid}", "customer_phone": "+911234567890"}
        path = f"/ingest/{resident.bid}/calls"
        assert (await resident.ask("POST", path, json={"calls": [call]})).json()["accepted"] == 1
        picture = {"file": ("me.png", PNG)}
        reply = await resident.ask("POST", "/api/auth/profile/avatar", files=picture)
        assert reply.status_code == 200, reply.text
    return Street(ours, theirs, list(doors(api)))


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
    assert (OPEN | MAKES_A_BUSINESS | ANSWERS_WITHOUT_END) - set(route_lines(api)) == set()


async def test_a_foreign_business_is_as_unknown_as_one_that_is_not_there(street: Street) -> None:
    tried, faults = 0, []
    before = await street.view(street.theirs)
    for door in (d for d in street.doors if d.names_a_business):
        for token in (street.ours.token, street.ours.key):
            foreign = await street.knock(door, street.names(street.theirs), token)
            unknown = await street.knock(door, street.names(street.theirs, bid="nobody"), token)
            tried += 1
            if foreign.status_code != 404 or refusal(foreign) != refusal(unknown):
                faults.append((door.line, foreign.text, unknown.text))

    assert not faults, "\n".join(map(str, faults))
    assert tried >= 30
    assert await street.view(street.theirs) == before


async def test_a_foreign_object_is_as_unknown_as_one_that_is_not_there(street: Street) -> None:
    tried, faults = 0, []
    before = await street.view(street.theirs)
    for door in (d for d in street.doors if d.parameters - {"bid"}):
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
    for door in street.doors:
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
        for token in (None, "nonsense", forged):
            reply = await street.knock(door, street.names(street.theirs), token)
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
