"""Slots of outside providers, taken by calls of any process and given back when they end."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import structlog

from locutory.kernel.db.database import Storage
from locutory.kernel.errors import EngineThrottled, ErrorClass, LocutoryError
from locutory.kernel.settings import ProviderSettings
from locutory.kernel.signals import pause
from locutory.kernel.slots import table
from locutory.kernel.slots.table import Slot
from locutory.kernel.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)
_LOOK_S: Final = 0.5
"""How often those who wait look whether another process has given a slot back."""


class SlotsTakenError(LocutoryError):
    """All slots of the provider are taken; the call waits."""

    status, code, cls = 503, "PROVIDER_SLOTS_TAKEN", ErrorClass.THROTTLED


class _Door:
    """Who waits for a provider in this process, and who is with it."""

    def __init__(self) -> None:
        self.waiting: deque[asyncio.Future[Slot]] = deque()
        self.held: dict[UUID, Slot] = {}
        self.wake = asyncio.Event()
        self.taker: asyncio.Task[None] | None = None
        self.keeper: asyncio.Task[None] | None = None


class ProviderSlots:
    """Lets no more calls through to a provider than all processes together may have with it."""

    def __init__(
        self,
        storage: Storage,
        settings: ProviderSettings,
        metrics: Metrics | None = None,
        *,
        wait_s: float = 60.0,
    ) -> None:
        """`wait_s` is how long a call waits for a slot before it is told that there is none."""
        self._db = storage.database()
        self._settings, self._wait_s = settings, wait_s
        self._doors: dict[str, _Door] = {}
        metrics = metrics or Metrics()
        self._allowed = metrics.gauge(
            "provider_allowed",
            "Calls that all processes may have with a provider at once, as last seen here",
            ["provider"],
        )
        self._lowered = metrics.counter(
            "provider_lowered_total", "Times that a provider asked for fewer calls", ["provider"]
        )

    @asynccontextmanager
    async def slot(self, provider: str) -> AsyncIterator[None]:
        """Have a slot of the provider for a while; EngineThrottled in there lowers its limit.

        Raises SlotsTakenError, StorageUnavailableError.
        """
        door = self._doors.setdefault(provider, _Door())
        slot = await self._take(provider, door)
        door.held[slot.id] = slot
        if door.keeper is None or door.keeper.done():
            door.keeper = asyncio.create_task(self._keep(provider, door))
        try:
            yield
        except EngineThrottled:
            await self._lower(provider, slot)
            raise
        finally:
            del door.held[slot.id]
            await self._free(door, slot)

    def close(self) -> None:
        """Renew nothing any more."""
        for door in self._doors.values():
            for task in (door.taker, door.keeper):
                if task is not None:
                    task.cancel()

    def _most(self, provider: str) -> int:
        return self._settings.limits.get(provider, self._settings.most)

    @property
    def _lease_ms(self) -> int:
        return int(self._settings.lease_s * 1000)

    async def _take(self, provider: str, door: _Door) -> Slot:
        turn: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        door.waiting.append(turn)
        if door.taker is None or door.taker.done():
            door.taker = asyncio.create_task(self._take_for_all(provider, door))
        try:
            async with asyncio.timeout(self._wait_s):
                return await turn
        except (TimeoutError, asyncio.CancelledError) as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                await self._free(door, turn.result())  # it came as we went
            turn.cancel()
            if isinstance(error, TimeoutError):
                raise SlotsTakenError(f"all slots of {provider} are taken") from error
            raise

    async def _take_for_all(self, provider: str, door: _Door) -> None:
        """Take slots for those who wait, in their order, with one write for all of them."""
        while True:
            door.wake.clear()
            while door.waiting and door.waiting[0].done():
                door.waiting.popleft()
            count = sum(not turn.done() for turn in door.waiting)
            if not count:
                return
            try:
                slots = await self._db.write(
                    lambda tx, count=count: table.take(  # type: ignore[misc] # bound at once
                        tx, provider, count, most=self._most(provider), lease_ms=self._lease_ms
                    )
                )
            except Exception as error:
                while door.waiting:
                    turn = door.waiting.popleft()
                    if not turn.done():
                        turn.set_exception(error)
                return
            taken, allowed = slots
            self._allowed.labels(provider).set(allowed)
            for slot in taken:
                while door.waiting and door.waiting[0].done():
                    door.waiting.popleft()
                if door.waiting:
                    door.waiting.popleft().set_result(slot)
                else:
                    await self._free(door, slot)
            if door.waiting:
                await pause(door.wake, _LOOK_S)

    async def _keep(self, provider: str, door: _Door) -> None:
        """Renew the leases of what is held."""
        while door.held:
            await asyncio.sleep(self._settings.lease_s / 3)
            held = list(door.held.values())
            if held:
                try:
                    await self._db.write(
                        lambda tx, held=held: table.renew(  # type: ignore[misc] # bound at once
                            tx, provider, held, self._lease_ms
                        )
                    )
                except Exception:
                    log.warning("slots are not renewed", provider=provider, exc_info=True)

    async def _free(self, door: _Door, slot: Slot) -> None:
        async def give_back() -> None:
            try:
                await self._db.write(lambda tx: table.free(tx, [slot.id]))
            except Exception:  # its lease runs out
                log.warning("a slot is not given back", exc_info=True)
            door.wake.set()

        await asyncio.shield(give_back())

    async def _lower(self, provider: str, slot: Slot) -> None:
        most = self._most(provider)
        if await self._db.write(lambda tx: table.lower(tx, provider, slot, most=most)):
            self._lowered.labels(provider).inc()
