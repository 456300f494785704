"""Exact answer cache: its key, a small one in memory, and one flight per key."""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

from locutory.capabilities.analysis.contract import CachedAnswer

T = TypeVar("T")


def cache_key(
    tenant: str,
    model: str,
    params: Mapping[str, Any],
    schema: Mapping[str, Any],
    system: str,
    user: str,
) -> str:
    """SHA-256 over everything that an answer depends on (calls seed, 8.3), as hex."""
    schema_hash = hashlib.sha256(_canonical(schema)).hexdigest()
    parts = _canonical([tenant, model, dict(params), schema_hash, system, user])
    return hashlib.sha256(parts).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class MemoryCache:
    """The most recently used answers of this process."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._answers: OrderedDict[str, CachedAnswer] = OrderedDict()

    async def get(self, key: str) -> CachedAnswer | None:
        """The answer, which thereby becomes the youngest."""
        if key in self._answers:
            self._answers.move_to_end(key)
        return self._answers.get(key)

    async def put(self, key: str, answer: CachedAnswer) -> None:
        """Keep it; the oldest falls out when there are too many."""
        self._answers[key] = answer
        self._answers.move_to_end(key)
        if len(self._answers) > self._capacity:
            self._answers.popitem(last=False)


class SingleFlight(Generic[T]):
    """Of equal questions at one time, one is asked and all get its answer."""

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Task[T]] = {}

    async def once(self, key: str, ask: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """Return (answer, whether this caller asked). A failure reaches all who wait.

        A caller that is cancelled leaves the question running for the others.
        """
        flight = self._flights.get(key)
        leads = flight is None
        if flight is None:
            flight = asyncio.create_task(_call(ask))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._land(key, done))
        return await asyncio.shield(flight), leads

    def _land(self, key: str, flight: asyncio.Task[T]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # looked at here too, since every caller may have been cancelled


async def _call(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()
