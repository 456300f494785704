"""The port to language models: one request, one whole reply, or the reply as it is written."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

GENERAL = "general"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What was said before in a talk with a model."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMRequest:
    """What a model is asked; `history` comes between `system` and `user`.

    `schema` is the JSON schema of the wanted answer, None for free text. An adapter enforces it
    by the strongest means that its provider has; the caller validates all the same, unless it is
    `checked`: then the router does. `model` is another one of the same provider than the
    configured one, `provider` the only one that may answer. `temperature` None is the model's own.
    Names in `without` are parameters that the model has refused. `may_be_cut`: an answer that hits
    `max_tokens` is taken. `batch`: nobody waits, so a silent model is tried once more. `final`:
    what was streamed cannot be taken back, so a stream that breaks off fails.
    """

    system: str
    user: str
    history: tuple[Turn, ...] = ()
    schema: Mapping[str, Any] | None = None
    checked: bool = False
    temperature: float | None = 0.0
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int = 2048
    may_be_cut: bool = False
    timeout_s: float = 60.0
    provider: str | None = None
    model: str | None = None
    tier: str | None = None
    purpose: str = GENERAL
    batch: bool = False
    final: bool = False
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one model. `outcome` is `ok` or the kind of its failure; text is in none.

    `estimated`: the provider told no token counts, or the stream died.
    """

    provider: str
    model: str
    outcome: str
    latency_ms: int
    ttft_ms: int | None = None
    error_code: str | None = None
    status: int | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micros: int | None = None
    estimated: bool = False

    @property
    def ok(self) -> bool:
        """Whether it gave the answer."""
        return self.outcome == "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMReply:
    """What a model answered.

    `cost_micros` is in millionths of the price table's currency, None where no price is known.
    `engine` is `provider/model`, as the provider names the model that really answered. `attempts`
    are all tries of the router, the last one gave this answer; `asked` and `answered` name the
    provider and model of its first choice and of that last one.
    """

    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    cost_micros: int | None
    latency_ms: int
    engine: str
    estimated: bool = False
    ttft_ms: int | None = None
    attempts: tuple[Attempt, ...] = ()
    asked: tuple[str, str] | None = None
    answered: tuple[str, str] | None = None

    @property
    def fallback_used(self) -> bool:
        """Whether another model answered than the first choice, which may not have been asked."""
        return self.asked != self.answered


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the answer's text, in order."""

    text: str


@dataclass(frozen=True, slots=True)
class Reset:
    """All pieces so far are void: their model broke off, and another text follows."""

    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """The answer is whole; `reply.text` is the pieces since the last reset, joined."""

    reply: LLMReply


StreamEvent = Piece | Reset | End
Events = AsyncGenerator[StreamEvent, None]


class LLM(Protocol):
    """A language model behind some provider."""

    @property
    def name(self) -> str:
        """The provider's name, such as `openai_compatible`."""
        ...

    @property
    def model(self) -> str:
        """The model asked for."""
        ...

    async def complete(self, request: LLMRequest) -> LLMReply:
        """Answer one request; a truncated answer is an error, never a short reply.

        Raises:
            EngineAuthError: the credentials are refused.
            EngineThrottled: called too often; `retry_after` when the provider says so.
            EngineUnavailable: no answer, or a fault on the provider's side.
            EngineTimeout: no answer in `timeout_s`.
            EngineConfigError: there is no such model.
            ContentRejected: a safety filter refused.
            InvalidOutput: no usable answer; code `LLM_TRUNCATED` when it hit `max_tokens`.
        """
        ...


@runtime_checkable
class StreamingLLM(LLM, Protocol):
    """A model that also tells its answer as it is written."""

    def stream(self, request: LLMRequest) -> Events:
        """Pieces, then one End; a stream that breaks off raises, as `complete` does.

        An adapter bounds only the time to the answer's headers; gaps are for `streams.paced`.
        """
        ...


class JsonPoster(Protocol):
    """The one thing that adapters need of an HTTP client."""

    async def post_json(
        self, url: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout_s: float
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        """Post and return (status, headers with lower-case names, body).

        A body that is no JSON object comes back as {}. Raises TimeoutError when time is up and
        OSError when the connection fails.
        """
        ...


class LinePoster(JsonPoster, Protocol):
    """What adapters need to stream."""

    def post_lines(
        self, url: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout_s: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Post and read the answer line by line, without line ends; other statuses raise."""
        ...
