"""Free questions from the catalogue."""

from typing import TYPE_CHECKING, Any

import pytest

from locutory.products.calls.analytics.measures import METRICS

if TYPE_CHECKING:
    from tests.products.calls.analytics.conftest import House

pytestmark = pytest.mark.both_databases


@pytest.fixture
async def stocked(house: "House") -> "House":
    # two weeks, two agents
    await house.call("a", "2026-01-05 10:00", agent_id="x", overall_score=10.0, language="en")
    await house.call("b", "2026-01-06 11:00", agent_id="x", overall_score=30.0, language="hi")
    await house.call("c", "2026-01-12 11:00", agent_id="y", overall_score=50.0, language="hi")
    return house


def rows(reply: Any) -> list[tuple[Any, ...]]:
    return [(*row["dimensions"].values(), *row["values"].values()) for row in reply["rows"]]


async def test_a_question_without_dimensions_has_one_row(stocked: "House") -> None:
    seen = await stocked.query(metrics=["calls", "score"])

    assert rows(seen) == [(3, 30)]
    assert seen["scope"]["basis"] == "rollup"


async def test_times_are_in_order_and_names_by_the_first_metric(stocked: "House") -> None:
    weeks = await stocked.query(metrics=["score"], dimensions=["week"])
    agents = await stocked.query(metrics=["score", "calls"], dimensions=["agent"])
    both = await stocked.query(metrics=["calls"], dimensions=["agent", "month"])

    assert rows(weeks) == [("2026-01-05", 20), ("2026-01-12", 50)]
    assert rows(agents) == [("y", 50, 1), ("x", 20, 2)]
    assert sorted(rows(both)) == [("x", "2026-01", 2), ("y", "2026-01", 1)]


async def test_what_the_days_do_not_know_is_asked_of_the_calls(stocked: "House") -> None:
    languages = await stocked.query(metrics=["calls", "score"], dimensions=["language"])
    narrowed = await stocked.query(metrics=["calls"], filters={"min_score": 30})
    hours = await stocked.query(metrics=["calls"], dimensions=["hour"])
    agents = await stocked.query(metrics=["calls"], filters={"agents": ["x"], "language": "hi"})

    assert rows(languages) == [("hi", 2, 40), ("en", 1, 10)]
    assert rows(narrowed) == [(2,)]
    assert rows(hours) == [(10, 1), (11, 2)]
    assert rows(agents) == [(1,)]
    assert languages["scope"]["basis"] == narrowed["scope"]["basis"] == "calls"


async def test_both_ways_give_the_same_figures_for_every_metric(stocked: "House") -> None:
    metrics = list(METRICS)
    for start in range(0, len(metrics), 10):
        some = metrics[start : start + 10]

        rolled = await stocked.query(metrics=some)
        called = await stocked.query(metrics=some, filters={"kind": "call"})

        assert rolled["scope"]["basis"] == "rollup"
        assert called["scope"]["basis"] == "calls"
        assert rolled["rows"] == called["rows"]


async def test_more_rows_than_the_limit_are_said_to_be_cut(stocked: "House") -> None:
    seen = await stocked.query(metrics=["calls"], dimensions=["day"], limit=2)

    assert len(seen["rows"]) == 2
    assert seen["truncated"] is True


async def test_the_catalogue_lists_what_a_question_may_name(stocked: "House") -> None:
    seen = (await stocked.resident.ask("GET", "/analytics/catalog")).json()

    assert {m["key"] for m in seen["metrics"]} == set(METRICS)
    assert {d["key"] for d in seen["dimensions"]} >= {"day", "agent", "language"}
    assert "from" in seen["filters"]
    assert "agents" in seen["filters"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"metrics": []},
        {"metrics": ["beauty"]},
        {"metrics": ["calls"], "dimensions": ["day", "agent", "direction"]},
        {"metrics": ["calls"], "filters": {"moon": "full"}},
        {"metrics": ["calls"], "filters": {"min_score": 101}},
    ],
)
async def test_a_question_beyond_the_catalogue_is_refused(
    house: "House", body: dict[str, Any]
) -> None:
    reply = await house.resident.ask("POST", "/analytics/6004/query", json=body)

    assert reply.status_code == 422
