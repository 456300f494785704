"""Pages of other sites: where a key works, what it shows, and all that it does not."""

from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.conftest import Resident
from tests.products.calls.records.conftest import House

from locutory.app import route_lines
from locutory.kernel.auth.gate import CHANGED
from locutory.kernel.db import Session

pytestmark = pytest.mark.both_databases

SITE, OTHER = "https://portal.example.org", "https://elsewhere.example.org"
SHOWN = {  # all that pages reach; every other route refuses them
    "GET /call-records/{bid}",
    "GET /call-records/{bid}/facets",
    "GET /call-records/{bid}/{callid}",
    "GET /call-records/{bid}/{callid}/audio",
    "GET /call-records/{bid}/{callid}/peaks",
    "GET /call-records/{bid}/{callid}/transcript",
    "GET /calls/{bid}",
    "GET /calls/{bid}/{callid}",
}
FIGURES = {
    f"GET /analytics/{{bid}}/{view}"
    for view in (
        *("overview", "trends", "score-distribution", "conversation", "sentiment", "topics"),
        *("objections", "bant", "outcomes", "coverage", "asr-quality"),
    )
}
OPEN = {
    *("GET /docs", "GET /docs/oauth2-redirect", "GET /openapi.json", "GET /metrics"),
    *("GET /health", "GET /healthz", "GET /readyz"),
    *("POST /auth", "POST /auth/login", "POST /auth/refresh", "POST /auth/embed"),
    *("POST /api/auth/login", "POST /api/auth/refresh"),
    # a delivery proves itself by a secret of its own, whoever is logged in
    *(f"POST /ingest/{{bid}}/webhooks/{{provider}}{rest}" for rest in ("", "/{token}")),
}


@dataclass
class Page:
    """A page of a site, with the token that it got."""

    client: httpx2.AsyncClient
    token: str
    bid: str
    origin: str = SITE

    async def ask(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.token}", "origin": self.origin}
        headers |= rest.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **rest)

    async def ids(self, query: str = "") -> list[str]:
        reply = await self.ask("GET", f"/call-records/{self.bid}?{query}")
        assert reply.status_code == 200, reply.text
        return [row["callid"] for row in reply.json()["items"]]


async def key_of(resident: Resident, **ask: Any) -> dict[str, Any]:
    body = {"name": "Portal", "scopes": ["calls:read"], "origins": [SITE], **ask}
    reply = await resident.ask("POST", f"/businesses/{resident.bid}/embed-keys", json=body)
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def show(resident: Resident, key: str, origin: str | None = SITE) -> httpx2.Response:
    headers = {} if origin is None else {"origin": origin}
    return await resident.client.post("/auth/embed", json={"embed_key": key}, headers=headers)


async def page_of(resident: Resident, **ask: Any) -> Page:
    opened = await show(resident, (await key_of(resident, **ask))["key"])
    assert opened.status_code == 200, opened.text
    return Page(resident.client, opened.json()["access_token"], resident.bid)


async def test_a_key_is_shown_once_and_listed_without_its_secret(ours: Resident) -> None:
    made = await key_of(ours, filters={"tag": "portal"})

    path = f"/businesses/{ours.bid}/embed-keys"
    listed = (await ours.ask("GET", path)).json()["items"]
    apart = (await ours.ask("GET", "/api/auth/keys")).json()["items"]

    assert made["key"].startswith(f"lce_{made['prefix']}_")
    assert listed == [{k: v for k, v in made.items() if k != "key"}]
    assert (made["origins"], made["filters"]) == ([SITE], {"tag": "portal"})
    assert made["id"] not in [key["id"] for key in apart]


async def test_the_secret_is_stored_hashed(house: House) -> None:
    made = await key_of(house.resident)

    async with house.server.storage.read(None) as session:
        rows = (await session.execute(text("SELECT * FROM kernel_api_key"))).all()

    assert made["key"].split("_", 2)[2] not in str(rows)


async def test_a_page_gets_a_token_that_works_on_its_origins_only(ours: Resident) -> None:
    key = (await key_of(ours, filters={"agent": "a-1"}))["key"]

    opened = await show(ours, key)
    elsewhere = await show(ours, key, OTHER)
    nowhere = await show(ours, key, None)
    page = Page(ours.client, opened.json()["access_token"], ours.bid)
    list_ = f"/call-records/{ours.bid}"
    at_home = await page.ask("GET", list_)
    stolen = await page.ask("GET", list_, headers={"origin": OTHER})

    assert opened.json()["expires_in"] == 600
    assert opened.json()["filters"] == {"agent": "a-1"}
    assert opened.json()["bid"] == ours.bid
    for refused in (elsewhere, nowhere, stolen):
        assert refused.status_code == 403
        assert refused.json()["error_code"] == "ORIGIN_DENIED"
        assert "access-control-allow-origin" not in refused.headers
    assert at_home.status_code == 200


