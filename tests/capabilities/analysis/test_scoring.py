"""The twelve cases of acceptance check A23, each computed by hand."""

import pytest

from locutory.capabilities.analysis.contract import Parameter, ParameterType, Template
from locutory.capabilities.analysis.scoring import (
    Answer,
    AnswerState,
    ScoreState,
    points_for,
    total_score,
)

NA = Answer(AnswerState.NA)
REVIEW = Answer(AnswerState.NEEDS_REVIEW)


def at(points: float) -> Answer:
    return Answer(AnswerState.ANSWERED, points)


def template(*weights: float, critical: int | None = None, cap: float | None = None) -> Template:
    parameters = tuple(
        Parameter(
            key=f"p{n}",
            section="one" if n == 0 else "two",
            question="?",
            type=ParameterType.BOOL,
            weight=weight,
            critical=n == critical,
        )
        for n, weight in enumerate(weights)
    )
    return Template(name="t", version=1, parameters=parameters, critical_cap=cap)


@pytest.mark.parametrize(
    ("case", "answers", "total", "passed", "auto_fail"),
    [
        (template(1, 1, 2), [at(1), at(1), at(1)], 100, True, False),
        (template(1, 1, 2), [at(1), at(0), at(0.5)], 50, False, False),
        (template(1, 1, 2), [at(1), NA, at(0.5)], 200 / 3, False, False),
        (template(1, 1, 2), [NA, NA, NA], None, None, False),
        (template(1, 1, 2), [at(1), NA, REVIEW], None, None, False),
        (template(1, 1, 2), [at(1), at(1), REVIEW], 100, True, False),
        (template(1, 1, 2, critical=0), [at(0), at(1), at(1)], 0, False, True),
        (template(1, 1, 2, critical=0), [at(0), NA, NA], 0, False, True),
        (template(1, 1, 2, critical=0, cap=40), [at(0), at(1), at(1)], 40, False, True),
        (template(1, 1, 2, critical=0), [at(0.5), at(1), at(1)], 87.5, True, False),
        (template(1, 1, 2, critical=0), [NA, at(1), at(0.4)], 60, False, False),
        (template(3, 7), [at(0), at(1)], 70, True, False),
    ],
)
def test_the_total_follows_the_formula(
    case: Template,
    answers: list[Answer],
    total: float | None,
    passed: bool | None,
    auto_fail: bool,
) -> None:
    score = total_score(case, {f"p{n}": answer for n, answer in enumerate(answers)})

    assert score.total == (None if total is None else pytest.approx(total))
    assert (score.passed, score.auto_fail) == (passed, auto_fail)
    assert (score.state is ScoreState.INSUFFICIENT) == (total is None)


def test_sections_have_their_own_means() -> None:
    score = total_score(template(1, 1, 3), {"p0": NA, "p1": at(1), "p2": at(0)})

    assert score.sections == (("one", None), ("two", 25.0))


@pytest.mark.parametrize(
    ("kind", "options", "value", "points"),
    [
        (ParameterType.BOOL, {}, True, 1),
        (ParameterType.BOOL, {}, "yes", None),
        (ParameterType.SCALE, {"max": 5}, 3, 0.6),
        (ParameterType.SCALE, {"max": 5}, 9, 1),
        (ParameterType.SCALE, {"max": 5}, True, None),
        (ParameterType.ENUM, {"points": {"partly": 0.5}}, "partly", 0.5),
        (ParameterType.ENUM, {"points": {"partly": 0.5}}, "100", None),
        (ParameterType.NUMBER, {"min": 10, "max": 20}, 15, 0.5),
    ],
)
def test_a_value_becomes_points(
    kind: ParameterType, options: dict[str, object], value: object, points: float | None
) -> None:
    parameter = Parameter(key="p", section="s", question="?", type=kind, options=options)

    assert points_for(parameter, value) == points


@pytest.mark.parametrize(("value", "points"), [(4.9, 1), (5, 0.5), (15, 0), (None, None)])
def test_a_metric_falls_into_a_half_open_band(value: float | None, points: float | None) -> None:
    parameter = Parameter(
        key="p",
        section="s",
        question="?",
        type=ParameterType.METRIC,
        binding={"metric": "m", "bands": [[None, 5, 1], [5, 15, 0.5], [15, None, 0]]},
    )

    assert points_for(parameter, value) == points
