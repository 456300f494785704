"""What outsiders may name of analysis: agents, their results, templates of quality."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from locutory.capabilities.interactions.contract import Evidence, Transcript
from locutory.kernel.errors import ConflictError, EngineError, LocutoryError, NotFoundError
from locutory.kernel.preconditions import etag_of
from locutory.kernel.provenance import Provenance

RULES_ENGINE = "locutory-rules/1"
QUALITY_AGENT = "quality_score"  # the agent that answers a template's questions

# What rules find is never surer than this (calls seed, 8.6).
MAX_RULE_CONFIDENCE = 0.6


class AgentKind(StrEnum):
    """How an agent comes to its answer."""

    LLM = "llm"
    RULE = "rule"
    SCORE = "score"
    METRIC = "metric"


class OnFailure(StrEnum):
    """What becomes of an agent whose model gives no usable answer."""

    RULES = "rules"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIf:
    """When an agent runs at all. Empty tuples allow everything; languages match by prefix.

    `lead_matched` asks for a lead, or for none; `moments` are keys of which one must be present.
    """

    has_text: bool = True
    min_duration_ms: int = 0
    directions: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    lead_matched: bool | None = None
    moments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpec:
    """One version of a configured agent.

    `output_schema` is what a model must answer, in the JSON schema subset of `answers.py`, where
    `{"type": "evidence"}` stands for `{segments: [int], quote: str}`; `result_schema` is the final
    shape where a finisher makes another of it, else empty. `depends_on` names keys whose results
    the prompt gets as `parents.<key>`. `required` is for the caller: a product does not finish
    without it. `model` is another one of the provider than the configured one, and `fallback` those
    that are asked after it, in this order; a `provider` that is not the configured one fails.
    """

    key: str
    version: int
    name: str
    kind: AgentKind
    prompt_system: str = ""
    prompt_user: str = ""
    output_schema: Mapping[str, Any] = field(default_factory=dict)
    result_schema: Mapping[str, Any] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    run_if: RunIf = RunIf()
    on_failure: OnFailure = OnFailure.RULES
    required: bool = False
    redact_input: bool = True
    cache_enabled: bool = True
    provider: str | None = None
    model: str | None = None
    fallback: tuple[str, ...] = ()
    temperature: float = 0.0
    max_tokens: int = 2048
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What went to a model and what came back, word for word, for whoever writes the prompt.

    `raw` holds the answers in order, the second one after a repair turn; it is empty for an answer
    out of the cache. `faults` are those of the last answer.
    """

    system: str
    user: str
    raw: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentResult:
    """What one agent answered.

    `result` is None when there is no answer; `error` then says why (`skipped: no_text`, or the
    code of the failure), and `failure` carries the exception for the retry table. A degraded
    result has an `error` too: what the model failed with. `evidence_ok` is None without evidence;
    `unsupported` names the places whose words are not in the transcript (`budget.evidence[0]`).
    `pieces` is in how many parts a talk was judged that is longer than the model's window.
    """

    key: str
    version: int
    result: dict[str, Any] | None
    provenance: Provenance | None = None
    evidence: tuple[Evidence, ...] = ()
    evidence_ok: bool | None = None
    unsupported: tuple[str, ...] = ()
    error: str | None = None
    failure: EngineError | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micros: int | None = None
    latency_ms: int = 0
    pieces: int = 1
    trace: Trace | None = None  # only where it was asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What an agent looks at: a transcript, the variables of its prompt, its parents' results."""

    transcript: Transcript
    variables: Mapping[str, Any] = field(default_factory=dict)
    parents: Mapping[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAnswer:
    """A rule's answer in the agent's final shape; `evidence` is what the shape has no place for."""

    result: dict[str, Any]
    confidence: float
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A model's checked answer in the agent's final shape, with further unsupported places."""

    result: dict[str, Any]
    unsupported: tuple[str, ...] = ()


Rule = Callable[[Case], RuleAnswer]
Finisher = Callable[[dict[str, Any], Case], Finished]


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedAnswer:
    """An answer that fitted its schema, before any evidence check."""

    value: dict[str, Any]
    engine: str


class Cache(Protocol):
    """Answers by key. A key holds its tenant, so entries are never shared between tenants."""

    async def get(self, key: str) -> CachedAnswer | None:
        """The answer, or None when absent or too old."""
        ...

    async def put(self, key: str, answer: CachedAnswer) -> None:
        """Keep an answer."""
        ...


class ParameterType(StrEnum):
    """How a quality parameter is answered."""

    BOOL = "bool"
    SCALE = "scale"
    ENUM = "enum"
    NUMBER = "number"
    METRIC = "metric"
    PHRASE = "phrase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One question of a scoring template.

    `options` by type: scale `{"max": n}`, enum `{"points": {option: 0-1}}`, number
    `{"min", "max"}`. `binding` by type: metric `{"metric", "bands": [[low, high, points], …]}`
    (half-open, None for no bound), phrase `{"phrases", "present", "role", "from_share",
    "to_share", "from_ms", "to_ms"}`.
    """

    key: str
    section: str
    question: str
    type: ParameterType
    weight: float = 1.0
    critical: bool = False
    na_allowed: bool = True
    guidance: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    binding: Mapping[str, Any] = field(default_factory=dict)


class GradingMode(StrEnum):
    """Whose answers count: the engine's, the engine's once a person submitted, a person's only."""

    AUTO = "auto"
    SUGGEST = "suggest"
    MANUAL = "manual"


# The template in the code, for tenants that have published none.
BUILT_IN_TEMPLATE = UUID("00000000-0000-7000-8000-0000007e3e01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One version of a scoring template; `id` is the same for all versions.

    `critical_cap` replaces the 0 of a failed critical parameter.
    """

    name: str
    version: int
    parameters: tuple[Parameter, ...]
    pass_mark: float = 70.0
    critical_cap: float | None = None
    grading_mode: GradingMode = GradingMode.AUTO
    id: UUID = BUILT_IN_TEMPLATE

    def parameter(self, key: str) -> Parameter | None:
        """The parameter of that key."""
        return next((p for p in self.parameters if p.key == key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkFacts:
    """What a template's conditions look at."""

    direction: str | None = None
    agent_id: str | None = None
    team: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliesIf:
    """Which talks a template is for: one of each list that is not empty. Languages by prefix."""

    directions: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()

    @property
    def unconditional(self) -> bool:
        """Whether it is for every talk."""
        return self == AppliesIf()

    def fits(self, facts: TalkFacts) -> bool:
        """Whether the talk is one of these."""
        return (
            (not self.directions or facts.direction in self.directions)
            and (not self.agents or facts.agent_id in self.agents)
            and (not self.teams or facts.team in self.teams)
            and (not self.tags or not set(self.tags).isdisjoint(facts.tags))
            and (not self.languages or (facts.language or "").startswith(self.languages))
        )


class TemplateStatus(StrEnum):
    """Of a version: only the published one scores."""

    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateDraft:
    """What a person writes of a template."""

    name: str
    parameters: tuple[Parameter, ...]
    grading_mode: GradingMode = GradingMode.AUTO
    applies_if: AppliesIf = AppliesIf()
    pass_mark: float = 70.0
    critical_cap: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTemplate:
    """A version as it is kept; `revision` counts its changes, `etag` names version and change."""

    template: Template
    status: TemplateStatus
    applies_if: AppliesIf
    revision: int
    published_version: int | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None

    @property
    def etag(self) -> str:
        """What changes whenever this does."""
        return etag_of(self.template.version, self.revision)


class TemplateNotFound(NotFoundError):
    """There is no such scoring template here."""

    code = "TEMPLATE_NOT_FOUND"


class TemplateNameTaken(ConflictError):
    """Another scoring template has this name; choose another one or change that template."""

    code = "TEMPLATE_NAME_TAKEN"


class TemplateArchived(ConflictError):
    """This scoring template is archived; make a new one."""

    code = "TEMPLATE_ARCHIVED"


class TemplateChanged(LocutoryError):
    """Somebody changed this scoring template since you read it; read it again."""

    status, code = 412, "TEMPLATE_CHANGED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What all agents made of a transcript.

    `blob` is the calls seed's analysis (8.2), None under an agent without an answer; `meta` says
    of each agent which engine answered, at what cost, and whether its evidence holds.
    """

    blob: dict[str, Any]
    meta: dict[str, dict[str, Any]]
    degraded: bool
    partial: bool
    engine: str
    engine_ms: int
