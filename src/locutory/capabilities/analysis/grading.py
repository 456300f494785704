"""Scorecards: an engine's answers, a person's, and both together."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from locutory.capabilities.analysis.contract import Parameter, ParameterType, Template
from locutory.capabilities.analysis.scoring import (
    Answer,
    AnswerState,
    points_for,
    total_score,
)
from locutory.kernel.provenance import Source

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsAnswer:
    """What a person says to one parameter; `na` that it does not apply."""

    key: str
    value: Any = None
    na: bool = False
    comment: str = ""


def answer_faults(
    template: Template, answers: Sequence[PersonsAnswer], *, place: str = "answers"
) -> list[dict[str, str]]:
    """Every answer that the template does not take, as {field, code, message}."""
    seen: set[str] = set()
    faults = []
    for n, answer in enumerate(answers):
        fault = _answer_fault(template, answer, seen)
        seen.add(answer.key)
        if fault is not None:
            part, code, message = fault
            faults.append({"field": f"{place}.{n}.{part}", "code": code, "message": message})
    return faults


def _answer_fault(
    template: Template, answer: PersonsAnswer, seen: set[str]
) -> tuple[str, str, str] | None:
    parameter = template.parameter(answer.key)
    if parameter is None:
        return "key", "PARAMETER_UNKNOWN", f"{template.name} has no such parameter"
    if answer.key in seen:
        return "key", "PARAMETER_TWICE", "answered twice"
    if answer.na and answer.value is not None:
        return "value", "VALUE_INVALID", "what does not apply has no value"
    if answer.na and not parameter.na_allowed:
        return "na", "NA_NOT_ALLOWED", "this parameter always applies"
    if not answer.na and not _takes(parameter, answer.value):
        return "value", "VALUE_INVALID", f"answer with {answer_form(parameter)}"
    return None


def _takes(parameter: Parameter, value: Any) -> bool:
    """Whether it is an answer as it stands: what lies beyond a scale is a slip, not its end."""
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if points_for(parameter, value) is None:
        return False
    low, high = span(parameter)
    return (low is None or value >= low) and (high is None or value <= high)


def span(parameter: Parameter) -> tuple[float | None, float | None]:
    """The least and greatest value of a scale or number, (None, None) of anything else."""
    if parameter.type is ParameterType.SCALE:
        return 0.0, float(parameter.options.get("max", 1))
    if parameter.type is ParameterType.NUMBER:
        return float(parameter.options.get("min", 0)), float(parameter.options.get("max", 1))
    return None, None


def answer_form(parameter: Parameter) -> str:
    """How a parameter is answered, in words."""
    if parameter.type in {ParameterType.BOOL, ParameterType.PHRASE}:
        return "true or false"
    if parameter.type is ParameterType.ENUM:
        return "one of " + ", ".join(parameter.options.get("points", {}))
    if parameter.type is ParameterType.METRIC:
        return "a number that lies in one of the bands"
    low, high = span(parameter)
    assert low is not None
    assert high is not None
    return f"a number from {low:.12g} to {high:.12g}"


def rows_of_person(
    template: Template, answers: Iterable[PersonsAnswer], **more: Any
) -> dict[str, dict[str, Any]]:
    """Rows of a scorecard by key; `more` joins each. The answers have no faults."""
    rows = {}
    for answer in answers:
        parameter = template.parameter(answer.key)
        if parameter is None:
            continue
        state = AnswerState.NA if answer.na else AnswerState.ANSWERED
        rows[answer.key] = {
            **_question(parameter),
            "value": None if answer.na else answer.value,
            "points": None if answer.na else points_for(parameter, answer.value),
            "na": answer.na,
            "state": state.value,
            "source": Source.HUMAN.value,
            "reason": answer.comment,
            "evidence": [],
            "evidence_ok": None,
            **more,
        }
    return rows


def rows_of_engine(template: Template, answered: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """Rows of a scorecard by key, from the parameters of a `quality` blob."""
    rows = {}
    for row in answered:
        parameter = template.parameter(row["key"])
        if parameter is None:
            continue
        evidence = list(row.get("evidence") or ())
        rows[parameter.key] = {
            **_question(parameter),
            "value": row.get("value"),
            "points": row.get("points"),
            "na": row["state"] == AnswerState.NA,
            "state": row["state"],
            "source": row.get("source"),
            "reason": row.get("reason", ""),
            "evidence": evidence,
            "evidence_ok": any(one.get("verified") for one in evidence) if evidence else None,
        }
    return rows


def merged(engine: Mapping[str, Row], person: Mapping[str, Row]) -> dict[str, Row]:
    """A person's answers in place of the engine's; what neither has is left out."""
    return {**engine, **person}


def _question(parameter: Parameter) -> dict[str, Any]:
    return {
        "key": parameter.key,
        "section": parameter.section,
        "question": parameter.question,
        "type": parameter.type.value,
        "weight": parameter.weight,
        "critical": parameter.critical,
        "max": span(parameter)[1],
    }


def scorecard(template: Template, rows: Mapping[str, Row]) -> dict[str, Any]:
    """Total (0-100, two decimals), sections and rows, in the template's order."""
    answers = {
        key: Answer(AnswerState(row["state"]), row["points"])
        for key, row in rows.items()
        if template.parameter(key) is not None
    }
    total = total_score(template, answers)
    return {
        "total": None if total.total is None else round(total.total, 2),
        "passed": total.passed,
        "auto_fail": total.auto_fail,
        "state": total.state.value,
        "sections": [
            {"name": name, "total": None if value is None else round(value, 2)}
            for name, value in total.sections
        ],
        "answers": [dict(rows[p.key]) for p in template.parameters if p.key in rows],
    }
