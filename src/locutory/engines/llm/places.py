"""A model at a provider as the router sees it: what it can, how it fares, whom it may serve."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from locutory.engines.llm.base import LLM
from locutory.engines.llm.failures import BUSY
from locutory.engines.llm.probing import Probe
from locutory.kernel.errors import EngineThrottled
from locutory.kernel.http.breaker import Breaker, BreakerRule, BreakerState

MAIN = "main"
_SMOOTHING = 0.2  # of the moving mean of latencies
_WAITING_PER_SLOT = 4

CIRCUIT = BreakerRule(consecutive=5, calls=20, rate=0.5, window_s=60.0, open_s=60.0, most_s=600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds: to the first token, between two, and for a whole answer (None: the request's)."""

    first_token_s: float = 8.0
    idle_s: float = 8.0
    total_s: float | None = None


PATIENT = Timeouts(first_token_s=120.0, idle_s=60.0)


@dataclass(slots=True)
class Health:
    """How one model of one provider fares; lives longer than the configuration that names it."""

    breaker: Breaker
    clock: Callable[[], float] = time.monotonic
    rests_until: float = 0.0
    latency_ms: float | None = None
    last_kind: str | None = None
    calls: int = 0

    @property
    def rest_s(self) -> float:
        """Seconds that it has asked to be left alone for."""
        return max(0.0, self.rests_until - self.clock())

    @property
    def wait_s(self) -> float:
        """Seconds until it may be asked again, 0 for now."""
        return max(self.rest_s, self.breaker.left_s)

    @property
    def pace_ms(self) -> float:
        """The mean time of its answers, 0 while there are none."""
        return self.latency_ms or 0.0

    @property
    def healthy(self) -> bool:
        """Whether it would be asked now."""
        return self.breaker.state is BreakerState.CLOSED and self.rest_s == 0

    def rest(self, seconds: float) -> None:
        """Leave it alone for so long."""
        self.rests_until = max(self.rests_until, self.clock() + seconds)

    def answered(self, latency_ms: int) -> None:
        """Take an answer into the mean."""
        self.calls += 1
        known = self.latency_ms
        self.latency_ms = latency_ms if known is None else known + _SMOOTHING * (latency_ms - known)


class HealthBook:
    """The health of each (provider, model). One book for a process."""

    def __init__(
        self, rule: BreakerRule = CIRCUIT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rule, self._clock = rule, clock
        self._known: dict[tuple[str, str], Health] = {}

    def of(self, provider: str, model: str) -> Health:
        """The health of a model, made at the first question."""
        key = (provider, model)
        if key not in self._known:
            breaker = Breaker(f"{provider}/{model}", rule=self.rule, clock=self._clock)
            self._known[key] = Health(breaker, self._clock)
        return self._known[key]


@dataclass(slots=True, kw_only=True)
class Place:
    """A provider by its name in the configuration, with its models by tier.

    `llm` asks for whichever model a request names. `local`: what is sent there leaves no machine
    of the owner. `price` of a model for tokens in and out wins over what the provider says.
    `concurrency` bounds the requests under way; a few more may wait. `probe` asks whether the
    provider lets us in, where that can be asked.
    """

    name: str
    llm: LLM
    models: Mapping[str, str]
    timeouts: Timeouts = Timeouts()
    context_tokens: int | None = None
    local: bool = False
    price: Callable[[str, int, int], int | None] | None = None
    weight: float = 1.0
    concurrency: int = 32
    probe: Probe | None = None
    _slots: asyncio.Semaphore = field(init=False)
    _waiting: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.concurrency)

    @property
    def default_model(self) -> str:
        """The model of the tier `main`, else the first."""
        return self.models.get(MAIN) or next(iter(self.models.values()))

    def cost_micros(self, model: str, tokens_in: int, tokens_out: int) -> int | None:
        """What so many tokens cost here, None where that is not known."""
        return None if self.price is None else self.price(model, tokens_in, tokens_out)

    def model_of(self, tier: str | None) -> str:
        """The model of a tier, the default one where the provider has none of it."""
        return self.models.get(tier or MAIN) or self.default_model

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Around one request. Raises EngineThrottled when too many wait already."""
        if self._slots.locked() and self._waiting >= _WAITING_PER_SLOT * self.concurrency:
            raise EngineThrottled("too many wait for it", engine=self.name, code=BUSY)
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()
