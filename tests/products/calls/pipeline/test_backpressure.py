"""What happens when more comes in than can be worked."""

from typing import Any

import pytest

pytestmark = pytest.mark.both_databases
PUSH = {"calls": [{"callid": "one-more"}]}


async def test_a_business_with_too_much_queued_is_told_to_wait_and_others_are_not(
    house: Any, neighbour: Any
) -> None:
    house.server.settings.pipeline.most_queued = 10
    await house.jobs(10, "queued", finished_ms=None)

    reply = await house.ask("POST", "/ingest/{bid}/calls", json=PUSH)
    other = await neighbour.ask("POST", "/ingest/{bid}/calls", json=PUSH)

    assert reply.status_code == 429
    assert reply.json()["error_code"] == "BACKLOG_FULL"
    assert int(reply.headers["retry-after"]) == reply.json()["retry_after"] == 30
    assert await house.rows("SELECT count(*) FROM calls_record WHERE callid = 'one-more'") == [(1,)]
    assert other.status_code == 200


async def test_one_less_than_the_mark_is_taken(house: Any) -> None:
    house.server.settings.pipeline.most_queued = 10
    await house.jobs(9, "queued", finished_ms=None)

    assert (await house.ask("POST", "/ingest/{bid}/calls", json=PUSH)).status_code == 200


async def test_a_full_server_takes_nobodys_calls(house: Any, neighbour: Any) -> None:
    house.server.settings.pipeline.most_queued_overall = 10
    await house.jobs(10, "queued", finished_ms=None)

    reply = await neighbour.ask("POST", "/ingest/{bid}/calls", json=PUSH)

    assert reply.status_code == 429


async def test_a_crowd_of_analyses_halves_the_transcriptions_until_it_is_gone(house: Any) -> None:
    house.server.settings.pipeline.high_water = 10
    await house.configure(stages={"transcribe": {"weight": 4}})
    braked = "SELECT braked, weight FROM kernel_job_share WHERE queue = 'transcribe'"

    await house.jobs(10, "queued", queue="analyze", kind="calls.analyze", finished_ms=None)
    await house.watch()
    (crowded,) = await house.rows(braked)
    told = (await house.status())["queues"]
    await house.change("UPDATE kernel_job SET state = 'done' WHERE queue = 'analyze'")
    await house.watch()
    (gone,) = await house.rows(braked)

    assert (bool(crowded[0]), crowded[1]) == (True, 4)
    assert [stage for stage, queue in told.items() if queue["braked"]] == ["transcribe"]
    assert (bool(gone[0]), gone[1]) == (False, 4)


async def test_nothing_is_fetched_onto_a_full_disk(house: Any) -> None:
    house.server.settings.pipeline.disk_stop = 1.1
    call = {"callid": "c1", "audio_url": "https://recordings.example/1.wav"}
    await house.told("POST", "/ingest/{bid}/calls", json={"calls": [call]})
    await house.work()
    (reason,) = (await house.status())["blocked_reasons"]

    house.server.settings.pipeline.disk_stop = 0.0
    await house.watch()

    assert (reason["stage"], reason["state"], reason["code"]) == (
        "transcribe",
        "blocked",
        "DISK_LOW",
    )
    assert "make room" in reason["detail"]
    assert (await house.status())["blocked_reasons"] == []
    assert (await house.call("c1"))["status"] == "pending"


async def test_workers_and_engines_are_told_to_whoever_runs_the_business(
    house: Any, recording: bytes
) -> None:
    house.server.settings.pipeline.scale_threshold = 0
    house.server.settings.pipeline.scale_drain_min = 0.001
    await house.upload("c1", recording)
    await house.work()
    await house.jobs(300, "queued", finished_ms=None)

    found = await house.told("GET", "/pipeline/workers")
    providers = (await house.told("GET", "/pipeline/providers"))["items"]
    metrics = (await house.resident.client.get("/metrics")).text

    (worker,) = found["workers"]
    assert worker["alive"]
    assert worker["slots"]["transcribe"] == house.server.settings.stt.concurrency
    assert found["stages"]["transcribe"]["slots"] == house.server.settings.stt.concurrency
    assert found["stages"]["transcribe"]["desired_workers"] >= 1
    assert found["stages"]["index"]["desired_workers"] == 1
    assert {p["kind"]: p["embedded"] for p in providers} == {
        "stt": True,
        "llm": True,
        "embeddings": True,
    }
    assert 'desired_workers{stage="transcribe"}' in metrics
    assert 'worker_slots{stage="index",state="all"} 4.0' in metrics
    assert 'queue_oldest_age_seconds{stage="transcribe"}' in metrics
