"""Budgets and cost."""

from typing import Any

import pytest

from locutory.engines.stt import STTProvider
from locutory.engines.stt.stub import StubSTT
from locutory.kernel.jobs import admin

pytestmark = pytest.mark.both_databases


async def test_a_spent_budget_blocks_the_stage_and_more_money_lets_it_go_on(
    house: Any, recording: bytes
) -> None:
    await house.told("PUT", "/pipeline/{bid}/budgets", json={"audio_minutes": 0})
    for n in range(3):
        await house.upload(f"c{n}", recording)
    await house.work()
    await house.watch()
    held = await house.status()

    await house.told("PUT", "/pipeline/{bid}/budgets", json={"audio_minutes": 600})
    await house.work()
    await house.watch()
    after = await house.status()
    used = (await house.told("GET", "/pipeline/{bid}/budgets"))["used"]["audio_minutes"]

    (reason,) = held["blocked_reasons"]
    assert (reason["stage"], reason["code"]) == ("transcribe", "BUDGET")
    assert (held["queues"]["transcribe"]["blocked"], held["status_counts"]["failed"]) == (3, 0)
    assert {alert["key"] for alert in held["alerts"]} >= {"BudgetNear", "StageBlocked"}
    assert (after["blocked_reasons"], after["status_counts"]["done"]) == ([], 3)
    assert used["limit"] == 600
    assert used["used"] == pytest.approx(3 * 2 / 60, abs=0.01)


async def test_a_blocked_budget_opens_by_itself_when_there_is_money_again(house: Any) -> None:
    await house.told("PUT", "/pipeline/{bid}/budgets", json={"audio_minutes": 10})
    await house.server.storage.database().write(
        lambda tx: _close(tx, house.tenant.id, "BUDGET", "transcribe")
    )
    await house.server.storage.database().write(
        lambda tx: _close(tx, house.tenant.id, "ENGINE_AUTH", "analyze")
    )

    await house.watch()

    reasons = (await house.status())["blocked_reasons"]
    assert [(r["stage"], r["code"]) for r in reasons] == [("analyze", "ENGINE_AUTH")]


async def _close(tx: Any, tenant_id: Any, code: str, stage: str) -> None:
    await admin.close(tx, tenant_id, stage, state="blocked", code=code, detail="")


async def test_embedded_engines_cost_nothing_and_their_use_is_counted(
    house: Any, recording: bytes
) -> None:
    house.server.settings.prices.stt_minute_micros = 600_000
    await house.upload("c1", recording)
    await house.work()

    cost = await house.told("GET", "/pipeline/{bid}/cost")

    by_stage = {row["stage"]: row for row in cost["items"]}
    assert set(by_stage) == {"transcribe", "analyze"}
    assert by_stage["transcribe"]["audio_minutes"] == pytest.approx(2 / 60, abs=0.001)
    assert by_stage["analyze"]["runs"] == 1
    assert cost["total_cost_micros"] == 0


async def test_an_engine_that_is_paid_by_the_minute_costs_its_minutes(
    house: Any, recording: bytes
) -> None:
    house.server.settings.prices.stt_minute_micros = 600_000
    house.server.services.add(STTProvider, StubSTT(default="Good morning, the villa is sold."))
    await house.upload("c1", recording, transcript=None)
    await house.work()

    cost = await house.told("GET", "/pipeline/{bid}/cost")
    day = cost["items"][0]["day"]
    before = await house.told("GET", "/pipeline/{bid}/cost", params={"to": "2001-01-01"})

    assert cost["total_cost_micros"] == pytest.approx(600_000 * 2 / 60, rel=0.01)
    assert (await house.told("GET", "/pipeline/{bid}/cost", params={"from": day}))["items"]
    assert before["items"] == []
