"""Which model is asked when, and what is told when nobody answers: a test per row of the table."""

import json
import random
from collections import Counter as Tally
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from locutory.engines.llm.base import Attempt, LLMReply, LLMRequest
from locutory.engines.llm.course import Policy, Strategy
from locutory.engines.llm.failures import BUSY, RULES, Kind
from locutory.engines.llm.places import MAIN, HealthBook, Place
from locutory.engines.llm.refusals import (
    NO_MODEL,
    PARAMETER_REFUSED,
    QUOTA,
    TOO_LONG,
    UNREACHABLE,
    refused,
)
from locutory.engines.llm.router import Parameters, ProviderUnknown, Router
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
from locutory.kernel.http.breaker import BreakerState

ASK = LLMRequest(system="", user="?", timeout_s=30)
SCHEMA: Any = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


@dataclass
class Clock:
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Model:
    """Fails with what it was given, in turn, the last one again and again; else answers."""

    name: str
    clock: Clock
    failures: list[Exception] = field(default_factory=list)
    takes_s: float = 0.0
    says: list[str] = field(default_factory=list)
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
            text=self.says.pop(0) if self.says else "yes",
            finish_reason="stop",
            tokens_in=1,
            tokens_out=1,
            cost_micros=None,
            latency_ms=1,
            engine=f"{self.name}/{request.model}",
        )


def router(clock: Clock, *models: Model, **rest: Any) -> Router:
    places = [Place(name=one.name, llm=one, models={MAIN: one.model}) for one in models]
    book = HealthBook(clock=clock)
    more = {"clock": clock, "sleep": clock.sleep, "rng": random.Random(1), "book": book}
    return Router(places=places, **{**more, **rest})


def pair(clock: Clock, *failures: Exception, **rest: Any) -> tuple[Model, Model, Router]:
    first, second = Model("a", clock, list(failures)), Model("b", clock)
    return first, second, router(clock, first, second, **rest)


ROWS: list[tuple[EngineError, int, int, bool]] = [
    # the failure, how often the first is asked by a person and by a batch, whether it counts
    (EngineUnavailable(engine="a", code=UNREACHABLE), 1, 2, True),
    (EngineTimeout(engine="a"), 1, 2, True),
    (EngineUnavailable(engine="a"), 2, 2, True),
    (refused(503, {}, {}, engine="a"), 2, 2, True),
    (refused(529, {}, {}, engine="a"), 2, 2, True),
    (refused(408, {}, {}, engine="a"), 2, 2, True),
    (refused(409, {}, {}, engine="a"), 2, 2, True),
    (refused(429, {"retry-after": "60"}, {}, engine="a"), 1, 1, False),
    (refused(429, {}, {}, engine="a"), 1, 1, False),
    (refused(429, {}, {"error": {"code": "insufficient_quota"}}, engine="a"), 1, 1, False),
    (refused(402, {}, {}, engine="a"), 1, 1, False),
    (refused(401, {}, {}, engine="a"), 1, 1, False),
    (refused(403, {}, {}, engine="a"), 1, 1, False),
    (refused(404, {}, {}, engine="a"), 1, 1, False),
    (refused(400, {}, {"error": {"code": "context_length_exceeded"}}, engine="a"), 1, 1, False),
]


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0].error_code}-{row[0].detail[:8]}")
async def test_each_failure_is_tried_again_as_often_as_it_may_help_and_then_the_next_answers(
    row: tuple[EngineError, int, int, bool], batch: bool
) -> None:
    failure, asked, asked_by_batch, counts = row
    clock = Clock()
    first, _, models = pair(clock, failure)

    reply = await models.complete(replace(ASK, batch=batch))

    assert reply.engine == "b/m"
    assert len(first.asked) == (asked_by_batch if batch else asked)
    assert len(reply.attempts) == len(first.asked) + 1
    failed = [bad for _, bad in models.book.of("a", "m").breaker._failures]
    assert sum(failed) == (len(first.asked) if counts else 0)


