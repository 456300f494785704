"""The leaderboard, and the page of one floor agent."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.products.calls.analytics.conftest import House

pytestmark = pytest.mark.both_databases


async def scored(house: "House", agent: str, *scores: float, **fields: Any) -> None:
    for n, score in enumerate(scores):
        named = {"agent_name": agent.title(), **fields}
        await house.call(f"{agent}-{n}", overall_score=score, agent_id=agent, **named)


async def test_few_calls_draw_an_agent_to_the_mean_of_the_business(house: "House") -> None:
    await scored(house, "asha", *[80.0] * 10)
    await scored(house, "ben", *[90.0] * 5)
    await scored(house, "cleo", 100.0, 100.0, 100.0, 100.0)

    seen = await house.get("floor-agents")

    # 1650 points over 19 calls
    mean = 1650 / 19
    asha, ben, cleo = (
        next(row for row in seen["items"] if row["agent_id"] == name)
        for name in ("asha", "ben", "cleo")
    )
    assert seen["business_mean"] == pytest.approx(mean)
    assert asha["rank_score"] == pytest.approx((800 + 10 * mean) / 20)
    assert ben["rank_score"] == pytest.approx((450 + 10 * mean) / 15)
    assert [row["agent_id"] for row in seen["items"]] == ["ben", "asha", "cleo"]
    assert (ben["rank"], asha["rank"], cleo["rank"]) == (1, 2, None)
    assert (cleo["too_few"], cleo["n"], cleo["name"]) == (True, 4, "Cleo")


async def test_ties_go_to_who_has_more_calls(house: "House") -> None:
    await scored(house, "few", *[70.0] * 5)
    await scored(house, "many", *[70.0] * 6)

    seen = await house.get("floor-agents")

    assert [row["agent_id"] for row in seen["items"]] == ["many", "few"]


async def test_the_columns_are_means_over_the_agents_calls(house: "House") -> None:
    figures = {"talk_ratio": 0.4, "dead_air_pct": 10.0, "interruptions_agent_per_10min": 3.0}
    blob = {"quality": {"template": "std", "pass": True}, "sentiment": {"trend": 0.5}}
    await house.call(
        "a",
        agent_id="asha",
        overall_score=80.0,
        figures=figures,
        analysis=blob,
        objections=[("price", "yes"), ("price", "no"), ("timing", "unknown")],
    )
    more = {"talk_ratio": 0.6, "dead_air_pct": 0.0, "interruptions_agent_per_10min": 1.0}
    await house.call("b", agent_id="asha", overall_score=60.0, figures=more)

    row = (await house.get("floor-agents"))["items"][0]

    assert row["pass_pct"] == 50
    assert row["talk_ratio"] == pytest.approx(0.5)
    assert row["dead_air_pct"] == pytest.approx(5)
    assert row["interruptions_per_10min"] == pytest.approx(2)
    assert row["sentiment_trend"] == pytest.approx(0.5)
    assert row["handled_objection_pct"] == 50


async def test_the_leaderboard_is_read_in_pages(house: "House") -> None:
    for n in range(5):
        await scored(house, f"agent{n}", *[60.0 + n] * 5)
    whole = [row["agent_id"] for row in (await house.get("floor-agents"))["items"]]

    first = await house.get("floor-agents", limit=2)
    second = await house.get("floor-agents", limit=2, cursor=first["next_cursor"])
    third = await house.get("floor-agents", limit=2, cursor=second["next_cursor"])

    paged = [row["agent_id"] for page in (first, second, third) for row in page["items"]]
    assert paged == whole
    assert third["next_cursor"] is None


async def test_an_agent_stands_beside_the_business_with_calls_to_listen_to(
    house: "House",
) -> None:
    await scored(house, "asha", *[80.0] * 5)
    await scored(house, "ben", *[60.0] * 5)
    await house.call(
        "bad",
        agent_id="asha",
        overall_score=5.0,
        figures={"longest_dead_air_ms": 30_000},
        analysis={"sentiment": {"trend": -0.8}},
        objections=[("price", "no")],
    )

    seen = await house.get("floor-agents/asha")

    score = next(f for f in seen["figures"] if f["agent"]["key"] == "score")
    assert score["agent"]["value"] == pytest.approx(405 / 6)
    assert score["business"] == pytest.approx(705 / 11)
    assert (seen["row"]["rank"], seen["of_agents"]) == (1, 2)
    worst = seen["coaching"][0]
    assert worst["callid"] == "bad"
    assert worst["reasons"] == ["low_score", "mood_fell", "long_dead_air", "objection_not_handled"]
    assert seen["objections"][0]["key"] == "price"


async def test_an_agent_without_calls_in_the_period_has_an_empty_row(house: "House") -> None:
    await house.call("old", "2025-01-01 10:00", agent_id="asha", overall_score=80.0)

    seen = await house.get("floor-agents/asha")

    assert (seen["row"]["n"], seen["row"]["rank"], seen["row"]["too_few"]) == (0, None, True)


async def test_an_unknown_agent_is_not_found(house: "House", other_house: "House") -> None:
    await other_house.call("a", agent_id="theirs")
    for name in ("nobody", "theirs"):
        reply = await house.resident.ask("GET", f"/analytics/6004/floor-agents/{name}")

        assert reply.status_code == 404
        assert reply.json()["error_code"] == "FLOOR_AGENT_NOT_FOUND"
