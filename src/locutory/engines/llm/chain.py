"""Models in order: the next one answers while the one before it cannot."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from prometheus_client import Counter

from locutory.engines.llm.base import LLM, LLMReply, LLMRequest
from locutory.kernel.errors import (
    EngineAuthError,
    EngineError,
    EngineThrottled,
    EngineTimeout,
    EngineUnavailable,
)
from locutory.kernel.http.breaker import Breaker, BreakerOpenError

# what another provider may not have: what a request itself is at fault for, it would have as well
_NEXT = (EngineUnavailable, EngineTimeout, EngineThrottled, EngineAuthError, BreakerOpenError)
_LEAST_S = 1.0
_SHARE = 2 / 3  # of the time that is left; the rest is for those who come after


@dataclass(slots=True)
class _Candidate:
    llm: LLM
    breaker: Breaker
    rests_until: float = 0.0

    def why_not(self, now: float) -> EngineError | None:
        """Why it is not asked now: it has said for how long not to."""
        if now >= self.rests_until:
            return None
        engine, after = self.llm.name, self.rests_until - now
        return EngineThrottled("asked to wait", engine=engine, retry_after=after)


@dataclass(slots=True)
class ChainedLLM:
    """Asks the first model, then the others; presents itself as the first.

    A model that fails five times in a row is left alone for half a minute; one that asks us to
    wait is left alone for as long as it says. All attempts of a request share its time. `fallbacks`
    counts answers by (from, to).
    """

    models: Sequence[LLM]
    fallbacks: Counter | None = None
    clock: Callable[[], float] = time.monotonic
    _candidates: list[_Candidate] = field(init=False)

    def __post_init__(self) -> None:
        self._candidates = [
            _Candidate(llm, Breaker(llm.name, clock=self.clock)) for llm in self.models
        ]

    @property
    def name(self) -> str:
        return self.models[0].name

    @property
    def model(self) -> str:
        return self.models[0].model

    async def complete(self, request: LLMRequest) -> LLMReply:
        """The first answer; else what the first model failed with, and the soonest time to retry.

        A request for another model than the first one's own goes to the first only.
        """
        deadline = self.clock() + request.timeout_s
        candidates = self._candidates[:1] if request.model is not None else self._candidates
        failures: list[EngineError] = []
        for candidate in candidates:
            left_s = deadline - self.clock()
            own_s = left_s if candidate is candidates[-1] else left_s * _SHARE
            if failures and left_s < _LEAST_S:
                break
            try:
                reply = await self._ask(candidate, replace(request, timeout_s=own_s))
            except _NEXT as error:
                failures.append(error)
                continue
            if failures and self.fallbacks is not None:
                self.fallbacks.labels(self.name, candidate.llm.name).inc()
            return reply
        worst = failures[0]
        waits = [error.retry_after for error in failures if error.retry_after is not None]
        worst.retry_after = min(waits) if len(waits) == len(failures) else worst.retry_after
        raise worst

    async def _ask(self, candidate: _Candidate, request: LLMRequest) -> LLMReply:
        resting = candidate.why_not(self.clock())
        if resting is not None:
            raise resting
        try:
            with candidate.breaker.guard():
                return await candidate.llm.complete(request)
        except EngineThrottled as error:
            candidate.rests_until = self.clock() + (error.retry_after or 0.0)
            raise
