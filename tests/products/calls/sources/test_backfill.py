"""Backfills: a folder's past comes in once, behind the fresh calls, and may be counted first."""

from datetime import timedelta
from typing import Any

import pytest
from tests.products.calls.sources.conftest import NOON, WORDS, Intake, sound

from locutory.kernel.jobs.contract import Priority

pytestmark = pytest.mark.both_databases

RANGE = {"from": "2026-01-05T00:00:00Z", "to": "2026-01-06T00:00:00Z"}


async def archive(intake: Intake) -> str:
    """A folder with four recordings of the day, one of which is none, and two of other days."""
    for number, name in enumerate(("a.wav", "b.wav", "c.wav")):
        intake.put(name, sound(number), at=NOON + timedelta(minutes=number))
    intake.put("b.vtt", WORDS)
    intake.put("page.wav", b"<html>")
    intake.put("before.wav", at=NOON - timedelta(days=1))
    intake.put("after.wav", at=NOON + timedelta(hours=12))
    return await intake.watch(enabled=False)


async def walked(intake: Intake, source: str, **ask: Any) -> dict[str, Any]:
    """A finished backfill."""
    body = {"source_id": source, **RANGE, **ask}
    asked = await intake.ask("POST", "/ingest/{bid}/backfill", json=body)
    assert asked.status_code == 202, asked.text
    assert asked.json()["state"] == "queued"
    await intake.work()
    path = f"/ingest/{{bid}}/backfill/{asked.json()['id']}"
    done: dict[str, Any] = await intake.told("GET", path)
    return done


def counts(done: dict[str, Any]) -> tuple[int, ...]:
    return tuple(done[name] for name in ("files", "created", "duplicates", "refused"))


async def test_a_dry_run_counts_and_a_run_takes_in_what_was_counted(intake: Intake) -> None:
    source = await archive(intake)

    dry = await walked(intake, source, dry_run=True)
    nothing = await intake.stems()
    real = await walked(intake, source)
    again = await walked(intake, source)

    assert (dry["state"], nothing) == ("done", [])
    assert counts(dry) == counts(real) == (4, 3, 0, 1)
    assert counts(again) == (4, 0, 3, 1)
    assert await intake.stems() == ["a", "b", "c"]
    assert real["faults"][0]["name"] == "page.wav"
    assert real["faults"][0]["code"] == "AUDIO_NOT_AUDIO"
    assert (real["from"], real["to"]) == (dry["from"], dry["to"])
    assert len(intake.lie()) == 7  # an archive is left as it is


async def test_its_calls_come_behind_the_fresh_ones_on_every_stage(intake: Intake) -> None:
    source = await archive(intake)
    await walked(intake, source)
    fresh = {"callid": "fresh", "audio_url": "https://example.org/a.wav"}
    await intake.told("POST", "/ingest/{bid}/calls", json={"calls": [fresh]})

    first = await intake.jobs("calls.transcribe")
    worker = intake.server.worker()
    worker.queues = {"transcribe": 4}
    await worker.drain()
    next_ = await intake.jobs("calls.analyze")

    by_call = {str(job.subject).rpartition("-")[0] or job.subject: job.priority for job in first}
    assert by_call.pop("fresh") == Priority.NORMAL
    assert set(by_call.values()) == {Priority.BACKFILL}
    assert [job.priority for job in next_] == [Priority.BACKFILL] * 3


async def test_a_transcript_comes_along(intake: Intake) -> None:
    source = await archive(intake)
    await walked(intake, source)

    await intake.server.worker().drain(skip_delays=True)

    with_words = [c["callid"][0] for c in await intake.calls() if c["has_words"]]
    assert with_words == ["b"]


async def test_what_the_watch_has_taken_is_no_second_call(intake: Intake) -> None:
    intake.put("a.wav", sound(0))
    source = await intake.watch(after="leave")
    await intake.look(2)

    done = await walked(intake, source)

    assert counts(done) == (1, 0, 1, 0)
    assert await intake.stems() == ["a"]


async def test_a_source_that_pushes_cannot_be_walked(intake: Intake) -> None:
    body = {"name": "Relay", "kind": "push"}
    source = (await intake.told("POST", "/pipeline/{bid}/sources", json=body))["id"]

    refused = await intake.ask(
        "POST", "/ingest/{bid}/backfill", json={"source_id": source, **RANGE}
    )
    backwards = {"from": RANGE["to"], "to": RANGE["from"], "source_id": source}
    wrong = await intake.ask("POST", "/ingest/{bid}/backfill", json=backwards)

    assert refused.json()["error_code"] == "SOURCE_NOT_WALKABLE"
    assert wrong.status_code == 422


async def test_a_walk_through_a_folder_that_is_gone_says_so(intake: Intake) -> None:
    source = await intake.watch(enabled=False)
    intake.settings.folders = ()

    done = await walked(intake, source)

    assert done["state"] == "failed"
    assert done["error"].startswith("FOLDER_NOT_ALLOWED")
    assert done["finished_at"] is not None
