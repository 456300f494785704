"""A circuit breaker: a provider that is down is left alone for a while.

Rule (calls seed, retry table): five failures in a row, or more than half of the last twenty.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from locutory.kernel.errors import EngineError, ErrorClass, LocutoryError

CONSECUTIVE: Final = 5
WINDOW: Final = 20
OPEN_S: Final = 30.0

_OUTAGE: Final = frozenset(
    {
        ErrorClass.TRANSIENT_NETWORK,
        ErrorClass.PROVIDER_OUTAGE,
        ErrorClass.PROVIDER_TIMEOUT,
        ErrorClass.INTERNAL_BUG,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRule:
    """When a breaker opens, and for how long; each probe that fails doubles it up to `most_s`.

    Of the last `calls`, and of `window_s` seconds where that is given, more than `rate` failed.
    """

    consecutive: int = CONSECUTIVE
    calls: int = WINDOW
    rate: float = 0.5
    window_s: float | None = None
    open_s: float = OPEN_S
    most_s: float = OPEN_S


class BreakerState(StrEnum):
    """`half_open` lets one probe through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerOpenError(EngineError):
    """The engine failed too often and is left alone for a moment."""

    status, code, cls = 503, "BREAKER_OPEN", ErrorClass.PROVIDER_OUTAGE


class Breaker:
    """The state of one provider. Not for use from several threads."""

    def __init__(
        self,
        engine: str,
        *,
        open_s: float = OPEN_S,
        rule: BreakerRule | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` gives seconds that never go back."""
        self.rule = rule or BreakerRule(open_s=open_s, most_s=open_s)
        self._engine = engine
        self._clock = clock
        self._failures: deque[tuple[float, bool]] = deque(maxlen=self.rule.calls)
        self._opened_at: float | None = None
        self._open_s = self.rule.open_s
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """The state now."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self.left_s > 0 else BreakerState.HALF_OPEN

    @property
    def left_s(self) -> float:
        """Seconds until it lets a probe through, 0 where calls may go."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._open_s - self._clock())

    def shut(self, seconds: float) -> None:
        """Open it at once, for so long."""
        self._opened_at, self._open_s = self._clock(), seconds

    @contextmanager
    def guard(self, counts: Callable[[LocutoryError], bool] | None = None) -> Iterator[None]:
        """Around one call. Raises BreakerOpenError instead of entering while the breaker is open.

        Only what speaks of an outage counts against the provider: refused credentials, bad input
        and throttling do not; `counts` may judge otherwise. A cancelled call counts neither way.
        """
        probe = self._enter()
        try:
            yield
        except LocutoryError as error:
            self._record(failed=(counts or _is_outage)(error), probe=probe)
            raise
        except Exception:
            self._record(failed=True, probe=probe)
            raise
        except BaseException:
            self._probing = self._probing and not probe
            raise
        self._record(failed=False, probe=probe)

    def _enter(self) -> bool:
        """Whether this call is the probe. Raises BreakerOpenError."""
        if self._opened_at is None:
            return False
        left_s = self.left_s
        if left_s > 0 or self._probing:
            raise BreakerOpenError(engine=self._engine, retry_after=max(left_s, 1.0))
        self._probing = True
        return True

    def _record(self, *, failed: bool, probe: bool) -> None:
        if probe:
            self._probing = False
            self._failures.clear()
            self._open_s = min(2 * self._open_s, self.rule.most_s) if failed else self.rule.open_s
            self._opened_at = self._clock() if failed else None
        elif self._opened_at is None:  # an answer to a call from before the outage says nothing
            self._failures.append((self._clock(), failed))
            if failed and self._is_over():
                self._opened_at = self._clock()

    def _is_over(self) -> bool:
        rule, begin = self.rule, self._clock() - (self.rule.window_s or float("inf"))
        failed = [bad for at, bad in self._failures if at >= begin]
        last = [bad for _, bad in self._failures][-rule.consecutive :]
        all_failed = len(last) == rule.consecutive and all(last)
        return all_failed or (len(failed) == rule.calls and sum(failed) > rule.rate * rule.calls)


def _is_outage(error: LocutoryError) -> bool:
    return error.cls in _OUTAGE
