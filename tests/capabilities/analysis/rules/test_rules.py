from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from locutory.capabilities.analysis.answers import expanded
from locutory.capabilities.analysis.contract import MAX_RULE_CONFIDENCE, Case, RuleAnswer
from locutory.capabilities.analysis.evidence import verify
from locutory.capabilities.analysis.library import (
    BANT_SCHEMA,
    QUALITY_SCHEMA,
    SENTIMENT_SCHEMA,
    SUMMARY_SCHEMA,
)
from locutory.capabilities.analysis.rules import bant, quality, sentiment, summary
from locutory.capabilities.analysis.rules.recognisers import find_date, find_money, find_role
from locutory.capabilities.analysis.rules.sentiment import text_sentiment
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.provenance import Provenance, Source

Talk = Callable[..., Transcript]

RULES = [
    (summary.judge, SUMMARY_SCHEMA),
    (sentiment.judge, SENTIMENT_SCHEMA),
    (bant.judge, BANT_SCHEMA),
    (quality.judge, QUALITY_SCHEMA),
]

turns = st.lists(
    st.builds(
        Turn,
        idx=st.just(0),
        role=st.sampled_from(Role),
        text=st.text(max_size=60)
        | st.sampled_from(["I need a good car. Not bad!", "बजट दो लाख रुपये है", "my boss decides"]),
        start_ms=st.integers(0, 60_000),
        end_ms=st.integers(60_000, 90_000),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("rule_and_schema", RULES, ids=lambda pair: pair[0].__module__)
@given(said=turns)
def test_any_talk_gives_the_final_shape_with_evidence_that_holds(
    rule_and_schema: tuple[Callable[[Case], RuleAnswer], dict[str, object]], said: list[Turn]
) -> None:
    rule, schema = rule_and_schema
    numbered = [
        Turn(idx=n, role=t.role, text=t.text, start_ms=t.start_ms, end_ms=t.end_ms)
        for n, t in enumerate(said)
    ]
    transcript = Transcript(
        turns=tuple(numbered),
        duration_ms=90_000,
        provenance=Provenance(source=Source.SIDECAR, engine="sidecar"),
    )

    answer = rule(Case(transcript=transcript))

    Draft202012Validator(expanded(schema)).validate(answer.result)
    assert verify(answer.result, schema, transcript).unsupported == ()
    assert all(evidence.verified for evidence in answer.evidence)
    assert 0 <= answer.confidence <= MAX_RULE_CONFIDENCE


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("the service was very good", "the service was good"),
        ("the service was good", "the service was okay"),
        ("the service was okay", "the service was not good"),
        ("it is not bad", "it is bad"),
        ("it is bad", "it is extremely bad"),
        ("सर्विस बहुत अच्छी है", "सर्विस अच्छी नहीं है"),
        ("service bahut acchi hai", "service acchi nahi hai"),
        ("yeh kharab nahi hai", "yeh bahut kharab hai"),
    ],
)
def test_negation_and_intensifiers_move_the_sentiment(better: str, worse: str) -> None:
    assert text_sentiment(better)[0] > text_sentiment(worse)[0]


@given(st.text())
def test_sentiment_is_bounded_and_zero_without_feeling_words(text: str) -> None:
    value, hits = text_sentiment(text)

    assert -1 < value < 1
    assert hits or value == 0


def test_sentiment_is_weighted_by_time_and_role(talk: Talk) -> None:
    transcript = talk("C: this is terrible", "A: sorry", "A: okay", "C: that was great, thank you")

    result = sentiment.judge(Case(transcript=transcript)).result

    assert result["per_quarter"][0] < -0.4
    assert result["per_quarter"][3] > 0.4
    assert result["trend"] == pytest.approx(result["per_quarter"][3] - result["per_quarter"][0])
    mean = (
        text_sentiment("this is terrible")[0] + text_sentiment("that was great, thank you")[0]
    ) / 2
    assert result["customer"] == pytest.approx(mean, abs=1e-4)


def test_a_silent_quarter_and_role_are_unknown_not_zero(talk: Talk) -> None:
    transcript = talk("C: hello", "C: ", "C: ", "C: good")

    result = sentiment.judge(Case(transcript=transcript)).result

    assert result["agent"] is None
    assert result["per_quarter"][1:3] == [None, None]


