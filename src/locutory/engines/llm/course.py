"""One request on its way through the models: whom to ask next, when, and when to give up."""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from locutory.engines.llm.base import Attempt, LLMReply, LLMRequest, Turn
from locutory.engines.llm.failures import BAD_OUTPUT, RULES, Kind, kind_of
from locutory.engines.llm.places import Health, HealthBook, Place
from locutory.engines.llm.streams import asked_tokens, estimated_tokens
from locutory.kernel.errors import EngineError, EngineThrottled, EngineTimeout, InvalidOutput
from locutory.kernel.http.breaker import BreakerOpenError
from locutory.kernel.http.retry import full_jitter

LEAST_S: Final = 1.0
_SHARE: Final = 2 / 3  # of the time that is left; the rest is for those who come after
_SPENT: Final = frozenset({Kind.BAD_OUTPUT})  # what is paid for though it is no use

Watch = Callable[[LLMRequest, Attempt], None]


class Strategy(StrEnum):
    """In which order the models of a chain are asked."""

    PRIORITY = "priority"
    WEIGHTED = "weighted"
    ROUND_ROBIN = "round_robin"
    LEAST_LATENCY = "least_latency"


class MidStream(StrEnum):
    """What a stream that breaks off after its first token does."""

    RESTART = "restart"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How models are chosen, and how patiently each is asked.

    `attempts` bounds the tries at one model for faults of the network and the server;
    `retry_on_refusal` names the purposes whose refused requests go to another model.
    """

    strategy: Strategy = Strategy.PRIORITY
    mid_stream: MidStream = MidStream.RESTART
    retry_on_refusal: frozenset[str] = frozenset()
    attempts: int = 2
    base_s: float = 0.5
    max_s: float = 8.0
    max_retry_after_s: float = 2.0


class BadOutput(InvalidOutput):
    """The answer does not fit its schema, also when asked again."""

    code = BAD_OUTPUT

    def __init__(self, fault: str, text: str, *, engine: str) -> None:
        """`text` is what was answered; it is for the model alone."""
        self.fault, self.text = fault, text
        super().__init__(f"the answer does not fit its schema: {fault}", engine=engine)


class DeadlinePassed(EngineTimeout):
    """The time for all attempts together is over."""

    code = "LLM_DEADLINE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A model that is asked now, for `request.timeout_s` at most."""

    place: Place
    model: str
    health: Health
    request: LLMRequest
    began: float


