"""Alerts begin once and end by themselves."""

from datetime import timedelta
from typing import Any

import pytest

from locutory.engines.stt import STTProvider
from locutory.engines.stt.stub import StubSTT
from locutory.kernel.errors import EngineAuthError
from locutory.kernel.jobs.depths import Depth
from locutory.kernel.settings import PipelineSettings
from locutory.products.calls.pipeline.alarms import Seen, alarms
from locutory.products.calls.pipeline.queries import open_alerts

MARKS = PipelineSettings()
STAGES = ("transcribe", "analyze", "index")


def seen(**other: Any) -> Seen:
    quiet: dict[str, Any] = {
        "depths": {stage: Depth() for stage in STAGES},
        "finished": {},
        "dead": 0,
        "served": frozenset(STAGES),
        "free_disk": 0.5,
        "budgets": {},
        "degraded": (0, 0),
        "evidence": (0, 0),
        "stale": {},
    }
    return Seen(**{**quiet, **other})


def depth(**values: Any) -> dict[str, Depth]:
    return {"transcribe": Depth(**values), "analyze": Depth(), "index": Depth()}


@pytest.mark.parametrize(
    ("what", "keys"),
    [
        ({}, []),
        ({"dead": 1}, ["DlqNotEmpty"]),
        ({"depths": depth(ready=500)}, []),
        ({"depths": depth(ready=501)}, ["QueueLag"]),
        ({"depths": depth(ready=1, oldest_age_s=601)}, ["PipelineStalled"]),
        ({"depths": depth(ready=1, oldest_age_s=599)}, []),
        ({"depths": depth(ready=1, oldest_age_s=601), "finished": {"transcribe": 1}}, []),
        ({"depths": depth(ready=1, oldest_age_s=601, gate="paused")}, []),
        ({"depths": depth(gate="blocked", gate_code="CONFIG_INVALID")}, ["StageBlocked"]),
        (
            {"depths": depth(gate="blocked", gate_class="permanent_auth")},
            ["AuthBlocked"],
        ),
        ({"budgets": {"tokens": 0.79}}, []),
        ({"budgets": {"tokens": 0.8, "audio_minutes": 1.2}}, ["BudgetNear", "BudgetNear"]),
        ({"free_disk": 0.09}, ["DiskLow"]),
        ({"served": frozenset({"analyze", "index"})}, ["WorkerMissing"]),
        ({"degraded": (100, 20)}, []),
        ({"degraded": (100, 21)}, ["LlmDegraded"]),
        ({"degraded": (5, 5)}, []),
        ({"evidence": (100, 15)}, []),
        ({"evidence": (100, 16)}, ["EvidenceDrop"]),
        ({"evidence": (99, 99)}, []),
        ({"stale": {"source:1": 1801.0}}, ["SourceStale"]),
    ],
)
def test_a_rule_holds_for_what_is_seen(what: dict[str, Any], keys: list[str]) -> None:
    assert [alarm.key for alarm in alarms(seen(**what), MARKS)] == keys


@pytest.mark.both_databases
async def test_a_refused_key_blocks_the_stage_with_one_alert_and_no_dead_letter(
    house: Any, recording: bytes
) -> None:
    refusing = StubSTT(default=EngineAuthError("401: key expired", engine="stub"))
    house.server.services.add(STTProvider, refusing)
    for n in range(40):
        await house.upload(f"c{n}", recording, transcript=None)
    await house.work()
    for _ in range(2):
        await house.watch()
    held = await house.status()
    alerts = await house.alerts()

    house.server.services.add(STTProvider, StubSTT(default="Good morning."))
    await house.told("POST", "/pipeline/{bid}/control", json={"action": "resume"})
    await house.work()
    await house.watch()

    assert [(a["key"], a["about"], a["severity"]) for a in alerts] == [
        ("AuthBlocked", "transcribe", "critical")
    ]
    assert "key expired" in alerts[0]["detail"]
    assert held["queues"]["transcribe"]["blocked"] == 40
    assert held["queues"]["transcribe"]["dead"] == 0
    assert len(refusing.calls) < 40
    assert (await house.status())["status_counts"]["done"] == 40
    assert await house.alerts() == []


@pytest.mark.both_databases
async def test_health_tells_that_nobody_works_though_no_worker_raises_an_alert(
    house: Any, recording: bytes
) -> None:
    async def workers() -> tuple[str, Any]:
        told = (await house.ask("GET", "/health")).json()
        return told["status"], told["checks"]["workers"]

    idle = await workers()
    await house.jobs(1, "queued", finished_ms=None)
    alone = await workers()
    await house.change(
        "INSERT INTO kernel_worker (id, queues, started_ms, heartbeat_ms)"
        " VALUES ('w', '[\"transcribe\"]', 1, 9000000000000)"
    )
    served = await workers()

    assert idle == ("ok", {"status": "ok", "served": []})
    assert alone == ("degraded", {"status": "failed", "error_code": "QUEUES_UNSERVED"})
    assert served == ("ok", {"status": "ok", "served": ["transcribe"]})


@pytest.mark.both_databases
async def test_an_alert_waits_for_its_condition_to_last(house: Any) -> None:
    house.server.settings.pipeline.lag_jobs = 3
    ids = await house.jobs(4, "queued", finished_ms=None)
    await house.watch()
    at_first = {a["key"] for a in await house.alerts()}
    await house.server.storage.database(house.tenant.id).write(_five_minutes_later)
    await house.watch()
    later = {a["key"] for a in await house.alerts()}
    told = await house.rows("SELECT count(*) FROM kernel_event WHERE type = 'alert'")

    assert len(ids) == 4
    assert "QueueLag" not in at_first
    assert "QueueLag" in later
    assert told[0][0] == len(later)


async def _five_minutes_later(tx: Any) -> None:
    for alert in await open_alerts(tx):
        alert.since -= timedelta(minutes=5)


@pytest.mark.both_databases
async def test_whoever_looks_after_an_alert_is_noted_once(house: Any) -> None:
    house.server.settings.pipeline.dead_s = 0
    await house.jobs(1, "dead")
    await house.watch()
    alert = next(a for a in await house.alerts() if a["key"] == "DlqNotEmpty")
    path = f"/alerts/{{bid}}/{alert['id']}/ack"

    first = await house.told("POST", path, json={"note": "on it"})
    second = await house.told("POST", path, json={"note": "me too"})

    assert first["ack_note"] == second["ack_note"] == "on it"
    assert first["acked_by"].startswith("user:")
    assert (await house.status())["alerts"] != []
    await house.refused("POST", "/alerts/{bid}/" + str(house.tenant.id) + "/ack", 404)


@pytest.mark.both_databases
async def test_the_minutes_round_reaches_every_business(
    house: Any, neighbour: Any, recording: bytes
) -> None:
    house.server.settings.pipeline.dead_s = 0
    await house.jobs(1, "dead")
    worker = house.server.worker()
    await worker._heartbeat()
    await worker._house()  # a worker's own round, which runs what is due

    await worker.drain()

    assert [a["key"] for a in await house.alerts()] == ["DlqNotEmpty"]
    assert await neighbour.alerts() == []
