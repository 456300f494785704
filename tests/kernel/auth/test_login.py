"""Logging in: one answer for all who fail, tokens that end, a lock-out that opens again."""

from typing import Any

import pytest
from sqlalchemy import text

from locutory.kernel.audit import verify
from locutory.kernel.ids import KERNEL

pytestmark = pytest.mark.both_databases


@pytest.mark.parametrize("path", ["/api/auth/login", "/auth", "/auth/login"])
async def test_a_login_answers_with_the_fields_of_both_seeds(house: Any, path: str) -> None:
    user_id = await house.member("ana@example.org", await house.tenant("6004"), "calls:viewer")
    ask = {"email": " Ana@Example.org ", "password": "correct horse"}

    reply = await house.client.post(path, json=ask)

    body = reply.json()
    assert reply.status_code == 200
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 15 * 60
    assert body["user"] == {"id": str(user_id), "name": "ana", "email": "ana@example.org"}
    assert body["businesses"] == [
        {"bid": "6004", "name": "House 6004", "role": "viewer", "roles": ["calls:viewer"]}
    ]
    assert body["password_change_required"] is False


async def test_an_unknown_email_and_a_wrong_password_get_the_same_answer(house: Any) -> None:
    await house.user("ana@example.org")

    wrong = await house.login("ana@example.org", "not this one")
    unknown = await house.login("bob@example.org", "not this one")

    assert wrong.status_code == 401
    assert wrong.json()["error_code"] == "BAD_CREDENTIALS"
    assert (unknown.status_code, unknown.json()) == (wrong.status_code, wrong.json())


async def test_who_was_shut_out_cannot_log_in_or_go_on(house: Any) -> None:
    user_id = await house.member("ana@example.org", await house.tenant("6004"), "calls:viewer")
    first = (await house.login("ana@example.org")).json()
    await house.shut_out(user_id)

    again = await house.login("ana@example.org")
    going_on = await house.get("/current", first)
    refreshed = await house.refresh(first["refresh_token"])

    assert again.json()["error_code"] == "BAD_CREDENTIALS"
    assert going_on.json()["error_code"] == "TOKEN_INVALID"
    assert refreshed.json()["error_code"] == "REFRESH_INVALID"


async def test_eight_failures_lock_the_pair_of_email_and_address_for_a_while(house: Any) -> None:
    await house.user("ana@example.org")
    await house.user("bob@example.org")
    failures = [await house.login("ana@example.org", "wrong") for _ in range(8)]

    locked = await house.login("ana@example.org")
    other = await house.login("bob@example.org")
    house.clock.forward(minutes=15, seconds=1)
    later = await house.login("ana@example.org")

    assert {f.status_code for f in failures} == {401}
    assert locked.status_code == 429
    assert locked.json()["error_code"] == "LOGIN_LOCKED"
    assert 0 < locked.json()["retry_after"] <= 15 * 60
    assert other.status_code == 200
    assert later.status_code == 200


async def test_an_unknown_email_is_locked_out_alike(house: Any) -> None:
    for _ in range(8):
        await house.login("nobody@example.org", "wrong")

    reply = await house.login("nobody@example.org", "wrong")

    assert reply.json()["error_code"] == "LOGIN_LOCKED"


async def test_a_success_forgets_earlier_failures(house: Any) -> None:
    await house.user("ana@example.org")
    for _ in range(7):
        await house.login("ana@example.org", "wrong")
    await house.login("ana@example.org")

    await house.login("ana@example.org", "wrong")
    reply = await house.login("ana@example.org")

    assert reply.status_code == 200


async def test_guesses_at_the_same_time_are_counted_one_by_one(house: Any) -> None:
    await house.user("ana@example.org")

    replies = await house.together(*(house.login("ana@example.org", "wrong") for _ in range(12)))

    assert sorted(r.status_code for r in replies) == [401] * 8 + [429] * 4


async def test_a_login_may_choose_the_tenant(house: Any) -> None:
    user_id = await house.member("ana@example.org", await house.tenant("6004"), "calls:viewer")
    other = await house.tenant("7417")
    await house.join(user_id, other, "calls:viewer")
    await house.tenant("9999")

    chosen = (await house.login("ana@example.org", tenant="7417")).json()
    foreign = await house.login("ana@example.org", tenant="9999")
    missing = await house.login("ana@example.org", tenant="none")

    assert (await house.get("/current", chosen)).json()["bound"] == str(other.id)
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json() == missing.json()


@pytest.mark.parametrize("path", ["/api/auth/refresh", "/auth/refresh"])
async def test_a_refresh_token_is_good_once(house: Any, path: str) -> None:
    await house.member("ana@example.org", await house.tenant("6004"), "calls:viewer")
    first = (await house.login("ana@example.org")).json()
    house.clock.forward(minutes=16)
    expired = await house.get("/current", first)

    second = (await house.refresh(first["refresh_token"], path=path)).json()

    assert expired.json()["error_code"] == "TOKEN_EXPIRED"
    assert (await house.get("/current", second)).status_code == 200
    assert second["refresh_token"] != first["refresh_token"]