@dataclass(slots=True, kw_only=True)
class Course:
    """The state of one routed request."""

    request: LLMRequest
    candidates: Sequence[tuple[Place, str]]
    book: HealthBook
    policy: Policy
    watch: Watch | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    rng: random.Random = field(default_factory=random.Random)
    attempts: list[Attempt] = field(default_factory=list)
    _deadline: float = field(init=False)
    _queue: deque[tuple[Place, str]] = field(init=False)
    _asked: LLMRequest = field(init=False)
    _tries: Counter[Kind] = field(default_factory=Counter)
    _failures: list[EngineError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._deadline = self.clock() + self.request.timeout_s
        self._queue = deque(self.candidates)
        self._asked = self.request

    def left_s(self) -> float:
        """Seconds until all attempts must be over."""
        return self._deadline - self.clock()

    def step(self) -> Step:
        """The model to ask now. Raises what the first one failed with when none is left."""
        while self._queue:
            place, model = self._queue[0]
            health = self.book.of(place.name, model)
            if health.wait_s > 0:
                self._failures.append(_resting(place, health))
                self._queue.popleft()
                continue
            left_s = self.left_s()
            own_s = left_s if len(self._queue) == 1 else left_s * _SHARE
            if place.timeouts.total_s is not None:
                own_s = min(own_s, place.timeouts.total_s)
            asked = replace(self._asked, model=model, timeout_s=own_s)
            return Step(place=place, model=model, health=health, request=asked, began=self.clock())
        raise self._last_word()

    def done(self, step: Step, reply: LLMReply, ttft_ms: int | None) -> LLMReply:
        """Note the attempt that succeeded; the reply with all attempts."""
        cost = step.place.cost_micros(step.model, reply.tokens_in, reply.tokens_out)
        reply = replace(reply, cost_micros=reply.cost_micros if cost is None else cost)
        self._note(
            step,
            "ok",
            ttft_ms=ttft_ms,
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
            cost_micros=reply.cost_micros,
            estimated=reply.estimated,
        )
        step.health.answered(self.attempts[-1].latency_ms)
        first, model = self.candidates[0]
        return replace(
            reply,
            ttft_ms=ttft_ms,
            attempts=tuple(self.attempts),
            asked=(first.name, model),
            answered=(step.place.name, step.model),
        )

    def abandoned(self, step: Step, text: str, ttft_ms: int | None) -> None:
        """Note an attempt whose reader has gone."""
        self._note(step, "cancelled", ttft_ms=ttft_ms, **self._estimate(step, text))

    async def failed(
        self, step: Step, error: EngineError, *, text: str = "", ttft_ms: int | None = None
    ) -> None:
        """Note a failure and make ready for what follows it; waits where that helps.

        `text` is what came before it broke off. Raises when there is nothing left to try.
        """
        self._failures.append(error)
        if isinstance(error, BreakerOpenError):
            self._go_on(Kind.BUSY, step)
            return
        kind = self.spend(step, error, text=text, ttft_ms=ttft_ms)
        if self.left_s() <= 0:
            raise DeadlinePassed(engine=step.place.name) from error
        shown = bool(text) and len(self._queue) > 1  # what was shown is taken back once
        if (not shown or kind is Kind.BAD_OUTPUT) and await self._again(kind, error):
            return
        on = RULES[kind].on
        if kind is Kind.CONTENT:
            on = self.request.purpose in self.policy.retry_on_refusal
        if not on:
            raise error
        self._go_on(kind, step)
        if self.left_s() < LEAST_S:
            raise self._last_word() from error

    def spend(self, step: Step, error: EngineError, *, text: str, ttft_ms: int | None) -> Kind:
        """Note a failed attempt, and what it says of the model's health; its kind."""
        kind = kind_of(error)
        spent = self._estimate(step, text) if text or kind in _SPENT else {}
        self._note(
            step,
            kind.value,
            ttft_ms=ttft_ms,
            error_code=error.error_code,
            status=error.extra.get("upstream_status"),
            **spent,
        )
        step.health.last_kind = kind.value
        if RULES[kind].shuts_s:
            step.health.breaker.shut(RULES[kind].shuts_s)
        if error.retry_after is not None and kind is Kind.RATE_LIMIT:
            step.health.rest(error.retry_after)
        return kind

    async def _again(self, kind: Kind, error: EngineError) -> bool:
        """Whether the same model is asked once more, after the wait for it."""
        rule, tried = RULES[kind], self._tries[kind]
        most = rule.batch_again if self.request.batch else rule.again
        if kind not in (Kind.BAD_OUTPUT, Kind.PARAMETER):
            most = min(most, self.policy.attempts - 1)
        wait_s = self._wait(kind, error, tried)
        if tried >= most or wait_s is None or wait_s >= self.left_s():
            return False
        self._tries[kind] += 1
        if isinstance(error, BadOutput):
            self._asked = _asked_again(self.request, error)
        if kind is Kind.PARAMETER:
            refused = self._asked.without | {str(error.extra["parameter"])}
            self._asked = replace(self._asked, without=refused)
        if wait_s > 0:
            await self.sleep(wait_s)
        return True

    def _wait(self, kind: Kind, error: EngineError, tried: int) -> float | None:
        """Seconds before the same model may be asked again; None: do not wait for it."""
        if kind in (Kind.BAD_OUTPUT, Kind.PARAMETER):
            return 0.0
        if error.retry_after is not None:
            longest = self.policy.max_retry_after_s
            return error.retry_after if error.retry_after <= longest else None
        if kind is Kind.RATE_LIMIT:
            return None
        return full_jitter(self.policy.base_s, tried, self.policy.max_s, self.rng)

    def _go_on(self, kind: Kind, step: Step) -> None:
        """Leave this model; where its window was too small, also those whose is no larger."""
        self._queue.popleft()
        self._tries.clear()
        self._asked = self.request
        window = step.place.context_tokens
        if kind is Kind.TOO_LONG and window is not None:
            self._queue = deque(
                one for one in self._queue if (one[0].context_tokens or window + 1) > window
            )

    def _last_word(self) -> EngineError:
        """The first model's failure, with the soonest time at which any of them may answer."""
        worst = self._failures[0]
        waits = [error.retry_after for error in self._failures if error.retry_after is not None]
        if len(waits) == len(self._failures):
            worst.retry_after = min(waits)
        return worst

    def _estimate(self, step: Step, text: str) -> dict[str, object]:
        tokens_in, tokens_out = asked_tokens(step.request), estimated_tokens(text)
        return {
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
            "cost_micros": step.place.cost_micros(step.model, tokens_in, tokens_out),
            "estimated": True,
        }

    def _note(self, step: Step, outcome: str, **told: object) -> None:
        attempt = Attempt(
            provider=step.place.name,
            model=step.model,
            outcome=outcome,
            latency_ms=round(1000 * (self.clock() - step.began)),
            **told,  # type: ignore[arg-type]  # the fields of an attempt, by name
        )
        self.attempts.append(attempt)
        if self.watch is not None:
            self.watch(self.request, attempt)


def _resting(place: Place, health: Health) -> EngineError:
    """Why a model is not asked now."""
    if health.rest_s > 0:
        return EngineThrottled("asked to wait", engine=place.name, retry_after=health.wait_s)
    return BreakerOpenError(engine=place.name, retry_after=max(health.wait_s, 1.0))


def _asked_again(request: LLMRequest, error: BadOutput) -> LLMRequest:
    """The request with the answer that did not fit and why."""
    said = (Turn(role="user", text=request.user), Turn(role="assistant", text=error.text or "-"))
    again = f"That does not fit the schema: {error.fault}. Answer again, with the JSON alone."
    return replace(request, history=(*request.history, *said), user=again)
