"""Each view on a handful of calls whose figures are worked out by hand in the comments."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.products.calls.analytics.conftest import MODEL, RULES, at, figure

if TYPE_CHECKING:
    from tests.products.calls.analytics.conftest import House

pytestmark = pytest.mark.both_databases


def quality(total: float | None, *, passed: bool = True, **more: Any) -> dict[str, Any]:
    return {"quality": {"template": "std", "pass": passed, "total": total, **more}}


async def test_an_empty_business_has_figures_without_values(house: "House") -> None:
    seen = await house.get("overview")

    assert figure(seen["tiles"], "calls")["value"] == 0
    assert figure(seen["tiles"], "score")["value"] is None
    assert figure(seen["tiles"], "coverage")["value"] is None
    assert seen["top_topics"] == []
    assert seen["behind"] == 0


async def test_scores_are_distributed_over_ten_bins(house: "House") -> None:
    # 100 belongs into the last bin, 90 too; 10 is the first of the second bin
    for n, score in enumerate((0.0, 9.99, 10.0, 55.0, 90.0, 100.0)):
        await house.call(f"c{n}", overall_score=score, analysis=quality(score, passed=score >= 70))
    await house.call("none", analysis=quality(None, state="insufficient"))
    # poor transcripts have no place among scores
    await house.call("poor", overall_score=80.0, flags=["low_asr_quality"], analysis=quality(80))

    seen = await house.get("score-distribution")

    assert [b["n"] for b in seen["bins"]] == [2, 1, 0, 0, 0, 1, 0, 0, 0, 2]
    assert (seen["score"]["n"], seen["insufficient"], seen["low_asr"]) == (6, 1, 1)
    # sum 264.99; sum of squares 21324.8001, less 264.99²/6 makes 9621.5167, over 5 and rooted
    assert seen["score"]["value"] == pytest.approx(44.165)
    assert seen["score"]["sd"] == pytest.approx(43.8669, abs=1e-4)
    # sorted 0 9.99 10 55 90 100, places 0.5, 2.5 and 4.5
    assert seen["percentiles"]["p10"] == pytest.approx(4.995)
    assert seen["percentiles"]["median"] == pytest.approx(32.5)
    assert seen["percentiles"]["p90"] == pytest.approx(95)
    assert seen["percentiles"]["basis"] == "calls"
    assert seen["percentiles"]["error"] == 0
    assert seen["pass_rate"]["value"] == pytest.approx(100 * 2 / 6)


async def test_a_failed_critical_question_counts_as_a_score_of_zero(house: "House") -> None:
    await house.call("a", overall_score=0.0, analysis=quality(0, passed=False, auto_fail=True))
    await house.call("b", overall_score=80.0, analysis=quality(80))

    seen = await house.get("score-distribution")

    assert seen["auto_fail_rate"]["value"] == 50
    assert seen["score"]["value"] == 40


async def test_word_figures_are_absent_and_not_zero_without_words(house: "House") -> None:
    silent = {"talk_ratio": 0.5, "wpm_agent": None, "questions_agent_per_10min": None}
    await house.call("a", has_words=False, figures=silent)
    await house.call("b", figures={"talk_ratio": 0.7, "wpm_agent": 120.0})

    figures = (await house.get("conversation"))["figures"]

    assert figure(figures, "wpm_agent")["value"] == 120
    assert figure(figures, "wpm_agent")["n"] == 1
    assert figure(figures, "questions_agent_per_10min")["value"] is None
    assert figure(figures, "talk_ratio")["value"] == pytest.approx(0.6)
    assert figure(figures, "listen_ratio")["value"] == pytest.approx(0.4)


async def test_sentiment_has_labels_beyond_a_fifth(house: "House") -> None:
    # 0.2 itself is neutral, and so is -0.2
    for n, value in enumerate((0.21, 0.2, 0.0, -0.2, -0.5)):
        blob = {"sentiment": {"trend": value, "agent": 0.1, "customer": None}}
        await house.call(f"c{n}", sentiment_score=value, analysis=blob)

    seen = await house.get("sentiment")

    assert seen["labels"] == {"positive": 1, "neutral": 3, "negative": 1}
    assert figure(seen["figures"], "sentiment")["value"] == pytest.approx(-0.058)
    assert figure(seen["figures"], "sentiment_customer")["value"] is None
    assert figure(seen["figures"], "negative_share")["value"] == 20


async def test_topics_are_shares_of_calls_and_of_minutes(house: "House") -> None:
    await house.call("a", topics=[("pricing", 0.5), ("booking", 0.25)])
    await house.call("b", topics=[("pricing", 1.0)], audio_ms=180_000)
    await house.call("mute", has_words=False)

    seen = await house.get("topics")

    assert seen["calls_with_text"] == 2
    first, second = seen["items"]
    # pricing: both calls; 30 s of the first and 180 s of the second, of 240 s with text
    assert (first["key"], first["calls"], first["share_pct"]) == ("pricing", 2, 100)
    assert first["minutes"] == pytest.approx(3.5)
    assert first["minutes_share_pct"] == pytest.approx(100 * 210 / 240)
    assert (second["key"], second["label"], second["share_pct"]) == ("booking", "Booking", 50)


async def test_objections_count_calls_once_and_occurrences_each_time(house: "House") -> None:
    await house.call("a", objections=[("price", "yes"), ("price", "no"), ("timing", "unknown")])
    await house.call("b", objections=[("price", "partial")])
    await house.call("c")
    await house.call("d")

    seen = await house.get("objections")

    price = figure(seen["items"], "price")
    # 2 of 4 calls; 3 occurrences, 75 per 100 calls; handled 1 of yes + partial + no = 3
    assert (price["calls"], price["occurrences"], price["share_pct"]) == (2, 3, 50)
    assert price["per_100"] == 75
    assert price["handled_rate_pct"] == pytest.approx(100 / 3)
    assert figure(seen["items"], "timing")["handled_rate_pct"] is None
    assert figure(seen["figures"], "objection_share")["value"] == 50
    assert figure(seen["figures"], "objections_per_100")["value"] == 100


async def test_bant_coverage_takes_confirmed_and_partial_of_those_judged(house: "House") -> None:
    def blob(**statuses: str) -> dict[str, Any]:
        elements = ("budget", "authority", "need", "timeline")
        return {"bant": {e: {"status": statuses.get(e, "not_asked")} for e in elements}}

    full = blob(budget="confirmed", authority="partial", need="confirmed", timeline="partial")
    await house.call("a", analysis=full, bant_score=75.0)
    await house.call("b", analysis=blob(budget="partial", need="absent"), bant_score=12.5)
    await house.call("none", analysis={"bant": None})
    await house.call("mute", analysis=full, has_words=False)

    seen = await house.get("bant")

    budget = seen["elements"][0]
    assert seen["eligible"] == 2
    assert (budget["confirmed"], budget["partial"], budget["coverage"]["value"]) == (1, 1, 100)
    assert seen["elements"][2]["coverage"]["value"] == 50
    assert seen["overall"]["value"] == pytest.approx((1.0 + 0.25) / 2)
    assert seen["score"]["value"] == pytest.approx(43.75)


async def test_coverage_leaves_out_what_policy_skipped_and_nobody_answered(
    house: "House",
) -> None:
    done_at = at("2026-01-05 10:03")  # ended 10:01, so a lag of 120 s
    await house.call("a", done_at=done_at, stages=[("transcribe", 4.0), ("analyze", 2.0)])
    await house.call("b", done_at=done_at + timedelta(seconds=60), stages=[("transcribe", 6.0)])
    await house.call("failed", status="failed")
    await house.call("waiting", status="pending")
    await house.call("short", status="skipped")
    await house.call("missed", status="done", disposition="No Answer", ended_at=None)

    seen = await house.get("coverage")

    # answered 5, of which one is skipped: 2 of 4 are done
    assert seen["statuses"] == {
        "pending": 1,
        "transcribed": 0,
        "done": 3,
        "failed": 1,
        "skipped": 1,
    }
    assert (seen["answered"], seen["skipped_by_policy"]) == (5, 1)
    assert seen["coverage"]["value"] == 50
    assert (seen["lag"]["p50_s"], seen["lag"]["p95_s"]) == (150, 177)
    assert figure(seen["stages"], "transcribe_s")["value"] == 5
    assert figure(seen["stages"], "analyze_s")["value"] == 2


async def test_handle_time_says_what_it_is_based_on(house: "House") -> None:
    # 100 + 20 + 10 s by telephony; 30 s from answer to end; 60 s of recording
    await house.call("a", custom={"talk_s": 100, "hold_s": 20, "wrap_s": 10})
    await house.call("b", custom={"answered_at": "2026-01-05T10:00:30Z"})
    await house.call("c")
    await house.call("missed", custom={"talk_s": 0})

    seen = await house.get("coverage")

    assert seen["handle_basis"] == {"telephony": 1, "times": 1, "audio": 1}
    assert seen["handle_time"]["value"] == pytest.approx((130 + 30 + 60) / 3)


async def test_outcomes_are_counted_by_disposition(house: "House") -> None:
    yes = {"outcome": {"disposition": "sold", "resolved": True, "callback": False}}
    await house.call("a", disposition="Call-Back", analysis=yes)
    await house.call("b", analysis=yes)
    await house.call("c", analysis={"outcome": {"resolved": False, "callback": None}})

    seen = await house.get("outcomes")

    assert {d["key"]: d["calls"] for d in seen["dispositions"]} == {"call_back": 1, "sold": 1}
    assert figure(seen["figures"], "resolved_rate")["value"] == pytest.approx(200 / 3)
    assert figure(seen["figures"], "callback_rate")["value"] == 0


async def test_cost_tells_what_is_known_and_estimates_what_the_cache_saved(
    house: "House",
) -> None:
    cached = {"quality_score": {"source": "cache", "cost_micros": 0}}
    await house.call("a", meta=MODEL, agent_id="a1", agent_name="Asha")
    await house.call("b", "2026-01-06 10:00", meta=cached, agent_id="a1", agent_name="Asha")
    await house.call("free", meta={"summary": {"source": "llm", "cost_micros": None}})
    await house.call("rules", meta=RULES)

    seen = await house.get("cost")

    assert (seen["cost_micros"], seen["priced_calls"], seen["unpriced_calls"]) == (1000, 2, 2)
    # two priced calls of a minute each; but four minutes in all
    assert figure(seen["figures"], "cost_micros")["value"] == 500
    assert figure(seen["figures"], "cost_per_minute")["value"] == 250
    assert seen["by_day"] == [
        {"day": "2026-01-05", "calls": 3, "cost_micros": 1000},
        {"day": "2026-01-06", "calls": 1, "cost_micros": 0},
    ]
    assert seen["by_floor_agent"][0] == {
        "key": "a1",
        "label": "Asha",
        "calls": 2,
        "cost_micros": 1000,
    }
    judge = figure(seen["by_agent"], "quality_score")
    assert (judge["answers_model"], judge["answers_cached"], judge["answers_rules"]) == (1, 1, 1)
    assert judge["saved_micros_estimate"] == seen["saved_micros_estimate"] == 1000
    assert (seen["tokens_in"], seen["tokens_out"]) == (50, 5)


async def test_asr_quality_is_a_mean_with_the_share_of_poor_ones(house: "House") -> None:
    await house.call("a")
    await house.call("b", asr_quality=0.3, flags=["low_asr_quality"])

    seen = await house.get("asr-quality")

    assert figure(seen["figures"], "asr_quality")["value"] == pytest.approx(0.6)
    assert figure(seen["figures"], "low_asr_share")["value"] == 50


async def test_the_overview_compares_with_the_period_before(house: "House") -> None:
    await house.call("now", "2026-01-05 10:00", overall_score=80.0, objections=[("price", "no")])
    await house.call("now2", "2026-01-31 23:59", overall_score=60.0)
    await house.call("before", "2025-12-05 10:00", overall_score=50.0)

    seen = await house.get("overview")

    calls, score = figure(seen["tiles"], "calls"), figure(seen["tiles"], "score")
    assert (calls["value"], calls["previous"], calls["delta_pct"]) == (2, 1, 100)
    assert (score["value"], score["previous"], score["delta_pct"]) == (70, 50, 40)
    assert score["significant"] is None  # one call is not enough for a test
    assert seen["top_objections"][0]["share_pct"] == 50
    assert seen["scope"]["from"] == "2026-01-01"


async def test_without_comparison_nothing_is_said_of_before(house: "House") -> None:
    await house.call("now", overall_score=80.0)
    await house.call("before", "2025-12-05 10:00", overall_score=50.0)

    seen = await house.get("overview", compare="none")

    assert figure(seen["tiles"], "score")["previous"] is None
    assert figure(seen["tiles"], "score")["delta_pct"] is None


async def test_views_narrow_to_agent_direction_template_and_engine(house: "House") -> None:
    await house.call("a", agent_id="a1", overall_score=10.0, analysis=quality(10), meta=MODEL)
    await house.call("b", agent_id="a2", overall_score=20.0, analysis=quality(20), meta=RULES)
    await house.call("c", direction="outbound", overall_score=40.0, meta=RULES)

    async def mean(**params: Any) -> Any:
        return (await house.get("score-distribution", **params))["score"]["value"]

    assert await mean(agent="a2") == 20
    assert await mean(direction="outbound") == 40
    assert await mean(template="std") == 15
    assert await mean(include_rules="false") == 10
    assert await mean(agent="nobody") is None


async def test_days_are_those_of_the_business(house: "House") -> None:
    path = f"/businesses/{house.resident.bid}"
    body = {"timezone": "Asia/Kolkata"}
    assert (await house.resident.ask("PATCH", path, json=body)).status_code == 200
    # 18:29 and 18:30 UTC are 23:59 and 00:00 in Kolkata
    await house.call("before", "2026-01-04 18:29")
    await house.call("after", "2026-01-04 18:30")

    seen = await house.get("trends", metric="calls", **{"from": "2026-01-04", "to": "2026-01-06"})

    assert [p["value"] for p in seen["series"][0]["points"]] == [1, 1]
    assert seen["scope"]["timezone"] == "Asia/Kolkata"


async def test_another_business_sees_none_of_it(house: "House", other_house: "House") -> None:
    await house.call("a", overall_score=10.0, topics=[("pricing", 1.0)])
    await house.keeper.catch_up()

    assert (await other_house.get("topics"))["items"] == []
    assert figure((await other_house.get("overview"))["tiles"], "calls")["value"] == 0
