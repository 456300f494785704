"""Anthropic, Gemini and Bedrock, by the wire formats that pydantic-ai knows.

Only its models are used, past its agents and its fallback: attempts, breakers and repairs are
ours. Vendors' clients are loaded with the first request; none of them retries by itself.
"""

import asyncio
import json
import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from locutory.engines.llm.base import LLMReply, LLMRequest
from locutory.kernel.errors import (
    ContentRejected,
    EngineAuthError,
    EngineError,
    EngineThrottled,
    EngineTimeout,
    EngineUnavailable,
    InvalidOutput,
)

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

_LONGEST_DETAIL = 300
_ANSWER = "answer"  # the name of the schema, and of the tool that gives an answer its form


class OutsideLLM:
    """A model of an outside provider.

    Args:
        name: the provider, as settings and provenance name it.
        model: the model to ask for.
        make: makes pydantic-ai's model for a model's name; it may import the vendor's client.
        secret: is cut from everything that the provider says.
    """

    def __init__(
        self, name: str, *, model: str, make: "Callable[[str], Model]", secret: str | None = None
    ) -> None:
        self._name, self._model, self._make, self._secret = name, model, make, secret
        self._made: dict[str, Model] = {}
        self._making = asyncio.Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def model(self) -> str:
        return self._model

    async def complete(self, request: LLMRequest) -> LLMReply:
        """Ask the provider; see the port for what is raised."""
        model = await self._model_of(request.model or self._model)
        from pydantic_ai.direct import model_request
        from pydantic_ai.exceptions import AgentRunError, UserError
        from pydantic_ai.messages import ModelRequest, SystemPromptPart, UserPromptPart

        asked = ModelRequest(parts=[SystemPromptPart(request.system), UserPromptPart(request.user)])
        started = time.monotonic()
        try:
            async with asyncio.timeout(request.timeout_s):
                reply = await model_request(
                    model,
                    [asked],
                    model_settings=_settings(model.profile, request),
                    model_request_parameters=_parameters(model.profile, request.schema),
                )
        except TimeoutError as error:
            raise EngineTimeout(
                f"no answer in {request.timeout_s:g} s", engine=self._name
            ) from error
        except (AgentRunError, UserError) as error:
            raise self._failure(error) from error
        return self._reply(reply, round(1000 * (time.monotonic() - started)))

    async def _model_of(self, name: str) -> "Model":
        async with self._making:
            if name not in self._made:
                # a vendor's client takes one to two seconds to load
                self._made[name] = await asyncio.to_thread(self._make, name)
            return self._made[name]

    def _reply(self, reply: "ModelResponse", latency_ms: int) -> LLMReply:
        usage, engine = reply.usage, f"{self._name}/{reply.model_name or self._model}"
        return LLMReply(
            text=_text(reply, self._name),
            finish_reason=str(reply.finish_reason or "stop"),
            tokens_in=usage.input_tokens,
            tokens_out=usage.output_tokens,
            cost_micros=_cost_micros(reply),
            latency_ms=latency_ms,
            engine=engine,
        )

    def _failure(self, error: Exception) -> EngineError:
        from pydantic_ai import exceptions as said

        detail, after = self._words(error), getattr(error, "retry_after", None)
        match error:
            case said.ContentFilterError():
                return ContentRejected(detail, engine=self._name)
            case said.ModelAuthenticationError():
                return EngineAuthError(detail, engine=self._name)
            case said.ModelQuotaExceededError():
                code = "ENGINE_QUOTA"
                return EngineThrottled(detail, engine=self._name, retry_after=after, code=code)
            case said.ModelRateLimitError():
                return EngineThrottled(detail, engine=self._name, retry_after=after)
            case said.ModelTimeoutError() | said.ModelRequestTimeout():
                return EngineTimeout(detail, engine=self._name)
            case said.ModelContextWindowExceededError():
                return InvalidOutput(detail, engine=self._name, code="LLM_INPUT_TOO_LONG")
            case said.ModelRequestRejectedError() | said.UserError():
                return InvalidOutput(detail, engine=self._name, code="LLM_REQUEST_REFUSED")
            case said.ModelHTTPError(status_code=401 | 403):
                return EngineAuthError(detail, engine=self._name)
            case said.ModelHTTPError(status_code=408 | 504):
                return EngineTimeout(detail, engine=self._name)
            case said.ModelAPIError():
                return EngineUnavailable(detail, engine=self._name, retry_after=after)
        return InvalidOutput(detail, engine=self._name)

    def _words(self, error: Exception) -> str:
        """The provider's own words, without the key."""
        body = getattr(error, "body", None)
        words = _message(body) or str(error)
        status = getattr(error, "status_code", None)
        told = words if status is None else f"HTTP {status}: {words}"
        cut = told[:_LONGEST_DETAIL]
        return cut.replace(self._secret, "***") if self._secret else cut


def _settings(profile: Mapping[str, Any], request: LLMRequest) -> "ModelSettings":
    """Without a temperature for models that refuse requests with one."""
    if profile.get("anthropic_disallows_sampling_settings"):
        return {"max_tokens": request.max_tokens}
    return {"max_tokens": request.max_tokens, "temperature": request.temperature}


def _parameters(
    profile: Mapping[str, Any], schema: Mapping[str, Any] | None
) -> "ModelRequestParameters":
    """How a model is held to a schema: by its own means, else by the one tool it must use."""
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.output import OutputObjectDefinition
    from pydantic_ai.tools import ToolDefinition

    if schema is None:
        return ModelRequestParameters()
    if profile.get("supports_json_schema_output"):
        wanted = OutputObjectDefinition(json_schema=dict(schema), name=_ANSWER, strict=True)
        return ModelRequestParameters(output_mode="native", output_object=wanted)
    tool = ToolDefinition(name=_ANSWER, parameters_json_schema=dict(schema), kind="output")
    return ModelRequestParameters(output_mode="tool", output_tools=[tool], allow_text_output=False)


def _text(reply: "ModelResponse", engine: str) -> str:
    """The whole answer. Raises InvalidOutput, ContentRejected."""
    from pydantic_ai.messages import TextPart, ToolCallPart

    if reply.finish_reason == "length":
        raise InvalidOutput("the answer was cut off", engine=engine, code="LLM_TRUNCATED")
    if reply.finish_reason == "content_filter":
        raise ContentRejected("a safety filter refused", engine=engine)
    for part in reply.parts:
        if isinstance(part, ToolCallPart) and part.tool_name == _ANSWER:
            return part.args if isinstance(part.args, str) else json.dumps(part.args or {})
    text = "".join(part.content for part in reply.parts if isinstance(part, TextPart))
    if not text:
        raise InvalidOutput("the reply has no text", engine=engine)
    return text


def _cost_micros(reply: "ModelResponse") -> int | None:
    """From genai-prices' offline data, None where the model or its price is unknown there."""
    try:
        return math.ceil(reply.cost().total_price * 1_000_000)
    except (LookupError, AssertionError, ValueError):
        return None


def _message(body: object) -> str | None:
    error = body.get("error", body) if isinstance(body, dict) else body
    message = error.get("message") or error.get("Message") if isinstance(error, dict) else error
    return str(message) if message else None
