"""Anthropic, Gemini and Bedrock, by the wire formats that pydantic-ai knows.

Only its models are used, past its agents and its fallback: attempts, breakers and repairs are
ours. Vendors' clients are loaded with the first request; none of them retries by itself.
"""

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from locutory.engines.llm.base import End, Events, LLMReply, LLMRequest, Piece
from locutory.engines.llm.refusals import NO_MODEL, QUOTA, REFUSED, TOO_LONG, UNREACHABLE
from locutory.engines.llm.streams import StreamCut, asked_tokens, ended, estimated_tokens
from locutory.kernel.errors import (
    ContentRejected,
    EngineAuthError,
    EngineConfigError,
    EngineError,
    EngineThrottled,
    EngineTimeout,
    EngineUnavailable,
    InvalidOutput,
)

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
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

        started = time.monotonic()
        with self._failures():
            try:
                async with asyncio.timeout(request.timeout_s):
                    reply = await model_request(
                        model,
                        _messages(request),
                        model_settings=_settings(model.profile, request),
                        model_request_parameters=_parameters(model.profile, request.schema),
                    )
            except TimeoutError as error:
                raise EngineTimeout(
                    f"no answer in {request.timeout_s:g} s", engine=self._name
                ) from error
        return self._reply(reply, reply.finish_reason or "stop", request, started)

    async def stream(self, request: LLMRequest) -> Events:
        """The answer as it is written; see the port."""
        model = await self._model_of(request.model or self._model)
        from pydantic_ai.direct import model_request_stream

        started = time.monotonic()
        with self._failures():
            async with model_request_stream(
                model,
                _messages(request),
                model_settings=_settings(model.profile, request),
                model_request_parameters=_parameters(model.profile, request.schema),
            ) as answer:
                async for event in answer:
                    piece = _piece(event)
                    if piece:
                        yield Piece(piece)
                reply = answer.get()
        told = (reply.provider_details or {}).get("finish_reason")
        if told is None and reply.finish_reason is None:
            raise StreamCut(engine=self._name)
        yield End(self._reply(reply, reply.finish_reason or "stop", request, started))

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Turn what the library raises into engine errors."""
        from pydantic_ai.exceptions import AgentRunError, UserError

        try:
            yield
        except (AgentRunError, UserError) as error:
            raise self._failure(error) from error

    async def _model_of(self, name: str) -> "Model":
        async with self._making:
            if name not in self._made:
                # a vendor's client takes one to two seconds to load
                self._made[name] = await asyncio.to_thread(self._make, name)
            return self._made[name]

    def _reply(
        self, reply: "ModelResponse", finish_reason: str, request: LLMRequest, started: float
    ) -> LLMReply:
        usage, text = reply.usage, _text(reply)
        return LLMReply(
            text=text,
            finish_reason=ended(
                finish_reason, text, engine=self._name, may_be_cut=request.may_be_cut
            ),
            tokens_in=usage.input_tokens or asked_tokens(request),
            tokens_out=usage.output_tokens or estimated_tokens(text),
            cost_micros=_cost_micros(reply),
            latency_ms=round(1000 * (time.monotonic() - started)),
            engine=f"{self._name}/{reply.model_name or request.model or self._model}",
            estimated=not (usage.input_tokens and usage.output_tokens),
        )

    def _failure(self, error: Exception) -> EngineError:
        from pydantic_ai import exceptions as said

        detail, after = self._words(error), getattr(error, "retry_after", None)
        told: dict[str, Any] = {"engine": self._name}
        status = getattr(error, "status_code", None)
        if status is not None:
            told["upstream_status"] = status
        match error:
            case said.ContentFilterError():
                return ContentRejected(detail, **told)
            case said.ModelAuthenticationError() | said.ModelHTTPError(status_code=401 | 403):
                return EngineAuthError(detail, **told)
            case said.ModelQuotaExceededError() | said.ModelHTTPError(status_code=402):
                return EngineThrottled(detail, retry_after=after, code=QUOTA, **told)
            case said.ModelRateLimitError():
                return EngineThrottled(detail, retry_after=after, **told)
            case said.ModelTimeoutError() | said.ModelRequestTimeout():
                return EngineTimeout(detail, **told)
            case said.ModelContextWindowExceededError():
                return InvalidOutput(detail, code=TOO_LONG, **told)
            case said.ModelNotFoundError():
                return EngineConfigError(detail, code=NO_MODEL, **told)
            case said.ModelHTTPError(status_code=408 | 504):
                return EngineTimeout(detail, **told)
            case said.ModelHTTPError(status_code=409):
                return EngineUnavailable(detail, retry_after=after, **told)
            case said.ModelRequestRejectedError() | said.UserError():
                return InvalidOutput(detail, code=REFUSED, **told)
            case said.ModelConnectionError(phase="connect" | "pool"):
                return EngineUnavailable(detail, code=UNREACHABLE, **told)
            case said.ModelAPIError():
                return EngineUnavailable(detail, retry_after=after, **told)
        return InvalidOutput(detail, **told)

    def _words(self, error: Exception) -> str:
        """The provider's own words, without the key."""
        body = getattr(error, "body", None)
        words = _message(body) or str(error)
        status = getattr(error, "status_code", None)
        told = words if status is None else f"HTTP {status}: {words}"
        cut = told[:_LONGEST_DETAIL]
        return cut.replace(self._secret, "***") if self._secret else cut


