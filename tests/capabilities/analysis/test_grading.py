"""Scorecards from raw answers: the cases of acceptance check A23, each computed by hand."""

from typing import Any

import pytest

from locutory.capabilities.analysis.contract import Parameter, ParameterType, Template
from locutory.capabilities.analysis.grading import (
    PersonsAnswer,
    answer_faults,
    merged,
    rows_of_engine,
    rows_of_person,
    scorecard,
)

BANDS = [[None, 0.2, 0.5], [0.2, 0.65, 1.0], [0.65, 0.8, 0.5], [0.8, None, 0.0]]
NA = object()


def card(*parameters: Parameter, cap: float | None = None) -> Template:
    return Template(name="Card", version=1, parameters=parameters, pass_mark=60, critical_cap=cap)


def p(key: str, kind: ParameterType, weight: float, **more: Any) -> Parameter:
    return Parameter(key=key, section="s", question="?", type=kind, weight=weight, **more)


def say(**values: Any) -> dict[str, Any]:
    """A person's values by key."""
    return values


B, SC, E, N = ParameterType.BOOL, ParameterType.SCALE, ParameterType.ENUM, ParameterType.NUMBER
M, PH = ParameterType.METRIC, ParameterType.PHRASE
POLITE = p("polite", B, 10, critical=True)
NEED = p("need", SC, 20, options={"max": 5})
OFFER = p("offer", E, 30, options={"points": {"yes": 1, "partly": 0.4, "no": 0}})
PITCH = p("pitch", N, 20, options={"min": 10, "max": 20})
RATIO = p("ratio", M, 20, binding={"metric": "talk_ratio", "bands": BANDS})
SWORE = p("swore", PH, 10, binding={"phrases": ["damn"], "present": False})
WHOLE = card(POLITE, NEED, OFFER, PITCH, RATIO)
NOTHING_APPLIES = dict.fromkeys(["polite", "need", "offer", "pitch", "ratio"], NA)
CAPPED = card(POLITE, NEED, OFFER, PITCH, RATIO, cap=45)


@pytest.mark.parametrize(
    ("template", "values", "total", "passed", "auto_fail", "state"),
    [
        # 10·1 + 20·0.6 + 30·0.4 + 20·0.5 + 20·1 = 64 of 100
        (WHOLE, say(polite=True, need=3, offer="partly", pitch=15, ratio=0.5), 64, True, 0, "s"),
        # NA leaves its weight out: (10 + 20·0.2 + 0 + 20·1) / 80
        (WHOLE, say(polite=True, need=1, offer="no", pitch=NA, ratio=0.2), 42.5, False, 0, "s"),
        # the upper edge of a band belongs to the next: 20·0.5, (10 + 20 + 30 + 20 + 10)/100
        (WHOLE, say(polite=True, need=5, offer="yes", pitch=20, ratio=0.65), 90, True, 0, "s"),
        # below the first bound: 20·0.5; pitch at its least: (10 + 20 + 30 + 0 + 10)/100
        (WHOLE, say(polite=True, need=5, offer="yes", pitch=10, ratio=0.19), 70, True, 0, "s"),
        # the last band has no end: (10 + 0 + 30 + 20 + 0)/100 is the pass mark
        (WHOLE, say(polite=True, need=0, offer="yes", pitch=20, ratio=0.8), 60, True, 0, "s"),
        # critical: all else is perfect
        (WHOLE, say(polite=False, need=5, offer="yes", pitch=20, ratio=0.3), 0, False, 1, "s"),
        # critical with a cap that bites, and with one that does not: 0 + 8 + 12 + 0 + 10 = 30
        (CAPPED, say(polite=False, need=5, offer="yes", pitch=20, ratio=0.3), 45, False, 1, "s"),
        (CAPPED, say(polite=False, need=2, offer="partly", pitch=10, ratio=.7), 30, False, 1, "s"),
        # critical NA fails nothing: (20·0.8 + 30·0.4)/50
        (WHOLE, say(polite=NA, need=4, offer="partly", pitch=NA, ratio=NA), 56, False, 0, "s"),
        # all NA
        (WHOLE, NOTHING_APPLIES, None, None, 0, "i"),
        # 30 of 100 answered; 50 of 100 is enough
        (WHOLE, say(offer="yes"), None, None, 0, "i"),
        (WHOLE, say(offer="yes", ratio=0.9), 60, True, 0, "s"),
        # 40 of 100 answered, yet a critical failure decides
        (WHOLE, say(polite=False, offer="yes"), 0, False, 1, "s"),
        # nothing said yet
        (WHOLE, {}, None, None, 0, "i"),
        # a phrase that must not be said: (10·1 + 20·0.4)/30 and (0 + 8)/30
        (card(SWORE, NEED), say(swore=False, need=2), 60, True, 0, "s"),
        (card(SWORE, NEED), say(swore=True, need=2), 26.67, False, 0, "s"),
    ],
)  # fmt: skip
def test_a_scorecard_follows_the_formula(
    template: Template,
    values: dict[str, Any],
    total: float | None,
    passed: bool | None,
    auto_fail: int,
    state: str,
) -> None:
    answers = [
        PersonsAnswer(key=key, na=True) if value is NA else PersonsAnswer(key=key, value=value)
        for key, value in values.items()
    ]
    assert answer_faults(template, answers) == []

    found = scorecard(template, rows_of_person(template, answers))

    assert found["total"] == total
    assert (found["passed"], found["auto_fail"]) == (passed, bool(auto_fail))
    assert found["state"] == {"s": "scored", "i": "insufficient"}[state]


