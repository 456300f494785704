"""Agents as people configure them: their JSON, and everything that may be wrong with them."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from locutory.capabilities.analysis.answers import schema_faults
from locutory.capabilities.analysis.contract import AgentKind, AgentSpec, OnFailure, RunIf
from locutory.capabilities.analysis.dag import order_faults
from locutory.capabilities.analysis.library import BUILT_IN, RULES
from locutory.capabilities.analysis.prompts import prompt_faults
from locutory.kernel.errors import ConflictError, InvalidError, LocutoryError, NotFoundError
from locutory.kernel.preconditions import etag_of

MOST_AGENTS = 100
LARGEST_SCHEMA_BYTES = 64 * 1024
LIBRARY: Mapping[str, AgentSpec] = {spec.key: spec for spec in BUILT_IN}

_KEY = re.compile(r"[a-z][a-z0-9_]{1,47}")
# Other parts of the analysis, and other things under the address of the agents.
_RESERVED = frozenset(["quality", "crm_context", "backtests", "library", "validate"])
_NOT_IN_BODY = ("key", "version", "result_schema")
_TUPLES = ("depends_on", "fallback")


class AgentStatus(StrEnum):
    """Of a version. `archived` ones were in force once, or were drafts of an archived agent."""

    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class Origin(StrEnum):
    """Whose version it is."""

    LIBRARY = "library"
    OWN = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAgent:
    """A version of an agent as a tenant has it; the library's are nobody's, and always there.

    `revision` counts the changes of the agent, whatever the version; 0 is the library's.
    """

    spec: AgentSpec
    enabled: bool
    status: AgentStatus
    origin: Origin
    revision: int
    published_version: int | None
    created_by: str | None = None
    created_at: datetime | None = None
    updated_by: str | None = None
    updated_at: datetime | None = None
    published_by: str | None = None
    published_at: datetime | None = None

    @property
    def etag(self) -> str:
        """What changes whenever the agent does."""
        return etag_of(self.spec.version, self.revision)


class AgentNotFound(NotFoundError):
    """There is no such agent here."""

    code = "AGENT_NOT_FOUND"


class AgentVersionNotFound(NotFoundError):
    """The agent has no such version that was ever in force."""

    code = "AGENT_VERSION_NOT_FOUND"


class AgentExists(ConflictError):
    """There is an agent of this key; change that one or choose another key."""

    code = "AGENT_EXISTS"


class NoDraft(ConflictError):
    """The agent has no draft; save one first."""

    code = "AGENT_NO_DRAFT"


class NothingBefore(ConflictError):
    """No other version of this agent was ever in force."""

    code = "AGENT_NOTHING_BEFORE"


class TooManyAgents(ConflictError):
    """A business has a hundred agents at most; archive one first."""

    code = "AGENT_TOO_MANY"


class AgentNeeded(ConflictError):
    """Other agents depend on this one; change them first."""

    code = "AGENT_NEEDED"


class AgentInvalid(InvalidError):
    """The agent cannot be used as it is; `errors` lists every fault."""

    code = "AGENT_INVALID"


class AgentChanged(LocutoryError):
    """Somebody changed this agent since you read it; read it again."""

    status, code = 412, "AGENT_CHANGED"


def body_of(spec: AgentSpec) -> dict[str, Any]:
    """The spec as JSON, without what its row says."""
    return {name: value for name, value in asdict(spec).items() if name not in _NOT_IN_BODY}


def spec_of(key: str, version: int, body: Mapping[str, Any]) -> AgentSpec:
    """The spec again; a built-in agent keeps the shape that its finisher makes."""
    given = dict(body)
    run_if: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.pop("run_if", {}).items()
    }
    known = LIBRARY.get(key)
    return AgentSpec(
        **{
            **given,
            **{name: tuple(given.get(name, ())) for name in _TUPLES},
            "kind": AgentKind(given["kind"]),
            "on_failure": OnFailure(given.get("on_failure", OnFailure.RULES)),
            "run_if": RunIf(**run_if),
        },
        key=key,
        version=version,
        result_schema={} if known is None else known.result_schema,
    )


def agent_faults(spec: AgentSpec, *, providers: Collection[str] = ()) -> list[dict[str, str]]:
    """Everything that is wrong with one agent by itself, as {field, code, message}.

    `providers` are the model providers that this server has.
    """
    return [*_key_faults(spec), *_engine_faults(spec, providers), *_asking_faults(spec)]


def set_faults(specs: Sequence[AgentSpec]) -> list[dict[str, str]]:
    """What is wrong with agents together: unknown parents and cycles."""
    return order_faults(specs)


def replaced(specs: Sequence[AgentSpec], spec: AgentSpec) -> list[AgentSpec]:
    """The agents with this one in place of the one of its key."""
    return [*(other for other in specs if other.key != spec.key), spec]


def check_agent(
    spec: AgentSpec, others: Sequence[AgentSpec], *, providers: Collection[str] = ()
) -> None:
    """Raise AgentInvalid with every fault of an agent and of the set that it makes."""
    faults = agent_faults(spec, providers=providers) + set_faults(replaced(others, spec))
    if faults:
        raise AgentInvalid(errors=faults)


def _key_faults(spec: AgentSpec) -> Iterator[dict[str, str]]:
    if not _KEY.fullmatch(spec.key):
        text = "2 to 48 lower-case letters, digits and _, beginning with a letter"
        yield _fault("key", "AGENT_KEY", text)
    elif spec.key in _RESERVED:
        yield _fault("key", "AGENT_KEY", f"{spec.key} is taken by something else")


def _engine_faults(spec: AgentSpec, providers: Collection[str]) -> Iterator[dict[str, str]]:
    if spec.kind is not AgentKind.LLM and spec.key not in RULES:
        yield _fault("kind", "AGENT_KIND", "only built-in agents have rules; choose llm")
    if spec.kind in (AgentKind.SCORE, AgentKind.METRIC):
        yield _fault("kind", "AGENT_KIND", "choose llm or rule")
    if spec.provider is not None and spec.provider not in providers:
        here = ", ".join(sorted(providers)) or "none"
        yield _fault("provider", "PROVIDER_UNKNOWN", f"this server's providers: {here}")


def _asking_faults(spec: AgentSpec) -> Iterator[dict[str, str]]:
    for field in ("prompt_system", "prompt_user"):
        yield from prompt_faults(getattr(spec, field), field=field, parents=spec.depends_on)
    if spec.kind is not AgentKind.LLM:
        return
    if not spec.prompt_user.strip():
        yield _fault("prompt_user", "PROMPT_MISSING", "a model needs a prompt")
    try:
        size = len(orjson.dumps(dict(spec.output_schema)))
    except (TypeError, RecursionError):
        yield _fault("output_schema", "SCHEMA_INVALID", "not plain JSON")
        return
    if size > LARGEST_SCHEMA_BYTES:
        yield _fault("output_schema", "SCHEMA_TOO_LARGE", "larger than 64 kB")
        return
    found = schema_faults(spec.output_schema)
    for path, _, message in (fault.partition(": ") for fault in found):
        yield _fault(f"output_schema{path[1:]}", "SCHEMA_INVALID", message)
    known = LIBRARY.get(spec.key)
    if known is not None and not found:
        yield from _kept_faults(spec.output_schema, known.output_schema)


def _kept_faults(
    schema: Mapping[str, Any], built_in: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    """The product reads what its own agents answer: more may be asked, never less."""
    for name, wanted in built_in["properties"].items():
        if orjson.dumps(schema.get("properties", {}).get(name), option=orjson.OPT_SORT_KEYS) != (
            orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS)
        ):
            text = "a built-in agent's own answers stay; add others beside them"
            yield _fault(f"output_schema.{name}", "SCHEMA_BUILT_IN", text)
    for name in set(built_in["required"]) - set(schema.get("required", [])):
        yield _fault(
            "output_schema.required", "SCHEMA_BUILT_IN", f"{name} of the built-in agent is required"
        )


def _fault(field: str, code: str, message: str) -> dict[str, str]:
    return {"field": field, "code": code, "message": message}


def library_agent(key: str) -> StoredAgent:
    """The library's agent, as a tenant has it that changed nothing. Raises AgentNotFound."""
    if key not in LIBRARY:
        raise AgentNotFound
    spec = LIBRARY[key]
    return StoredAgent(
        spec=spec,
        enabled=True,
        status=AgentStatus.PUBLISHED,
        origin=Origin.LIBRARY,
        revision=0,
        published_version=spec.version,
    )
