"""Any server that speaks the OpenAI chat-completions wire format (vLLM, Ollama, LM Studio, …)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from locutory.engines.llm.base import JsonPoster, LLMReply, LLMRequest
from locutory.kernel.errors import (
    ContentRejected,
    EngineAuthError,
    EngineError,
    EngineThrottled,
    EngineTimeout,
    EngineUnavailable,
    InvalidOutput,
)

_NAME = "openai_compatible"
_LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-units of a currency per million tokens."""

    micros_per_million_in: int
    micros_per_million_out: int

    def cost_micros(self, tokens_in: int, tokens_out: int) -> int:
        """The cost of one reply, rounded up."""
        total = tokens_in * self.micros_per_million_in + tokens_out * self.micros_per_million_out
        return -(-total // 1_000_000)


class OpenAICompatibleLLM:
    """Speaks `POST {base_url}/v1/chat/completions`.

    Args:
        http: how to post; the address is a server setting, so no address gate is needed.
        base_url: with or without the trailing `/v1`.
        model: the model to ask for.
        api_key: sent as a bearer token; None for servers that want none.
        price: of `model`; None leaves `cost_micros` unknown.
    """

    def __init__(
        self,
        http: JsonPoster,
        *,
        base_url: str,
        model: str,
        api_key: str | None = None,
        price: Price | None = None,
    ) -> None:
        self._http = http
        self._url = f"{base_url.rstrip('/').removesuffix('/v1')}/v1/chat/completions"
        self._model = model
        self._api_key = api_key
        self._price = price

    @property
    def name(self) -> str:
        return _NAME

    @property
    def model(self) -> str:
        return self._model

    async def complete(self, request: LLMRequest) -> LLMReply:
        """Ask the server; see the port for what is raised."""
        headers = {"authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        started = time.monotonic()
        try:
            status, reply_headers, body = await self._http.post_json(
                self._url,
                _wire_request(request.model or self._model, request),
                headers,
                request.timeout_s,
            )
        except TimeoutError as error:
            raise EngineTimeout(f"no answer in {request.timeout_s:g} s", engine=_NAME) from error
        except OSError as error:
            raise EngineUnavailable(engine=_NAME) from error
        if status != 200:
            raise refused(status, reply_headers, body, engine=_NAME, secret=self._api_key)
        latency_ms = round(1000 * (time.monotonic() - started))
        return self._reply(body, latency_ms, request.model or self._model)

    def _reply(self, body: Mapping[str, Any], latency_ms: int, model: str) -> LLMReply:
        text, finish_reason = _choice(body)
        usage = body.get("usage") or {}
        tokens_in = int(usage.get("prompt_tokens") or 0)
        tokens_out = int(usage.get("completion_tokens") or 0)
        price = self._price if model == self._model else None
        return LLMReply(
            text=text,
            finish_reason=finish_reason,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost_micros=price.cost_micros(tokens_in, tokens_out) if price else None,
            latency_ms=latency_ms,
            engine=f"{_NAME}/{body.get('model') or model}",
        )


def _wire_request(model: str, request: LLMRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.user},
        ],
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
    }
    if request.schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": dict(request.schema)},
        }
    return body


def _choice(body: Mapping[str, Any]) -> tuple[str, str]:
    """(text, finish reason) of a whole answer. Raises InvalidOutput, ContentRejected."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise InvalidOutput("the reply has no choices", engine=_NAME)
    message = choices[0].get("message") or {}
    finish_reason = str(choices[0].get("finish_reason") or "stop")
    if finish_reason == "length":
        raise InvalidOutput("the answer was cut off", engine=_NAME, code="LLM_TRUNCATED")
    if finish_reason == "content_filter" or message.get("refusal"):
        raise ContentRejected(message.get("refusal"), engine=_NAME)
    content = message.get("content")
    if not isinstance(content, str):
        raise InvalidOutput("the reply has no text", engine=_NAME)
    return content, finish_reason


def refused(
    status: int,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
    *,
    engine: str,
    secret: str | None = None,
) -> EngineError:
    """What a status other than 200 means, with the server's own words but without the secret."""
    detail = f"HTTP {status}: {_vendor_words(body, secret)}"
    if status in {401, 403}:
        return EngineAuthError(detail, engine=engine)
    if status == 429:
        return EngineThrottled(detail, engine=engine, retry_after=_retry_after(headers))
    if status in {408, 504}:
        return EngineTimeout(detail, engine=engine)
    if status >= 500:
        return EngineUnavailable(detail, engine=engine, retry_after=_retry_after(headers))
    error = body.get("error")
    if isinstance(error, dict) and error.get("code") == "content_filter":
        return ContentRejected(detail, engine=engine)
    return InvalidOutput(detail, engine=engine, code="LLM_REQUEST_REFUSED")


def _vendor_words(body: Mapping[str, Any], secret: str | None) -> str:
    error = body.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    words = str(message or "no message")[:_LONGEST_DETAIL]
    return words.replace(secret, "***") if secret else words


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds; the date form of the header is not used by these servers."""
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
