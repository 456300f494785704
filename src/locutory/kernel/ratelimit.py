"""Rates per principal and route group: one table, one rule, one set of headers.

Headers follow the IETF draft on RateLimit fields: `RateLimit-Limit`, `RateLimit-Remaining`,
`RateLimit-Reset` (seconds).
"""

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from fastapi import Depends, Request, Response
from limits import RateLimitItem, WindowStats, parse
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

from locutory.kernel.errors import ConfigError, RateLimitedError
from locutory.kernel.settings import LimitSettings
from locutory.kernel.telemetry.logs import get_logger

DEFAULT: Final = "default"
_SWEEP_S = 60.0


class RateExceededError(RateLimitedError):
    """Too many requests; wait and try again."""

    def __init__(self, *, headers: dict[str, str], retry_after: float) -> None:
        """`headers` go out with the 429."""
        self.headers = headers
        super().__init__(retry_after=retry_after)


class Windows(Protocol):
    """Moving windows, one per rate and name."""

    async def hit(self, item: RateLimitItem, *identifiers: str) -> bool:
        """Count one request; False, uncounted, where the window is full."""
        ...

    async def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> WindowStats:
        """When the oldest request leaves the window (epoch seconds), and how many are free."""
        ...


class MemoryWindows:
    """Windows of this process: a queue of times per name, a few operations a hit.

    The library's own memory store starts a task and hops to a thread for each hit.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives epoch seconds."""
        self._clock = clock
        self._times: dict[str, deque[float]] = {}
        self._spans_s: dict[str, int] = {}
        self._sweep_at = 0.0

    async def hit(self, item: RateLimitItem, *identifiers: str) -> bool:
        now = self._clock()
        if now >= self._sweep_at:
            self._sweep(now)
        name = item.key_for(*identifiers)
        times = self._current(name, item, now)
        if len(times) >= item.amount:
            return False
        times.append(now)
        self._times[name], self._spans_s[name] = times, item.get_expiry()
        return True

    async def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> WindowStats:
        now = self._clock()
        times = self._current(item.key_for(*identifiers), item, now)
        oldest = times[0] if times else now
        return WindowStats(oldest + item.get_expiry(), item.amount - len(times))

    def _current(self, name: str, item: RateLimitItem, now: float) -> deque[float]:
        times = self._times.get(name)
        if times is None:
            return deque()
        begin = now - item.get_expiry()
        while times and times[0] < begin:
            times.popleft()
        return times

    def _sweep(self, now: float) -> None:
        """Forget names that have not come for a whole window."""
        self._sweep_at = now + _SWEEP_S
        idle = [
            name
            for name, times in self._times.items()
            if not times or times[-1] < now - self._spans_s[name]
        ]
        for name in idle:
            del self._times[name], self._spans_s[name]


class Limiter:
    """Counts requests in memory or in Redis; a moving window, so that no boundary doubles a rate.

    While the store does not answer, requests pass and a warning is logged: a lost Redis must not
    lock everybody out. Failed logins have their own count in the database.
    """

    def __init__(self, settings: LimitSettings) -> None:
        """Raises ConfigError on a rate or a storage address that cannot be read."""
        rates = settings.model_dump(exclude={"storage"})
        self._rates = {group: _rate(group, text) for group, text in rates.items()}
        self.strategy = _strategy(settings.storage)

    async def hit(self, group: str, principal: str) -> dict[str, str]:
        """Count one request; returns the headers of its answer. Raises RateExceededError.

        A group without a rate of its own shares the default rate, counted by itself.
        """
        rate = self._rates.get(group, self._rates[DEFAULT])
        try:
            passed = await self.strategy.hit(rate, group, principal)
            window = await self.strategy.get_window_stats(rate, group, principal)
        except StorageError as error:
            get_logger().warning("rate limits cannot be counted", reason=str(error))
            return {}
        reset_s = max(window.reset_time - time.time(), 0.0)
        headers = {
            "RateLimit-Limit": str(rate.amount),
            "RateLimit-Remaining": str(max(window.remaining, 0)),
            "RateLimit-Reset": str(math.ceil(reset_s)),
        }
        if not passed:
            raise RateExceededError(headers=headers, retry_after=max(math.ceil(reset_s), 1))
        return headers


async def store_answers(settings: LimitSettings) -> bool:
    """Whether rates can be counted now. Raises ConfigError as `Limiter` does."""
    strategy = Limiter(settings).strategy
    if not isinstance(strategy, MovingWindowRateLimiter):
        return True
    return bool(await strategy.storage.check())


def _rate(group: str, text: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError as error:
        raise ConfigError(f"rate {group!r} is written like 60/minute") from error


def _strategy(storage: str) -> Windows:
    if storage == LimitSettings().storage:
        return MemoryWindows()
    options = {"implementation": "redispy"} if storage.startswith("async+redis") else {}
    try:
        return MovingWindowRateLimiter(
            storage_from_string(storage, wrap_exceptions=True, **options)
        )
    except (ConfigurationError, NotImplementedError, AssertionError, TypeError) as error:
        raise ConfigError("LOCUTORY_LIMITS__STORAGE cannot carry rate limits") from error


def rate_limit(group: str) -> Any:
    """A dependency that counts a request against a group: `dependencies=[rate_limit("login")]`.

    It reads `request.app.state.limiter`; the principal is `request.state.principal_key` where the
    login has set one, else the client's address.
    """

    async def count(request: Request, response: Response) -> None:
        limiter: Limiter = request.app.state.limiter
        response.headers.update(await limiter.hit(group, principal_key(request)))

    return Depends(count)


def principal_key(request: Request) -> str:
    """Whom a request is counted for."""
    key = getattr(request.state, "principal_key", None)
    if key is not None:
        return str(key)
    return f"address:{request.client.host}" if request.client else "address:unknown"