async def test_reusing_a_refresh_token_ends_the_whole_session(house: Any) -> None:
    await house.member("ana@example.org", await house.tenant("6004"), "calls:viewer")
    first = (await house.login("ana@example.org")).json()
    second = (await house.refresh(first["refresh_token"])).json()
    assert (await house.get("/current", second)).status_code == 200

    reused = await house.refresh(first["refresh_token"])

    assert reused.status_code == 401
    assert reused.json()["error_code"] == "REFRESH_INVALID"
    assert (await house.refresh(second["refresh_token"])).status_code == 401
    assert (await house.get("/current", second)).status_code == 401


async def test_of_two_refreshes_at_the_same_time_one_wins(house: Any) -> None:
    await house.member("ana@example.org", await house.tenant("6004"), "calls:viewer")
    token = (await house.login("ana@example.org")).json()["refresh_token"]

    replies = await house.together(house.refresh(token), house.refresh(token))

    assert sorted(r.status_code for r in replies) == [200, 401]


async def test_a_refresh_token_ends_after_thirty_days(house: Any) -> None:
    await house.user("ana@example.org")
    token = (await house.login("ana@example.org")).json()["refresh_token"]
    house.clock.forward(days=30, seconds=1)

    reply = await house.refresh(token)

    assert reply.json()["error_code"] == "REFRESH_INVALID"


async def test_a_refresh_keeps_the_tenant_or_changes_it(house: Any) -> None:
    user_id = await house.member("ana@example.org", await house.tenant("6004"), "calls:viewer")
    other = await house.tenant("7417")
    await house.join(user_id, other, "calls:viewer")
    first = (await house.login("ana@example.org")).json()

    changed = (await house.refresh(first["refresh_token"], tenant="7417")).json()
    kept = (await house.refresh(changed["refresh_token"])).json()

    assert (await house.get("/current", changed)).json()["bound"] == str(other.id)
    assert (await house.get("/current", kept)).json()["bound"] == str(other.id)


@pytest.mark.parametrize("path", ["/api/auth/logout", "/auth/logout"])
async def test_a_logout_ends_access_and_refresh_of_this_session_only(house: Any, path: str) -> None:
    await house.member("ana@example.org", await house.tenant("6004"), "calls:viewer")
    here = (await house.login("ana@example.org")).json()
    there = (await house.login("ana@example.org")).json()
    assert (await house.get("/current", here)).status_code == 200

    reply = await house.post(path, here)

    assert reply.status_code == 204
    assert (await house.get("/current", here)).status_code == 401
    assert (await house.refresh(here["refresh_token"])).status_code == 401
    assert (await house.get("/current", there)).status_code == 200


async def test_a_new_password_ends_the_other_sessions(house: Any) -> None:
    await house.member("ana@example.org", await house.tenant("6004"), "calls:viewer")
    here = (await house.login("ana@example.org")).json()
    there = (await house.login("ana@example.org")).json()
    change = {"current_password": "correct horse", "new_password": "battery staple"}

    wrong = await house.post("/auth/password", here, {**change, "current_password": "x"})
    short = await house.post("/auth/password", here, {**change, "new_password": "short"})
    right = await house.post("/auth/password", here, change)

    assert [r.status_code for r in (wrong, short, right)] == [401, 422, 204]
    assert (await house.get("/current", here)).status_code == 200
    assert (await house.get("/current", there)).status_code == 401
    assert (await house.login("ana@example.org")).status_code == 401
    assert (await house.login("ana@example.org", "battery staple")).status_code == 200


async def test_a_temporary_password_opens_nothing_but_its_own_change(house: Any) -> None:
    user_id = await house.user("ana@example.org", temporary=True)
    await house.join(user_id, await house.tenant("6004"), "calls:viewer")
    tokens = (await house.login("ana@example.org")).json()
    change = {"current_password": "correct horse", "new_password": "battery staple"}

    before = [await house.get(path, tokens) for path in ("/current", "/in/6004")]
    same = await house.post("/auth/password", tokens, {**change, "new_password": "correct horse"})
    me = await house.get("/auth/me", tokens)
    await house.post("/auth/password", tokens, change)
    after = await house.get("/current", tokens)

    assert tokens["password_change_required"] is True
    assert {r.json()["error_code"] for r in before} == {"PASSWORD_CHANGE_REQUIRED"}
    assert me.json()["password_change_required"] is True
    assert same.json()["errors"][0]["code"] == "PASSWORD_SAME"
    assert after.status_code == 200


async def test_every_deed_is_audited_and_no_secret_is_stored_readably(house: Any) -> None:
    await house.user("ana@example.org")
    await house.login("ana@example.org", "wrong")
    first = (await house.login("ana@example.org")).json()
    await house.refresh(first["refresh_token"])
    await house.refresh(first["refresh_token"])

    async with house.storage.read(None) as session:
        actions = (await session.scalars(text("SELECT action FROM kernel_audit ORDER BY id"))).all()
        hashes = (await session.scalars(text("SELECT hash FROM kernel_refresh_token"))).all()
        broken_at = await verify(session, KERNEL)

    assert actions == [
        "user.create",
        "auth.login_failed",
        "auth.login",
        "auth.refresh",
        "auth.refresh_reused",
    ]
    assert first["refresh_token"] not in hashes
    assert broken_at is None


async def test_one_address_cannot_try_all_the_addresses(house: Any) -> None:
    replies = [await house.refresh("guess") for _ in range(61)]

    assert {r.status_code for r in replies[:60]} == {401}
    assert replies[60].status_code == 429
