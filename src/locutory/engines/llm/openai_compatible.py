"""Any server that speaks the OpenAI chat-completions wire format (vLLM, Ollama, LM Studio, …)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from locutory.engines.llm.base import (
    End,
    Events,
    LinePoster,
    LLMReply,
    LLMRequest,
    Piece,
)
from locutory.engines.llm.refusals import refused
from locutory.engines.llm.streams import asked_tokens, ended, estimated_tokens, json_lines
from locutory.kernel.errors import EngineTimeout, EngineUnavailable, InvalidOutput

_NAME = "openai_compatible"
_FAILED = 500  # what an error within a stream that began well counts as


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
        http: LinePoster,
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
        model, started = request.model or self._model, time.monotonic()
        try:
            status, reply_headers, body = await self._http.post_json(
                self._url, _wire_request(model, request), self._headers(), request.timeout_s
            )
        except TimeoutError as error:
            raise EngineTimeout(f"no answer in {request.timeout_s:g} s", engine=_NAME) from error
        except OSError as error:
            raise EngineUnavailable(engine=_NAME) from error
        if status != 200:
            raise refused(status, reply_headers, body, engine=_NAME, secret=self._api_key)
        text, finish_reason = _choice(body, may_be_cut=request.may_be_cut)
        wire = _Written(text, finish_reason, body.get("usage"), body.get("model"))
        return self._reply(wire, request, finish_reason, started)

    async def stream(self, request: LLMRequest) -> Events:
        """The answer as it is written; see the port."""
        model, started = request.model or self._model, time.monotonic()
        body = _wire_request(model, request) | {"stream": True}
        if "stream_options" not in request.without:
            body["stream_options"] = {"include_usage": True}
        written = _Written()
        async with self._http.post_lines(
            self._url, body, self._headers(), request.timeout_s
        ) as lines:
            async for chunk in json_lines(lines, engine=_NAME, sse=True):
                if chunk.get("error"):
                    raise refused(_FAILED, {}, chunk, engine=_NAME, secret=self._api_key)
                piece = written.take(chunk)
                if piece:
                    yield Piece(piece)
        finish_reason = ended(
            written.finish_reason,
            written.text,
            engine=_NAME,
            may_be_cut=request.may_be_cut,
            refusal=written.refusal,
        )
        yield End(self._reply(written, request, finish_reason, started))

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._api_key}"} if self._api_key else {}

    def _reply(
        self, written: "_Written", request: LLMRequest, finish_reason: str, started: float
    ) -> LLMReply:
        model, usage = request.model or self._model, written.usage or {}
        price = self._price if model == self._model else None
        tokens_in = int(usage.get("prompt_tokens") or 0) or asked_tokens(request)
        tokens_out = int(usage.get("completion_tokens") or 0) or estimated_tokens(written.text)
        return LLMReply(
            text=written.text,
            finish_reason=finish_reason,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost_micros=price.cost_micros(tokens_in, tokens_out) if price else None,
            latency_ms=round(1000 * (time.monotonic() - started)),
            engine=f"{_NAME}/{written.model or model}",
            estimated=not usage,
        )


@dataclass(slots=True)
class _Written:
    """What a server has told of its answer so far."""

    text: str = ""
    finish_reason: str | None = None
    usage: Mapping[str, Any] | None = None
    model: str | None = None
    refusal: str | None = None

    def take(self, chunk: Mapping[str, Any]) -> str:
        """Read one chunk; the text that it adds."""
        self.usage = chunk.get("usage") or self.usage
        self.model = chunk.get("model") or self.model
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return ""
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        delta = choice.get("delta") or {}
        self.refusal = delta.get("refusal") or self.refusal
        piece = delta.get("content")
        if not isinstance(piece, str):
            return ""
        self.text += piece
        return piece


def _wire_request(model: str, request: LLMRequest) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "messages": messages_of(request)}
    settings: dict[str, Any] = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
        "max_tokens": request.max_tokens,
    }
    body |= {k: v for k, v in settings.items() if v is not None and k not in request.without}
    if "max_tokens" in request.without:  # what OpenAI's newer models want in its place
        body["max_completion_tokens"] = request.max_tokens
    if request.schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": dict(request.schema)},
        }
    return body


def messages_of(request: LLMRequest) -> list[dict[str, str]]:
    """The talk as OpenAI's format and Ollama's have it."""
    said = [("system", request.system)] if request.system else []
    said += [(turn.role, turn.text) for turn in request.history]
    return [{"role": role, "content": text} for role, text in [*said, ("user", request.user)]]


def _choice(body: Mapping[str, Any], *, may_be_cut: bool) -> tuple[str, str]:
    """(text, finish reason) of a whole answer. Raises InvalidOutput, ContentRejected."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise InvalidOutput("the reply has no choices", engine=_NAME)
    message = choices[0].get("message") or {}
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    reason = ended(
        str(choices[0].get("finish_reason") or "stop"),
        text,
        engine=_NAME,
        may_be_cut=may_be_cut,
        refusal=message.get("refusal"),
    )
    return text, reason
