"""Wire shapes of agents and their trials."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from locutory.capabilities.analysis.api import AgentStatus, Origin
from locutory.capabilities.analysis.contract import AgentKind, OnFailure
from locutory.kernel.auth.schemas import Moment
from locutory.kernel.clock import as_utc
from locutory.products.calls.agents.contract import (
    MOST_BACKTEST_CALLS,
    MOST_TEST_CALLS,
    TrialState,
)
from locutory.products.calls.records.contract import Direction

Limit = Annotated[datetime, AfterValidator(as_utc)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Keys = Annotated[list[Key], Field(max_length=20)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
# In characters; the limit of 64 kB is checked with all other faults.
Prompt = Annotated[str, StringConstraints(max_length=200_000)]
Model = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Callid = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Callids = Annotated[list[Callid], Field(min_length=1, max_length=MOST_TEST_CALLS)]

_EXAMPLE: dict[str, Any] = {
    "key": "delivery_promise",
    "name": "Delivery promise",
    "prompt_user": "Which delivery date did the agent promise?\n{{ transcript }}",
    "output_schema": {
        "type": "object",
        "properties": {
            "date": {"type": ["string", "null"], "maxLength": 60},
            "evidence": {"type": "array", "items": {"type": "evidence"}, "maxItems": 3},
        },
        "required": ["date", "evidence"],
    },
    "run_if": {"min_duration_s": 20, "directions": ["inbound"]},
}


class ParamsBody(BaseModel):
    """How a model is asked."""

    model_config = ConfigDict(extra="forbid")

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    max_tokens: Annotated[int, Field(ge=16, le=16_384)] = 2048
    timeout_s: Annotated[float, Field(ge=1, le=300)] = 60.0


class RunIfBody(BaseModel):
    """When the agent runs; what is left out does not matter. Languages match by prefix."""

    model_config = ConfigDict(extra="forbid")

    has_text: bool = True
    min_duration_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    directions: Annotated[list[Direction], Field(max_length=4)] = []
    languages: Annotated[
        list[Annotated[str, StringConstraints(min_length=2, max_length=16)]], Field(max_length=50)
    ] = []
    lead_matched: bool | None = None
    moments: Annotated[list[Key], Field(max_length=50)] = []


class AgentPut(BaseModel):
    """An agent, whole. What is left out gets its default."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {k: v for k, v in _EXAMPLE.items() if k != "key"}},
    )

    name: Label
    kind: AgentKind = AgentKind.LLM
    enabled: bool = True
    required: bool = False
    prompt_system: Prompt = ""
    prompt_user: Prompt = ""
    output_schema: dict[str, Any] = {}
    provider: Model | None = None
    model: Model | None = None
    fallback: Annotated[list[Model], Field(max_length=5)] = []
    params: ParamsBody = ParamsBody()
    run_if: RunIfBody = RunIfBody()
    depends_on: Keys = []
    cache_mode: Literal["exact", "off"] = "exact"
    redact_input: bool = True
    on_failure: OnFailure = OnFailure.RULES


class AgentCreate(AgentPut):
    """A new agent; its key never changes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _EXAMPLE})

    key: Key


class AgentPatch(AgentPut):
    """What is left out stays as it is in the newest version."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"enabled": False}})

    name: Label = ""


class AgentRow(BaseModel):
    """An agent in a list: its newest version. `published_version` is None while none judges."""

    key: str
    name: str
    kind: AgentKind
    enabled: bool
    required: bool
    version: int
    status: AgentStatus
    origin: Origin  # library: as it came with the program
    built_in: bool
    published_version: int | None
    depends_on: list[str]
    updated_at: Moment | None
    etag: str


class AgentRead(AgentRow):
    """A version of an agent, whole, with who made it and who put it in force."""

    prompt_system: str
    prompt_user: str
    output_schema: dict[str, Any]
    provider: str | None
    model: str | None
    fallback: list[str]
    params: ParamsBody
    run_if: RunIfBody
    cache_mode: str
    redact_input: bool
    on_failure: OnFailure
    created_by: str | None
    created_at: Moment | None
    updated_by: str | None
    published_by: str | None
    published_at: Moment | None


