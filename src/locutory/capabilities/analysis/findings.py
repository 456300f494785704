"""Six agents that find things in a talk: prompts, schemas, rules and finishers."""

from collections.abc import Mapping
from typing import Any

from locutory.capabilities.analysis.contract import (
    AgentKind,
    AgentSpec,
    Case,
    Finished,
    Finisher,
    Rule,
)
from locutory.capabilities.analysis.evidence import contains, normalised
from locutory.capabilities.analysis.rules import (
    compliance,
    lead,
    objections,
    outcome,
    steps,
    topics,
)
from locutory.capabilities.analysis.shapes import (
    EVIDENCE,
    EVIDENCE_LIST,
    STRING,
    SYSTEM,
    TALK,
    closed_object,
    list_of,
    text_of,
)
from locutory.capabilities.analysis.taxonomy import objection_types
from locutory.capabilities.interactions.contract import Role

# Agents whose answer is a list: it stands in the answer under the agent's own key.
LISTS = frozenset({"objections", "topics", "next_steps", "compliance"})

_HANDLED: dict[str, Any] = {"type": "string", "enum": ["yes", "partial", "no", "unknown"]}
_SEGMENT: dict[str, Any] = {"type": "integer", "minimum": 0}
_SEGMENT_OR_NULL: dict[str, Any] = {"type": ["integer", "null"], "minimum": 0}
_TRUTH_OR_NULL: dict[str, Any] = {"type": ["boolean", "null"]}
_SHARE: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}
_TOPIC_KEYS = ", ".join(topics.LABELS)
_RULES = "; ".join(f"{key}: {label}" for key, label in compliance.LABELS.items())
_DISPOSITIONS = ", ".join(outcome.DISPOSITIONS)

OBJECTIONS_ANSWER_SCHEMA = closed_object(
    {
        "objections": list_of(
            closed_object(
                {
                    "type": text_of(64),
                    "evidence": EVIDENCE,
                    "handled": _HANDLED,
                    "response_segment": _SEGMENT_OR_NULL,
                }
            )
        )
    }
)
OBJECTIONS_SCHEMA = closed_object(
    {
        "objections": list_of(
            closed_object(
                {
                    "type": STRING,
                    "quote": STRING,
                    "segment": _SEGMENT,
                    "handled": _HANDLED,
                    "response_segment": _SEGMENT_OR_NULL,
                    "evidence": EVIDENCE,
                }
            )
        )
    }
)
TOPICS_SCHEMA = closed_object(
    {
        "topics": list_of(
            closed_object({"key": text_of(64), "label": text_of(80), "share": _SHARE}), 12
        )
    }
)
NEXT_STEPS_SCHEMA = closed_object(
    {
        "next_steps": list_of(
            closed_object(
                {
                    "owner": {"type": "string", "enum": ["agent", "customer"]},
                    "text": text_of(400),
                    "due": text_of(120),
                    "evidence": EVIDENCE,
                }
            ),
            20,
        )
    }
)
OUTCOME_SCHEMA = closed_object(
    {
        "disposition": {"type": "string", "enum": [*outcome.DISPOSITIONS, ""]},
        "resolved": _TRUTH_OR_NULL,
        "callback": _TRUTH_OR_NULL,
        "evidence": EVIDENCE_LIST,
    }
)
_COMPLIANCE = {"rule": text_of(64), "met": _TRUTH_OR_NULL}
COMPLIANCE_ANSWER_SCHEMA = closed_object(
    {"compliance": list_of(closed_object({**_COMPLIANCE, "evidence": EVIDENCE_LIST}))}
)
COMPLIANCE_SCHEMA = closed_object(
    {"compliance": list_of(closed_object({**_COMPLIANCE, "label": STRING, "evidence": EVIDENCE}))}
)
LEAD_SCHEMA = closed_object(
    {
        "fields": list_of(
            closed_object(
                {
                    "field": {"type": "string", "enum": [*lead.FIELDS]},
                    "value": text_of(200),
                    "evidence": EVIDENCE,
                }
            ),
            20,
        )
    }
)


def _agent(
    key: str,
    name: str,
    ask: str,
    schema: Mapping[str, Any],
    result_schema: Mapping[str, Any] | None = None,
) -> AgentSpec:
    return AgentSpec(
        key=key,
        version=1,
        name=name,
        kind=AgentKind.LLM,
        prompt_system=SYSTEM,
        prompt_user=f"{ask}\n\n{TALK}",
        output_schema=schema,
        result_schema=result_schema or {},
    )


