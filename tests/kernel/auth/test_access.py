"""Who gets in where: 401 first, one 404 for foreign and missing, 403 for scopes."""

from typing import Any

import pytest
from sqlalchemy import Engine, event
from structlog.contextvars import clear_contextvars, get_contextvars

pytestmark = pytest.mark.both_databases


@pytest.fixture
async def two(house: Any) -> Any:
    """Ana views 6004, Bob views 7417."""
    await house.member("ana@example.org", await house.tenant("6004"), "calls:viewer")
    await house.member("bob@example.org", await house.tenant("7417"), "calls:viewer")
    return house


async def test_the_bid_of_the_path_picks_the_membership(two: Any) -> None:
    tokens = (await two.login("ana@example.org")).json()

    reply = await two.get("/in/6004", tokens)

    assert reply.json()["tenant"] == "6004"


async def test_a_foreign_bid_and_a_missing_one_answer_alike(two: Any) -> None:
    tokens = (await two.login("ana@example.org")).json()

    foreign = await two.get("/in/7417", tokens)
    missing = await two.get("/in/none", tokens)

    assert foreign.status_code == missing.status_code == 404
    assert foreign.json() == missing.json()
    assert foreign.json()["error_code"] == "BID_NOT_FOUND"


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer x", "Basic eA==", "Bearer lct_a_b"])
async def test_strangers_are_refused_before_their_body_is_read(
    two: Any, header: str | None
) -> None:
    headers = {"content-type": "application/json"}
    if header is not None:
        headers["authorization"] = header

    malformed = await two.client.post("/numbers", content=b"{", headers=headers)
    misfit = await two.client.post("/numbers", json={"number": "x"}, headers=headers)

    assert malformed.status_code == misfit.status_code == 401


async def test_members_hear_about_their_body(two: Any) -> None:
    user_id = await two.user("eve@example.org")
    await two.join(user_id, await two.tenant("1"), "calls:admin")
    tokens = (await two.login("eve@example.org")).json()

    assert (await two.post("/numbers", tokens, {"number": "x"})).status_code == 422
    assert (await two.post("/numbers", tokens, {"number": 7})).json() == 7


async def test_a_missing_scope_answers_403(two: Any) -> None:
    tokens = (await two.login("ana@example.org")).json()

    reply = await two.post("/numbers", tokens, {"number": 7})

    assert reply.status_code == 403
    assert reply.json()["error_code"] == "SCOPE_MISSING"


async def test_a_platform_admin_enters_every_tenant_but_no_missing_one(two: Any) -> None:
    await two.user("root@example.org", platform_admin=True)
    login = (await two.login("root@example.org")).json()

    replies = [await two.get(f"/in/{bid}", login) for bid in ("6004", "7417", "none")]

    assert [b["bid"] for b in login["businesses"]] == ["6004", "7417"]
    assert [r.status_code for r in replies] == [200, 200, 404]


async def test_somebody_without_a_tenant_is_told_so(two: Any) -> None:
    await two.user("eve@example.org")
    tokens = (await two.login("eve@example.org")).json()

    reply = await two.get("/current", tokens)

    assert reply.json()["error_code"] == "NO_TENANT"


async def test_a_second_request_costs_no_statement(two: Any) -> None:
    tokens = (await two.login("ana@example.org")).json()
    statements: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await two.get("/current", tokens)
        first = len(statements)
        await two.get("/current", tokens)
        await two.get("/in/6004", tokens)
        second = len(statements) - first
        two.clock.forward(seconds=6)
        await two.get("/current", tokens)
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert first > 0
    assert second == 0
    assert len(statements) > first


async def test_a_change_of_roles_is_felt_at_once(two: Any) -> None:
    tokens = (await two.login("ana@example.org")).json()
    before = await two.get("/in/7417", tokens)
    bob = (await two.login("bob@example.org")).json()
    other = (await two.get("/auth/me", bob)).json()["tenant"]

    await two.join_by_slug("ana@example.org", other, "calls:viewer")
    after = await two.get("/in/7417", tokens)

    assert (before.status_code, after.status_code) == (404, 200)


async def test_a_suspended_tenant_lets_nobody_in_but_the_platform(two: Any) -> None:
    tokens = (await two.login("ana@example.org")).json()
    await two.user("root@example.org", platform_admin=True)
    root = (await two.login("root@example.org")).json()

    await two.suspend("6004")

    assert (await two.get("/in/6004", tokens)).status_code == 404
    assert (await two.get("/current", tokens)).json()["error_code"] == "NO_TENANT"
    assert (await two.get("/in/6004", root)).status_code == 200


async def test_logs_and_rate_limits_learn_who_calls(two: Any) -> None:
    login = (await two.login("ana@example.org")).json()
    clear_contextvars()

    reply = await two.get("/current", login)
    bound = get_contextvars()

    assert reply.json()["key"] == f"user:{login['user']['id']}"
    assert bound["user_id"] == login["user"]["id"]
    assert bound["tenant"] == "6004"


async def test_me_has_the_fields_of_both_seeds(two: Any) -> None:
    login = (await two.login("ana@example.org")).json()

    replies = [await two.get(path, login) for path in ("/api/auth/me", "/auth/me")]

    body = replies[0].json()
    assert body == replies[1].json()
    assert body["user_id"] == body["id"] == login["user"]["id"]
    assert body["full_name"] == body["name"] == "ana"
    assert body["role"] == "viewer"
    assert body["tenant"] == "6004"
    assert body["permissions"] == ["calls:read", "users:read"]
    assert body["avatar_url"] is None


async def test_validate_says_what_the_token_says(two: Any) -> None:
    login = (await two.login("ana@example.org")).json()

    body = (await two.get("/auth/validate", login)).json()

    assert body["sub"] == login["user"]["id"]
    assert body["roles"] == ["calls:viewer"]
    assert body["bids"] == ["6004"]
    assert abs(body["exp"] - two.clock.now.timestamp() - 15 * 60) <= 1


async def test_users_are_those_of_the_current_tenant_page_by_page(two: Any) -> None:
    for name in ("eve", "joe"):
        await two.join_by_slug(await two.newcomer(name), "6004", "calls:viewer")
    tokens = (await two.login("ana@example.org")).json()

    first = (await two.get("/api/auth/users?limit=2", tokens)).json()
    second = (await two.get(f"/api/auth/users?cursor={first['next_cursor']}", tokens)).json()
    unknown = await two.get("/api/auth/users?colour=red", tokens)

    names = [user["name"] for user in first["items"] + second["items"]]
    assert names == ["ana", "eve", "joe"]
    assert second["next_cursor"] is None
    assert unknown.status_code == 422


async def test_operation_ids_are_unique(two: Any) -> None:
    paths = two.app.openapi()["paths"]

    ids = [operation["operationId"] for path in paths.values() for operation in path.values()]

    assert len(ids) == len(set(ids))
    assert len(ids) > 20
