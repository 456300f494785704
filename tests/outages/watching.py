"""What every outage must keep: a loop that goes round, and a way back within ten seconds."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")

BACK_WITHIN_S = 10.0
# a blocking wait for a server that hangs lasts seconds; a busy machine keeps a loop for tenths
_LONGEST_STILL_S = 1.0
_TICK_S = 0.01


@asynccontextmanager
async def responsive() -> AsyncIterator[None]:
    """Inside, the loop must never stand still: nothing may wait for a socket on it."""
    longest = 0.0

    async def look() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(_TICK_S)
            longest = max(longest, time.monotonic() - began - _TICK_S)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
    assert longest < _LONGEST_STILL_S, f"the loop stood still for {longest:.2f} s"


async def recovers(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """The first good answer; fails when there is none within ten seconds."""
    end = time.monotonic() + BACK_WITHIN_S
    while True:
        found = await ask()
        if good(found):
            return found
        assert time.monotonic() < end, f"not back in time: {found}"
        await asyncio.sleep(0.1)
