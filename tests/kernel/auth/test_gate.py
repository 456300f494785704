"""The gate's own parts: tokens, roles, the cache, the open door on loopback."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import CHEAP

from locutory.app import compose
from locutory.kernel.auth import Auth, Roles, check_open_loopback
from locutory.kernel.auth.contract import TokenInvalid
from locutory.kernel.auth.gate import Lookups, is_loopback
from locutory.kernel.auth.passwords import Passwords
from locutory.kernel.auth.tokens import (
    Tokens,
    hashed,
    matches,
    new_api_key,
    split_api_key,
)
from locutory.kernel.db import Storage
from locutory.kernel.errors import ConfigError
from locutory.kernel.settings import AuthSettings, ServerSettings, Settings

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = b"k" * 32
OPEN = Settings(auth=AuthSettings(mode="open_loopback"))


def tokens(key: bytes = KEY, *, former: tuple[bytes, ...] = (), now: datetime = NOW) -> Tokens:
    return Tokens(key, lifetime=timedelta(minutes=15), former_keys=former, clock=lambda: now)


def signed(by: Tokens, tenant_id: UUID | None = None) -> str:
    return by.sign(user_id=UUID(int=1), tenant_id=tenant_id, session_id=UUID(int=2))


@given(st.uuids(), st.uuids() | st.none(), st.uuids())
def test_a_token_says_what_was_signed(user: UUID, tenant: UUID | None, session: UUID) -> None:
    claims = tokens().verify(tokens().sign(user_id=user, tenant_id=tenant, session_id=session))

    assert (claims.user_id, claims.tenant_id, claims.session_id) == (user, tenant, session)
    assert claims.expires_at == NOW + timedelta(minutes=15)


@given(st.text())
def test_no_text_is_a_token(text: str) -> None:
    with pytest.raises(TokenInvalid):
        tokens().verify(text)


def test_a_token_ends_with_its_lifetime() -> None:
    token = signed(tokens())

    tokens(now=NOW + timedelta(minutes=15, seconds=-1)).verify(token)
    with pytest.raises(TokenInvalid):
        tokens(now=NOW + timedelta(minutes=15)).verify(token)


def test_a_former_key_verifies_and_no_longer_signs() -> None:
    old, new = b"o" * 32, b"n" * 32

    claims = tokens(new, former=(old,)).verify(signed(tokens(old)))

    assert claims.user_id == UUID(int=1)
    with pytest.raises(TokenInvalid):
        tokens(old).verify(signed(tokens(new, former=(old,))))


def test_an_unsigned_token_is_refused() -> None:
    kid = jwt.get_unverified_header(signed(tokens()))["kid"]
    claims = {"iss": "locutory", "sub": str(uuid4()), "sid": str(uuid4()), "exp": 99999999999}
    forged = jwt.encode(claims, None, "none", headers={"kid": kid})

    with pytest.raises(TokenInvalid):
        tokens().verify(forged)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ConfigError):
        tokens(b"k" * 31)
    with pytest.raises(ConfigError):
        tokens(KEY, former=(b"short",))


def test_a_new_key_splits_into_its_parts() -> None:
    prefix, secret, text = new_api_key()

    assert split_api_key(text) == (prefix, secret)
    assert matches(secret, hashed(secret))
    assert not matches(secret + "x", hashed(secret))


@given(st.text())
def test_a_key_is_told_from_other_texts(text: str) -> None:
    assert split_api_key(text) is None or text.startswith("lct_")


def test_modules_of_a_product_add_up_and_unknown_roles_allow_nothing() -> None:
    roles = Roles()
    roles.add("calls", {"viewer": frozenset({"calls:read"})})
    roles.add("calls", {"viewer": frozenset({"rag:ask"}), "admin": frozenset({"calls:manage"})})

    assert roles.scopes_of(["calls:viewer"]) == {"calls:read", "rag:ask"}
    assert roles.scopes_of(["viewer", "estate:ADMIN"]) == frozenset()
    assert roles.scopes == {"calls:read", "rag:ask", "calls:manage"}
    assert "calls:admin" in roles
    assert "calls:owner" not in roles


async def test_what_was_read_before_a_change_is_not_kept() -> None:
    changed = asyncio.Event()
    lookups = Lookups(changed, monotonic=lambda: 0.0)

    async def read_while_it_changes() -> str:
        changed.set()
        return "old"

    async def read_after() -> str:
        return "new"

    assert await lookups.get("ana", read_while_it_changes) == "old"
    assert await lookups.get("ana", read_after) == "new"
    assert await lookups.get("ana", read_while_it_changes) == "new"


async def test_all_who_ask_at_once_wait_for_one_look() -> None:
    changed, read = asyncio.Event(), asyncio.Event()
    lookups = Lookups(changed, monotonic=lambda: 0.0)
    looks: list[str] = []

    async def look(what: str) -> str:
        looks.append(what)
        await read.wait()
        return what

    asked = [asyncio.create_task(lookups.get("ana", lambda: look("old"))) for _ in range(64)]
    await asyncio.sleep(0)
    asked[0].cancel()
    changed.set()
    after_the_change = asyncio.create_task(lookups.get("ana", lambda: look("new")))
    await asyncio.sleep(0)
    read.set()

    with pytest.raises(asyncio.CancelledError):
        await asked[0]
    assert set(await asyncio.gather(*asked[1:])) == {"old"}
    assert await after_the_change == "new"
    assert looks == ["old", "new"]
    assert await lookups.get("ana", lambda: look("again")) == "new"


async def test_a_look_that_fails_is_told_to_all_and_not_kept() -> None:
    lookups = Lookups(asyncio.Event(), monotonic=lambda: 0.0)

    async def fail() -> str:
        raise OSError("disk")

    async def look() -> str:
        return "ana"

    told = await asyncio.gather(
        *(lookups.get("ana", fail) for _ in range(3)), return_exceptions=True
    )
    assert [str(error) for error in told] == ["disk"] * 3
    assert await lookups.get("ana", look) == "ana"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9", "[::1]"])
def test_the_open_door_is_allowed_on_loopback(host: str) -> None:
    check_open_loopback(host)

    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org", ""])
def test_the_open_door_is_refused_elsewhere(host: str) -> None:
    with pytest.raises(ConfigError):
        check_open_loopback(host)


async def test_a_reachable_server_does_not_start_with_the_open_door(storage: Storage) -> None:
    exposed = OPEN.model_copy(update={"server": ServerSettings(host="0.0.0.0")})

    with pytest.raises(ConfigError):
        Auth(storage, exposed, Roles(), jwt_key=KEY)


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.0.0.1", {"origin": "http://localhost:5173"}, 200),
        ("127.0.0.1", {"origin": "https://evil.example"}, 401),
        ("127.0.0.1", {"host": "evil.example"}, 401),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.7"}, 401),
        ("127.0.0.1", {"authorization": "Bearer wrong"}, 401),
        ("203.0.113.7", {}, 401),
    ],
)
async def test_the_open_door_lets_only_this_machine_in(
    house: Any, peer: str, headers: dict[str, str], status: int
) -> None:
    await house.tenant("6004")
    app = house.open_app(OPEN)
    transport = httpx2.ASGITransport(app, client=(peer, 50000))

    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        named = await client.get("/in/6004", headers=headers)
        current = await client.get("/current", headers=headers)

    assert named.status_code == current.status_code == status


async def test_the_open_door_gives_tickets_too(house: Any) -> None:
    await house.tenant("6004")
    transport = httpx2.ASGITransport(house.open_app(OPEN))

    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        ticket = (await client.post("/auth/stream-ticket")).json()["ticket"]
        reply = await client.get("/watch/6004", params={"ticket": ticket})

    assert reply.status_code == 200


@pytest.mark.parametrize(("memory", "passes"), [(64, 3), (65_536, 1)])
def test_production_refuses_hashes_that_are_quick_to_guess(
    tmp_path: Path, memory: int, passes: int
) -> None:
    auth = AuthSettings(argon2_memory_kib=memory, argon2_passes=passes)

    with pytest.raises(ConfigError, match="ARGON2"):
        compose(Settings(data_dir=tmp_path, production=True, auth=auth))


async def test_a_hash_of_another_cost_is_made_anew_at_the_next_login() -> None:
    cheap, dearer = Passwords(CHEAP), Passwords(AuthSettings(argon2_memory_kib=128))
    try:
        stored = await cheap.hash("correct horse")

        assert await cheap.verify("correct horse", stored) == (True, None)
        right, renewed = await dearer.verify("correct horse", stored)
        assert (right, await dearer.verify("wrong horse", stored)) == (True, (False, None))
        assert renewed is not None
        assert "m=128" in renewed
        assert await dearer.verify("correct horse", renewed) == (True, None)
    finally:
        cheap.close()
        dearer.close()
