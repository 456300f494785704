"""Patience with a broker: what needs it is tried again, at growing intervals, until it is there."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from locutory.kernel.bus.contract import BusUnavailable
from locutory.kernel.signals import pause

log = structlog.get_logger(__name__)

_FIRST_S: Final = 0.2
_LONGEST_S: Final = 10.0
T = TypeVar("T")


async def until_reached(step: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T | None:
    """Do it; while the broker or the database is away, wait longer and longer, and try again.

    None where `stop` came first.
    """
    pause_s = _FIRST_S
    while not stop.is_set():
        try:
            return await step()
        except Exception as error:
            if isinstance(error, BusUnavailable):
                log.warning("broker not reached", reason=error.detail)
            else:
                log.exception("work with the broker failed")
            await pause(stop, random.uniform(pause_s / 2, pause_s))
            pause_s = min(pause_s * 2, _LONGEST_S)
    return None
