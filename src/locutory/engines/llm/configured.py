"""A router made of a configuration file, and made anew when that file changes."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from prometheus_client import Counter

from locutory.engines.llm.base import Events, LLMReply, LLMRequest
from locutory.engines.llm.config import ModelsConfig, ProviderConfig, read_config
from locutory.engines.llm.course import Policy, Watch
from locutory.engines.llm.places import PATIENT, HealthBook, Place, Timeouts
from locutory.engines.llm.pricing import Prices
from locutory.engines.llm.registry import OUTSIDE, Wanted, make_llm
from locutory.engines.llm.routed import BudgetTerms
from locutory.engines.llm.router import Parameters, Router
from locutory.engines.llm.scrubbing import ScrubbedLLM, Scrubber
from locutory.kernel.errors import ConfigError
from locutory.kernel.http.breaker import BreakerRule
from locutory.kernel.http.client import HttpClient
from locutory.kernel.signals import pause
from locutory.kernel.telemetry.logs import get_logger

LOOK_EVERY_S: Final = 2.0
_BARE_NAMES: Final = {
    "gemini": ("GEMINI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "openai_compatible": ("OPENAI_API_KEY",),
    "bedrock": ("AWS_BEARER_TOKEN_BEDROCK",),
}


@dataclass(slots=True, kw_only=True)
class Means:
    """What a router is built with besides its file."""

    http: HttpClient
    keys: Mapping[str, str]  # by provider
    environ: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 60.0
    fallbacks: Counter | None = None
    watch: Watch | None = None


def build(config: ModelsConfig, means: Means, book: HealthBook | None = None) -> Router:
    """The router that a configuration describes. Raises ConfigError where none can answer."""
    circuit = config.circuit_breaker
    rule = BreakerRule(
        consecutive=circuit.failure_threshold,
        calls=circuit.min_calls,
        rate=circuit.error_rate,
        window_s=circuit.window_s,
        open_s=circuit.timeout,
        most_s=max(circuit.timeout, circuit.max_timeout),
    )
    prices = Prices(
        {name: (p.input_per_mtok, p.output_per_mtok) for name, p in config.prices.items()}
    )
    scrubber = Scrubber({p.name: p.regex for p in config.pii.extra_patterns})
    chain = config.routing.chain or list(config.providers)
    places = [
        place
        for name in chain
        if (place := _place(name, config, means, prices, scrubber)) is not None
    ]
    if not places:
        raise ConfigError(f"no provider of {', '.join(chain)} has what it needs; see its docs page")
    if book is None or book.rule != rule:
        book = HealthBook(rule)
    return Router(
        places=places,
        policy=Policy(
            strategy=config.routing.strategy,
            mid_stream=config.routing.mid_stream,
            retry_on_refusal=frozenset(config.routing.retry_on_refusal),
            attempts=config.retry.max_attempts,
            base_s=config.retry.base_s,
            max_s=config.retry.max_s,
            max_retry_after_s=config.retry.max_retry_after_s,
        ),
        purposes={
            name: Parameters(one.tier, one.max_output_tokens, one.temperature)
            for name, one in config.model_parameters.items()
        },
        book=book,
        watch=means.watch,
        fallbacks=means.fallbacks,
    )


def _place(
    name: str, config: ModelsConfig, means: Means, prices: Prices, scrubber: Scrubber
) -> Place | None:
    """A provider ready to be asked, None for one that is off or lacks what it needs."""
    one = config.providers[name]
    kind, key = one.type or name, _key(name, one, means)
    missing = _missing(kind, one, key)
    if one.enabled is False or (one.enabled == "auto" and missing is not None):
        return None
    if missing is not None:
        raise ConfigError(f"providers.{name} is enabled but has no {missing}")
    model = one.models.get("main") or next(iter(one.models.values()))
    llm = make_llm(
        Wanted(
            provider=kind,
            place=name,
            model=model,
            base_url=one.base_url,
            api_key=key,
            region=one.region,
            context_tokens=one.context_tokens,
            timeout_s=means.timeout_s,
        ),
        means.http,
    )
    mode = config.pii.local if one.local else config.pii.remote
    times = one.timeout
    return Place(
        name=name,
        llm=llm if mode == "off" else ScrubbedLLM(llm, scrubber, block=mode == "block"),
        models=one.models,
        timeouts=(PATIENT if one.local else Timeouts())
        if times is None
        else Timeouts(
            first_token_s=times.first_token_s, idle_s=times.idle_s, total_s=times.total_s
        ),
        context_tokens=one.context_tokens,
        local=one.local,
        price=prices.of(name, kind, one.base_url),
        weight=config.routing.weights.get(name, 0.0 if config.routing.weights else 1.0),
        concurrency=one.max_concurrency,
    )


def _key(name: str, one: ProviderConfig, means: Means) -> str | None:
    """The provider's key: by its own name in the settings, else by the vendor's variable.

    A server of one's own gets no key that was meant for a vendor.
    """
    if name in means.keys:
        return means.keys[name]
    kind = one.type or name
    if kind == "openai_compatible" and one.base_url and "api.openai.com" not in one.base_url:
        return None
    found = (means.environ.get(variable) for variable in _BARE_NAMES.get(kind, ()))
    return next(filter(None, found), None)


def _missing(kind: str, one: ProviderConfig, key: str | None) -> str | None:
    if kind in OUTSIDE:
        if kind == "bedrock":
            return "region" if one.region is None else None
        return "key" if key is None else None
    return "base_url" if one.base_url is None else None


class ConfiguredLLM:
    """The router of a file. A change of the file that is sound takes effect at once.

    One that is not leaves the old router in place; `fault` says what is wrong with it. Requests
    under way go on as they began.
    """

    def __init__(self, path: Path, means: Means) -> None:
        """Raises ConfigError when the file is not sound."""
        self.path = path
        self._fault: str | None = None
        self.config = read_config(path)
        self._router = build(self.config, means)
        self._means = means
        self._seen = self._stamp()

    @property
    def router(self) -> Router:
        return self._router

    @property
    def fault(self) -> str | None:
        return self._fault

    @property
    def budgets(self) -> Sequence[BudgetTerms]:
        return [
            BudgetTerms(
                period=one.period,
                limit_micros=int(one.limit_usd * 1_000_000),
                warn_at=one.warn_at,
                on_limit=one.on_limit,
            )
            for one in self.config.budgets
        ]

    @property
    def name(self) -> str:
        return self.router.name

    @property
    def model(self) -> str:
        return self.router.model

    async def complete(self, request: LLMRequest) -> LLMReply:
        """As `Router.complete`."""
        return await self.router.complete(request)

    def stream(self, request: LLMRequest) -> Events:
        """As `Router.stream`."""
        return self.router.stream(request)

    async def look(self) -> bool:
        """Read the file again if it has changed; whether the router was replaced."""
        stamp = await asyncio.to_thread(self._stamp)
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            config = await asyncio.to_thread(read_config, self.path)
            router = build(config, self._means, self.router.book)
        except ConfigError as error:
            self._fault = error.detail
            get_logger().error("models: the new file is not used", reason=error.detail)
            return False
        self.config, self._router, self._fault = config, router, None
        get_logger().info("models: the new file is in force", path=str(self.path))
        return True

    async def run(self, stop: asyncio.Event) -> None:
        """Look every two seconds until stopped."""
        while not stop.is_set():
            await self.look()
            await pause(stop, LOOK_EVERY_S)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
