"""Sources over HTTP: what there is, what is refused, and what a test finds."""

import pytest
from tests.products.calls.sources.conftest import WORDS, Intake

pytestmark = pytest.mark.both_databases

SOURCES = "/pipeline/{bid}/sources"


async def test_a_source_is_made_changed_listed_and_forgotten(intake: Intake) -> None:
    source = await intake.watch()
    await intake.told("POST", SOURCES, json={"name": "Relay", "kind": "push"})
    changes = {"name": "Old dialler", "after": "leave", "since": "2026-01-01T00:00:00Z"}

    changed = await intake.told("PATCH", f"{SOURCES}/{source}", json=changes)
    listed = (await intake.told("GET", SOURCES))["items"]
    first = await intake.told("GET", f"{SOURCES}?limit=1")
    rest = await intake.told("GET", f"{SOURCES}?cursor={first['next_cursor']}")
    await intake.told("DELETE", f"{SOURCES}/{source}")
    again = await intake.ask("DELETE", f"{SOURCES}/{source}")

    assert (changed["name"], changed["after"]) == ("Old dialler", "leave")
    assert [one["kind"] for one in listed] == ["folder", "push"]
    assert first["items"] + rest["items"] == listed
    assert again.json()["error_code"] == "SOURCE_NOT_FOUND"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "x", "kind": "mysql"}, 422, "INVALID"),
        ({"name": "x", "kind": "push", "tz": "UTC"}, 422, "INVALID"),
        ({"name": "x", "kind": "cdc"}, 422, "SOURCE_KIND_UNAVAILABLE"),
        ({"name": "x", "kind": "folder"}, 422, "INVALID"),
        ({"name": "x", "kind": "push", "path": "/srv"}, 422, "INVALID"),
        ({"name": "Dialler", "kind": "push"}, 409, "SOURCE_NAME_TAKEN"),
    ],
)
async def test_what_does_not_fit_is_refused(
    intake: Intake, body: dict[str, str], status: int, code: str
) -> None:
    await intake.watch()

    reply = await intake.ask("POST", SOURCES, json=body)

    assert (reply.status_code, reply.json()["error_code"]) == (status, code)


async def test_a_test_says_what_lies_there_and_takes_nothing(intake: Intake) -> None:
    source = await intake.watch()
    intake.put("call-919876543210.wav")
    intake.put("call-919876543210.vtt", WORDS)
    before = intake.lie()

    found = await intake.told("POST", f"{SOURCES}/{source}/test")

    assert found["ok"]
    assert (found["recordings"], found["transcripts"]) == (1, 1)
    assert found["sample"] == ["call-••••••••3210.wav"]
    assert (intake.lie(), await intake.stems()) == (before, [])


async def test_a_test_says_what_is_wrong(intake: Intake) -> None:
    source = await intake.watch()
    (intake.folder / "link.wav").symlink_to("/etc/hosts")
    odd = await intake.told("POST", f"{SOURCES}/{source}/test")
    (intake.folder / "link.wav").unlink()
    intake.folder.rmdir()

    gone = await intake.told("POST", f"{SOURCES}/{source}/test")
    push = await intake.told("POST", SOURCES, json={"name": "Relay", "kind": "push"})
    relay = await intake.told("POST", f"{SOURCES}/{push['id']}/test")

    assert [f["check"] for f in odd["findings"] if not f["ok"]] == ["regular"]
    assert [f["check"] for f in gone["findings"]] == ["open"]
    assert not gone["ok"]
    assert relay["ok"]
    assert "/ingest/6004/calls" in relay["findings"][0]["detail"]
