"""Ollama's own API: unlike its OpenAI-compatible one it can be told how large the window is."""

import time
from collections.abc import Mapping
from typing import Any

from locutory.engines.llm.base import JsonPoster, LLMReply, LLMRequest
from locutory.engines.llm.openai_compatible import refused
from locutory.kernel.errors import EngineTimeout, EngineUnavailable, InvalidOutput

_NAME = "ollama"
_DEFAULT_WINDOW = 8192
_CUT_SHORT = 8  # a prompt that fills the window up to so many tokens was cut, without a word


class OllamaLLM:
    """Speaks `POST {base_url}/api/chat`.

    Args:
        http: how to post; the address is a server setting, so no address gate is needed.
        base_url: such as `http://localhost:11434`.
        model: the model to ask for; it must have been pulled.
        context_tokens: its window. Ollama's default is small and cuts prompts silently.
    """

    def __init__(
        self, http: JsonPoster, *, base_url: str, model: str, context_tokens: int | None = None
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
        model, started = request.model or self._model, time.monotonic()
        try:
            status, headers, body = await self._http.post_json(
                self._url, self._wire(model, request), {}, request.timeout_s
            )
        except TimeoutError as error:
            raise EngineTimeout(f"no answer in {request.timeout_s:g} s", engine=_NAME) from error
        except OSError as error:
            raise EngineUnavailable(engine=_NAME) from error
        if status != 200:
            raise refused(status, headers, body, engine=_NAME)
        tokens_in = int(body.get("prompt_eval_count") or 0)
        return LLMReply(
            text=self._text(body, tokens_in),
            finish_reason="stop",
            tokens_in=tokens_in,
            tokens_out=int(body.get("eval_count") or 0),
            cost_micros=0,
            latency_ms=round(1000 * (time.monotonic() - started)),
            engine=f"{_NAME}/{body.get('model') or model}",
        )

    def _wire(self, model: str, request: LLMRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": model,
            "messages": [
                {"role": "system", "content": request.system},
                {"role": "user", "content": request.user},
            ],
            "stream": False,
            "options": {
                "temperature": request.temperature,
                "num_predict": request.max_tokens,
                "num_ctx": self._window,
            },
        }
        if request.schema is not None:
            body["format"] = dict(request.schema)
        return body

    def _text(self, body: Mapping[str, Any], tokens_in: int) -> str:
        """The whole answer. Raises InvalidOutput."""
        if tokens_in >= self._window - _CUT_SHORT:
            detail = f"the prompt filled the window of {self._window} tokens and was cut"
            raise InvalidOutput(detail, engine=_NAME, code="LLM_INPUT_TOO_LONG")
        if body.get("done_reason") == "length":
            raise InvalidOutput("the answer was cut off", engine=_NAME, code="LLM_TRUNCATED")
        message = body.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, str) or not content:
            raise InvalidOutput("the reply has no text", engine=_NAME)
        return content
