"""Ollama's own API: unlike its OpenAI-compatible one it can be told how large the window is."""

import time
from collections.abc import Mapping
from typing import Any

from locutory.engines.llm.base import (
    End,
    Events,
    LinePoster,
    LLMReply,
    LLMRequest,
    Piece,
)
from locutory.engines.llm.openai_compatible import messages_of
from locutory.engines.llm.refusals import TOO_LONG, refused
from locutory.engines.llm.streams import asked_tokens, ended, estimated_tokens, json_lines
from locutory.kernel.errors import EngineTimeout, EngineUnavailable, InvalidOutput

_NAME = "ollama"
_DEFAULT_WINDOW = 8192
_CUT_SHORT = 8  # a prompt that fills the window up to so many tokens was cut, without a word
_FAILED = 500  # what an error within a stream that began well counts as


class OllamaLLM:
    """Speaks `POST {base_url}/api/chat`.

    Args:
        http: how to post; the address is a server setting, so no address gate is needed.
        base_url: such as `http://localhost:11434`.
        model: the model to ask for; it must have been pulled.
        context_tokens: its window. Ollama's default is small and cuts prompts silently.
    """

    def __init__(
        self, http: LinePoster, *, base_url: str, model: str, context_tokens: int | None = None
    ) -> None:
        self._http = http
        self._url = f"{base_url.rstrip('/').removesuffix('/v1')}/api/chat"
        self._model = model
        self._window = context_tokens or _DEFAULT_WINDOW

    @property
    def name(self) -> str:
        return _NAME

    @property
    def model(self) -> str:
        return self._model

    async def complete(self, request: LLMRequest) -> LLMReply:
        """Ask the server; see the port for what is raised. Local models cost nothing."""
        started = time.monotonic()
        try:
            status, headers, body = await self._http.post_json(
                self._url, self._wire(request, stream=False), {}, request.timeout_s
            )
        except TimeoutError as error:
            raise EngineTimeout(f"no answer in {request.timeout_s:g} s", engine=_NAME) from error
        except OSError as error:
            raise EngineUnavailable(engine=_NAME) from error
        if status != 200:
            raise refused(status, headers, body, engine=_NAME)
        return self._reply(body, _content(body), request, started)

    async def stream(self, request: LLMRequest) -> Events:
        """The answer as it is written: a line of JSON for each piece; see the port."""
        started, text, last = time.monotonic(), "", None
        async with self._http.post_lines(
            self._url, self._wire(request, stream=True), {}, request.timeout_s
        ) as lines:
            async for body in json_lines(lines, engine=_NAME, sse=False):
                if body.get("error"):
                    raise refused(_FAILED, {}, body, engine=_NAME)
                piece = _content(body)
                text += piece
                if piece:
                    yield Piece(piece)
                if body.get("done"):
                    last = body
                    break
        yield End(self._reply(last or {"done_reason": None}, text, request, started))

    def _wire(self, request: LLMRequest, *, stream: bool) -> dict[str, Any]:
        options: dict[str, Any] = {
            "temperature": request.temperature,
            "top_p": request.top_p,
            "stop": list(request.stop) or None,
            "num_predict": request.max_tokens,
            "num_ctx": self._window,
        }
        body: dict[str, Any] = {
            "model": request.model or self._model,
            "messages": messages_of(request),
            "stream": stream,
            "options": {name: value for name, value in options.items() if value is not None},
        }
        if request.schema is not None:
            body["format"] = dict(request.schema)
        return body

    def _reply(
        self, body: Mapping[str, Any], text: str, request: LLMRequest, started: float
    ) -> LLMReply:
        """The whole answer, by the server's last word. Raises InvalidOutput, StreamCut."""
        tokens_in = int(body.get("prompt_eval_count") or 0)
        if tokens_in >= self._window - _CUT_SHORT:
            detail = f"the prompt filled the window of {self._window} tokens and was cut"
            raise InvalidOutput(detail, engine=_NAME, code=TOO_LONG)
        finish_reason = ended(
            body.get("done_reason", "stop"), text, engine=_NAME, may_be_cut=request.may_be_cut
        )
        tokens_out = int(body.get("eval_count") or 0)
        return LLMReply(
            text=text,
            finish_reason=finish_reason,
            tokens_in=tokens_in or asked_tokens(request),
            tokens_out=tokens_out or estimated_tokens(text),
            cost_micros=0,
            latency_ms=round(1000 * (time.monotonic() - started)),
            engine=f"{_NAME}/{body.get('model') or request.model or self._model}",
            estimated=not (tokens_in and tokens_out),
        )


def _content(body: Mapping[str, Any]) -> str:
    message = body.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else ""
