"""What every outage must keep: a loop that goes round, and a way back within ten seconds."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

BACK_WITHIN_S = 10.0
# a call that waits for a server which hangs is stuck for seconds; a commit on a busy disk and a
# thread with the interpreter's lock take tenths at the worst
_LONGEST_BLOCKED_S = 1.0
_TICK_S = 0.01


@asynccontextmanager
async def responsive() -> AsyncIterator[None]:
    """Inside, the loop must never wait for anything but its events: no blocking call, no lock.

    What the thread computes, and how long the machine keeps it waiting for a core, is taken off.
    """
    longest = 0.0

    async def look() -> None:
        nonlocal longest
        while True:
            began, excused = time.monotonic(), _excused_s()
            await asyncio.sleep(_TICK_S)
            late = time.monotonic() - began - _TICK_S
            longest = max(longest, late - (_excused_s() - excused))

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
    assert longest < _LONGEST_BLOCKED_S, f"the loop was blocked for {1000 * longest:.0f} ms"


def _excused_s() -> float:
    """Seconds in which this thread ran, or waited for a core (Linux's schedstat)."""
    ran, waited, _ = (
        Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text().split()
    )
    return (int(ran) + int(waited)) / 1e9


async def recovers(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """The first good answer; fails when there is none within ten seconds."""
    end = time.monotonic() + BACK_WITHIN_S
    while True:
        found = await ask()
        if good(found):
            return found
        assert time.monotonic() < end, f"not back in time: {found}"
        await asyncio.sleep(0.1)