def _messages(request: LLMRequest) -> "list[ModelMessage]":
    """The talk in the library's words: a model's turns are responses, all else are requests."""
    from pydantic_ai.messages import (
        ModelRequest,
        ModelResponse,
        SystemPromptPart,
        TextPart,
        UserPromptPart,
    )

    said: list[ModelMessage] = []
    begun: list[Any] = [SystemPromptPart(request.system)] if request.system else []
    for turn in request.history:
        if turn.role == "user":
            begun.append(UserPromptPart(turn.text))
            continue
        if begun:
            said.append(ModelRequest(parts=begun))
            begun = []
        said.append(ModelResponse(parts=[TextPart(turn.text)]))
    said.append(ModelRequest(parts=[*begun, UserPromptPart(request.user)]))
    return said


def _settings(profile: Mapping[str, Any], request: LLMRequest) -> "ModelSettings":
    """Without a temperature for models that refuse requests with one."""
    settings: ModelSettings = {"max_tokens": request.max_tokens}
    if request.stop:
        settings["stop_sequences"] = list(request.stop)
    if profile.get("anthropic_disallows_sampling_settings"):
        return settings
    if request.temperature is not None:
        settings["temperature"] = request.temperature
    if request.top_p is not None:
        settings["top_p"] = request.top_p
    return settings


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


def _text(reply: "ModelResponse") -> str:
    """The text, or what the tool that gives an answer its form was called with; else ""."""
    from pydantic_ai.messages import TextPart, ToolCallPart

    for part in reply.parts:
        if isinstance(part, ToolCallPart) and part.tool_name == _ANSWER:
            return part.args if isinstance(part.args, str) else json.dumps(part.args or {})
    return "".join(part.content for part in reply.parts if isinstance(part, TextPart))


def _piece(event: object) -> str:
    """The text that an event of a stream adds, or the piece of the answering tool's arguments."""
    from pydantic_ai.messages import (
        PartDeltaEvent,
        PartStartEvent,
        TextPart,
        TextPartDelta,
        ToolCallPart,
        ToolCallPartDelta,
    )

    match event:
        case PartStartEvent(part=TextPart(content=text)):
            return text
        case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            return text
        case PartStartEvent(part=ToolCallPart(args=args)):
            return _arguments(args)
        case PartDeltaEvent(delta=ToolCallPartDelta(args_delta=args)):
            return _arguments(args)
    return ""


def _arguments(args: object) -> str:
    return args if isinstance(args, str) else json.dumps(args) if args else ""


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
