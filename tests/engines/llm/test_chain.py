"""Models in order: who is asked when, and what is told when nobody answers."""

from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry, Counter

from locutory.engines.llm.base import LLMReply, LLMRequest
from locutory.engines.llm.chain import ChainedLLM
from locutory.kernel.errors import (
    ContentRejected,
    EngineAuthError,
    EngineError,
    EngineThrottled,
    EngineTimeout,
    EngineUnavailable,
    InvalidOutput,
)

ASK = LLMRequest(system="", user="?", timeout_s=30)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Model:
    """Fails with what it was given, in turn, the last one again and again; else answers."""

    name: str
    clock: Clock
    failures: list[Exception] = field(default_factory=list)
    takes_s: float = 0.0
    asked: list[LLMRequest] = field(default_factory=list)
    model: str = "m"

    async def complete(self, request: LLMRequest) -> LLMReply:
        self.asked.append(request)
        self.clock.now += min(self.takes_s, request.timeout_s)
        if self.takes_s > request.timeout_s:
            raise EngineTimeout(engine=self.name)
        if self.failures:
            raise self.failures.pop(0) if len(self.failures) > 1 else self.failures[0]
        return LLMReply(
            text="yes",
            finish_reason="stop",
            tokens_in=1,
            tokens_out=1,
            cost_micros=None,
            latency_ms=1,
            engine=f"{self.name}/m",
        )


def chain(clock: Clock, *models: Model, fallbacks: Counter | None = None) -> ChainedLLM:
    return ChainedLLM(models, fallbacks, clock)


@pytest.mark.parametrize(
    "failure",
    [EngineUnavailable, EngineTimeout, EngineThrottled, EngineAuthError],
)
async def test_the_next_one_answers_for_what_is_the_providers_fault(
    failure: type[EngineError],
) -> None:
    clock = Clock()
    first, second = Model("a", clock, [failure(engine="a")]), Model("b", clock)
    counted = Counter("fallbacks_total", "x", ["asked", "answered"], registry=CollectorRegistry())

    reply = await chain(clock, first, second, fallbacks=counted).complete(ASK)

    assert reply.engine == "b/m"
    assert counted.labels("a", "b")._value.get() == 1


@pytest.mark.parametrize("failure", [InvalidOutput, ContentRejected])
async def test_what_the_request_is_at_fault_for_goes_to_nobody_else(
    failure: type[EngineError],
) -> None:
    clock = Clock()
    first, second = Model("a", clock, [failure(engine="a")]), Model("b", clock)

    with pytest.raises(failure):
        await chain(clock, first, second).complete(ASK)

    assert second.asked == []


async def test_a_dead_model_is_asked_five_times_and_then_once_in_half_a_minute() -> None:
    clock = Clock()
    first, second = Model("a", clock, [EngineUnavailable(engine="a")]), Model("b", clock)
    models = chain(clock, first, second)

    for _ in range(60):
        await models.complete(ASK)
        clock.now += 1

    assert len(first.asked) == 6
    first.failures.clear()
    clock.now += 60
    assert (await models.complete(ASK)).engine == "a/m"


async def test_who_asks_us_to_wait_is_left_alone_for_so_long() -> None:
    clock = Clock()
    busy = EngineThrottled(engine="a", retry_after=20.0)
    first, second = Model("a", clock, [busy]), Model("b", clock)
    models = chain(clock, first, second)

    for _ in range(15):
        await models.complete(ASK)
        clock.now += 1

    assert len(first.asked) == 1


async def test_a_slow_model_leaves_time_for_the_next() -> None:
    clock = Clock()
    first, second = Model("a", clock, takes_s=100), Model("b", clock, takes_s=5)

    reply = await chain(clock, first, second).complete(ASK)

    assert reply.engine == "b/m"
    assert clock.now == pytest.approx(25)
    assert second.asked[0].timeout_s == pytest.approx(10)


async def test_when_nobody_answers_the_first_ones_words_are_told_with_the_soonest_time() -> None:
    clock = Clock()
    first = Model("a", clock, [EngineThrottled("quota", engine="a", retry_after=60.0)])
    second = Model("b", clock, [EngineUnavailable("down", engine="b", retry_after=5.0)])

    with pytest.raises(EngineThrottled) as raised:
        await chain(clock, first, second).complete(ASK)

    assert (raised.value.detail, raised.value.retry_after) == ("quota", 5.0)


async def test_a_model_that_is_asked_for_by_name_has_no_stand_in() -> None:
    clock = Clock()
    first, second = Model("a", clock, [EngineUnavailable(engine="a")]), Model("b", clock)

    with pytest.raises(EngineUnavailable):
        await chain(clock, first, second).complete(LLMRequest(system="", user="?", model="large"))

    assert second.asked == []
