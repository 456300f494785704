"""Calls of one process that wait a moment for each other, to be sent as one job.

A circle is as mortal as its process: what it holds in memory is never needed again. What must
outlive it stands in the rows of the calls.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID


class ApartError(Exception):
    """Somebody of the circle left before the job was started; the others begin again."""


@dataclass(eq=False, slots=True)
class Seat:
    """One call's place in a circle. `number` is final when `Sharing.seat` has returned it."""

    circle: "Circle"
    files: int
    audio_ms: int
    number: int = 0

    @property
    def alone(self) -> bool:
        """Whether nobody else came."""
        return len(self.circle.seats) == 1

    @property
    def first(self) -> bool:
        """Whether this one acts for all: opens the job and starts it."""
        return self.number == 0

    async def meet(self) -> None:
        """Wait until all have come so far. Raises ApartError when somebody will not."""
        try:
            await self.circle.barrier.wait()
        except asyncio.BrokenBarrierError:
            raise ApartError from None

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """What fails or is cancelled in here parts the circle."""
        try:
            yield
        except BaseException:
            await self.circle.barrier.abort()
            raise


@dataclass(eq=False, slots=True)
class Circle:
    """Those who go together. `ref` is the job's name once the first one has opened it.

    `row_ids` and `refs` are what each has stored of it.
    """

    seats: list[Seat] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    barrier: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(1))
    ref: str = ""
    row_ids: list[UUID] = field(default_factory=list)
    refs: list[str] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many there are of all."""
        return sum(seat.files for seat in self.seats)

    @property
    def audio_ms(self) -> int:
        """The sound of all of them."""
        return sum(seat.audio_ms for seat in self.seats)

    def close(self) -> None:
        """Nobody else comes."""
        if not self.closed.is_set():
            for number, seat in enumerate(self.seats):
                seat.number = number
            self.barrier = asyncio.Barrier(max(1, len(self.seats)))
            self.closed.set()


class Sharing:
    """The circles of a process that are open."""

    def __init__(self) -> None:
        self._open: dict[Hashable, Circle] = {}

    async def seat(
        self, kin: Hashable, *, files: int, audio_ms: int, most: int, linger_s: float
    ) -> Seat:
        """Wait for others of that `kin`: until there are `most` files, or for `linger_s`."""
        circle = self._open.get(kin)
        if circle is not None and circle.files + files > most:
            self._close(kin, circle)
            circle = None
        if circle is None:
            circle = self._open[kin] = Circle()
            asyncio.get_running_loop().call_later(linger_s, self._close, kin, circle)
        seat = Seat(circle, files, audio_ms)
        circle.seats.append(seat)
        if circle.files >= most:
            self._close(kin, circle)
        try:
            await circle.closed.wait()
        except asyncio.CancelledError:
            if circle.closed.is_set():
                await circle.barrier.abort()
            else:
                circle.seats.remove(seat)
            raise
        return seat

    def _close(self, kin: Hashable, circle: Circle) -> None:
        if self._open.get(kin) is circle:
            del self._open[kin]
        circle.close()