def engine_row(parameter: Parameter, **more: Any) -> dict[str, Any]:
    row = {"key": parameter.key, "value": None, "points": None, "state": "needs_review"}
    return {**row, "source": "llm", "reason": "", "evidence": [], **more}


def test_unsupported_evidence_needs_a_review_and_is_neither_pass_nor_fail() -> None:
    false = [{"segments": [0], "quote": "never said", "verified": False}]
    true = [{"segments": [0], "quote": "said", "verified": True}]
    rows = [
        engine_row(POLITE, value=False, evidence=false),
        engine_row(NEED, value=5, points=1.0, state="answered", evidence=true),
        engine_row(OFFER, value="yes", points=1.0, state="answered", evidence=false + true),
    ]

    found = scorecard(WHOLE, rows_of_engine(WHOLE, rows))

    polite, need, offer = found["answers"]
    assert (polite["state"], polite["points"], polite["evidence_ok"]) == (
        "needs_review",
        None,
        False,
    )
    assert (need["evidence_ok"], offer["evidence_ok"]) == (True, True)
    assert (found["total"], found["auto_fail"]) == (100, False)


def test_a_person_s_answer_takes_the_place_of_the_engine_s() -> None:
    rows = [
        engine_row(NEED, value=5, points=1.0, state="answered"),
        engine_row(OFFER, value="no", points=0.0, state="answered"),
    ]
    said = rows_of_person(WHOLE, [PersonsAnswer(key="offer", value="yes")], by="user:1")

    found = scorecard(WHOLE, merged(rows_of_engine(WHOLE, rows), said))

    assert [row["source"] for row in found["answers"]] == ["llm", "human"]
    assert found["answers"][1]["by"] == "user:1"
    assert found["total"] == 100


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("polite", 1),
        ("polite", None),
        ("need", 5.1),
        ("need", -1),
        ("need", True),
        ("need", float("nan")),
        ("offer", "maybe"),
        ("offer", ["yes"]),
        ("pitch", 9),
        ("ratio", "half"),
        ("ratio", float("inf")),
    ],
)
def test_what_is_no_answer_is_refused(key: str, value: Any) -> None:
    [fault] = answer_faults(WHOLE, [PersonsAnswer(key=key, value=value)])

    assert (fault["field"], fault["code"]) == ("answers.0.value", "VALUE_INVALID")
