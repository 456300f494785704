"""Figures over time and what changed."""

from typing import TYPE_CHECKING

import pytest
from tests.products.calls.analytics.conftest import MODEL, RULES

if TYPE_CHECKING:
    from tests.products.calls.analytics.conftest import House

pytestmark = pytest.mark.both_databases


async def test_a_trend_has_a_moving_mean_that_looks_back_before_its_start(house: "House") -> None:
    for day, score in (("2025-12-29", 30.0), ("2026-01-01", 60.0), ("2026-01-03", 90.0)):
        await house.call(day, f"{day} 10:00", overall_score=score)
    await house.call("second", "2026-01-03 11:00", overall_score=70.0)

    params = {"from": "2026-01-01", "to": "2026-01-05", "metric": "score"}
    points = (await house.get("trends", **params))["series"][0]["points"]

    assert [p["from"] for p in points] == [f"2026-01-0{n}" for n in (1, 2, 3, 4)]
    assert [p["value"] for p in points] == [60, None, 80, None]
    assert [p["n"] for p in points] == [1, 0, 2, 0]
    # 29 December is the fourth day before 2 January and still within the six before 4 January
    assert [p["moving_mean"] for p in points] == pytest.approx(
        [45, 45, (30 + 60 + 80) / 3, (30 + 60 + 80) / 3]
    )


async def test_the_moving_mean_forgets_after_seven_buckets(house: "House") -> None:
    await house.call("old", "2026-01-01 10:00", overall_score=0.0)
    await house.call("new", "2026-01-08 10:00", overall_score=50.0)

    points = (await house.get("trends", metric="score"))["series"][0]["points"]

    assert points[6]["moving_mean"] == 0
    assert points[7]["moving_mean"] == 50


async def test_weeks_begin_on_monday_and_are_cut_at_the_ends(house: "House") -> None:
    # 1 January 2026 is a Thursday
    for n, day in enumerate(("2026-01-01", "2026-01-04", "2026-01-05", "2026-01-31")):
        await house.call(f"c{n}", f"{day} 10:00")

    points = (await house.get("trends", metric="calls", granularity="week"))["series"][0]["points"]

    assert [p["from"] for p in points] == [
        "2026-01-01",
        "2026-01-05",
        "2026-01-12",
        "2026-01-19",
        "2026-01-26",
    ]
    assert [p["value"] for p in points] == [2, 1, 0, 0, 1]
    assert points[-1]["to"] == "2026-02-01"


async def test_months_are_those_of_the_calendar(house: "House") -> None:
    await house.call("a", "2026-02-28 10:00")
    await house.call("b", "2026-03-01 10:00")

    params = {"from": "2026-01-15", "to": "2026-03-10", "granularity": "month"}
    points = (await house.get("trends", metric="calls", **params))["series"][0]["points"]

    assert [(p["from"], p["value"]) for p in points] == [
        ("2026-01-15", 0),
        ("2026-02-01", 1),
        ("2026-03-01", 1),
    ]


async def test_each_bucket_is_compared_with_the_one_a_period_before(house: "House") -> None:
    await house.call("before", "2026-01-09 10:00", overall_score=40.0)  # the second of its period
    await house.call("now", "2026-01-11 10:00", overall_score=50.0)

    params = {"from": "2026-01-10", "to": "2026-01-12", "metric": "score"}
    series = (await house.get("trends", **params))["series"][0]

    assert [p["previous"] for p in series["points"]] == [None, 40]
    assert [p["delta_pct"] for p in series["points"]] == [None, 25]
    assert series["total"]["delta_pct"] == 25


async def test_a_change_is_significant_with_twenty_calls_and_a_small_p(house: "House") -> None:
    # 20 scores of 50 or 60 before, 20 of 70 or 80 now: t = 20 / sqrt(2 · 27.78 / 20) beyond doubt
    for n in range(20):
        await house.call(f"b{n}", "2025-12-10 10:00", overall_score=50.0 + 10 * (n % 2))
        await house.call(f"n{n}", "2026-01-10 10:00", overall_score=70.0 + 10 * (n % 2))

    sure = (await house.get("trends", metric="score"))["series"][0]["total"]

    assert sure["significant"] is True
    assert sure["p_value"] < 1e-9
    assert sure["delta_pct"] == pytest.approx(100 * 20 / 55)


async def test_nineteen_calls_are_too_few_to_call_a_change_significant(house: "House") -> None:
    for n in range(19):
        await house.call(f"b{n}", "2025-12-10 10:00", overall_score=50.0 + 10 * (n % 2))
        await house.call(f"n{n}", "2026-01-10 10:00", overall_score=70.0 + 10 * (n % 2))

    total = (await house.get("trends", metric="score"))["series"][0]["total"]

    assert total["p_value"] < 0.001
    assert total["significant"] is False


async def test_rules_and_models_are_separate_series_where_both_judged(house: "House") -> None:
    await house.call("m", overall_score=90.0, meta=MODEL)
    await house.call("r", overall_score=50.0, meta=RULES)

    series = (await house.get("trends", metric="score"))["series"]
    models = (await house.get("trends", metric="score", include_rules="false"))["series"]

    totals = {one["engine"]: one["total"]["value"] for one in series}
    assert totals == {"all": 70, "rules": 50, "model": 90}
    assert [(one["engine"], one["total"]["value"]) for one in models] == [("all", 90)]


@pytest.mark.parametrize(
    "params",
    [
        {"from": "2026-01-02", "to": "2026-01-02"},
        {"from": "2026-01-02", "to": "2026-01-01"},
        {"from": "1900-01-01", "to": "2026-01-01"},
        {"from": "2026-13-01"},
        {"from": "yesterday"},
        {"metric": "beauty"},
        {"granularity": "hour"},
        {"no_such": "1"},
    ],
)
async def test_what_cannot_be_meant_is_refused(house: "House", params: dict[str, str]) -> None:
    reply = await house.resident.ask("GET", "/analytics/6004/trends", params=params)

    assert reply.status_code == 422
    assert reply.json()["error_code"]


async def test_a_time_stands_for_its_day_and_an_end_within_a_day_takes_it_in(
    house: "House",
) -> None:
    await house.call("a", "2026-01-05 10:00")
    params = {"from": "2026-01-05T23:00:00Z", "to": "2026-01-05T23:30:00Z", "metric": "calls"}

    seen = await house.get("trends", **params)

    assert [p["value"] for p in seen["series"][0]["points"]] == [1]
    assert (seen["scope"]["from"], seen["scope"]["to"]) == ("2026-01-05", "2026-01-06")
