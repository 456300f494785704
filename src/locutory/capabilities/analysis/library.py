"""The agents that every new business starts with: prompts, schemas, rules and finishers."""

from collections.abc import Mapping
from typing import Any

from locutory.capabilities.analysis import findings
from locutory.capabilities.analysis.contract import (
    AgentKind,
    AgentSpec,
    Case,
    Finished,
    Finisher,
    Parameter,
    Rule,
)
from locutory.capabilities.analysis.evidence import normalised, unsupported_names, verify
from locutory.capabilities.analysis.rules import bant, quality, sentiment, summary
from locutory.capabilities.analysis.rules.quality import NEEDS_REVIEW, Assessed
from locutory.capabilities.analysis.scoring import Answer, AnswerState, points_for
from locutory.capabilities.analysis.shapes import EVIDENCE_LIST as _EVIDENCE_LIST
from locutory.capabilities.analysis.shapes import STRING as _STRING
from locutory.capabilities.analysis.shapes import SYSTEM as _SYSTEM
from locutory.capabilities.analysis.shapes import TALK as _TALK
from locutory.capabilities.analysis.shapes import closed_object as _object
from locutory.capabilities.analysis.templates import MEASURED, template_of
from locutory.kernel.provenance import Source

_FEELING: dict[str, Any] = {"type": "number", "minimum": -1, "maximum": 1}
_FEELING_OR_NULL: dict[str, Any] = {**_FEELING, "type": ["number", "null"]}

SUMMARY_SCHEMA = _object(
    {
        "text": {"type": "string", "maxLength": 2000},
        "bullets": {"type": "array", "items": {"type": "string", "maxLength": 400}, "maxItems": 8},
        "language": {"type": "string", "maxLength": 16},
    }
)

SENTIMENT_SCHEMA = _object(
    {
        "overall": _FEELING,
        "label": {"type": "string", "enum": ["positive", "neutral", "negative"]},
        "customer": _FEELING_OR_NULL,
        "agent": _FEELING_OR_NULL,
        "trend": {"type": ["number", "null"], "minimum": -2, "maximum": 2},
        "per_quarter": {"type": "array", "items": _FEELING_OR_NULL, "minItems": 4, "maxItems": 4},
        "evidence": _EVIDENCE_LIST,
    }
)

_BANT_ELEMENT = _object(
    {
        "status": {
            "type": "string",
            "enum": ["confirmed", "partial", "absent", "not_asked", "unknown"],
        },
        "value": {"type": "string", "maxLength": 300},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "evidence": _EVIDENCE_LIST,
    }
)
BANT_ANSWER_SCHEMA = _object(dict.fromkeys(bant.ELEMENTS, _BANT_ELEMENT))
BANT_SCHEMA = _object(
    {**BANT_ANSWER_SCHEMA["properties"], "score": {"type": "number", "minimum": 0, "maximum": 100}}
)

QUALITY_ANSWER_SCHEMA = _object(
    {
        "parameters": {
            "type": "array",
            "items": _object(
                {
                    "key": _STRING,
                    "value": {"type": ["boolean", "number", "string", "null"]},
                    "reason": {"type": "string", "maxLength": 500},
                    "evidence": _EVIDENCE_LIST,
                }
            ),
        }
    }
)
_NUMBER_OR_NULL: dict[str, Any] = {"type": ["number", "null"]}
QUALITY_SCHEMA = _object(
    {
        "template": _STRING,
        "version": {"type": "integer"},
        "total": _NUMBER_OR_NULL,
        "pass": {"type": ["boolean", "null"]},
        "auto_fail": {"type": "boolean"},
        "state": {"type": "string", "enum": ["scored", "insufficient"]},
        "sections": {
            "type": "array",
            "items": _object({"name": _STRING, "total": _NUMBER_OR_NULL}),
        },
        "parameters": {
            "type": "array",
            "items": _object(
                {
                    "key": _STRING,
                    "section": _STRING,
                    "question": _STRING,
                    "type": _STRING,
                    "weight": {"type": "number"},
                    "critical": {"type": "boolean"},
                    "value": {"type": ["boolean", "number", "string", "null"]},
                    "points": _NUMBER_OR_NULL,
                    "state": {"type": "string", "enum": ["answered", "na", "needs_review"]},
                    "source": _STRING,
                    "reason": _STRING,
                    "evidence": _EVIDENCE_LIST,
                }
            ),
        },
    }
)

