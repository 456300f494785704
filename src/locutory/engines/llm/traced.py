"""A model with a span around each question: how long, how many tokens, never what was said."""

from typing import Any

from locutory.engines.llm.base import LLM, LLMReply, LLMRequest
from locutory.kernel.telemetry.tracing import Tracing


class TracedLLM:
    """Stands before a model; whatever it does not know itself the model answers."""

    def __init__(self, llm: LLM, tracing: Tracing) -> None:
        self._llm = llm
        self._tracing = tracing

    @property
    def name(self) -> str:
        return self._llm.name

    @property
    def model(self) -> str:
        return self._llm.model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._llm, name)

    async def complete(self, request: LLMRequest) -> LLMReply:
        """Ask the model; see `LLM`."""
        asked = request.model or self.model
        with self._tracing.span(
            f"chat {asked}",
            **{
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": self.name,
                "gen_ai.request.model": asked,
            },
        ) as span:
            reply = await self._llm.complete(request)
            span.set_attribute("gen_ai.response.model", reply.engine.partition("/")[2])
            span.set_attribute("gen_ai.usage.input_tokens", reply.tokens_in)
            span.set_attribute("gen_ai.usage.output_tokens", reply.tokens_out)
            return reply
