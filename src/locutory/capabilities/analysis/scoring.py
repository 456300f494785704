"""Scores from answers, by the template's formula (calls seed, 8.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from locutory.capabilities.analysis.contract import Parameter, ParameterType, Template

# Below this share of the weight, a total would say more about what was asked than about the call.
_LEAST_ANSWERED = 0.5

# A critical parameter fails below half of its points.
_CRITICAL_PASS = 0.5


class AnswerState(StrEnum):
    """Whether a parameter has points."""

    ANSWERED = "answered"
    NA = "na"
    NEEDS_REVIEW = "needs_review"


class ScoreState(StrEnum):
    """Whether a score has a total."""

    SCORED = "scored"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, slots=True)
class Answer:
    """`points` is 0-1 where the state is `answered`, else None."""

    state: AnswerState
    points: float | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """A template's score; `total` is 0-100, None where too little could be answered."""

    total: float | None
    passed: bool | None
    auto_fail: bool
    state: ScoreState
    sections: tuple[tuple[str, float | None], ...]


def total_score(template: Template, answers: Mapping[str, Answer]) -> Total:
    """The total is 100 · Σ w·s / Σ w over answered parameters.

    A failed critical parameter makes it 0 (or caps it at `critical_cap`) however little else was
    answered. Answers to less than half of the whole weight give no total.
    """
    answered = [p for p in template.parameters if _points(answers, p) is not None]
    whole = sum(p.weight for p in template.parameters)
    auto_fail = any(p.critical and _fails(answers, p) for p in answered)
    mean = _mean(answered, answers)
    sections = tuple(
        (name, _mean([p for p in answered if p.section == name], answers))
        for name in dict.fromkeys(p.section for p in template.parameters)
    )
    if auto_fail:
        total = min(mean or 0.0, template.critical_cap or 0.0)
        return Total(total, False, True, ScoreState.SCORED, sections)
    enough = whole > 0 and sum(p.weight for p in answered) >= _LEAST_ANSWERED * whole
    if mean is None or not enough:
        return Total(None, None, False, ScoreState.INSUFFICIENT, sections)
    return Total(mean, mean >= template.pass_mark, False, ScoreState.SCORED, sections)


def _points(answers: Mapping[str, Answer], parameter: Parameter) -> float | None:
    answer = answers.get(parameter.key)
    return answer.points if answer and answer.state is AnswerState.ANSWERED else None


def _fails(answers: Mapping[str, Answer], parameter: Parameter) -> bool:
    points = _points(answers, parameter)
    return points is not None and points < _CRITICAL_PASS


def _mean(parameters: Sequence[Parameter], answers: Mapping[str, Answer]) -> float | None:
    weight = sum(p.weight for p in parameters)
    if not weight:
        return None
    return 100 * sum(p.weight * (_points(answers, p) or 0.0) for p in parameters) / weight


def points_for(parameter: Parameter, value: Any) -> float | None:
    """The points 0-1 of a raw value; None when it is no answer to this parameter.

    The value of a phrase is whether it was said; a binding may want that it was not.
    """
    if parameter.type is ParameterType.BOOL:
        return float(value) if isinstance(value, bool) else None
    if parameter.type is ParameterType.PHRASE:
        wanted = bool(parameter.binding.get("present", True))
        return float(value is wanted) if isinstance(value, bool) else None
    if parameter.type is ParameterType.ENUM:
        points = parameter.options.get("points", {}).get(value) if isinstance(value, str) else None
        return None if points is None else _clamped(float(points))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if parameter.type is ParameterType.METRIC:
        return _band_points(parameter.binding.get("bands", []), float(value))
    low, high = (
        (0.0, float(parameter.options.get("max", 1)))
        if parameter.type is ParameterType.SCALE
        else (float(parameter.options.get("min", 0)), float(parameter.options.get("max", 1)))
    )
    return _clamped((value - low) / (high - low)) if high > low else None


def _band_points(bands: Sequence[Sequence[float | None]], value: float) -> float | None:
    for low, high, points in bands:
        above = low is None or value >= low
        if above and (high is None or value < high) and points is not None:
            return _clamped(float(points))
    return None


def _clamped(points: float) -> float:
    return min(1.0, max(0.0, points))
