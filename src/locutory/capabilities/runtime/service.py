"""Asking a model for somebody: at once, or as it writes."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from locutory.capabilities.runtime.api import Runtime
from locutory.capabilities.runtime.budgets import BudgetSpent
from locutory.capabilities.runtime.contract import (
    BudgetExceeded,
    LlmUnavailable,
    NotConfigured,
)
from locutory.capabilities.runtime.schemas import (
    ChatBody,
    ChatRead,
    ProviderRead,
    ProvidersRead,
    chat_read,
    request_of,
)
from locutory.engines.llm.base import Events, LLMReply, LLMRequest, StreamEvent
from locutory.engines.llm.streams import events_of
from locutory.kernel.errors import (
    EngineAuthError,
    EngineConfigError,
    EngineError,
    EngineThrottled,
    EngineTimeout,
    EngineUnavailable,
    LocutoryError,
)
from locutory.kernel.http.breaker import BreakerOpenError

_AWAY = (
    BreakerOpenError,
    EngineAuthError,
    EngineConfigError,
    EngineThrottled,
    EngineTimeout,
    EngineUnavailable,
)


def list_providers(runtime: Runtime) -> ProvidersRead:
    """Every provider with how it fares."""
    router = runtime.router
    if router is None:
        return ProvidersRead(items=[], strategy=None, fault=None)
    items, probed = [], runtime.probed
    for number, place in enumerate(router.places):
        health = router.book.of(place.name, place.default_model)
        items.append(
            ProviderRead(
                name=place.name,
                models=list(dict.fromkeys(place.models.values())),
                default=number == 0,
                healthy=health.healthy,
                breaker=health.breaker.state.value,
                local=place.local,
                latency_ms=health.latency_ms,
                last_failure=health.last_kind,
                retry_after_s=round(health.wait_s, 1),
                access=None if place.name not in probed else probed[place.name].access.value,
                capabilities={
                    "stream": True,
                    "json_schema": True,
                    "context_tokens": place.context_tokens,
                },
            )
        )
    return ProvidersRead(items=items, strategy=router.policy.strategy.value, fault=runtime.fault)


async def chat(runtime: Runtime, ask: ChatBody, *, batch: bool = False) -> ChatRead:
    """A whole answer. Raises NotConfigured, LlmUnavailable, BudgetExceeded, ProviderUnknown."""
    request = request_of(ask, defaults=runtime.defaults, batch=batch)
    return read_of(await complete(runtime, request), request)


async def complete(runtime: Runtime, request: LLMRequest) -> LLMReply:
    """What the models answer; failures as `chat` raises them."""
    if runtime.llm is None:
        raise NotConfigured
    try:
        return await runtime.llm.complete(request)
    except EngineError as error:
        raise told(error) from error


async def begun(runtime: Runtime, request: LLMRequest) -> Events:
    """An answer that has begun: whatever fails before its first piece is raised here."""
    if runtime.llm is None:
        raise NotConfigured
    events = events_of(runtime.llm, request)
    try:
        first = await anext(events)
    except EngineError as error:
        raise told(error) from error
    return _going_on(first, events)


async def _going_on(first: StreamEvent, events: Events) -> AsyncGenerator[StreamEvent, None]:
    async with aclosing(events) as rest:
        yield first
        try:
            async for event in rest:
                yield event
        except EngineError as error:
            raise told(error) from error


def read_of(reply: LLMReply, request: LLMRequest) -> ChatRead:
    """A reply as it is told; `parsed` where a schema was given."""
    parsed: Any = json.loads(reply.text) if request.checked else None
    return chat_read(reply, parsed)


def told(error: EngineError) -> LocutoryError:
    """A failure of all models as callers are told it; what they can mend stays as it is."""
    if isinstance(error, BudgetSpent):
        return BudgetExceeded(error.detail, retry_after=error.retry_after)
    if isinstance(error, _AWAY):
        return LlmUnavailable(f"no model answers: {error.detail}", retry_after=error.retry_after)
    return error
