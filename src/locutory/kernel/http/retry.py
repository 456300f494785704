"""How long to wait before another try, and when to stop trying."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final, TypeVar

from locutory.kernel.errors import ErrorClass, LocutoryError

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

RETRIED: Final = frozenset({ErrorClass.TRANSIENT_NETWORK, ErrorClass.THROTTLED})


def full_jitter(base_s: float, attempt: int, cap_s: float, rng: Random) -> float:
    """Seconds to wait after the `attempt`-th failure (from 0): uniform in [0, min(cap, base·2ⁿ)].

    Source: calls seed, retry table. Jobs and HTTP calls share it.
    """
    # The exponent is bounded because 2.0 ** 1024 overflows; any real cap is met long before.
    return rng.uniform(0.0, min(cap_s, base_s * 2.0 ** min(attempt, 64)))


async def retrying(
    call: Callable[[], Awaitable[T]],
    *,
    attempts: int,
    rng: Random,
    base_s: float = 0.2,
    cap_s: float = 5.0,
    sleep: Sleep = asyncio.sleep,
) -> T:
    """Await `call`, up to `attempts` times, while it fails in a way that a retry can mend.

    A `retry_after` above `cap_s` is not waited for: the error is raised, and a job's own schedule
    handles it.
    """
    for attempt in range(attempts - 1):
        try:
            return await call()
        except LocutoryError as error:
            wait_s = error.retry_after
            if error.cls not in RETRIED or (wait_s is not None and wait_s > cap_s):
                raise
        await sleep(full_jitter(base_s, attempt, cap_s, rng) if wait_s is None else wait_s)
    return await call()