@pytest.mark.parametrize(
    ("failure", "shut_s"),
    [
        (EngineThrottled(engine="a", code=QUOTA), 900),
        (EngineAuthError(engine="a"), 600),
        (EngineConfigError(engine="a", code=NO_MODEL), 600),
    ],
)
async def test_what_only_a_person_can_mend_shuts_the_model_at_once(
    failure: EngineError, shut_s: int
) -> None:
    clock = Clock()
    first, _, models = pair(clock, failure)

    for _ in range(3):
        await models.complete(ASK)
        clock.now += shut_s / 4
    assert len(first.asked) == 1
    health = models.book.of("a", "m")
    assert (health.breaker.state, health.healthy) == (BreakerState.OPEN, False)

    clock.now += shut_s
    first.failures.clear()
    assert (await models.complete(ASK)).engine == "a/m"


@pytest.mark.parametrize(
    "failure", [InvalidOutput(engine="a"), refused(422, {}, {}, engine="a")], ids=["none", "422"]
)
async def test_what_the_request_is_at_fault_for_goes_to_nobody_else(failure: EngineError) -> None:
    clock = Clock()
    first, second, models = pair(clock, failure)

    with pytest.raises(InvalidOutput):
        await models.complete(ASK)

    assert (len(first.asked), second.asked) == (1, [])


async def test_a_refusal_goes_on_only_for_the_purposes_that_ask_for_it() -> None:
    clock = Clock()
    policy = Policy(retry_on_refusal=frozenset({"translate"}))
    _, second, models = pair(clock, ContentRejected(engine="a"), policy=policy)

    with pytest.raises(ContentRejected):
        await models.complete(ASK)
    assert second.asked == []

    assert (await models.complete(replace(ASK, purpose="translate"))).engine == "b/m"


async def test_a_parameter_that_is_refused_is_dropped_and_the_same_model_asked_once_more() -> None:
    clock = Clock()
    body = {"error": {"code": "unsupported_value", "param": "temperature", "message": "no"}}
    refusal = refused(400, {}, body, engine="a")
    first, second, models = pair(clock, refusal)
    assert refusal.error_code == PARAMETER_REFUSED

    with pytest.raises(InvalidOutput):
        await models.complete(ASK)

    assert [one.without for one in first.asked] == [frozenset(), {"temperature"}]
    assert second.asked == []


async def test_a_request_too_long_goes_to_a_model_with_a_larger_window() -> None:
    clock = Clock()
    long = InvalidOutput(engine="a", code=TOO_LONG)
    small, same, large = (Model(name, clock) for name in ("small", "same", "large"))
    small.failures = [long]
    models = router(clock, small, same, large)
    for place, tokens in zip(models.places, (8000, 8000, 128_000), strict=True):
        place.context_tokens = tokens

    assert (await models.complete(ASK)).engine == "large/m"
    assert same.asked == []


async def test_a_short_wait_is_waited_once_and_a_long_one_goes_on_and_is_respected() -> None:
    clock = Clock()
    soon = EngineThrottled(engine="a", retry_after=1.5)
    first, _, models = pair(clock, soon)
    assert (await models.complete(ASK)).engine == "b/m"
    assert clock.slept == [1.5]
    assert len(first.asked) == 2

    clock = Clock()
    first, _, models = pair(clock, EngineThrottled(engine="a", retry_after=20.0))
    for _ in range(15):
        await models.complete(ASK)
        clock.now += 1
    assert (len(first.asked), clock.slept) == (1, [])
    clock.now += 10
    first.failures.clear()
    assert (await models.complete(ASK)).engine == "a/m"


async def test_no_wait_is_begun_that_would_outlast_the_deadline() -> None:
    clock = Clock()
    first = Model("a", clock, [EngineThrottled(engine="a", retry_after=1.5)])
    models = router(clock, first)

    with pytest.raises(EngineThrottled):
        await models.complete(replace(ASK, timeout_s=1.0))

    assert clock.slept == []


