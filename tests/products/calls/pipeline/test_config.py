"""The configuration of a business's pipeline, and what it changes."""

from typing import Any

import pytest

pytestmark = pytest.mark.both_databases
CONFIG = "/pipeline/{bid}/config"


async def test_a_change_is_a_version_and_an_old_one_comes_back(house: Any) -> None:
    first = await house.ask("GET", CONFIG)
    await house.configure(filters={"min_duration_s": 20})
    second = await house.configure(filters={"directions": ["inbound"]})
    same = await house.configure(filters={"directions": ["inbound"]})

    back = await house.told("POST", CONFIG + "/rollback", json={"version": 1})
    versions = (await house.told("GET", CONFIG + "/versions"))["items"]

    assert first.headers["etag"] == '"0"'
    assert first.json()["config"]["stages"]["transcribe"]["weight"] == 1
    assert (second["version"], same["version"], back["version"]) == (2, 2, 3)
    assert second["config"]["filters"]["min_duration_s"] == 20
    assert back["config"]["filters"] == {**second["config"]["filters"], "directions": None}
    assert [v["version"] for v in versions] == [3, 2, 1]
    assert versions[0]["actor"].startswith("user:")
    await house.refused("POST", CONFIG + "/rollback", 404, json={"version": 99})


async def test_two_people_do_not_undo_each_other(house: Any) -> None:
    tag = (await house.ask("GET", CONFIG)).headers["etag"]
    mine = await house.ask(
        "PATCH", CONFIG, json={"retention": {"audio_days": 90}}, headers={"if-match": tag}
    )

    theirs = await house.ask(
        "PUT", CONFIG, json={"retention": {"audio_days": 30}}, headers={"if-match": tag}
    )

    assert (mine.status_code, mine.headers["etag"]) == (200, '"1"')
    assert (theirs.status_code, theirs.json()["error_code"]) == (412, "PRECONDITION_FAILED")
    assert (await house.told("GET", CONFIG))["config"]["retention"]["audio_days"] == 90


async def test_every_fault_is_told_at_once(house: Any) -> None:
    body = {
        "stages": {"transcribe": {"weight": 11}, "dance": {}},
        "filters": {"sampling_percent": 101, "directions": ["up"]},
        "budgets": {"tokens": -1},
    }
    put = await house.refused("PUT", CONFIG, 422, json=body)
    patch = await house.refused("PATCH", CONFIG, 422, json=body)
    crossed = {"filters": {"min_duration_s": 60, "max_duration_s": 20}}
    await house.refused("PATCH", CONFIG, 422, json=crossed)

    for answer in (put, patch):
        fields = " ".join(fault["field"] for fault in answer["errors"])
        for part in ("weight", "dance", "sampling_percent", "directions", "tokens"):
            assert part in fields
    assert (await house.told("GET", CONFIG))["version"] == 0


async def test_null_sets_a_part_back(house: Any) -> None:
    await house.configure(filters={"min_duration_s": 20}, stages={"index": {"weight": 3}})

    found = await house.configure(filters=None, stages={"index": {"weight": None}})

    assert found["config"]["filters"]["min_duration_s"] is None
    assert found["config"]["stages"]["index"]["weight"] == 1
    await house.refused("PATCH", CONFIG, 422, json={"nonsense": None})


async def test_filtered_calls_are_seen_and_come_in_when_the_filter_goes(
    house: Any, recording: bytes
) -> None:
    await house.configure(filters={"directions": ["inbound"], "min_duration_s": 1.5})
    await house.upload("in", recording, direction="inbound")
    await house.upload("out", recording, direction="outbound")
    await house.work()
    kept_out = await house.call("out")
    counts = (await house.status())["status_counts"]

    await house.configure(filters={"directions": None})
    await house.work()

    assert (await house.call("in"))["status"] == "done"
    assert (kept_out["status"], kept_out["status_reason"]) == ("skipped", "filtered_direction")
    assert (counts["done"], counts["skipped"]) == (1, 1)
    assert (await house.call("out"))["status"] == "done"


async def test_a_length_that_is_known_only_from_the_recording_counts(
    house: Any, recording: bytes
) -> None:
    await house.configure(filters={"min_duration_s": 10})
    await house.upload("short", recording)

    await house.work()
    short = await house.call("short")
    await house.configure(filters={"min_duration_s": 1})
    await house.work()

    assert (short["status"], short["status_reason"]) == ("skipped", "filtered_too_short")
    assert (await house.call("short"))["status"] == "done"
    assert [run["run_no"] for run in (await house.call("short"))["stages"]][-1] == 2


async def test_a_filter_also_holds_for_calls_that_wait_already(
    house: Any, recording: bytes
) -> None:
    await house.upload("c1", recording, agent_id="a7")
    await house.configure(filters={"agents": ["a8"]})

    await house.work()

    assert (await house.call("c1"))["status_reason"] == "filtered_agent"


async def test_a_stage_that_is_off_holds_its_calls(house: Any, recording: bytes) -> None:
    await house.configure(stages={"transcribe": {"enabled": False}})
    await house.upload("c1", recording)
    await house.work()
    held = await house.call("c1")
    (reason,) = (await house.status())["blocked_reasons"]

    await house.configure(stages={"transcribe": {"enabled": True}})
    await house.work()

    assert (held["status"], reason["code"]) == ("pending", "DISABLED")
    assert (await house.call("c1"))["status"] == "done"


async def test_shares_reach_the_workers(house: Any) -> None:
    stage = {"concurrency": 3, "weight": 5, "max_attempts": 2, "timeout_s": 60}

    await house.configure(stages={"transcribe": stage})

    (row,) = await house.rows(
        "SELECT queue, cap, weight, max_attempts, timeout_s FROM kernel_job_share"
    )
    assert tuple(row) == ("transcribe", 3, 5, 2, 60)


async def test_what_people_want_to_read_is_not_redacted(house: Any, recording: bytes) -> None:
    said = b"WEBVTT\n\n00:00.000 --> 00:01.900\nWrite to ana@example.org, card 4111111111111111.\n"
    await house.upload("hidden", recording, said)
    await house.work()
    await house.configure(redaction={"email": False})
    await house.upload("shown", recording, said)
    await house.work()

    hidden = (await house.call("hidden"))["transcript"]["turns"][0]["text"]
    shown = (await house.call("shown"))["transcript"]["turns"][0]["text"]
    edit = {"base_version": 1, "edits": [{"idx": 0, "role": "customer"}]}
    path = "/call-records/{bid}/shown/transcript"
    corrected = await house.told("PATCH", path, json=edit)

    assert "ana@example.org" in corrected["turns"][0]["text"]
    assert "ana@example.org" not in hidden
    assert "ana@example.org" in shown
    assert "4111" not in hidden + shown
