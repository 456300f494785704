"""The roster of floor agents: replaced, imported, linked with logins."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Resident

pytestmark = pytest.mark.both_databases

PATH = "/businesses/6004/floor-agents"
ASHA = {"external_id": "a-1", "name": "Asha", "phones": ["+919876504321"], "team": "North"}


async def roster(resident: "Resident", query: str = "") -> list[dict[str, Any]]:
    reply = await resident.ask("GET", f"{PATH}?limit=200{query}")
    assert reply.status_code == 200, reply.text
    items: list[dict[str, Any]] = reply.json()["items"]
    return items


async def load(resident: "Resident", content: bytes) -> Any:
    reply = await resident.ask("POST", f"{PATH}/import", files={"file": ("agents.csv", content)})
    assert reply.status_code == 200, reply.text
    return reply.json()


async def test_who_is_missing_in_a_new_roster_becomes_inactive(ours: "Resident") -> None:
    ravi = {"external_id": "a-2", "name": "Ravi"}
    first = await ours.ask("PUT", PATH, json={"items": [ASHA, ravi]})
    second = await ours.ask("PUT", PATH, json={"items": [{**ASHA, "name": "Asha Rao"}]})

    assert (first.json()["created"], second.json()["created"]) == (2, 0)
    found = await roster(ours)
    assert [(a["external_id"], a["name"], a["active"]) for a in found] == [
        ("a-1", "Asha Rao", True),
        ("a-2", "Ravi", False),
    ]
    assert found[0]["phones"] == ["•••4321"]
    assert [a["external_id"] for a in await roster(ours, "&active=true")] == ["a-1"]


async def test_one_bad_line_of_very_many_is_reported_with_its_number(ours: "Resident") -> None:
    lines = [f"a-{n};Agent {n};+9198765{n:05};North" for n in range(9_999)]
    lines.insert(4_000, f"{'x' * 300};Too long;;")
    content = "\ufeffAgent ID;Name;Phones;Team\r\n" + "\r\n".join(lines) + "\r\n"

    answer = await load(ours, content.encode())

    assert (answer["created"], answer["updated"], answer["rejected"]) == (9_999, 0, 1)
    assert answer["faults"][0]["line"] == 4_002
    assert "external_id" in answer["faults"][0]["message"]
    first = (await roster(ours))[0]
    assert (first["external_id"], first["name"], first["team"]) == ("a-0", "Agent 0", "North")


async def test_an_import_changes_what_it_names_and_leaves_the_rest(ours: "Resident") -> None:
    await ours.ask("PUT", PATH, json={"items": [ASHA]})

    answer = await load(ours, b"external_id,name,phones,active\na-2,Ravi,1234567|7654321,no\n")
    again = await load(ours, b"external_id,name\na-2,Ravi Shah\n")

    assert (answer["created"], again["updated"]) == (1, 1)
    found = await roster(ours)
    assert [(a["external_id"], a["active"]) for a in found] == [("a-1", True), ("a-2", True)]
    assert found[1]["name"] == "Ravi Shah"


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"name,team\nAsha,North\n", 422), (b"\xff\xfe\x00", 415), (b"", 422)],
)
async def test_what_is_no_roster_is_refused(ours: "Resident", content: bytes, status: int) -> None:
    reply = await ours.ask("POST", f"{PATH}/import", files={"file": ("a.csv", content)})

    assert reply.status_code == status, reply.text
    assert await roster(ours) == []


async def test_one_floor_agent_twice_is_refused(ours: "Resident") -> None:
    reply = await ours.ask("PUT", PATH, json={"items": [ASHA, ASHA]})

    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"] == "items.1.external_id"


async def test_a_login_is_one_floor_agent_at_most(ours: "Resident") -> None:
    ravi = {"external_id": "a-2", "name": "Ravi"}
    await ours.ask("PUT", PATH, json={"items": [ASHA, ravi]})
    guest = {
        "email": "asha@example.org",
        "name": "Asha",
        "role": "floor_agent",
        "floor_agent": "a-1",
    }
    invited = (await ours.ask("POST", "/businesses/6004/users", json=guest)).json()
    path = f"/businesses/6004/users/{invited['id']}"

    changed = await ours.ask("PATCH", path, json={"floor_agent": "a-2"})
    unknown = await ours.ask("PATCH", path, json={"floor_agent": "a-9"})
    linked = {a["external_id"]: a["user_id"] for a in await roster(ours)}
    removed = await ours.ask("DELETE", path)

    assert invited["floor_agent"] == "a-1"
    assert changed.json()["floor_agent"] == "a-2"
    assert (unknown.status_code, unknown.json()["error_code"]) == (404, "FLOOR_AGENT_NOT_FOUND")
    assert linked == {"a-1": None, "a-2": invited["id"]}
    assert removed.status_code == 204
    assert {a["user_id"] for a in await roster(ours)} == {None}
