"""Scoring templates: written, published, changed, archived, and which one scores a call."""

import asyncio
from copy import deepcopy
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from locutory.products.calls.pipeline.metrics import CallMetrics
from locutory.products.calls.reviews.contract import FIGURES

if TYPE_CHECKING:
    from tests.products.calls.reviews.conftest import Floor, Person

pytestmark = pytest.mark.both_databases

PATH = "/scoring-templates/6004"


def changed(template: dict[str, Any], /, **parameters: Any) -> dict[str, Any]:
    """The template with parameters changed, by key."""
    body = deepcopy(template)
    for parameter in body["parameters"]:
        parameter |= parameters.get(parameter["key"], {})
    return body


def test_every_figure_of_a_call_may_be_bound() -> None:
    assert {field.name for field in fields(CallMetrics)} == FIGURES


async def test_a_template_is_a_draft_until_it_is_published(floor: "Floor") -> None:
    made = await floor.admin.ask("POST", PATH, floor.template)
    template = made.json()
    before = await floor.admin.told("GET", "/quality-parameters/6004")
    published = await floor.admin.told("POST", f"{PATH}/{template['id']}/publish")
    after = await floor.admin.told("GET", "/quality-parameters/6004")

    assert made.status_code == 201
    assert (template["status"], template["version"]) == ("draft", 1)
    assert before["template"]["built_in"] is True
    assert len(before["parameters"]) == 9
    assert (published["status"], published["published_version"]) == ("published", 1)
    assert after["template"]["name"] == "Floor"
    assert [p["key"] for p in after["parameters"]] == [
        "greeting",
        "talk",
        "care",
        "offer",
        "polite",
    ]


async def test_to_change_what_is_published_makes_the_next_draft(floor: "Floor") -> None:
    template_id = await floor.publish()
    path = f"{PATH}/{template_id}"

    draft = await floor.admin.told("PUT", path, changed(floor.template, care={"weight": 5}))
    again = await floor.admin.told("PUT", path, changed(floor.template, care={"weight": 7}))
    in_force = await floor.admin.told("GET", "/quality-parameters/6004")
    await floor.admin.told("POST", f"{path}/publish")
    first = await floor.admin.told("GET", f"{path}?version=1")
    now = await floor.admin.told("GET", "/quality-parameters/6004")

    assert (draft["version"], draft["status"], draft["published_version"]) == (2, "draft", 1)
    assert (again["version"], again["id"]) == (2, template_id)
    assert in_force["template"]["version"] == 1
    assert (first["status"], first["parameters"][2]["weight"]) == ("archived", 2)
    assert (now["template"]["version"], now["parameters"][2]["weight"]) == (2, 7)


async def test_of_two_who_change_a_template_the_second_is_told(floor: "Floor") -> None:
    template_id = await floor.publish()
    path = f"{PATH}/{template_id}"
    etag = (await floor.admin.ask("GET", path)).headers["etag"]

    first = await floor.admin.ask("PUT", path, floor.template, **{"if-match": etag})
    second = await floor.admin.ask("PUT", path, floor.template, **{"if-match": etag})
    publish = await floor.admin.ask("POST", f"{path}/publish", **{"if-match": etag})
    archive = await floor.admin.ask("DELETE", path, **{"if-match": etag})
    fresh = await floor.admin.ask("POST", f"{path}/publish", **{"if-match": first.headers["etag"]})

    assert first.status_code == 200
    assert [r.status_code for r in (second, publish, archive)] == [412, 412, 412]
    assert second.json()["error_code"] == "TEMPLATE_CHANGED"
    assert fresh.status_code == 200


async def test_an_archived_template_scores_no_more_and_stays_readable(floor: "Floor") -> None:
    template_id = await floor.publish()
    path = f"{PATH}/{template_id}"

    gone = await floor.admin.ask("DELETE", path)
    again = await floor.admin.ask("DELETE", path)
    shown = await floor.admin.told("GET", path)
    listed = await floor.admin.told("GET", PATH)
    archived = await floor.admin.told("GET", f"{PATH}?status=archived")
    in_force = await floor.admin.told("GET", "/quality-parameters/6004")

    assert (gone.status_code, again.status_code) == (204, 204)
    assert (shown["status"], shown["published_version"]) == ("archived", None)
    assert listed["items"] == []
    assert [t["id"] for t in archived["items"]] == [template_id]
    assert in_force["template"]["built_in"] is True
    assert await floor.admin.refused("PUT", path, floor.template) == (409, "TEMPLATE_ARCHIVED")
    assert await floor.admin.refused("POST", f"{path}/publish") == (409, "TEMPLATE_ARCHIVED")
    assert (await floor.admin.ask("POST", PATH, floor.template)).status_code == 201


async def test_two_templates_have_two_names(floor: "Floor") -> None:
    await floor.publish()
    other = await floor.admin.told("POST", PATH, {**floor.template, "name": "Other"})

    assert await floor.admin.refused("POST", PATH, floor.template) == (409, "TEMPLATE_NAME_TAKEN")
    renamed = await floor.admin.refused("PUT", f"{PATH}/{other['id']}", floor.template)
    assert renamed == (409, "TEMPLATE_NAME_TAKEN")


async def test_templates_are_listed_by_name_in_pages(floor: "Floor") -> None:
    for name in ("C", "A", "B"):
        await floor.admin.told("POST", PATH, {**floor.template, "name": name})

    first = await floor.admin.told("GET", f"{PATH}?limit=2")
    rest = await floor.admin.told("GET", f"{PATH}?limit=2&cursor={first['next_cursor']}")

    assert [t["name"] for t in first["items"] + rest["items"]] == ["A", "B", "C"]
    assert rest["next_cursor"] is None
    assert (await floor.admin.ask("GET", f"{PATH}?colour=red")).status_code == 422


