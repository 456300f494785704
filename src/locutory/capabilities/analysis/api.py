"""What other modules may call of analysis."""

from collections.abc import Mapping, Sequence
from typing import Any

from locutory.capabilities.analysis.agent_store import (
    By,
    agents_in_force,
    archive_agent,
    create_agent,
    draft_agent,
    drafted_set,
    get_agent,
    list_agents,
    list_versions,
    publish_agent,
    published_agent,
    roll_back,
    save_draft,
)
from locutory.capabilities.analysis.answers import expanded, parse_answer
from locutory.capabilities.analysis.configs import (
    LIBRARY,
    AgentInvalid,
    AgentNotFound,
    AgentStatus,
    NoDraft,
    Origin,
    StoredAgent,
    agent_faults,
    body_of,
    library_agent,
    replaced,
    set_faults,
    spec_of,
)
from locutory.capabilities.analysis.contract import (
    AgentResult,
    AgentSpec,
    Cache,
    Finisher,
    Judged,
    Rule,
)
from locutory.capabilities.analysis.evidence import check as check_evidence
from locutory.capabilities.analysis.evidence import contains, normalised, unsupported_names
from locutory.capabilities.analysis.grading import (
    PersonsAnswer,
    answer_faults,
    merged,
    rows_of_engine,
    rows_of_person,
    scorecard,
)
from locutory.capabilities.analysis.library import BUILT_IN, FINISHERS, RULES
from locutory.capabilities.analysis.prompts import DATA_RULE, data_block
from locutory.capabilities.analysis.rules.phrasing import heard
from locutory.capabilities.analysis.rules.sentiment import by_turn
from locutory.capabilities.analysis.rules.wordbook import prepare as prepare_rules
from locutory.capabilities.analysis.runner import AgentRunner, redacted_transcript
from locutory.capabilities.analysis.scoring import AnswerState, ScoreState, points_for
from locutory.capabilities.analysis.service import (
    Analyst,
    blob_name,
    degraded_agents,
    forget_answers,
    judged,
    results_of,
)
from locutory.capabilities.analysis.taxonomy import OBJECTION_TYPES, ObjectionType
from locutory.capabilities.analysis.template_faults import MOST_PARAMETERS, template_faults
from locutory.capabilities.analysis.template_store import (
    archive_template,
    change_template,
    create_template,
    find_template,
    get_template,
    list_templates,
    publish_template,
    template_in_force,
)
from locutory.capabilities.analysis.templates import DEFAULT_TEMPLATE
from locutory.capabilities.analysis.warming import prepare_beside as prepare_rules_beside
from locutory.capabilities.interactions.contract import Transcript
from locutory.engines.llm.base import LLM

__all__ = [
    "BUILT_IN",
    "DATA_RULE",
    "DEFAULT_TEMPLATE",
    "FINISHERS",
    "LIBRARY",
    "MOST_PARAMETERS",
    "OBJECTION_TYPES",
    "RULES",
    "AgentInvalid",
    "AgentNotFound",
    "AgentRunner",
    "AgentStatus",
    "Analyst",
    "AnswerState",
    "By",
    "Judged",
    "NoDraft",
    "ObjectionType",
    "Origin",
    "PersonsAnswer",
    "ScoreState",
    "StoredAgent",
    "agent_faults",
    "agents_in_force",
    "answer_faults",
    "archive_agent",
    "archive_template",
    "blob_name",
    "body_of",
    "by_turn",
    "change_template",
    "check_evidence",
    "contains",
    "create_agent",
    "create_template",
    "data_block",
    "degraded_agents",
    "draft_agent",
    "drafted_set",
    "expanded",
    "find_template",
    "forget_answers",
    "get_agent",
    "get_template",
    "heard",
    "judged",
    "library_agent",
    "list_agents",
    "list_templates",
    "list_versions",
    "merged",
    "normalised",
    "parse_answer",
    "points_for",
    "prepare_rules",
    "prepare_rules_beside",
    "publish_agent",
    "publish_template",
    "published_agent",
    "redacted_transcript",
    "replaced",
    "results_of",
    "roll_back",
    "rows_of_engine",
    "rows_of_person",
    "run_agents",
    "save_draft",
    "scorecard",
    "set_faults",
    "spec_of",
    "template_faults",
    "template_in_force",
    "unsupported_names",
]


async def run_agents(
    transcript: Transcript,
    specs: Sequence[AgentSpec],
    *,
    tenant: str,
    llm: LLM | None,
    fallback: Mapping[str, Rule] = RULES,
    finishers: Mapping[str, Finisher] = FINISHERS,
    cache: Cache | None = None,
    variables: Mapping[str, Any] | None = None,
) -> list[AgentResult]:
    """Run agents once; share an `AgentRunner` instead where many calls are judged at a time."""
    runner = AgentRunner(llm=llm, rules=fallback, finishers=finishers, cache=cache)
    return await runner.run(transcript, specs, tenant=tenant, variables=variables)