async def test_answers_name_the_one_origin_that_may_read_and_those_that_may_frame(
    ours: Resident,
) -> None:
    page = await page_of(ours, origins=[SITE, OTHER])

    found = await page.ask("GET", f"/call-records/{ours.bid}")
    missing = await page.ask("GET", f"/call-records/{ours.bid}/never")
    person = await ours.ask("GET", f"/call-records/{ours.bid}", headers={"origin": SITE})

    for reply in (found, missing):
        assert reply.headers["access-control-allow-origin"] == SITE
        assert "Origin" in reply.headers["vary"]
        assert reply.headers["content-security-policy"] == f"frame-ancestors {SITE} {OTHER}"
    assert missing.status_code == 404
    assert "access-control-allow-origin" not in person.headers


async def test_preflights_are_answered_for_origins_of_live_keys(ours: Resident) -> None:
    async def preflight(origin: str) -> httpx2.Response:
        headers = {"origin": origin, "access-control-request-method": "GET"}
        return await ours.client.request("OPTIONS", "/call-records/6004", headers=headers)

    before = await preflight(SITE)
    made = await key_of(ours)
    known, other = await preflight(SITE), await preflight(OTHER)
    await ours.ask("DELETE", f"/businesses/{ours.bid}/embed-keys/{made['id']}")
    after = await preflight(SITE)

    assert known.status_code == 204
    assert known.headers["access-control-allow-origin"] == SITE
    assert "authorization" in known.headers["access-control-allow-headers"]
    for refused in (before, other, after):
        assert refused.status_code == 405
        assert "access-control-allow-origin" not in refused.headers


async def test_a_revoked_key_ends_its_tokens_at_once(ours: Resident) -> None:
    made = await key_of(ours)
    page = Page(ours.client, (await show(ours, made["key"])).json()["access_token"], ours.bid)
    before = await page.ask("GET", f"/call-records/{ours.bid}")

    gone = await ours.ask("DELETE", f"/businesses/{ours.bid}/embed-keys/{made['id']}")
    token = await page.ask("GET", f"/call-records/{ours.bid}")
    key = await show(ours, made["key"])

    assert (before.status_code, gone.status_code) == (200, 204)
    assert (token.status_code, key.status_code) == (401, 401)


async def test_an_expired_key_and_its_tokens_are_refused(house: House) -> None:
    made = await key_of(house.resident, expires_at="2999-01-01T00:00:00Z")
    opened = (await show(house.resident, made["key"])).json()
    page = Page(house.resident.client, opened["access_token"], house.resident.bid)
    early = "UPDATE kernel_api_key SET expires_at = created_at WHERE kind = 'embed'"

    async def expire(tx: Session) -> None:
        await tx.execute(text(early), execution_options={"fenced": True})
        tx.signal(CHANGED)

    await house.server.storage.database().write(expire)
    token = await page.ask("GET", f"/call-records/{house.resident.bid}")
    key = await show(house.resident, made["key"])

    assert (token.status_code, key.status_code) == (401, 401)
    assert token.json()["error_code"] == key.json()["error_code"] == "TOKEN_EXPIRED"


async def test_a_key_is_no_token_and_cannot_be_taken_for_another_kind(ours: Resident) -> None:
    made = await key_of(ours)
    path = f"/call-records/{ours.bid}"

    as_it_is = await ours.ask("GET", path, token=made["key"])
    disguised = await ours.ask("GET", path, token=made["key"].replace("lce_", "lct_", 1))
    service = await show(ours, ours.key.replace("lct_", "lce_", 1))

    assert [r.status_code for r in (as_it_is, disguised, service)] == [401] * 3
    assert "/auth/embed" in as_it_is.json()["detail"]


async def test_the_filter_holds_for_lists_counts_and_calls_whatever_is_asked(house: House) -> None:
    await house.keep("in-1", tags=["portal"], agent_id="a-1", hour=1)
    await house.keep("in-2", tags=["portal", "vip"], agent_id="a-2", hour=2)
    await house.keep("out-1", tags=["vip"], agent_id="a-1", hour=3)
    page = await page_of(house.resident, filters={"tag": "portal"})

    counted = (await page.ask("GET", f"/call-records/{page.bid}/facets")).json()
    inside = await page.ask("GET", f"/call-records/{page.bid}/in-1")
    outside = [
        await page.ask("GET", f"{base}/{page.bid}/{callid}{part}")
        for callid in ("out-1", "never")
        for base, part in (
            *(("/call-records", part) for part in ("", "/transcript", "/audio", "/peaks")),
            ("/calls", ""),
        )
    ]

    assert await page.ids() == ["in-2", "in-1"]
    assert await page.ids("tag=vip") == ["in-2"]
    assert await page.ids("agent=a-1&sort=score") == ["in-1"]
    assert counted["counted"] == 2
    assert inside.status_code == 200
    assert {reply.status_code for reply in outside} == {404}
    assert len({reply.json()["detail"] for reply in outside}) == 1


