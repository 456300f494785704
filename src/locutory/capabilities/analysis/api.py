"""What other modules may call of analysis."""

from collections.abc import Mapping, Sequence
from typing import Any

from locutory.capabilities.analysis.answers import expanded, parse_answer
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
from locutory.capabilities.analysis.library import BUILT_IN, FINISHERS, RULES
from locutory.capabilities.analysis.prompts import DATA_RULE, data_block
from locutory.capabilities.analysis.runner import AgentRunner, redacted_transcript
from locutory.capabilities.analysis.service import Analyst
from locutory.capabilities.analysis.templates import DEFAULT_TEMPLATE
from locutory.capabilities.interactions.contract import Transcript
from locutory.engines.llm.base import LLM

__all__ = [
    "BUILT_IN",
    "DATA_RULE",
    "DEFAULT_TEMPLATE",
    "FINISHERS",
    "RULES",
    "AgentRunner",
    "Analyst",
    "Judged",
    "check_evidence",
    "contains",
    "data_block",
    "expanded",
    "normalised",
    "parse_answer",
    "redacted_transcript",
    "run_agents",
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
