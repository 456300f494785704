"""Keys for machines: shown once, no stronger than their maker, useless once revoked."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

pytestmark = pytest.mark.both_databases


@pytest.fixture
async def admin(house: Any) -> Any:
    await house.member("ana@example.org", await house.tenant("6004"), "calls:admin")
    return (await house.login("ana@example.org")).json()


def ask(*scopes: str, **rest: Any) -> dict[str, Any]:
    return {"name": "dialler", "scopes": list(scopes), **rest}


async def test_a_key_does_what_its_scopes_say(house: Any, admin: Any) -> None:
    made = await house.post("/api/auth/keys", admin, ask("calls:read"))
    key = made.json()

    assert made.status_code == 201
    assert key["key"].startswith(f"lct_{key['prefix']}_")
    assert (await house.get("/in/6004", key)).status_code == 200
    assert (await house.get("/current", key)).json()["key"] == f"key:{key['id']}"
    assert (await house.post("/numbers", key, {"number": 1})).status_code == 403
    assert (await house.get("/auth/me", key)).json()["kind"] == "key"
    assert (await house.get("/auth/validate", key)).json()["exp"] is None


async def test_the_secret_is_shown_once_and_stored_hashed(house: Any, admin: Any) -> None:
    key = (await house.post("/api/auth/keys", admin, ask("calls:read"))).json()

    listed = (await house.get("/api/auth/keys", admin)).json()["items"]
    async with house.storage.read(None) as session:
        stored = (await session.scalars(text("SELECT hash FROM kernel_api_key"))).all()

    assert [k["id"] for k in listed] == [key["id"]]
    assert "key" not in listed[0]
    assert not any(part in stored for part in (key["key"], key["key"].split("_", 2)[2]))


async def test_a_wrong_secret_opens_nothing(house: Any, admin: Any) -> None:
    key = (await house.post("/api/auth/keys", admin, ask("calls:read"))).json()

    reply = await house.get("/in/6004", {"key": key["key"][:-1]})

    assert reply.json()["error_code"] == "TOKEN_INVALID"


async def test_a_revoked_key_is_useless_at_once(house: Any, admin: Any) -> None:
    key = (await house.post("/api/auth/keys", admin, ask("calls:read"))).json()
    assert (await house.get("/in/6004", key)).status_code == 200

    revoked = await house.delete(f"/api/auth/keys/{key['id']}", admin)
    again = await house.delete(f"/api/auth/keys/{key['id']}", admin)

    assert (revoked.status_code, again.status_code) == (204, 404)
    assert (await house.get("/in/6004", key)).status_code == 401


async def test_another_tenants_key_is_not_found(house: Any, admin: Any) -> None:
    key = (await house.post("/api/auth/keys", admin, ask("calls:read"))).json()
    await house.member("bob@example.org", await house.tenant("7417"), "calls:admin")
    bob = (await house.login("bob@example.org")).json()

    reply = await house.delete(f"/api/auth/keys/{key['id']}", bob)

    assert reply.status_code == 404
    assert (await house.get("/api/auth/keys", bob)).json()["items"] == []


async def test_a_key_expires(house: Any, admin: Any) -> None:
    until = (house.clock.now + timedelta(minutes=5)).isoformat()
    key = (await house.post("/api/auth/keys", admin, ask("calls:read", expires_at=until))).json()
    before = await house.get("/in/6004", key)
    house.clock.forward(minutes=6)

    after = await house.get("/in/6004", key)

    assert before.status_code == 200
    assert after.json()["error_code"] == "TOKEN_EXPIRED"


async def test_a_key_gets_no_scope_that_its_maker_lacks(house: Any, admin: Any) -> None:
    weak = (await house.post("/api/auth/keys", admin, ask("keys:manage"))).json()

    stronger = await house.post("/api/auth/keys", weak, ask("calls:read"))
    unknown = await house.post("/api/auth/keys", admin, ask("calls:fly"))
    past = await house.post(
        "/api/auth/keys", admin, ask("calls:read", expires_at="2001-01-01T00:00:00Z")
    )

    assert stronger.json()["error_code"] == "SCOPE_MISSING"
    assert unknown.json()["errors"][0]["code"] == "SCOPE_UNKNOWN"
    assert past.json()["errors"][0]["code"] == "EXPIRY_INVALID"


async def test_the_last_use_is_noted_once_a_minute(house: Any, admin: Any) -> None:
    key = (await house.post("/api/auth/keys", admin, ask("calls:read"))).json()
    unused = (await house.get("/api/auth/keys", admin)).json()["items"][0]["last_used_at"]
    await house.get("/in/6004", key)
    first = (await house.get("/api/auth/keys", admin)).json()["items"][0]["last_used_at"]
    house.clock.forward(seconds=30)
    await house.get("/in/6004", key)
    soon = (await house.get("/api/auth/keys", admin)).json()["items"][0]["last_used_at"]
    house.clock.forward(seconds=31)
    await house.get("/in/6004", key)
    later = (await house.get("/api/auth/keys", admin)).json()["items"][0]["last_used_at"]

    assert unused is None
    assert first == soon < later


async def test_keys_are_listed_newest_first_page_by_page(house: Any, admin: Any) -> None:
    made = [
        (await house.post("/api/auth/keys", admin, ask("calls:read"))).json()["id"]
        for _ in range(3)
    ]

    first = (await house.get("/api/auth/keys?limit=2", admin)).json()
    second = (await house.get(f"/api/auth/keys?cursor={first['next_cursor']}", admin)).json()

    assert [k["id"] for k in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None


async def test_a_key_has_no_password_and_no_picture(house: Any, admin: Any) -> None:
    key = (await house.post("/api/auth/keys", admin, ask("calls:read"))).json()
    change = {"current_password": "correct horse", "new_password": "battery staple"}

    replies = [
        await house.post("/auth/password", key, change),
        await house.post("/api/auth/profile/avatar", key, files={"file": b"\xff\xd8\xff"}),
    ]

    assert [r.status_code for r in replies] == [403, 403]
