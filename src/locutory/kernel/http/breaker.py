"""A circuit breaker: a provider that is down is left alone for a while.

Rule (calls seed, retry table): five failures in a row, or more than half of the last twenty.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` gives seconds that never go back."""
        self._engine = engine
        self._open_s = open_s
        self._clock = clock
        self._failures: deque[bool] = deque(maxlen=WINDOW)
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """The state now."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        if self._clock() < self._opened_at + self._open_s:
            return BreakerState.OPEN
        return BreakerState.HALF_OPEN

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Around one call. Raises BreakerOpenError instead of entering while the breaker is open.

        Only what speaks of an outage counts against the provider: refused credentials, bad input
        and throttling do not. A cancelled call counts neither way.
        """
        probe = self._enter()
        try:
            yield
        except LocutoryError as error:
            self._record(failed=error.cls in _OUTAGE, probe=probe)
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
        left_s = self._opened_at + self._open_s - self._clock()
        if left_s > 0 or self._probing:
            raise BreakerOpenError(engine=self._engine, retry_after=max(left_s, 1.0))
        self._probing = True
        return True

    def _record(self, *, failed: bool, probe: bool) -> None:
        if probe:
            self._probing = False
            self._failures.clear()
            self._opened_at = self._clock() if failed else None
        elif self._opened_at is None:  # an answer to a call from before the outage says nothing
            self._failures.append(failed)
            if failed and self._is_over():
                self._opened_at = self._clock()

    def _is_over(self) -> bool:
        last = list(self._failures)[-CONSECUTIVE:]
        all_failed = len(last) == CONSECUTIVE and all(last)
        return all_failed or (len(self._failures) == WINDOW and sum(self._failures) > WINDOW / 2)
