"""Businesses and their people, through HTTP."""

from typing import Any

import pytest
from sqlalchemy import text

pytestmark = pytest.mark.both_databases

ANA = {"email": "Ana@example.org", "name": "Ana", "role": "supervisor"}


async def test_a_business_is_opened_and_shown(root: Any) -> None:
    body = {"bid": "shop-1", "name": "Shop", "timezone": "Europe/Madrid", "currency": "EUR"}

    made = await root.ask("POST", "/businesses", body)
    shown = await root.ask("GET", "/businesses/shop-1")

    assert made.status_code == 201
    assert made.json() == {**body, "country_code": None, "status": "active"}
    assert shown.json() == made.json()


async def test_a_bid_is_taken_once(root: Any) -> None:
    reply = await root.ask("POST", "/businesses", {"bid": "6004", "name": "Again"})

    assert reply.status_code == 409
    assert reply.json()["error_code"] == "BID_TAKEN"


async def test_opening_a_business_twice_with_one_key_opens_one(root: Any) -> None:
    body, key = {"bid": "new", "name": "New"}, {"idempotency-key": "k1"}

    first = await root.ask("POST", "/businesses", body, **key)
    again = await root.ask("POST", "/businesses", body, **key)
    other = await root.ask("POST", "/businesses", {**body, "bid": "newer"}, **key)

    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert int(again.headers["ratelimit-remaining"]) > 0
    assert other.json()["error_code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize(
    "change",
    [
        {"bid": "a b"},
        {"bid": "x" * 33},
        {"bid": ""},
        {"timezone": "Mars/Olympus"},
        {"timezone": "../etc/passwd"},
        {"country_code": "IND"},
        {"currency": "rupee"},
        {"name": "  "},
        {"colour": "red"},
    ],
)
async def test_a_misfit_is_refused(root: Any, change: dict[str, str]) -> None:
    body = {"bid": "new", "name": "New", **change}

    reply = await root.ask("POST", "/businesses", body)

    assert reply.status_code == 422


async def test_members_see_their_business_and_the_platform_sees_all(town: Any, root: Any) -> None:
    ana = await town.newcomer(root, "6004", "ana", "business_admin")

    everything = (await root.ask("GET", "/businesses?limit=1")).json()
    rest = (await root.ask("GET", f"/businesses?cursor={everything['next_cursor']}")).json()
    own = (await ana.ask("GET", "/businesses")).json()
    foreign = await ana.ask("GET", "/businesses/7417")
    missing = await ana.ask("GET", "/businesses/none")
    opened = await ana.ask("POST", "/businesses", {"bid": "mine", "name": "Mine"})

    assert [b["bid"] for b in everything["items"] + rest["items"]] == ["6004", "7417"]
    assert [b["bid"] for b in own["items"]] == ["6004"]
    assert (foreign.status_code, missing.status_code, opened.status_code) == (404, 404, 403)


async def test_an_administrator_changes_what_is_named_and_nothing_else(
    town: Any, root: Any
) -> None:
    ana = await town.newcomer(root, "6004", "ana", "business_admin")
    eve = await town.newcomer(root, "6004", "eve", "supervisor")

    changed = await ana.ask("PATCH", "/businesses/6004", {"currency": "INR"})
    emptied = await ana.ask("PATCH", "/businesses/6004", {"name": None})
    unmoved = await ana.ask("PATCH", "/businesses/6004", {})
    forbidden = await eve.ask("PATCH", "/businesses/6004", {"currency": "EUR"})
    foreign = await ana.ask("PATCH", "/businesses/7417", {"currency": "EUR"})

    assert changed.json()["currency"] == "INR"
    assert changed.json()["name"] == "House 6004"
    assert emptied.status_code == 422
    assert unmoved.json() == changed.json()
    assert (forbidden.status_code, foreign.status_code) == (403, 404)
    assert (await eve.ask("GET", "/businesses/6004")).json()["currency"] == "INR"


async def test_an_invited_person_gets_a_password_once_and_must_change_it(
    town: Any, root: Any
) -> None:
    invited = await root.ask("POST", "/businesses/6004/users", ANA)
    listed = await root.ask("GET", "/businesses/6004/users")
    first = await town.login("ana@example.org", invited.json()["one_time_password"])
    early = await first.ask("GET", "/businesses/6004")

    change = {
        "current_password": invited.json()["one_time_password"],
        "new_password": "battery staple",
    }
    await first.ask("POST", "/auth/password", change)
    later = await first.ask("GET", "/businesses/6004")

    assert invited.status_code == 201
    assert invited.json()["email"] == "ana@example.org"
    assert listed.json()["items"][0].keys() == {
        "id",
        "email",
        "name",
        "role",
        "floor_agent",
        "joined_at",
    }
    assert early.json()["error_code"] == "PASSWORD_CHANGE_REQUIRED"
    assert later.status_code == 200


async def test_a_known_person_joins_a_second_business_with_their_own_password(
    town: Any, root: Any
) -> None:
    ana = await town.newcomer(root, "6004", "ana", "viewer")

    second = await root.ask("POST", "/businesses/7417/users", ANA)
    again = await root.ask("POST", "/businesses/7417/users", ANA)

    assert second.status_code == 201
    assert second.json()["one_time_password"] is None
    assert second.json()["name"] == "ana"
    assert again.json()["error_code"] == "ALREADY_MEMBER"
    assert (await ana.ask("GET", "/businesses/7417")).status_code == 200


