"""A model that answers from a script: for fixtures, demos without a key, and tests."""

import inspect
from collections.abc import Awaitable, Callable, Iterable

from locutory.engines.llm.base import LLMReply, LLMRequest
from locutory.kernel.errors import EngineError, EngineUnavailable

Answer = str | EngineError
Answerer = Callable[[LLMRequest], Answer | Awaitable[Answer]]

_CHARS_PER_TOKEN = 4


class ScriptedLLM:
    """Answers with the next text of a list, or with what a function makes of the request.

    An error in the script is raised; a list that is used up raises EngineUnavailable. `requests`
    keeps what was asked, in order. Token counts are estimates of four characters a token.
    """

    def __init__(self, script: Iterable[Answer] | Answerer, *, model: str = "script") -> None:
        self.requests: list[LLMRequest] = []
        self._model = model
        self._answerer: Answerer | None = script if callable(script) else None
        self._answers = iter(()) if callable(script) else iter(script)

    @property
    def name(self) -> str:
        return "scripted"

    @property
    def model(self) -> str:
        return self._model

    async def complete(self, request: LLMRequest) -> LLMReply:
        """Answer from the script."""
        self.requests.append(request)
        answer = await self._answer(request)
        if isinstance(answer, EngineError):
            raise answer
        return LLMReply(
            text=answer,
            finish_reason="stop",
            tokens_in=(len(request.system) + len(request.user)) // _CHARS_PER_TOKEN,
            tokens_out=len(answer) // _CHARS_PER_TOKEN,
            cost_micros=None,
            latency_ms=0,
            engine=f"{self.name}/{request.model or self.model}",
        )

    async def _answer(self, request: LLMRequest) -> Answer:
        if self._answerer is None:
            used_up = EngineUnavailable("the script has no more answers", engine=self.name)
            return next(self._answers, used_up)
        answer = self._answerer(request)
        return await answer if inspect.isawaitable(answer) else answer