async def test_backoff_grows_with_full_jitter_and_is_capped() -> None:
    clock = Clock()
    first = Model("a", clock, [EngineUnavailable(engine="a")])
    models = router(clock, first, policy=Policy(attempts=2, base_s=0.5, max_s=8))

    with pytest.raises(EngineUnavailable):
        await models.complete(ASK)

    [wait] = clock.slept
    assert 0 <= wait <= 0.5


async def test_a_bad_answer_is_asked_for_twice_more_with_its_fault_and_then_elsewhere() -> None:
    clock = Clock()
    first, second, models = pair(clock)
    first.says, second.says = ["prose", '{"no": 1}', "[]"], ['```json\n{"ok": true}\n```']

    reply = await models.complete(replace(ASK, schema=SCHEMA, checked=True))

    assert (reply.engine, json.loads(reply.text)) == ("b/m", {"ok": True})
    assert [one.outcome for one in reply.attempts] == ["bad_output"] * 3 + ["ok"]
    assert "it is no JSON" in first.asked[1].user
    assert first.asked[2].history[-1].text == '{"no": 1}'
    assert "'ok' is a required property" in first.asked[2].user
    assert second.asked[0].history == ()


async def test_a_bad_answer_of_all_is_told_without_what_was_said() -> None:
    clock = Clock()
    first = Model("a", clock)
    first.says = ["my secret"] * 3

    with pytest.raises(InvalidOutput) as raised:
        await router(clock, first).complete(replace(ASK, schema=SCHEMA, checked=True))

    assert raised.value.error_code == "LLM_BAD_OUTPUT"
    assert "secret" not in f"{raised.value.detail}{raised.value.extra}"


async def test_when_the_deadline_has_passed_nobody_else_is_asked() -> None:
    clock = Clock()
    models = [Model(name, clock, takes_s=100) for name in "abcdefgh"]

    with pytest.raises(EngineTimeout):
        await router(clock, *models).complete(ASK)

    assert clock.now == pytest.approx(30, abs=1.0)
    assert models[-1].asked == []


def test_every_kind_of_failure_has_its_rule() -> None:
    assert set(RULES) == set(Kind)


async def test_a_dead_primary_is_asked_six_times_in_a_minute_at_most() -> None:
    clock = Clock()
    first, _, models = pair(clock, EngineUnavailable(engine="a"))
    asked: Tally[int] = Tally()

    while clock.now < 60:
        before = len(first.asked)
        await models.complete(ASK)
        asked[int(clock.now)] += len(first.asked) - before
        clock.now += 0.25

    assert sum(asked.values()) <= 6
    first.failures.clear()
    clock.now += 60
    assert (await models.complete(ASK)).engine == "a/m"


async def test_an_outage_that_goes_on_is_probed_ever_more_rarely() -> None:
    clock = Clock()
    first, _, models = pair(clock, EngineTimeout(engine="a"))
    while clock.now < 3600:
        await models.complete(ASK)
        clock.now += 10

    probes = len(first.asked) - 5
    assert 6 <= probes <= 11, "after 60, 120, 240, 480 and then each 600 s"


async def test_two_servers_of_one_provider_have_a_breaker_each() -> None:
    clock = Clock()
    first, second, models = pair(clock, EngineTimeout(engine="ollama"))
    for _ in range(10):
        assert (await models.complete(ASK)).engine == "b/m"

    assert (len(first.asked), len(second.asked)) == (5, 10)
    assert models.book.of("b", "m").healthy


async def test_a_slow_model_leaves_time_for_the_next() -> None:
    clock = Clock()
    first, second = Model("a", clock, takes_s=100), Model("b", clock, takes_s=5)

    reply = await router(clock, first, second).complete(ASK)

    assert reply.engine == "b/m"
    assert clock.now == pytest.approx(25)
    assert second.asked[0].timeout_s == pytest.approx(10)