async def test_people_are_listed_page_by_page_for_administrators(town: Any, root: Any) -> None:
    ana = await town.newcomer(root, "6004", "ana", "business_admin")
    for name in ("eve", "joe"):
        await town.newcomer(root, "6004", name, "viewer")
    await town.newcomer(root, "7417", "bob", "viewer")
    joe = await town.login("joe@example.org")

    first = (await ana.ask("GET", "/businesses/6004/users?limit=2")).json()
    cursor = first["next_cursor"]
    second = (await ana.ask("GET", f"/businesses/6004/users?cursor={cursor}")).json()

    people = [(p["name"], p["role"]) for p in first["items"] + second["items"]]
    assert people == [("ana", "business_admin"), ("eve", "viewer"), ("joe", "viewer")]
    assert second["next_cursor"] is None
    assert (await joe.ask("GET", "/businesses/6004/users")).status_code == 403
    assert (await ana.ask("GET", "/businesses/7417/users")).status_code == 404


async def test_the_last_administrator_stays(town: Any, root: Any) -> None:
    ana = await town.newcomer(root, "6004", "ana", "business_admin")
    me = f"/businesses/6004/users/{(await ana.ask('GET', '/auth/me')).json()['id']}"

    demoted = await ana.ask("PATCH", me, {"role": "viewer"})
    removed = await ana.ask("DELETE", me)
    await town.newcomer(root, "6004", "eve", "business_admin")
    later = await ana.ask("DELETE", me)

    assert (demoted.status_code, demoted.json()["error_code"]) == (409, "LAST_ADMIN")
    assert (removed.status_code, removed.json()["error_code"]) == (409, "LAST_ADMIN")
    assert later.status_code == 204
    assert (await ana.ask("GET", "/businesses/6004")).status_code == 404


async def test_two_administrators_cannot_remove_each_other_at_once(town: Any, root: Any) -> None:
    callers = [await town.newcomer(root, "6004", name, "business_admin") for name in ("ana", "eve")]
    ids = [(await c.ask("GET", "/auth/me")).json()["id"] for c in callers]

    replies = await town.together(
        callers[0].ask("DELETE", f"/businesses/6004/users/{ids[1]}"),
        callers[1].ask("DELETE", f"/businesses/6004/users/{ids[0]}"),
    )

    left = (await root.ask("GET", "/businesses/6004/users")).json()["items"]
    refused = [r.status_code for r in replies if r.status_code != 204]
    assert len(left) == len(refused) == 1
    assert refused[0] in (404, 409)  # whoever is gone already does not even find the business


async def test_a_changed_role_counts_at_once(town: Any, root: Any) -> None:
    eve = await town.newcomer(root, "6004", "eve", "viewer")
    her_id = (await eve.ask("GET", "/auth/me")).json()["id"]
    before = await eve.ask("PATCH", "/businesses/6004", {"name": "Mine"})

    changed = await root.ask(
        "PATCH", f"/businesses/6004/users/{her_id}", {"role": "business_admin"}
    )
    after = await eve.ask("PATCH", "/businesses/6004", {"name": "Mine"})

    assert changed.json()["role"] == "business_admin"
    assert (before.status_code, after.status_code) == (403, 200)


async def test_people_of_other_businesses_and_unknown_ids_are_not_found(
    town: Any, root: Any
) -> None:
    bob = await town.newcomer(root, "7417", "bob", "viewer")
    his_id = (await bob.ask("GET", "/auth/me")).json()["id"]
    nobody = "00000000-0000-7000-8000-000000000000"

    replies = [
        await root.ask(method, f"/businesses/6004/users/{user}", body)
        for user in (his_id, nobody)
        for method, body in (("PATCH", {"role": "viewer"}), ("DELETE", None))
    ]

    assert {(r.status_code, r.json()["error_code"]) for r in replies} == {(404, "USER_NOT_FOUND")}


async def test_a_floor_agent_does_not_see_everybodys_calls(town: Any, root: Any) -> None:
    joe = await town.newcomer(root, "6004", "joe", "floor_agent")

    me = (await joe.ask("GET", "/auth/me")).json()

    assert me["permissions"] == ["calls:own"]


async def test_deeds_are_audited_in_the_business_without_secrets(town: Any, root: Any) -> None:
    invited = (await root.ask("POST", "/businesses/6004/users", ANA)).json()
    await root.ask("PATCH", "/businesses/6004", {"currency": "INR"})

    async with town.storage.read(None) as session:
        rows = (
            await session.execute(
                text(
                    "SELECT a.action, CAST(a.detail AS TEXT) FROM kernel_audit a "
                    "JOIN kernel_tenant t ON t.id = a.tenant_id WHERE t.slug = '6004' "
                    "ORDER BY a.id"
                )
            )
        ).all()

    assert [row[0] for row in rows] == ["user.create", "member.add", "tenant.update"]
    assert not any(invited["one_time_password"] in row[1] for row in rows)


async def test_strangers_hear_nothing(town: Any, root: Any) -> None:
    replies = [
        await town.client.request(method, path, content=b"{")
        for method, path in (
            ("GET", "/businesses"),
            ("POST", "/businesses"),
            ("GET", "/businesses/6004"),
            ("PATCH", "/businesses/none"),
            ("POST", "/businesses/6004/users"),
        )
    ]

    assert {r.status_code for r in replies} == {401}
