"""Wire shapes of our own paths to language models."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from locutory.capabilities.runtime.contract import BatchState, ItemState
from locutory.engines.llm.base import LLMReply, LLMRequest, Turn
from locutory.kernel.auth.schemas import Moment

_DEEPEST = 24
_MOST_NODES = 2000
_REFUSED = frozenset({"pattern", "patternProperties", "$dynamicRef", "$id"})
_NAMING = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})


def _sendable(text: str) -> str:
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError("half a surrogate pair is in no UTF-8")
    return text


def usable_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema that costs no more than a look: no regular expressions, nothing from afar.

    Raises ValueError.
    """
    pending: list[tuple[Any, int, bool]] = [(schema, 0, False)]
    for node, depth, names in pending:  # grows while it is walked
        if depth > _DEEPEST or len(pending) > _MOST_NODES:
            raise ValueError("the schema is too deep or too large")
        if isinstance(node, dict):
            if not names:
                _check_keywords(node)
            for key, part in node.items():
                _sendable(key)
                pending.append((part, depth + 1, not names and key in _NAMING))
        elif isinstance(node, list):
            pending += [(part, depth + 1, False) for part in node]
        elif isinstance(node, str):
            _sendable(node)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"no JSON schema: {error.message}"[:300]) from error
    return schema


def _check_keywords(node: dict[str, Any]) -> None:
    refused = sorted(_REFUSED & node.keys())
    if refused:
        raise ValueError(f"no {', '.join(refused)} here")
    reference = node.get("$ref", "#")
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise ValueError("references stay within the schema")


Text = Annotated[str, StringConstraints(max_length=400_000), AfterValidator(_sendable)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_sendable)]
Schema = Annotated[dict[str, Any], AfterValidator(usable_schema)]


class Message(BaseModel):
    """One turn of the talk."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: Text


class ChatBody(BaseModel):
    """A request to a model; without `provider` and `model` the router chooses."""

    model_config = ConfigDict(extra="forbid")

    messages: Annotated[list[Message], Field(min_length=1, max_length=500)]
    system: Text | None = None
    provider: Word | None = None
    model: Word | None = None
    purpose: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")] = "general"
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=200_000)] | None = None
    response_schema: Schema | None = None

    @model_validator(mode="after")
    def _ends_with_a_question(self) -> "ChatBody":
        if self.messages[-1].role != "user":
            raise ValueError("the last message must be the user's")
        return self


class ChatAsk(ChatBody):
    """The same, answered at once; `stream` gives server-sent events."""

    stream: bool = False


class UsageRead(BaseModel):
    """Tokens; `estimated` where the provider told none."""

    input: int
    output: int
    estimated: bool


class AttemptRead(BaseModel):
    """One try at one model."""

    provider: str
    model: str
    outcome: str
    latency_ms: int
    ttft_ms: int | None
    error_code: str | None
    status: int | None


class ChatRead(BaseModel):
    """What a model answered; `cost_micros` in millionths of a dollar, null where unknown."""

    text: str
    parsed: Any
    finish_reason: str
    provider: str
    model: str
    engine: str
    usage: UsageRead
    cost_micros: int | None
    latency_ms: int
    ttft_ms: int | None
    attempts: list[AttemptRead]
    fallback_used: bool


class ProviderRead(BaseModel):
    """A provider and how its default model fares."""

    name: str
    models: list[str]
    default: bool
    healthy: bool
    breaker: Literal["closed", "open", "half_open"]
    local: bool
    latency_ms: float | None
    last_failure: str | None
    retry_after_s: float
    access: str | None  # of the last look: ok | refused | away | no_model; null: cannot be asked
    capabilities: dict[str, bool | int | None]


class ProvidersRead(BaseModel):
    """All providers, in the order in which they are asked; `fault` is of a file not in use."""

    items: list[ProviderRead]
    strategy: str | None
    fault: str | None


class BatchItemAsk(ChatBody):
    """One request of a batch."""

    id: Word


class BatchAsk(BaseModel):
    """Requests that nobody waits for; ids tell them apart.

    `callback_url` gets a POST with what `GET …/jobs/{id}` tells once all is answered or given up.
    """

    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[BatchItemAsk], Field(min_length=1, max_length=1000)]
    max_concurrency: int = Field(default=4, ge=1, le=16)
    callback_url: Annotated[str | None, Field(max_length=2_000)] = None

    @model_validator(mode="after")
    def _each_once(self) -> "BatchAsk":
        if len({item.id for item in self.items}) != len(self.items):
            raise ValueError("ids must differ")
        return self


class BatchMade(BaseModel):
    """A batch that was taken."""

    job_id: UUID
    state: BatchState
    total: int


class BatchRead(BaseModel):
    """How far a batch is."""

    job_id: UUID
    state: BatchState
    total: int
    done: int
    failed: int
    cancelled: int
    created_at: Moment
    finished_at: Moment | None
    callback: str | None  # waiting | told | failed; null without a callback_url


class ResultsAsk(BaseModel):
    """A page of results: those after the item of that number."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(default=0, ge=0, le=1_000_000)
    limit: int = Field(default=100, ge=1, le=1000)


class ResultLine(BaseModel):
    """One line of results; an item that is still waiting has neither answer nor error."""

    id: str
    no: int
    state: ItemState
    tries: int
    answer: ChatRead | None
    error_code: str | None
    error: str | None


class UsageAsk(BaseModel):
    """A range of days in UTC, half-open; without it the last thirty."""

    model_config = ConfigDict(extra="forbid")

    from_: date | None = Field(default=None, alias="from")
    to: date | None = None


def request_of(body: ChatBody, *, defaults: Any = None, batch: bool = False) -> LLMRequest:
    """What the router is asked; `defaults` are of the configuration, for what the body omits."""
    system = [m.content for m in body.messages if m.role == "system"]
    said: Sequence[Message] = [m for m in body.messages if m.role != "system"]
    history = [Turn(role=m.role, text=m.content) for m in said[:-1] if m.role != "system"]
    temperature, most = body.temperature, body.max_tokens
    if defaults is not None:
        temperature = defaults.temperature if temperature is None else temperature
        most = most or defaults.max_tokens
    return LLMRequest(
        system="\n\n".join(filter(None, [body.system, *system])),
        history=tuple(history),
        user=said[-1].content,
        schema=body.response_schema,
        checked=body.response_schema is not None,
        temperature=temperature,
        max_tokens=most or 1024,
        may_be_cut=body.response_schema is None,
        provider=body.provider,
        model=body.model,
        purpose=body.purpose,
        batch=batch,
    )


def chat_read(reply: LLMReply, parsed: Any) -> ChatRead:
    """A reply as it is told."""
    last = reply.attempts[-1]
    return ChatRead(
        text=reply.text,
        parsed=parsed,
        finish_reason=reply.finish_reason,
        provider=last.provider,
        model=last.model,
        engine=reply.engine,
        usage=UsageRead(input=reply.tokens_in, output=reply.tokens_out, estimated=reply.estimated),
        cost_micros=reply.cost_micros,
        latency_ms=reply.latency_ms,
        ttft_ms=reply.ttft_ms,
        attempts=[
            AttemptRead(
                provider=one.provider,
                model=one.model,
                outcome=one.outcome,
                latency_ms=one.latency_ms,
                ttft_ms=one.ttft_ms,
                error_code=one.error_code,
                status=one.status,
            )
            for one in reply.attempts
        ],
        fallback_used=reply.fallback_used,
    )