async def test_when_nobody_answers_the_first_ones_words_are_told_with_the_soonest_time() -> None:
    clock = Clock()
    first = Model("a", clock, [EngineThrottled("quota", engine="a", retry_after=60.0)])
    second = Model("b", clock, [EngineThrottled("down", engine="b", retry_after=5.0)])

    with pytest.raises(EngineThrottled) as raised:
        await router(clock, first, second).complete(ASK)

    assert (raised.value.detail, raised.value.retry_after) == ("quota", 5.0)


async def test_a_single_model_that_is_down_is_refused_at_once() -> None:
    clock = Clock()
    first = Model("a", clock, [EngineTimeout(engine="a")])
    models = router(clock, first)
    for _ in range(8):
        with pytest.raises(EngineError) as raised:
            await models.complete(ASK)

    assert len(first.asked) == 5
    assert (raised.value.error_code, raised.value.retry_after) == ("BREAKER_OPEN", 60.0)


async def test_a_model_that_is_asked_for_by_name_has_no_stand_in() -> None:
    clock = Clock()
    first, second, models = pair(clock, EngineTimeout(engine="a"))

    with pytest.raises(EngineTimeout):
        await models.complete(replace(ASK, model="large"))
    assert (first.asked[0].model, second.asked) == ("large", [])

    assert (await models.complete(replace(ASK, provider="b"))).engine == "b/m"
    with pytest.raises(ProviderUnknown, match="there are a, b"):
        await models.complete(replace(ASK, provider="c"))


async def test_strategies_share_the_requests_out() -> None:
    async def answers(strategy: Strategy, number: int, **more: Any) -> Tally[str]:
        clock = Clock()
        fast, slow = Model("fast", clock, takes_s=0.1), Model("slow", clock, takes_s=2)
        models = router(clock, slow, fast, policy=Policy(strategy=strategy))
        for place, weight in zip(models.places, (30, 70), strict=True):
            place.weight = weight
        return Tally([(await models.complete(ASK)).engine for _ in range(number)])

    assert await answers(Strategy.PRIORITY, 10) == {"slow/m": 10}
    assert await answers(Strategy.ROUND_ROBIN, 10) == {"slow/m": 5, "fast/m": 5}
    assert 620 < (await answers(Strategy.WEIGHTED, 1000))["fast/m"] < 780
    assert await answers(Strategy.LEAST_LATENCY, 10) == {"slow/m": 1, "fast/m": 9}


async def test_a_purpose_has_its_tier_and_parameters() -> None:
    clock = Clock()
    first = Model("a", clock)
    models = router(clock, first)
    models.places[0].models = {"main": "large", "fast": "small"}
    models.purposes = {"intent": Parameters(tier="fast", max_tokens=200, temperature=0.5)}

    await models.complete(replace(ASK, purpose="intent"))
    await models.complete(ASK)

    told = [(one.model, one.max_tokens, one.temperature) for one in first.asked]
    assert told == [("small", 200, 0.5), ("large", 2048, 0.0)]


async def test_too_many_at_one_model_go_on_to_the_next() -> None:
    clock = Clock()
    first, _, models = pair(clock, EngineThrottled(engine="a", code=BUSY))

    reply = await models.complete(ASK)

    assert [one.outcome for one in reply.attempts] == ["overloaded", "ok"]
    assert len(first.asked) == 1
    assert models.book.of("a", "m").healthy


async def test_stand_ins_are_counted_and_every_attempt_is_told() -> None:
    clock, seen = Clock(), list[Attempt]()
    counted = Counter("fallbacks_total", "x", ["asked", "answered"], registry=CollectorRegistry())
    _, _, models = pair(
        clock,
        EngineTimeout(engine="a"),
        fallbacks=counted,
        watch=lambda _, attempt: seen.append(attempt),
    )

    reply = await models.complete(ASK)

    assert counted.labels("a", "b")._value.get() == 1
    assert [(one.provider, one.outcome) for one in seen] == [("a", "timeout"), ("b", "ok")]
    assert reply.attempts == tuple(seen)
    assert reply.fallback_used
