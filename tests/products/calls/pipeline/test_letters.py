"""Dead letters over HTTP."""

from typing import Any

import pytest

pytestmark = pytest.mark.both_databases


async def dead(house: Any, **params: Any) -> list[dict[str, Any]]:
    return (await house.told("GET", "/dlq/{bid}", params=params))["items"]


async def test_a_broken_recording_tells_why_and_another_provider_may_read_it(
    house: Any, broken: bytes
) -> None:
    house.server.settings.pipeline.dead_s = 0
    await house.upload("broken", broken, transcript=None)
    await house.work()
    await house.watch()

    (letter,) = await dead(house)
    detail = await house.told("GET", f"/dlq/{{bid}}/{letter['job_id']}")
    failed = await house.call("broken")
    (alert,) = await house.alerts()
    depth = (await house.status())["queues"]["transcribe"]["dead"]
    again = await house.told(
        "POST",
        f"/dlq/{{bid}}/{letter['job_id']}/redrive",
        json={"overrides": {"provider": "stub"}},
    )
    pending = await house.call("broken")
    await house.work()
    await house.watch()

    assert letter["class"] == "permanent_input"
    assert (letter["callid"], letter["stage"], letter["redrivable"]) == (
        "broken",
        "transcribe",
        False,
    )
    assert letter["message"] == detail["attempts"][0]["message"] != ""
    assert "provider" in letter["suggestion"] or "upload" in letter["suggestion"]
    assert (failed["status"], failed["status_reason"]) == ("failed", letter["code"])
    assert failed["status_detail"] == letter["message"]
    assert (alert["key"], alert["state"], depth) == ("DlqNotEmpty", "firing", 1)
    assert again == {"queued": 1, "refused": []}
    assert (pending["status"], pending["stage_state"]) == ("pending", "queued")
    assert (await house.call("broken"))["status"] == "done"
    assert await dead(house) == []
    assert (await house.status())["queues"]["transcribe"]["dead"] == 0
    assert await house.alerts() == []
    (ended,) = await house.alerts("resolved")
    assert ended["id"] == alert["id"]


async def test_what_cannot_help_is_refused_and_stays(house: Any, broken: bytes) -> None:
    await house.upload("broken", broken, transcript=None)
    await house.work()
    (letter,) = await dead(house)
    path = f"/dlq/{{bid}}/{letter['job_id']}/redrive"

    same = await house.refused("POST", path, 409)
    unknown = {"overrides": {"provider": "nobody", "model": "large"}}
    other = await house.refused("POST", path, 422, json=unknown)
    many = await house.told("POST", "/dlq/{bid}/redrive", json={})

    assert same["error_code"] == "JOB_NOT_REDRIVABLE"
    assert {fault["field"] for fault in other["errors"]} == {"provider", "model"}
    assert many["queued"] == 0
    assert [refused["id"] for refused in many["refused"]] == [letter["job_id"]]
    assert len(await dead(house)) == 1


async def test_many_run_again_at_fifty_a_second_and_are_audited(house: Any) -> None:
    ids = await house.jobs(240, "dead")
    await house.jobs(1, "dead", error_code="OTHER")

    done = await house.told("POST", "/dlq/{bid}/redrive", json={"filter": {"code": "CONNECTION"}})

    waiting = await house.rows(
        "SELECT run_at_ms, redrives, attempts, payload FROM kernel_job "
        "WHERE state IN ('queued', 'delayed') ORDER BY run_at_ms"
    )
    assert done == {"queued": 240, "refused": []}
    assert len(waiting) == len(ids)
    starts = [row[0] for row in waiting]
    for first in range(0, 240 - 50):
        assert starts[first + 50] - starts[first] >= 1000 - 5
    assert {(row[1], row[2]) for row in waiting} == {(1, 0)}
    assert [letter["code"] for letter in await dead(house)] == ["OTHER"]
    audits = await house.rows("SELECT object FROM kernel_audit WHERE action = 'dlq.redrive'")
    assert sorted(row[0] for row in audits) == ["200 jobs", "40 jobs"]


async def test_letters_are_listed_by_what_they_are_asked_for_page_by_page(house: Any) -> None:
    await house.jobs(5, "dead")
    await house.jobs(2, "dead", queue="index", error_code="X", error_class="poison")

    found, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = await house.told("GET", "/dlq/{bid}", params=params)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    deaths = [letter["died_at"] for letter in found]
    assert len({letter["job_id"] for letter in found}) == 7
    assert deaths == sorted(deaths, reverse=True)
    assert len(await dead(house, stage="index")) == 2
    assert len(await dead(house, **{"class": "poison"})) == 2
    assert len(await dead(house, code="CONNECTION")) == 5
    assert len(await dead(house, max_age_s=60)) == 0
    assert len(await dead(house, min_age_s=60)) == 7
    await house.refused("GET", "/dlq/{bid}", 422, params={"colour": "red"})


async def test_a_letter_shows_no_phone(house: Any) -> None:
    payload = {"call_id": "00000000-0000-0000-0000-000000000009", "phone": "+919876543210"}
    (job_id,) = await house.jobs(1, "dead", payload=payload)

    letter = await house.told("GET", f"/dlq/{{bid}}/{job_id}")

    assert letter["payload"] == {**payload, "phone": "[phone]"}
    assert "98765" not in letter["message"]


async def test_a_discarded_job_is_gone_and_its_reason_is_kept(house: Any) -> None:
    (job_id,) = await house.jobs(1, "dead")
    path = f"/dlq/{{bid}}/{job_id}"

    await house.refused("DELETE", path, 422, json={"reason": " "})
    await house.told("DELETE", path, json={"reason": "a test call"})

    assert await dead(house) == []
    (row,) = await house.rows("SELECT detail FROM kernel_audit WHERE action = 'job.discard'")
    assert "a test call" in str(row[0])
    await house.refused("DELETE", path, 409, json={"reason": "again"})


async def test_a_redriven_call_that_went_on_by_itself_stays_where_it_is(
    house: Any, broken: bytes, recording: bytes
) -> None:
    await house.upload("c1", recording)
    await house.work()
    (row,) = await house.rows("SELECT id FROM calls_record WHERE callid = 'c1'")
    payload = {"call_id": str(row[0]), "run_no": 1}
    await house.jobs(1, "dead", payload=payload)

    await house.told("POST", "/dlq/{bid}/redrive", json={})
    await house.work()

    assert (await house.call("c1"))["status"] == "done"
    assert await dead(house) == []
