"""How often one connection may be asked, and when it is left alone.

CRMs count calls of an account by the second, and refuse for a while whoever asks more often. All
clients of a connection in this process share one line; a second process has its own, so an account
that several worker processes ask wants the rate divided by their number.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final
from uuid import UUID

from locutory.kernel.errors import EngineThrottled
from locutory.kernel.http.breaker import Breaker
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.replies import Reply
from locutory.kernel.http.retry import retrying

_MOST_LINES: Final = 1_000
_LONGEST_WAIT_S: Final = 60.0
"""Beyond that a job does better to come again."""


class Pace:
    """At most `calls` in any stretch of `per_s` seconds, in the order of asking.

    A place is free again so long after its answer, not after its question: the other side counts
    when a call arrives, which lies somewhere between.
    """

    def __init__(
        self,
        engine: str,
        calls: int,
        per_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.calls = calls
        self.per_s = per_s
        self._engine = engine
        self._clock = clock
        self._places = asyncio.Semaphore(calls)
        self._held_until = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Around one call. Raises EngineThrottled where waiting for it would take too long."""
        await self._places.acquire()
        try:
            while (wait_s := self._held_until - self._clock()) > 0:
                if wait_s > _LONGEST_WAIT_S:
                    raise EngineThrottled(engine=self._engine, retry_after=wait_s)
                await asyncio.sleep(wait_s)
            yield
        finally:
            asyncio.get_running_loop().call_later(self.per_s, self._places.release)

    def hold(self, seconds: float) -> None:
        """Let nobody go for so long: the other side said that it is enough."""
        self._held_until = max(self._held_until, self._clock() + seconds)


class Line:
    """The way to one connection: its pace, its breaker, one answer to "too often"."""

    def __init__(self, engine: str, calls: int, per_s: float) -> None:
        self.engine = engine
        self.pace = Pace(engine, calls, per_s)
        self.breaker = Breaker(engine)
        self.session: tuple[str, str] | None = None
        """A token and the address that it is for, where a CRM wants a login."""
        self.logging_in = asyncio.Lock()
        self._rng = Random()

    async def ask(
        self,
        http: HttpClient,
        method: str,
        url: str,
        *,
        attempts: int = 1,
        check: Callable[[Reply], None] | None = None,
        **options: Any,
    ) -> Reply:
        """One call in its turn, at an address that a tenant gave; `options` as `request` has them.

        More than one attempt is for what may be asked twice. `check` raises for a refusal that
        comes as a success.
        """

        async def once() -> Reply:
            async with self.pace.turn():
                try:
                    with self.breaker.guard():
                        reply = await http.request(
                            method, url, engine=self.engine, gated=True, guarded=False, **options
                        )
                        if check is not None:
                            check(reply)
                        return reply
                except EngineThrottled as error:
                    wait_s = error.retry_after
                    self.pace.hold(self.pace.per_s if wait_s is None else wait_s)
                    raise

        return await retrying(once, attempts=attempts, rng=self._rng)


class Lines:
    """The lines of this process, by connection; the least lately used ones are forgotten."""

    def __init__(self) -> None:
        self._lines: OrderedDict[UUID, tuple[str, Line]] = OrderedDict()

    def of(
        self, connection_id: UUID, engine: str, calls: int, per_s: float, *, version: str = ""
    ) -> Line:
        """The connection's line; another `version` of the connection begins a new one."""
        known, line = self._lines.get(connection_id, ("", None))
        wanted = f"{engine} {calls} {per_s} {version}"
        if line is None or known != wanted:
            line = Line(engine, calls, per_s)
            self._lines[connection_id] = (wanted, line)
        self._lines.move_to_end(connection_id)
        while len(self._lines) > _MOST_LINES:
            self._lines.popitem(last=False)
        return line
