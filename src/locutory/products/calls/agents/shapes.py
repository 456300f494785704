"""Between the wire and an agent's spec."""

from typing import Any

from locutory.capabilities.analysis.api import LIBRARY, StoredAgent, body_of
from locutory.capabilities.analysis.contract import AgentSpec, RunIf
from locutory.products.calls.agents.schemas import (
    AgentPut,
    AgentRead,
    AgentRow,
    ParamsBody,
    RunIfBody,
)
from locutory.products.calls.records.contract import Direction

_ALIKE = (
    *("name", "kind", "required", "prompt_system", "prompt_user", "output_schema", "provider"),
    *("model", "redact_input", "on_failure"),
)


def spec_from(data: AgentPut, key: str, version: int = 0) -> AgentSpec:
    """The spec of what somebody wrote; a rule without a schema keeps the built-in one."""
    known = LIBRARY.get(key)
    alike = {name: getattr(data, name) for name in _ALIKE}
    if known is not None and not data.output_schema:
        alike["output_schema"] = known.output_schema
    return AgentSpec(
        **alike,
        key=key,
        version=version,
        result_schema={} if known is None else known.result_schema,
        fallback=tuple(data.fallback),
        depends_on=tuple(data.depends_on),
        cache_enabled=data.cache_mode == "exact",
        temperature=data.params.temperature,
        max_tokens=data.params.max_tokens,
        timeout_s=data.params.timeout_s,
        run_if=RunIf(
            has_text=data.run_if.has_text,
            min_duration_ms=round(1000 * data.run_if.min_duration_s),
            directions=tuple(data.run_if.directions),
            languages=tuple(data.run_if.languages),
            lead_matched=data.run_if.lead_matched,
            moments=tuple(data.run_if.moments),
        ),
    )


def written(agent: StoredAgent) -> dict[str, Any]:
    """The agent as somebody would write it."""
    spec = agent.spec
    run_if = spec.run_if
    return {
        **{name: value for name, value in body_of(spec).items() if name in _ALIKE},
        "enabled": agent.enabled,
        "fallback": list(spec.fallback),
        "depends_on": list(spec.depends_on),
        "cache_mode": "exact" if spec.cache_enabled else "off",
        "params": ParamsBody(
            temperature=spec.temperature, max_tokens=spec.max_tokens, timeout_s=spec.timeout_s
        ),
        "run_if": RunIfBody(
            has_text=run_if.has_text,
            min_duration_s=run_if.min_duration_ms / 1000,
            directions=[Direction(one) for one in run_if.directions],
            languages=list(run_if.languages),
            lead_matched=run_if.lead_matched,
            moments=list(run_if.moments),
        ),
    }


def read_agent(agent: StoredAgent) -> AgentRead:
    """A version, whole."""
    return AgentRead(
        **_row(agent),
        **{k: v for k, v in written(agent).items() if k not in AgentRow.model_fields},
        created_by=agent.created_by,
        created_at=agent.created_at,
        updated_by=agent.updated_by,
        published_by=agent.published_by,
        published_at=agent.published_at,
    )


def read_row(agent: StoredAgent) -> AgentRow:
    """A version in a list."""
    return AgentRow(**_row(agent))


def _row(agent: StoredAgent) -> dict[str, Any]:
    return {
        "key": agent.spec.key,
        "name": agent.spec.name,
        "kind": agent.spec.kind,
        "enabled": agent.enabled,
        "required": agent.spec.required,
        "version": agent.spec.version,
        "status": agent.status,
        "origin": agent.origin,
        "built_in": agent.spec.key in LIBRARY,
        "published_version": agent.published_version,
        "depends_on": list(agent.spec.depends_on),
        "updated_at": agent.updated_at,
        "etag": agent.etag,
    }
