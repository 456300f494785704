"""The statements of the slots, and the rule by which a limit falls and rises.

Rule (calls seed, 5.6): times 0.7 when the provider asks for less, one more for each 30 seconds in
which it did not.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from math import floor
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from locutory.kernel.db.base import table_of
from locutory.kernel.db.session import Session
from locutory.kernel.ids import new_id
from locutory.kernel.jobs.queue import clock_ms
from locutory.kernel.slots.models import ProviderLimit, ProviderSlot

FALL: Final = 0.7
CLEAN_MS: Final = 30_000
_limit = table_of(ProviderLimit)
_slot = table_of(ProviderSlot)
_FENCED: Final = {"fenced": True}
_KNOW: Final[dict[str, Any]] = {
    "sqlite": sqlite.insert(_limit).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(_limit).on_conflict_do_nothing(),
}


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many at once, and when that was changed last."""

    allowed: float
    lowered_ms: int
    raised_ms: int

    def at(self, now_ms: int, most: int) -> "Allowance":
        """As it is by now: risen by what has been clean since, to `most`."""
        since_ms = max(self.lowered_ms, self.raised_ms)
        steps = max(0, now_ms - since_ms) // CLEAN_MS
        if self.allowed + steps >= most:
            return replace(self, allowed=float(most), raised_ms=since_ms + steps * CLEAN_MS)
        if not steps:
            return self
        return replace(self, allowed=self.allowed + steps, raised_ms=since_ms + steps * CLEAN_MS)

    def lowered(self, now_ms: int) -> "Allowance":
        """After the provider has asked for less."""
        return replace(self, allowed=max(1.0, self.allowed * FALL), lowered_ms=now_ms)


@dataclass(frozen=True, slots=True)
class Slot:
    """One call with a provider."""

    id: UUID
    taken_ms: int


async def take(
    tx: Session, provider: str, count: int, *, most: int, lease_ms: int
) -> tuple[list[Slot], float]:
    """Take up to `count` slots, fewer where fewer are free; and how many there are now."""
    now_ms, allowance = await _allowance(tx, provider, most)
    own = _slot.c.provider == provider
    await tx.execute(
        delete(_slot).where(own, _slot.c.until_ms <= now_ms), execution_options=_FENCED
    )
    taken = select(func.count()).select_from(_slot).where(own)
    held = (await tx.execute(taken, execution_options=_FENCED)).scalar_one()
    free = min(count, floor(allowance.allowed) - held)
    slots = [Slot(new_id(), now_ms) for _ in range(free)]
    await _put(tx, provider, slots, now_ms + lease_ms)
    return slots, allowance.allowed


async def renew(tx: Session, provider: str, slots: Collection[Slot], lease_ms: int) -> None:
    """Hold these for longer, also those that others thought were given up."""
    now_ms = await clock_ms(tx)
    await free(tx, [slot.id for slot in slots])
    await _put(tx, provider, slots, now_ms + lease_ms)


async def free(tx: Session, ids: Collection[UUID]) -> None:
    """Give slots back."""
    await tx.execute(delete(_slot).where(_slot.c.id.in_(ids)), execution_options=_FENCED)


async def lower(tx: Session, provider: str, slot: Slot, *, most: int) -> bool:
    """The provider asked a call of this slot for less; whether that changed the limit.

    A call that began before the limit fell says nothing of the limit as it is.
    """
    now_ms, allowance = await _allowance(tx, provider, most)
    if slot.taken_ms < allowance.lowered_ms:
        return False
    await _store(tx, provider, allowance.lowered(now_ms))
    return True


async def _allowance(tx: Session, provider: str, most: int) -> tuple[int, Allowance]:
    """The database's time and the allowance by now, locked until the commit."""
    now_ms = await clock_ms(tx)
    fresh = {"name": provider, "allowed": float(most), "lowered_ms": 0, "raised_ms": now_ms}
    dialect = tx.get_bind().dialect.name
    await tx.execute(_KNOW[dialect].values(fresh), execution_options=_FENCED)
    columns = select(_limit.c.allowed, _limit.c.lowered_ms, _limit.c.raised_ms)
    row = (
        await tx.execute(
            columns.where(_limit.c.name == provider).with_for_update(), execution_options=_FENCED
        )
    ).one()
    known = Allowance(*row)
    by_now = known.at(now_ms, most)
    if by_now != known:
        await _store(tx, provider, by_now)
    return now_ms, by_now


async def _store(tx: Session, provider: str, allowance: Allowance) -> None:
    values = {
        "allowed": allowance.allowed,
        "lowered_ms": allowance.lowered_ms,
        "raised_ms": allowance.raised_ms,
    }
    await tx.execute(
        update(_limit).where(_limit.c.name == provider).values(values), execution_options=_FENCED
    )


async def _put(tx: Session, provider: str, slots: Collection[Slot], until_ms: int) -> None:
    rows = [
        {"id": s.id, "provider": provider, "taken_ms": s.taken_ms, "until_ms": until_ms}
        for s in slots
    ]
    if rows:
        await tx.execute(insert(_slot), rows, execution_options=_FENCED)