async def test_all_faults_of_a_template_come_at_once_with_their_places(floor: "Floor") -> None:
    body = changed(
        floor.template,
        greeting={"binding": {"phrases": [], "role": "boss", "from_ms": 9, "to_ms": 9}},
        talk={"binding": {"metric": "charm", "bands": [[None, 5, 1], [4, None, 0], [1, 1, 2]]}},
        care={"options": {"max": 0}, "weight": -1},
        offer={"options": {"points": {"yes": 2}}},
        polite={"key": "care", "options": {"max": 3}},
    )
    body |= {"pass_mark": 101, "applies_if": {"directions": ["sideways"]}, "colour": "red"}

    reply = await floor.admin.ask("POST", PATH, body)

    assert reply.status_code == 422
    assert {fault["field"] for fault in reply.json()["errors"]} == {
        "colour",
        "pass_mark",
        "applies_if.directions.0",
        "parameters.0.binding.phrases",
        "parameters.0.binding.role",
        "parameters.0.binding.to_ms",
        "parameters.1.binding.metric",
        "parameters.1.binding.bands.1",
        "parameters.1.binding.bands.2",
        "parameters.2.weight",
        "parameters.2.options.max",
        "parameters.3.options.points",
        "parameters.4.key",
        "parameters.4.options.max",
    }


async def test_the_first_template_by_name_whose_conditions_fit_scores(floor: "Floor") -> None:
    await floor.publish(name="Z default")
    await floor.publish(name="B tagged", applies_if={"tags": ["vip", "loud"]})
    await floor.publish(name="A out", applies_if={"directions": ["outbound"]})
    await floor.publish(name="C hindi", applies_if={"languages": ["hi"], "agents": ["a2"]})

    outbound = await floor.call("out", direction="outbound", tags=["vip"])
    tagged = await floor.call("vip", tags=["vip"], language="hi-IN", agent_id="a2")
    hindi = await floor.call("hindi", language="hi-IN", agent_id="a2")
    neither = await floor.call("half", language="hi-IN")

    used = [call["scores"][0]["template"] for call in (outbound, tagged, hindi, neither)]
    assert used == ["A out", "B tagged", "C hindi", "Z default"]


async def test_a_template_is_for_the_teams_of_the_roster(floor: "Floor") -> None:
    ana = {"external_id": "a1", "name": "Ana", "team": "North"}
    roster = {"items": [ana, {"external_id": "a2", "name": "Bo"}]}
    await floor.admin.told("PUT", "/businesses/6004/floor-agents", json=roster)
    await floor.publish(name="Z default")
    await floor.publish(name="North only", applies_if={"teams": ["North"]})

    calls = [await floor.call(f"of-{agent}", agent_id=agent) for agent in ("a1", "a2", "a9")]

    used = [call["scores"][0]["template"] for call in calls]
    assert used == ["North only", "Z default", "Z default"]


async def test_of_templates_without_conditions_the_one_published_last_is_the_default(
    floor: "Floor",
) -> None:
    await floor.publish(name="B")
    await floor.publish(name="C")
    await floor.publish(name="A")

    shown = await floor.admin.told("GET", "/quality-parameters/6004")

    assert shown["template"]["name"] == "A"


async def test_a_preview_scores_calls_and_keeps_nothing(floor: "Floor") -> None:
    before = [await floor.call("one"), await floor.call("two", talk_ratio=0.9)]
    draft = await floor.admin.told("POST", PATH, floor.template)
    path = f"{PATH}/{draft['id']}/preview"

    shown = await floor.admin.told("POST", path, {"callids": ["one", "two"]})
    newest = await floor.admin.told("POST", path, {"limit": 1})

    assert [item["score"]["total"] for item in shown["items"]] == [100, 50]
    assert [item["present"] for item in shown["items"]] == [call["score"] for call in before]
    assert shown["engine"] == "locutory-rules/1"
    assert len(newest["items"]) == 1
    assert [await floor.read("one"), await floor.read("two")] == before
    many = {"callids": [str(n) for n in range(21)]}
    assert (await floor.admin.ask("POST", path, many)).status_code == 422
    missing = await floor.admin.refused("POST", path, {"callids": ["none"]})
    assert missing == (404, "CALL_NOT_FOUND")


async def test_supervisors_write_templates_and_reviewers_do_not(
    floor: "Floor", rita: "Person", sam: "Person"
) -> None:
    assert (await sam.ask("POST", PATH, floor.template)).status_code == 201
    assert await rita.refused("POST", PATH, floor.template) == (403, "SCOPE_MISSING")
    assert (await rita.ask("GET", "/quality-parameters/6004")).status_code == 200


async def test_of_two_who_change_a_template_at_once_one_is_told(floor: "Floor") -> None:
    template_id = await floor.publish()
    path = f"{PATH}/{template_id}"
    for _ in range(2):  # beside a published version, then on the draft
        etag = {"if-match": (await floor.admin.ask("GET", path)).headers["etag"]}
        both = [floor.admin.ask("PUT", path, floor.template, **etag) for _ in range(2)]

        replies = await asyncio.gather(*both)

        assert sorted(reply.status_code for reply in replies) == [200, 412]
    assert (await floor.admin.told("GET", path))["version"] == 2