AGENTS: tuple[AgentSpec, ...] = (
    _agent(
        "objections",
        "Objections",
        "Which reasons against going on does the customer give? One entry for each turn and type:"
        " `type` one of the keys below, `evidence` the customer's words, `response_segment` the"
        " number of the agent's turn that answers within 90 seconds, null without one. `handled`:"
        " `yes` when that turn answers this very reason and the customer lets it rest, `partial`"
        " when it is answered in part or raised again, `no` when nobody answers, else `unknown`."
        " Questions for information are no objections.\n"
        "{% for t in objection_types %}- {{ t.key }}: {{ t.label }}\n{% endfor %}",
        OBJECTIONS_ANSWER_SCHEMA,
        OBJECTIONS_SCHEMA,
    ),
    _agent(
        "topics",
        "Topics",
        "What is the talk about? At most six topics: `key` one of"
        f" {_TOPIC_KEYS}, or a short one of your own in lower case that begins with"
        f" `{topics.OWN_PREFIX}`; `label` a name for readers; `share` the topic's part of the"
        " spoken time.",
        TOPICS_SCHEMA,
    ),
    _agent(
        "next_steps",
        "Next steps",
        "What was promised for after the talk, and by whom? `due` in the words that were said,"
        " empty if none.",
        NEXT_STEPS_SCHEMA,
    ),
    _agent(
        "outcome",
        "Outcome",
        f"How did the talk end? `disposition` one of {_DISPOSITIONS}; `resolved` whether the"
        " customer's matter was settled, null where that cannot be told; `callback` whether"
        " somebody is to call again.",
        OUTCOME_SCHEMA,
    ),
    _agent(
        "compliance",
        "Compliance",
        f"Did the agent keep each of these rules? {_RULES}. One entry for each; `met` null where"
        " the rule does not apply or cannot be told, `evidence` for what was said.",
        COMPLIANCE_ANSWER_SCHEMA,
        COMPLIANCE_SCHEMA,
    ),
    _agent(
        "lead_profile",
        "Lead profile",
        "What does the customer tell of themselves? Give only fields that were said, `value` in"
        " the customer's own words.",
        LEAD_SCHEMA,
    ),
)

RULES: Mapping[str, Rule] = {
    "objections": objections.judge,
    "topics": topics.judge,
    "next_steps": steps.judge,
    "outcome": outcome.judge,
    "compliance": compliance.judge,
    "lead_profile": lead.judge,
}


def finish_objections(answer: dict[str, Any], case: Case) -> Finished:
    """Keep known types; an answer counts only where the agent has a turn within 90 s."""
    known = {one.key for one in objection_types(case.variables)}
    rows: list[dict[str, Any]] = []
    false: list[str] = []
    for row in answer["objections"]:
        segments = row["evidence"]["segments"]
        turn = _turn(case, segments[0] if segments else None)
        if row["type"] not in known or turn is None:
            continue
        if turn.role is not Role.CUSTOMER:
            false.append(f"objections[{len(rows)}]")
        answers = {other.idx for other in objections.responses(case.transcript, turn)}
        answered = row["response_segment"] in answers
        unheard = not answered and row["handled"] in ("yes", "partial")
        rows.append(
            {
                "type": row["type"],
                "quote": row["evidence"]["quote"],
                "segment": turn.idx,
                "handled": "unknown" if unheard else row["handled"],
                "response_segment": row["response_segment"] if answered else None,
                "evidence": row["evidence"],
            }
        )
    return Finished(result={"objections": rows}, unsupported=tuple(false))


def finish_topics(answer: dict[str, Any], case: Case) -> Finished:
    """Built-in topics have their built-in names; a topic of the model's own says that it is one."""
    rows: dict[str, dict[str, Any]] = {}
    for row in answer["topics"]:
        key = row["key"].strip().casefold().replace(" ", "_")
        if key not in topics.LABELS and not key.startswith(topics.OWN_PREFIX):
            key = topics.OWN_PREFIX + key
        rows.setdefault(key, {**row, "key": key, "label": topics.LABELS.get(key, row["label"])})
    return Finished(result={"topics": list(rows.values())})


def finish_compliance(answer: dict[str, Any], _case: Case) -> Finished:
    """One row for each rule; a rule is not met on words that nobody said."""
    given = {row["rule"]: row for row in answer["compliance"]}
    rows: list[dict[str, Any]] = []
    false: list[str] = []
    for rule, label in compliance.LABELS.items():
        row = given.get(rule, {"met": None, "evidence": []})
        held = next((one for one in row["evidence"] if one.get("verified")), None)
        if row["met"] and held is None:
            false.append(f"compliance.{rule}")
        met = None if row["met"] and held is None else row["met"]
        rows.append({"rule": rule, "label": label, "met": met, "evidence": held})
    return Finished(result={"compliance": rows}, unsupported=tuple(false))


def finish_lead(answer: dict[str, Any], case: Case) -> Finished:
    """A value whose words were not said is marked; a name is never made up."""
    said = normalised(case.transcript.plain())
    false = tuple(
        f"fields[{n}].value"
        for n, row in enumerate(answer["fields"])
        if not (value := normalised(row["value"])) or not contains(said, value)
    )
    return Finished(result=answer, unsupported=false)


def _as_it_is(answer: dict[str, Any], _case: Case) -> Finished:
    return Finished(result=answer)


def _turn(case: Case, idx: int | None) -> Any:
    turns = case.transcript.turns
    return turns[idx] if idx is not None and 0 <= idx < len(turns) else None


FINISHERS: Mapping[str, Finisher] = {
    "objections": finish_objections,
    "topics": finish_topics,
    "next_steps": _as_it_is,
    "outcome": _as_it_is,
    "compliance": finish_compliance,
    "lead_profile": finish_lead,
}