class AgentList(BaseModel):
    """How agents are listed: drafts and published ones, or those of one status."""

    model_config = ConfigDict(extra="forbid")

    status: AgentStatus | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class AgentPage(BaseModel):
    """Agents by key."""

    items: list[AgentRow]
    next_cursor: str | None


class VersionPage(BaseModel):
    """Versions of an agent, newest first."""

    items: list[AgentRead]
    next_cursor: str | None


class LibraryRead(BaseModel):
    """The agents that come with the program, and what a prompt may name."""

    items: list[AgentRead]
    variables: dict[str, list[str]]  # attributes of each variable, none where it has none
    providers: list[str]


class Rollback(BaseModel):
    """Without a version: the one that was in force before."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class Fault(BaseModel):
    """One thing that is wrong, and where."""

    field: str
    code: str
    message: str


class Verdict(BaseModel):
    """Whether an agent could be saved, with everything that is wrong with it."""

    valid: bool
    errors: list[Fault]


class TestRun(BaseModel):
    """A trial of the agent's draft, or of what is in force where there is none."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"callids": ["c-1"]}})

    callids: Callids
    force: Annotated[bool, Field(description="ask the model also where its answer is known")] = (
        False
    )
    wait_s: Annotated[
        float, Field(ge=0, le=60, description="then it goes on as a job, and the reply is a 202")
    ] = 60.0


class TestRunInline(TestRun):
    """A trial of an agent that is saved nowhere."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"callids": ["c-1"], "agent": _EXAMPLE}}
    )

    agent: AgentCreate


class RenderedPrompt(BaseModel):
    """What a model was sent."""

    system: str
    user: str


class DifferenceRead(BaseModel):
    """A place on which the version in force answers otherwise; "(absent)" for no such place."""

    path: str
    published: Any
    tried: Any


class TestRunItem(BaseModel):
    """What the agent made of one call."""

    callid: str
    prompt: RenderedPrompt | None  # None where no model was asked
    raw: list[str]  # the second one after a repair turn; empty for a known answer
    parsed: dict[str, Any] | None
    schema_errors: list[str]
    evidence_ok: bool | None
    unsupported: list[str]
    source: str | None
    engine: str | None
    cached: bool
    error: str | None
    tokens_in: int
    tokens_out: int
    cost_micros: int | None
    latency_ms: int
    published: dict[str, Any] | None
    differences: list[DifferenceRead]


class TestRunRead(BaseModel):
    """A test run; `items` are empty while it runs as a job."""

    id: UUID | None
    job_id: UUID | None
    state: TrialState
    agent: str
    version: int
    published_version: int | None
    items: list[TestRunItem]
    error: str | None


class BacktestAsk(BaseModel):
    """How many calls, of which time; the sample is the same for the same seed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"calls": 50}})

    calls: Annotated[int, Field(ge=1, le=MOST_BACKTEST_CALLS)] = 50
    from_: Annotated[Limit | None, Field(alias="from")] = None
    to: Limit | None = None
    seed: Annotated[int, Field(ge=0, le=1_000_000)] = 1


class BacktestRow(BaseModel):
    """A back-test in a list."""

    id: UUID
    agent: str
    version: int
    published_version: int | None
    state: TrialState
    created_by: str
    created_at: Moment
    finished_at: Moment | None
    error: str | None
    summary: dict[str, Any] | None  # the report's numbers without fields and calls


class BacktestRead(BacktestRow):
    """A back-test with its report, None while it runs."""

    report: dict[str, Any] | None


class BacktestPage(BaseModel):
    """Back-tests, newest first."""

    items: list[BacktestRow]
    next_cursor: str | None


class BacktestList(BaseModel):
    """How back-tests are listed."""

    model_config = ConfigDict(extra="forbid")

    agent: Key | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class BacktestStarted(BaseModel):
    """A back-test that was taken on."""

    id: UUID
    job_id: UUID


class Reanalyze(BaseModel):
    """Which agents judge anew, all of them where none is named."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"agents": ["bant"]}})

    agents: Annotated[list[Key], Field(min_length=1, max_length=100)] | None = None
    force: Annotated[bool, Field(description="ask the model also where its answer is known")] = (
        False
    )


class JobRead(BaseModel):
    """A job that was taken on."""

    job_id: UUID
