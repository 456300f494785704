"""OpenAI's wire format of chat completions, as far as it is served here."""

import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from locutory.capabilities.runtime.contract import DEFAULT_MODEL
from locutory.capabilities.runtime.schemas import Schema, Text, Word
from locutory.engines.llm.base import LLMReply, LLMRequest, Turn
from locutory.engines.llm.router import Parameters, Router
from locutory.kernel.errors import LocutoryError
from locutory.kernel.ids import new_id

_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class TextPart(BaseModel):
    """A part of a message; pictures and files are not taken."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text"]
    text: Text


class CompletionMessage(BaseModel):
    """One turn; `developer` is `system`."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[TextPart], Field(min_length=1, max_length=100)]
    name: Word | None = None

    @property
    def text(self) -> str:
        """All of its text."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)


class JsonSchemaFormat(BaseModel):
    """The schema of an answer."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: Word
    schema_: Schema = Field(alias="schema")
    description: Text | None = None
    strict: bool | None = None


class ResponseFormat(BaseModel):
    """Free text, any JSON object, or what a schema says."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None

    @model_validator(mode="after")
    def _whole(self) -> "ResponseFormat":
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("json_schema goes with its own type, and only with that")
        return self


class StreamOptions(BaseModel):
    """What a stream tells at its end."""

    model_config = ConfigDict(extra="forbid")

    include_usage: bool = False


def _few(words: list[str]) -> list[str]:
    if len(words) > 4:
        raise ValueError("at most four")
    return words


class CompletionAsk(BaseModel):
    """A request as OpenAI's clients send it. Tools, pictures and several choices are refused."""

    model_config = ConfigDict(extra="forbid")

    model: Word
    messages: Annotated[list[CompletionMessage], Field(min_length=1, max_length=500)]
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=200_000)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=200_000)] | None = None
    stop: Word | Annotated[list[Word], AfterValidator(_few)] | None = None
    response_format: ResponseFormat | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    user: Word | None = None

    @model_validator(mode="after")
    def _ends_with_a_question(self) -> "CompletionAsk":
        if self.messages[-1].role != "user":
            raise ValueError("the last message must be the user's")
        return self


class ModelRead(BaseModel):
    """A model that may be asked for."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(BaseModel):
    """All of them; the first is the router."""

    object: Literal["list"]
    data: list[ModelRead]


class UsageRead(BaseModel):
    """Tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerMessage(BaseModel):
    """What was answered."""

    role: Literal["assistant"]
    content: str
    refusal: None


class Choice(BaseModel):
    """The one answer."""

    index: int
    message: AnswerMessage
    logprobs: None
    finish_reason: str


class CompletionRead(BaseModel):
    """A whole answer; `model` is the provider's model that gave it."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: UsageRead


def request_of(
    ask: CompletionAsk, router: Router | None, defaults: Parameters | None
) -> LLMRequest:
    """What the router is asked. `provider/model` names one; `locutory-default` leaves it open."""
    provider, model = _named(ask.model, router)
    said = [m for m in ask.messages if m.role in ("user", "assistant")]
    turns = [Turn(role="user" if m.role == "user" else "assistant", text=m.text) for m in said[:-1]]
    schema = _schema(ask.response_format)
    temperature, most = ask.temperature, ask.max_completion_tokens or ask.max_tokens
    if defaults is not None:
        temperature = defaults.temperature if temperature is None else temperature
        most = most or defaults.max_tokens
    stop = [ask.stop] if isinstance(ask.stop, str) else ask.stop or []
    return LLMRequest(
        system="\n\n".join(m.text for m in ask.messages if m.role in ("system", "developer")),
        history=tuple(turns),
        user=said[-1].text,
        schema=schema,
        checked=schema is not None and not ask.stream,
        temperature=temperature,
        top_p=ask.top_p,
        stop=tuple(stop),
        max_tokens=most or 1024,
        may_be_cut=True,
        provider=provider,
        model=model,
        purpose="v1",
        final=True,
    )


def _named(model: str, router: Router | None) -> tuple[str | None, str | None]:
    if model == DEFAULT_MODEL or router is None:
        return None, None
    provider, _, rest = model.partition("/")
    if rest and provider in {place.name for place in router.places}:
        return provider, rest
    return None, model


def _schema(wanted: ResponseFormat | None) -> dict[str, Any] | None:
    if wanted is None or wanted.type == "text":
        return None
    return {"type": "object"} if wanted.json_schema is None else wanted.json_schema.schema_


def models_of(router: Router | None) -> ModelList:
    """The router itself, and every model behind it."""
    names = [] if router is None else [(DEFAULT_MODEL, "locutory")]
    for place in () if router is None else router.places:
        names += [
            (f"{place.name}/{one}", place.name) for one in dict.fromkeys(place.models.values())
        ]
    data = [ModelRead(id=name, object="model", created=0, owned_by=owner) for name, owner in names]
    return ModelList(object="list", data=data)


def completion_of(reply: LLMReply) -> CompletionRead:
    """A whole answer in OpenAI's form."""
    message = AnswerMessage(role="assistant", content=reply.text, refusal=None)
    choice = Choice(index=0, message=message, logprobs=None, finish_reason=reply.finish_reason)
    return CompletionRead(
        id=f"chatcmpl-{new_id().hex}",
        object="chat.completion",
        created=int(time.time()),
        model=reply.engine,
        choices=[choice],
        usage=UsageRead.model_validate(usage_of(reply)),
    )


def chunk_head(model: str) -> dict[str, Any]:
    """What all chunks of an answer have in common."""
    return {
        "id": f"chatcmpl-{new_id().hex}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
    }


def usage_of(reply: LLMReply) -> dict[str, int]:
    """Tokens by OpenAI's names."""
    return {
        "prompt_tokens": reply.tokens_in,
        "completion_tokens": reply.tokens_out,
        "total_tokens": reply.tokens_in + reply.tokens_out,
    }


def failure_of(error: LocutoryError, param: str | None = None) -> dict[str, Any]:
    """A failure by OpenAI's names; it stands beside ours in the body."""
    kind = _KINDS.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")
    return {"message": error.detail, "type": kind, "param": param, "code": error.error_code}
