"""The port to language models: one request, one whole reply."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMRequest:
    """What a model is asked.

    `schema` is the JSON schema of the wanted answer, None for free text. An adapter enforces it
    by the strongest means that its provider has; the caller validates all the same. `model` is
    another one of the same provider than the configured one.
    """

    system: str
    user: str
    schema: Mapping[str, Any] | None = None
    temperature: float = 0.0
    max_tokens: int = 2048
    timeout_s: float = 60.0
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMReply:
    """What a model answered.

    `cost_micros` is in millionths of the price table's currency, None where no price is known.
    `engine` is `provider/model`, as the provider names the model that really answered.
    """

    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    cost_micros: int | None
    latency_ms: int
    engine: str


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
            ContentRejected: a safety filter refused.
            InvalidOutput: no usable answer; code `LLM_TRUNCATED` when it hit `max_tokens`.
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
