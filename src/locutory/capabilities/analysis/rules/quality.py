"""Quality without judgement: metrics against their bands, phrases said or not."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from locutory.capabilities.analysis.contract import (
    MAX_RULE_CONFIDENCE,
    Case,
    Parameter,
    ParameterType,
    RuleAnswer,
    Template,
)
from locutory.capabilities.analysis.evidence import contains, normalised
from locutory.capabilities.analysis.scoring import Answer, AnswerState, points_for, total_score
from locutory.capabilities.analysis.templates import template_of
from locutory.capabilities.interactions.contract import Transcript, Turn
from locutory.kernel.provenance import Source
from locutory.kernel.words import sentences, words

_NOT_MEASURED = "The figure could not be measured on this talk."
_NOT_HEARD = "The words of this part of the talk are missing."


@dataclass(frozen=True, slots=True)
class Assessed:
    """One parameter's answer with what it was and what it rests on."""

    answer: Answer
    value: Any = None
    source: Source = Source.RULES
    reason: str = ""
    evidence: tuple[Mapping[str, Any], ...] = ()


NEEDS_REVIEW = Assessed(Answer(AnswerState.NEEDS_REVIEW))


def judge(case: Case) -> RuleAnswer:
    """The `quality_score` agent by rules; what needs judgement is left to a person."""
    template = template_of(case.variables)
    assessed = {p.key: assess(p, case) for p in template.parameters}
    return RuleAnswer(result=blob(template, assessed), confidence=MAX_RULE_CONFIDENCE)


def assess(parameter: Parameter, case: Case) -> Assessed:
    """The answer to a metric or phrase parameter; any other needs a review."""
    if parameter.type is ParameterType.METRIC:
        return _metric(parameter, case.variables.get("metrics") or {})
    if parameter.type is ParameterType.PHRASE:
        return _phrase(parameter, case.transcript)
    return NEEDS_REVIEW


def _metric(parameter: Parameter, metrics: Mapping[str, Any]) -> Assessed:
    """A figure in its band; one that is missing or fits no band is NA where that is allowed."""
    value = metrics.get(parameter.binding.get("metric", ""))
    figure = None if isinstance(value, float) and not math.isfinite(value) else value
    points = points_for(parameter, figure)
    if points is None:
        state = AnswerState.NA if parameter.na_allowed else AnswerState.NEEDS_REVIEW
        return Assessed(Answer(state), figure, Source.METRIC, _NOT_MEASURED)
    return Assessed(Answer(AnswerState.ANSWERED, points), figure, Source.METRIC)


def _phrase(parameter: Parameter, transcript: Transcript) -> Assessed:
    """Looks for any of the phrases, by role and time.

    That none was said counts only where the role has words, and every turn in scope has its own.
    """
    binding = parameter.binding
    scope = [t for t in transcript.turns if _in_scope(t, binding, transcript.duration_ms)]
    found = _first_saying([normalised(phrase) for phrase in binding.get("phrases", [])], scope)
    heard = any(_is_of_role(t, binding) and words(t.text) for t in transcript.turns)
    if found is None and not (heard and all(words(t.text) for t in scope)):
        return Assessed(Answer(AnswerState.NEEDS_REVIEW), reason=_NOT_HEARD)
    present = found is not None
    evidence = ({"segments": [found[0].idx], "quote": found[1]},) if found else ()
    points = points_for(parameter, present)
    return Assessed(Answer(AnswerState.ANSWERED, points), present, evidence=evidence)


def _first_saying(phrases: Sequence[list[str]], turns: Sequence[Turn]) -> tuple[Turn, str] | None:
    """The first turn and sentence with one of the phrases, given as normalised words."""
    return next(
        (
            (turn, sentence)
            for turn in turns
            for sentence in sentences(turn.text)
            if any(phrase and contains(normalised(sentence), phrase) for phrase in phrases)
        ),
        None,
    )


def _is_of_role(turn: Turn, binding: Mapping[str, Any]) -> bool:
    return not binding.get("role") or turn.role == binding["role"]


def _in_scope(turn: Turn, binding: Mapping[str, Any], duration_ms: int) -> bool:
    if not _is_of_role(turn, binding):
        return False
    share = turn.start_ms / max(1, duration_ms)
    in_time: bool = binding.get("from_ms", 0) <= turn.start_ms < binding.get("to_ms", math.inf)
    in_share: bool = binding.get("from_share", 0.0) <= share <= binding.get("to_share", 1.0)
    return in_time and in_share


def blob(template: Template, assessed: Mapping[str, Assessed]) -> dict[str, Any]:
    """The `quality` part of the analysis blob (calls seed, 8.2)."""
    total = total_score(template, {key: one.answer for key, one in assessed.items()})
    return {
        "template": template.name,
        "version": template.version,
        "total": total.total,
        "pass": total.passed,
        "auto_fail": total.auto_fail,
        "state": total.state.value,
        "sections": [{"name": name, "total": value} for name, value in total.sections],
        "parameters": [_parameter_row(p, assessed[p.key]) for p in template.parameters],
    }


def _parameter_row(parameter: Parameter, one: Assessed) -> dict[str, Any]:
    return {
        "key": parameter.key,
        "section": parameter.section,
        "question": parameter.question,
        "type": parameter.type.value,
        "weight": parameter.weight,
        "critical": parameter.critical,
        "value": one.value,
        "points": one.answer.points,
        "state": one.answer.state.value,
        "source": one.source.value,
        "reason": one.reason,
        "evidence": list(one.evidence),
    }
