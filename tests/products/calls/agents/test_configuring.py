"""Agents are written as drafts, checked, put in force, taken back; nobody overwrites another."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.products.calls.agents.conftest import House

pytestmark = pytest.mark.both_databases

OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}
ITEMS_AS_TEXT = {"type": "array", "maxItems": "9", "items": {"type": "string"}}
TWO_LOOPS = "{% for a in metrics %}{% for b in call %}{% endfor %}{% endfor %}"
BOGUS_CALL = "{{ call.bogus }} "
BOGUS_QUESTION = "{% for q in template.questions %}{{ q.bogus }}{% endfor %}"


def of(part: dict[str, Any]) -> dict[str, Any]:
    """An answer with one field."""
    return {"type": "object", "properties": {"a": part}}


def faults(reply: Any) -> set[tuple[str, str]]:
    assert reply.status_code == 422, reply.text
    return {(fault["field"], fault["code"]) for fault in reply.json()["errors"]}


async def test_a_new_business_has_the_library_and_its_variables(house: "House") -> None:
    listed = (await house.told("GET", "/agents/6004"))["items"]
    library = await house.told("GET", "/agents/library")

    assert {a["key"] for a in listed} == {a["key"] for a in library["items"]}
    assert {(a["origin"], a["status"]) for a in listed} == {("library", "published")}
    assert "direction" in library["variables"]["call"]
    assert library["providers"] == ["scripted"]


async def test_what_is_written_is_read_back_whole(house: "House") -> None:
    agent = {
        **house.promise,
        "prompt_system": "Be brief.",
        "required": True,
        "provider": "scripted",
        "model": "small",
        "fallback": ["large"],
        "params": {"temperature": 0.5, "max_tokens": 300, "timeout_s": 20.0},
        "run_if": {
            "has_text": True,
            "min_duration_s": 20.0,
            "directions": ["inbound"],
            "languages": ["en"],
            "lead_matched": True,
            "moments": ["greeting"],
        },
        "depends_on": ["summary"],
        "cache_mode": "off",
        "redact_input": True,
        "on_failure": "skip",
    }

    made = await house.told("POST", "/agents/6004", 201, json=agent)

    assert {name: made[name] for name in agent} == agent
    assert await house.told("GET", "/agents/6004/promise") == made
    assert (made["version"], made["status"], made["published_version"]) == (1, "draft", None)
    assert made["created_by"].startswith("user:")


async def test_every_fault_is_listed_with_its_place(house: "House") -> None:
    agent = {
        "key": "Bad key",
        "name": "Bad",
        "prompt_system": "{{ secrets }}",
        "prompt_user": BOGUS_CALL + BOGUS_QUESTION,
        "output_schema": {
            "type": "object",
            "properties": {
                "a": {"$ref": "#"},
                "b": {"type": "array", "maxItems": 51, "items": {"type": "nonsense"}},
            },
            "required": ["c"],
        },
        "provider": "elsewhere",
        "depends_on": ["nobody"],
    }

    reply = await house.ask("POST", "/agents/6004", json=agent)

    assert faults(reply) == {
        ("key", "AGENT_KEY"),
        ("prompt_system", "PROMPT_UNKNOWN_VARIABLE"),
        ("prompt_user", "PROMPT_UNKNOWN_VARIABLE"),
        ("output_schema", "SCHEMA_INVALID"),
        ("output_schema.a", "SCHEMA_INVALID"),
        ("output_schema.b", "SCHEMA_INVALID"),
        ("output_schema.b[]", "SCHEMA_INVALID"),
        ("provider", "PROVIDER_UNKNOWN"),
        ("agents.Bad key.depends_on", "AGENT_UNKNOWN"),
    }
    verdict = await house.told("POST", "/agents/6004/validate", json=agent)
    assert verdict["valid"] is False
    assert len(verdict["errors"]) == len(reply.json()["errors"])


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("prompt_user", BOGUS_QUESTION, "PROMPT_FAILED"),
        ("prompt_user", "{{ parents.summary }}", "PROMPT_UNKNOWN_VARIABLE"),
        ("prompt_user", "x" * (64 * 1024 + 1), "PROMPT_TOO_LARGE"),
        ("prompt_user", TWO_LOOPS, "PROMPT_REFUSED"),
        ("prompt_user", " ", "PROMPT_MISSING"),
        ("prompt_user", "{{ call.__class__ }}", "PROMPT_UNKNOWN_VARIABLE"),
        ("kind", "rule", "AGENT_KIND"),
        ("depends_on", ["promise"], "AGENT_CYCLE"),
        ("output_schema", {**OBJECT, "required": "a"}, "SCHEMA_INVALID"),
        ("output_schema", {**OBJECT, "properties": {"a b": {"type": "string"}}}, "SCHEMA_INVALID"),
        ("output_schema", {"type": "object", "properties": []}, "SCHEMA_INVALID"),
        ("output_schema", {"type": ["object", 1]}, "SCHEMA_INVALID"),
        ("output_schema", of({"type": "integer", "minimum": 2, "maximum": 1}), "SCHEMA_INVALID"),
        ("output_schema", of(ITEMS_AS_TEXT), "SCHEMA_INVALID"),
        ("output_schema", of({"type": "string", "enum": []}), "SCHEMA_INVALID"),
    ],
)
async def test_what_could_not_run_is_refused_at_save(
    house: "House", field: str, value: Any, fault: str
) -> None:
    reply = await house.ask("POST", "/agents/6004", json={**house.promise, field: value})

    assert fault in {code for _, code in faults(reply)}
    assert await house.refused("GET", "/agents/6004/promise") == (404, "AGENT_NOT_FOUND")


async def test_a_cycle_over_several_agents_lists_its_members(house: "House") -> None:
    await house.publish()
    await house.publish({**house.promise, "key": "kept", "depends_on": ["promise"]})

    closing = {"depends_on": ["kept"]}
    reply = await house.ask("PATCH", "/agents/6004/promise", json=closing)

    assert faults(reply) == {
        ("agents.promise.depends_on", "AGENT_CYCLE"),
        ("agents.kept.depends_on", "AGENT_CYCLE"),
    }


async def test_a_draft_may_build_on_a_draft_but_not_be_published_before_it(house: "House") -> None:
    child = {**house.promise, "key": "kept", "depends_on": ["promise"]}
    await house.told("POST", "/agents/6004", 201, json=house.promise)
    await house.told("POST", "/agents/6004", 201, json=child)

    early = await house.ask("POST", "/agents/6004/kept/publish")
    await house.told("POST", "/agents/6004/promise/publish")
    await house.told("POST", "/agents/6004/kept/publish")

    assert faults(early) == {("agents.kept.depends_on", "AGENT_UNKNOWN")}
    assert await house.refused("DELETE", "/agents/6004/promise") == (409, "AGENT_NEEDED")


async def test_a_built_in_agent_may_ask_more_but_never_less(house: "House") -> None:
    summary = await house.told("GET", "/agents/6004/summary")
    more, less = dict(summary["output_schema"]), dict(summary["output_schema"])
    more["properties"] = {**more["properties"], "mood": {"type": "string"}}
    less["properties"] = {"text": more["properties"]["text"]}
    less["required"] = ["text"]

    await house.told("PATCH", "/agents/6004/summary", json={"output_schema": more})
    reply = await house.ask("PATCH", "/agents/6004/summary", json={"output_schema": less})

    assert ("output_schema.bullets", "SCHEMA_BUILT_IN") in faults(reply)


async def test_two_people_do_not_overwrite_each_other(house: "House") -> None:
    seen = await house.ask("GET", "/agents/6004/summary")
    tag = {"if-match": seen.headers["etag"]}
    mine = await house.ask("PATCH", "/agents/6004/summary", json={"name": "Mine"}, headers=tag)

    for method, path, rest in (
        ("PATCH", "", {"json": {"name": "Theirs"}}),
        ("PUT", "", {"json": {**house.promise, "key": None}}),
        ("POST", "/publish", {}),
        ("POST", "/rollback", {}),
        ("DELETE", "", {}),
    ):
        if method == "PUT":
            rest = {"json": {k: v for k, v in house.promise.items() if k != "key"}}
        refused = await house.refused(method, f"/agents/6004/summary{path}", headers=tag, **rest)
        assert refused == (412, "AGENT_CHANGED"), (method, path)

    assert mine.status_code == 200
    assert mine.headers["etag"] == mine.json()["etag"] != seen.headers["etag"]
    now = await house.ask("GET", "/agents/6004/summary")
    assert (now.json()["name"], now.headers["etag"]) == ("Mine", mine.headers["etag"])
    again = {"if-match": mine.headers["etag"]}
    await house.told("POST", "/agents/6004/summary/publish", headers=again)


async def test_versions_tell_who_made_them_and_what_is_in_force(house: "House") -> None:
    await house.publish()
    await house.told("PATCH", "/agents/6004/promise", json={"name": "Second"})
    draft = await house.told("PATCH", "/agents/6004/promise", json={"name": "Second, mended"})
    await house.told("POST", "/agents/6004/promise/publish")

    first = await house.told("GET", "/agents/6004/promise/versions?limit=1")
    rest = await house.told(
        "GET", "/agents/6004/promise/versions", params={"cursor": first["next_cursor"]}
    )

    versions = [*first["items"], *rest["items"]]
    assert [(v["version"], v["status"], v["name"]) for v in versions] == [
        (2, "published", "Second, mended"),
        (1, "archived", "Promise"),
    ]
    assert draft["version"] == 2
    assert {v["published_version"] for v in versions} == {2}
    assert all(v["published_by"] and v["published_at"].endswith("Z") for v in versions)
    assert rest["next_cursor"] is None


async def test_a_rollback_returns_to_the_version_before_and_to_any_named_one(
    house: "House",
) -> None:
    await house.publish()
    for name in ("Second", "Third"):
        await house.told("PATCH", "/agents/6004/promise", json={"name": name})
        await house.told("POST", "/agents/6004/promise/publish")

    before = await house.told("POST", "/agents/6004/promise/rollback")
    first = await house.told("POST", "/agents/6004/promise/rollback", json={"version": 1})

    assert (before["version"], before["name"]) == (2, "Second")
    assert (first["version"], first["published_version"]) == (1, 1)
    assert await house.refused("POST", "/agents/6004/promise/rollback", json={"version": 9}) == (
        404,
        "AGENT_VERSION_NOT_FOUND",
    )
    again = await house.told("GET", "/agents/6004/promise")
    assert (again["version"], again["status"], again["name"]) == (1, "published", "Promise")


async def test_a_built_in_agent_rolls_back_to_the_library(house: "House") -> None:
    await house.told("PATCH", "/agents/6004/summary", json={"name": "Ours"})
    await house.told("POST", "/agents/6004/summary/publish")

    back = await house.told("POST", "/agents/6004/summary/rollback")

    assert (back["origin"], back["version"], back["name"]) == ("library", 1, "Summary")
    assert await house.refused("POST", "/agents/6004/bant/rollback") == (
        409,
        "AGENT_NOTHING_BEFORE",
    )


async def test_an_archived_agent_leaves_the_list_and_can_come_back(house: "House") -> None:
    await house.told("DELETE", "/agents/6004/bant", 204)

    keys = {a["key"] for a in (await house.told("GET", "/agents/6004"))["items"]}
    gone = (await house.told("GET", "/agents/6004?status=archived"))["items"]
    await house.told("POST", "/agents/6004/bant/rollback")
    back = {a["key"] for a in (await house.told("GET", "/agents/6004"))["items"]}

    assert "bant" not in keys
    assert [a["key"] for a in gone] == ["bant"]
    assert back == keys | {"bant"}


async def test_a_key_is_taken_once(house: "House") -> None:
    await house.told("POST", "/agents/6004", 201, json=house.promise)

    taken = {**house.promise, "key": "summary"}
    assert await house.refused("POST", "/agents/6004", json=house.promise) == (409, "AGENT_EXISTS")
    assert await house.refused("POST", "/agents/6004", json=taken) == (409, "AGENT_EXISTS")


async def test_without_a_draft_there_is_nothing_to_publish(house: "House") -> None:
    assert await house.refused("POST", "/agents/6004/summary/publish") == (409, "AGENT_NO_DRAFT")


async def test_the_list_walks_by_key(house: "House") -> None:
    await house.told("POST", "/agents/6004", 201, json=house.promise)
    whole = [a["key"] for a in (await house.told("GET", "/agents/6004"))["items"]]

    walked, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await house.told("GET", "/agents/6004", params=params)
        walked += [a["key"] for a in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert walked == whole == sorted(whole)
    assert "promise" in whole


async def test_only_managers_change_agents(house: "House") -> None:
    scopes = ["calls:read", "calls:write"]
    made = await house.told("POST", "/api/auth/keys", 201, json={"name": "k", "scopes": scopes})
    key = made["key"]

    changed = await house.ask("POST", "/agents/6004", json=house.promise, token=key)
    read = await house.ask("GET", "/agents/6004", token=key)

    assert (changed.status_code, read.status_code) == (403, 200)