BUILT_IN: tuple[AgentSpec, ...] = (
    AgentSpec(
        key="summary",
        version=1,
        name="Summary",
        kind=AgentKind.LLM,
        prompt_system=_SYSTEM,
        prompt_user=(
            "Summarise the talk: `text` in two or three sentences, `bullets` with what was wanted,"
            " said and agreed, `language` as the talk's language code{% if language %}"
            " ({{ language }}){% endif %}.\n\n" + _TALK
        ),
        output_schema=SUMMARY_SCHEMA,
    ),
    AgentSpec(
        key="sentiment",
        version=1,
        name="Sentiment",
        kind=AgentKind.LLM,
        prompt_system=_SYSTEM,
        prompt_user=(
            "How do the speakers feel, from -1 to 1: `overall`, `customer`, `agent`, and"
            " `per_quarter` for each quarter of the talk's time; `trend` is the last quarter less"
            " the first. null where a speaker or quarter has no words. `evidence` for the"
            " strongest feelings.\n\n" + _TALK
        ),
        output_schema=SENTIMENT_SCHEMA,
    ),
    AgentSpec(
        key="quality_score",
        version=1,
        name="Quality",
        kind=AgentKind.LLM,
        prompt_system=_SYSTEM,
        prompt_user=(
            "Answer each question about how the agent worked; `value` null where it does not"
            " apply. Give `evidence` for each answer.\n"
            "{% for q in template.questions %}"
            "- {{ q.key }}: {{ q.question }} Answer: {{ q.answer }}. {{ q.guidance }}\n"
            "{% endfor %}\n" + _TALK
        ),
        output_schema=QUALITY_ANSWER_SCHEMA,
        result_schema=QUALITY_SCHEMA,
    ),
    AgentSpec(
        key="bant",
        version=1,
        name="BANT",
        kind=AgentKind.LLM,
        prompt_system=_SYSTEM,
        prompt_user=(
            "What does the customer say of budget, authority (who decides), need and timeline?"
            " `confirmed`: said clearly with a value; `partial`: hinted at; `absent`: denied;"
            " `not_asked`: never came up; `unknown`: asked without an answer. `value` in the"
            " customer's words.\n\n" + _TALK
        ),
        output_schema=BANT_ANSWER_SCHEMA,
        result_schema=BANT_SCHEMA,
    ),
    *findings.AGENTS,
)

RULES: Mapping[str, Rule] = {
    "summary": summary.judge,
    "sentiment": sentiment.judge,
    "quality_score": quality.judge,
    "bant": bant.judge,
    **findings.RULES,
}


def finish_summary(answer: dict[str, Any], case: Case) -> Finished:
    """Flag the text and each bullet that names a figure or a person nobody mentioned."""
    given = case.variables
    context = [case.transcript.plain(), *(str(given.get(k, "")) for k in ("crm", "call"))]
    context += [str(given.get(k, "")) for k in ("floor_agent", "business")]
    known = frozenset(word for text in context for word in normalised(text))
    places = {"text": answer["text"]}
    places |= {f"bullets[{n}]": bullet for n, bullet in enumerate(answer["bullets"])}
    false = tuple(place for place, text in places.items() if unsupported_names(text, known))
    return Finished(result=answer, unsupported=false)


def finish_sentiment(answer: dict[str, Any], _case: Case) -> Finished:
    """The label follows from the number, whatever the model calls it."""
    return Finished(result={**answer, "label": sentiment.label(answer["overall"])})


def finish_bant(answer: dict[str, Any], _case: Case) -> Finished:
    """The score counts an element only when some of its evidence is really there."""
    false = tuple(
        name
        for name in bant.ELEMENTS
        if answer[name]["status"] in bant.POINTS and not _supported(answer[name]["evidence"])
    )
    counted = {
        name: {"status": "unknown"} if name in false else answer[name] for name in bant.ELEMENTS
    }
    return Finished(result={**answer, "score": bant.score(counted)}, unsupported=false)


def finish_quality(answer: dict[str, Any], case: Case) -> Finished:
    """Points and total by the template's formula; a model answers questions, it never scores."""
    template = template_of(case.variables)
    given = {row["key"]: row for row in answer["parameters"]}
    assessed = {
        p.key: quality.assess(p, case) if p.type in MEASURED else _judged(p, given.get(p.key))
        for p in template.parameters
    }
    false = tuple(
        f"parameters.{key}"
        for key, one in assessed.items()
        if one.evidence and not _supported(one.evidence)
    )
    return Finished(result=_checked_rows(quality.blob(template, assessed), case), unsupported=false)


def _judged(parameter: Parameter, row: Mapping[str, Any] | None) -> Assessed:
    """A model's answer; only an uncritical zero may stand without evidence (nothing was said)."""
    if row is None:
        return NEEDS_REVIEW
    evidence = tuple(row["evidence"])
    value, reason = row["value"], row["reason"]
    if value is None:
        state = AnswerState.NA if parameter.na_allowed else AnswerState.NEEDS_REVIEW
        return Assessed(Answer(state), None, Source.LLM, reason, evidence)
    points = points_for(parameter, value)
    absent = points == 0 and not evidence and not parameter.critical
    if points is None or not (absent or _supported(evidence)):
        return Assessed(Answer(AnswerState.NEEDS_REVIEW), value, Source.LLM, reason, evidence)
    return Assessed(Answer(AnswerState.ANSWERED, points), value, Source.LLM, reason, evidence)


def _supported(evidence: Any) -> bool:
    return any(one.get("verified") for one in evidence)


def _checked_rows(blob: dict[str, Any], case: Case) -> dict[str, Any]:
    """The phrases that the server found itself are checked like any other evidence."""
    return verify(blob, QUALITY_SCHEMA, case.transcript).result


FINISHERS: Mapping[str, Finisher] = {
    "summary": finish_summary,
    "sentiment": finish_sentiment,
    "quality_score": finish_quality,
    "bant": finish_bant,
    **findings.FINISHERS,
}
