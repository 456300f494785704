"""Starting, pausing and draining stages."""

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.both_databases


async def tell(house: Any, action: str, stage: str | None = None) -> Any:
    body = {"action": action, "stage": stage, "reason": "upkeep"}
    return await house.told("POST", "/pipeline/{bid}/control", json=body)


async def test_a_paused_stage_holds_its_calls_until_it_is_resumed(
    house: Any, recording: bytes
) -> None:
    paused = await tell(house, "pause", "analyze")
    await house.upload("c1", recording)
    await house.work()
    held = await house.call("c1")
    (reason,) = (await house.status())["blocked_reasons"]

    await tell(house, "resume")
    await house.work()

    assert paused["stages"]["analyze"]["state"] == "paused"
    assert paused["stages"]["transcribe"]["state"] == "open"
    assert (held["status"], held["stage"]) == ("transcribed", "analyze")
    assert (reason["stage"], reason["code"], reason["detail"]) == ("analyze", "PAUSED", "upkeep")
    assert (await house.call("c1"))["status"] == "done"
    assert (await house.status())["blocked_reasons"] == []


async def test_run_once_works_what_is_ready_and_holds_what_comes_later(
    house: Any, recording: bytes
) -> None:
    await tell(house, "drain")
    await house.upload("early", recording)
    await house.work()
    before = await house.call("early")

    await tell(house, "run_once", "transcribe")
    await house.upload("late", recording)
    await house.work()

    assert before["status"] == "pending"
    assert (await house.call("early"))["status"] == "transcribed"
    assert (await house.call("late"))["status"] == "pending"


async def test_a_running_worker_follows_within_seconds(house: Any, recording: bytes) -> None:
    stop = asyncio.Event()
    working = asyncio.create_task(house.server.worker().run(stop))
    try:
        await tell(house, "pause", "transcribe")
        await house.upload("c1", recording)
        await tell(house, "resume", "transcribe")
        async with asyncio.timeout(20):
            while (await house.call("c1"))["status"] != "done":
                await asyncio.sleep(0.05)
    finally:
        stop.set()
        await working


async def test_a_stage_that_is_off_in_the_configuration_is_not_started_here(house: Any) -> None:
    await house.configure(stages={"index": {"enabled": False}})

    body = {"action": "resume", "stage": "index"}
    refused = await house.refused("POST", "/pipeline/{bid}/control", 409, json=body)
    await house.configure(stages={"index": {"enabled": True}})
    await house.told("POST", "/pipeline/{bid}/control", json=body)

    assert refused["error_code"] == "STAGE_DISABLED"


async def test_what_is_done_to_a_stage_is_audited(house: Any) -> None:
    await tell(house, "pause", "index")

    (row,) = await house.rows("SELECT object FROM kernel_audit WHERE action = 'pipeline.pause'")
    assert row[0] == "index"
