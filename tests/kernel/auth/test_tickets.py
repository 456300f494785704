"""Tickets: one stream, one tenant, one minute, in any process."""

from typing import Any

import pytest

pytestmark = pytest.mark.both_databases


@pytest.fixture
async def tokens(house: Any) -> Any:
    user_id = await house.member("ana@example.org", await house.tenant("6004"), "calls:viewer")
    await house.join(user_id, await house.tenant("7417"), "calls:viewer")
    return (await house.login("ana@example.org")).json()


async def watch(house: Any, ticket: str, bid: str = "6004") -> Any:
    return await house.client.get(f"/watch/{bid}", params={"ticket": ticket})


async def test_a_ticket_opens_one_stream(house: Any, tokens: Any) -> None:
    reply = (await house.post("/auth/stream-ticket", tokens)).json()

    first = await watch(house, reply["ticket"])
    second = await watch(house, reply["ticket"])

    assert reply["expires_in"] == 60
    assert first.status_code == 200
    assert second.json()["error_code"] == "TICKET_INVALID"


async def test_a_ticket_ends_after_a_minute(house: Any, tokens: Any) -> None:
    ticket = (await house.post("/auth/stream-ticket", tokens)).json()["ticket"]
    house.clock.forward(seconds=60)

    reply = await watch(house, ticket)

    assert reply.status_code == 401


async def test_a_ticket_is_for_its_tenant_only(house: Any, tokens: Any) -> None:
    tickets = [
        (await house.post("/auth/stream-ticket", tokens, {"bid": "7417"})).json()["ticket"]
        for _ in range(2)
    ]

    own = await watch(house, tickets[0], "7417")
    other = await watch(house, tickets[1], "6004")
    foreign = await house.post("/auth/stream-ticket", tokens, {"bid": "none"})

    assert own.json()["tenant"] == "7417"
    assert other.status_code == 404
    assert foreign.status_code == 404


async def test_an_admins_ticket_carries_no_platform_powers(house: Any, tokens: Any) -> None:
    await house.user("root@example.org", platform_admin=True)
    root = (await house.login("root@example.org")).json()
    tickets = [
        (await house.post("/auth/stream-ticket", root, {"bid": "7417"})).json()["ticket"]
        for _ in range(2)
    ]

    own = await watch(house, tickets[0], "7417")
    other = await watch(house, tickets[1], "6004")

    assert own.json() == {"tenant": "7417", "admin": False}
    assert other.status_code == 404


async def test_tickets_open_streams_only(house: Any, tokens: Any) -> None:
    ticket = (await house.post("/auth/stream-ticket", tokens)).json()["ticket"]

    reply = await house.client.get("/in/6004", params={"ticket": ticket})

    assert reply.status_code == 401


async def test_a_ticket_dies_with_its_session(house: Any, tokens: Any) -> None:
    ticket = (await house.post("/auth/stream-ticket", tokens)).json()["ticket"]
    await house.post("/auth/logout", tokens)

    reply = await watch(house, ticket)

    assert reply.status_code == 401


async def test_streams_take_bearer_tokens_as_well(house: Any, tokens: Any) -> None:
    reply = await house.get("/watch/6004", tokens)

    assert reply.status_code == 200