async def test_times_phones_and_words_narrow_as_in_the_list_of_calls(house: House) -> None:
    await house.keep("early", hour=0)
    await house.keep("late", hour=5, said=["the villa is blue"])
    page = await page_of(house.resident, filters={"from": "2026-03-02T12:00:00Z", "q": "villa"})
    path = f"/businesses/{page.bid}/embed-keys"
    number = {"name": "x", "scopes": ["calls:read"], "origins": [SITE]}

    refused = await house.resident.ask(
        "POST", path, json={**number, "filters": {"phone": "+911234567890"}}
    )

    tried = [
        await page.ask("GET", f"/call-records/{page.bid}{part}?phone={phone}")
        for part in ("", "/facets")
        for phone in ("3210", "%2B919876543210")
    ]

    assert {reply.json()["error_code"] for reply in tried} == {"EMBED_FORBIDDEN"}
    assert await page.ids() == ["late"]
    assert await page.ids("to=2026-03-02T12:00:00Z") == []
    assert refused.status_code == 422


async def test_a_page_sees_no_raw_text_no_original_and_nothing_of_the_workings(
    house: House,
) -> None:
    await house.take_in("heard")
    page = await page_of(house.resident)
    base = f"/call-records/{page.bid}/heard"

    call = (await page.ask("GET", base)).json()
    audio = await page.ask("GET", f"{base}/audio")
    raw = await page.ask("GET", f"{base}/transcript?raw=true")
    words = await page.ask("GET", f"{base}/transcript?format=txt")

    assert call["transcript"]["turns"]
    assert (call["stages"], call["reviews"], call["custom"]) == ([], [], {})
    assert (audio.status_code, audio.headers["content-type"]) == (200, "audio/mpeg")  # the copy
    assert raw.json()["error_code"] == "PII_SCOPE_MISSING"
    assert words.status_code == 200


def filled(path: str) -> str:
    names = {"bid": "6004", "callid": "known"}
    return path.format_map({**dict.fromkeys(_words(path), _NO_ONE), **names})


_NO_ONE = "00000000-0000-0000-0000-000000000001"


def _words(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


async def test_every_other_route_refuses_pages(api: FastAPI, house: House) -> None:
    await house.keep("known", hour=1)
    pages = {
        "calls:read": (await page_of(house.resident), SHOWN),
        "analytics:read": (await page_of(house.resident, scopes=["analytics:read"]), FIGURES),
    }
    tried, faults = 0, []
    for scope, (page, shown) in pages.items():
        for line in route_lines(api):
            method, path = line.split(" ")
            if line in OPEN or method == "OPTIONS":
                continue
            reply = await page.ask(method, filled(path))
            let_in = reply.status_code not in (401, 403)
            refused_well = reply.status_code == 403 and reply.json()["error_code"] in (
                "EMBED_FORBIDDEN",
                "SCOPE_MISSING",
            )
            not_heard = line in shown and reply.status_code == 404  # it has no recording
            tried += 1
            if (line in shown) != (let_in or not_heard) or not (line in shown or refused_well):
                faults.append((scope, line, reply.text))

    assert not faults, "\n".join(map(str, faults))
    assert tried > 200


async def test_a_page_is_counted_by_its_key_not_by_its_visitors_address(ours: Resident) -> None:
    page = await page_of(ours)

    first = await page.ask("GET", f"/call-records/{ours.bid}")
    second = await page.ask("GET", f"/call-records/{ours.bid}")
    other = await (await page_of(ours)).ask("GET", f"/call-records/{ours.bid}")

    left = [int(r.headers["ratelimit-remaining"]) for r in (first, second, other)]
    assert left == [left[0], left[0] - 1, left[0]]


async def test_whoever_may_not_see_calls_cannot_let_pages_see_them(ours: Resident) -> None:
    ask = {"name": "keys alone", "scopes": ["keys:manage"]}
    weak = (await ours.ask("POST", "/api/auth/keys", json=ask)).json()["key"]
    body = {"name": "x", "scopes": ["calls:read"], "origins": [SITE]}

    reply = await ours.ask("POST", f"/businesses/{ours.bid}/embed-keys", json=body, token=weak)

    assert reply.json()["error_code"] == "SCOPE_MISSING"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://Portal.Example.org/", "https://portal.example.org"),
        ("https://portal.example.org:443", "https://portal.example.org"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://portal.example.org/path", None),
        ("https://*.example.org", None),
        ("https://a.example.org; script-src *", None),
        ("null", None),
        ("*", None),
        ("file://", None),
    ],
)
async def test_origins_are_as_browsers_write_them(
    ours: Resident, given: str, kept: str | None
) -> None:
    body = {"name": "x", "scopes": ["calls:read"], "origins": [given]}

    reply = await ours.ask("POST", f"/businesses/{ours.bid}/embed-keys", json=body)

    assert reply.json().get("origins") == (None if kept is None else [kept])
    assert reply.status_code == (422 if kept is None else 201)