def test_the_summary_is_verbatim(sales_call: Transcript) -> None:
    result = summary.judge(Case(transcript=sales_call)).result

    said = " ".join(turn.text for turn in sales_call.turns)
    assert all(bullet in said for bullet in result["bullets"])
    assert result["text"] == (
        "Hi, I am looking for a two bedroom flat near the metro station."
        " I'll send you the brochure and call you on Monday."
    )
    assert 3 <= len(result["bullets"]) <= 7


def test_bant_finds_what_the_customer_says(sales_call: Transcript) -> None:
    result = bant.judge(Case(transcript=sales_call)).result

    assert result["budget"]["status"] == "confirmed"
    assert result["budget"]["value"] == "fifty lakh rupees"
    assert result["authority"]["value"] == "my wife"
    assert result["need"]["value"] == "a two bedroom flat near the metro station"
    assert result["timeline"]["value"] == "by March"
    assert result["authority"]["status"] == "partial"
    assert result["score"] == 87.5


@pytest.mark.parametrize(
    ("lines", "name", "status"),
    [
        (["A: What is your budget?", "C: Around 20k dollars"], "budget", "partial"),
        (["A: What is your budget?", "C: Hmm."], "budget", "unknown"),
        (["C: We have no budget this year"], "budget", "absent"),
        (["C: My budget is limited"], "budget", "partial"),
        (["A: It costs $500 in the budget plan."], "budget", "unknown"),
        (["C: Hello there"], "budget", "not_asked"),
        (["C: मेरा बजट दो लाख रुपये है"], "budget", "confirmed"),
        (["C: mujhe do bedroom flat chahiye"], "need", "confirmed"),
        (["C: I am just looking"], "timeline", "absent"),
        (["C: It is not my decision"], "authority", "absent"),
        (["C: We plan to start next month"], "timeline", "confirmed"),
    ],
)
def test_bant_is_no_surer_than_the_words(
    talk: Talk, lines: list[str], name: str, status: str
) -> None:
    result = bant.judge(Case(transcript=talk(*lines))).result

    assert result[name]["status"] == status


@pytest.mark.parametrize(
    ("text", "money"),
    [
        ("about $5,000 a month", "$5,000"),
        ("₹ 50 lakh at most", "₹ 50 lakh"),
        ("twenty five thousand dollars", "twenty five thousand dollars"),
        ("पचास लाख तक", "पचास लाख"),
        ("25 lakhs", "25 lakhs"),
        ("room 500 on floor 3", None),
    ],
)
def test_money_is_recognised(text: str, money: str | None) -> None:
    assert find_money(text) == money


def test_dates_and_roles_are_recognised() -> None:
    assert find_date("maybe in two weeks") == "in two weeks"
    assert find_date("by the end of the quarter") == "by the end of the quarter"
    assert find_date("agle mahine") == "agle mahine"
    assert find_date("some day") is None
    assert find_role("I report to the head of sales") == "the head of sales"
    assert find_role("the car") is None


def test_quality_by_rules_scores_only_what_needs_no_judgement(sales_call: Transcript) -> None:
    metrics = {
        "talk_ratio": 0.5,
        "dead_air_pct": 20.0,
        "interruptions_agent_per_10min": 0.0,
    }

    result = quality.judge(Case(transcript=sales_call, variables={"metrics": metrics})).result

    rows = {row["key"]: row for row in result["parameters"]}
    assert {key for key, row in rows.items() if row["state"] == "answered"} == {
        "greeting",
        "talk_balance",
        "dead_air",
        "interruptions",
        "closing",
    }
    assert rows["greeting"]["evidence"][0]["segments"] == [0]
    assert (rows["talk_balance"]["points"], rows["dead_air"]["points"]) == (1.0, 0.0)
    assert rows["courtesy"]["state"] == "needs_review"
    # greeting 10, talk balance 20, interruptions 5, closing 10 of these and dead air 10
    assert (result["total"], result["state"]) == (pytest.approx(100 * 45 / 55, abs=0.01), "scored")


def test_a_phrase_counts_only_from_its_role_and_time(talk: Talk) -> None:
    late = talk(*["C: well"] * 7, "A: Good morning", "C: hello")

    result = quality.judge(Case(transcript=late)).result

    rows = {row["key"]: row for row in result["parameters"]}
    assert rows["greeting"]["points"] == 0.0
