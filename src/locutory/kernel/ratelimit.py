"""Rates per principal and route group: one table, one rule, one set of headers.

Headers follow the IETF draft on RateLimit fields: `RateLimit-Limit`, `RateLimit-Remaining`,
`RateLimit-Reset` (seconds).
"""

import math
import time
from typing import Any, Final

from fastapi import Depends, Request, Response
from limits import RateLimitItem, parse
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

from locutory.kernel.errors import ConfigError, RateLimitedError
from locutory.kernel.settings import LimitSettings
from locutory.kernel.telemetry.logs import get_logger

DEFAULT: Final = "default"


class RateExceededError(RateLimitedError):
    """Too many requests; wait and try again."""

    def __init__(self, *, headers: dict[str, str], retry_after: float) -> None:
        """`headers` go out with the 429."""
        self.headers = headers
        super().__init__(retry_after=retry_after)


class Limiter:
    """Counts requests in memory or in Redis; a moving window, so that no boundary doubles a rate.

    While the store does not answer, requests pass and a warning is logged: a lost Redis must not
    lock everybody out. Failed logins have their own count in the database.
    """

    def __init__(self, settings: LimitSettings) -> None:
        """Raises ConfigError on a rate or a storage address that cannot be read."""
        rates = settings.model_dump(exclude={"storage"})
        self._rates = {group: _rate(group, text) for group, text in rates.items()}
        self._strategy = _strategy(settings.storage)

    async def hit(self, group: str, principal: str) -> dict[str, str]:
        """Count one request; returns the headers of its answer. Raises RateExceededError.

        A group without a rate of its own shares the default rate, counted by itself.
        """
        rate = self._rates.get(group, self._rates[DEFAULT])
        try:
            passed = await self._strategy.hit(rate, group, principal)
            window = await self._strategy.get_window_stats(rate, group, principal)
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


def _rate(group: str, text: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError as error:
        raise ConfigError(f"rate {group!r} is written like 60/minute") from error


def _strategy(storage: str) -> MovingWindowRateLimiter:
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
