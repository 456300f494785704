"""Copies of vectors in a store outside: what is noted of them beside the rows that are the truth.

A copy is level when it has all vectors up to the collection's revision and none of a deleted
chunk. What it lacks a search compares itself; what it has too much never becomes a hit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import delete, func, insert, or_, select, update

from locutory.capabilities.knowledge import queries
from locutory.capabilities.knowledge.contract import CopyStatus
from locutory.capabilities.knowledge.models import (
    KnowledgeCopy,
    KnowledgeGone,
    KnowledgeVector,
)
from locutory.engines.vectors.base import OutsideStore
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.kernel.db.dialect import now_ms
from locutory.kernel.ids import new_id
from locutory.kernel.telemetry.metrics import Metrics

HELD_MS = 120_000  # a page takes seconds, and each prolongs it
_K, _G, _V = KnowledgeCopy, KnowledgeGone, KnowledgeVector


class CopyCounters:
    """What is counted of a store outside."""

    def __init__(self, metrics: Metrics) -> None:
        self.fallbacks: Counter = metrics.counter(
            "vector_fallbacks_total",
            "Searches that memory answered in place of the store of vectors",
            ["store", "reason"],
        )
        self.failures: Counter = metrics.counter(
            "vector_copy_failures_total",
            "Times that the store of vectors could not be brought level",
            ["store", "reason"],
        )
        self.rebuilds: Counter = metrics.counter(
            "vector_copy_rebuilds_total",
            "Copies that were made anew because the store had lost some of them",
            ["store"],
        )


@dataclass(frozen=True, slots=True)
class Outside:
    """The store outside that the settings name."""

    store: OutsideStore
    counters: CopyCounters

    async def check(self) -> dict[str, str]:
        """Ask whether the store answers. Raises EngineError."""
        await self.store.check()
        return {"store": self.store.name}


def name_of(collection: str, generation: int) -> str:
    """How a generation of a collection is called in a store."""
    return f"{collection}.g{generation}"


async def note_gone(tx: Session, collection: str, chunk_ids: Sequence[UUID]) -> None:
    """Remember, in the transaction that deletes chunks, what each copy has to forget."""
    now = utc_now()
    rows = [
        {"id": new_id(), "created_at": now, "copy_id": copy.id, "chunk_id": chunk_id}
        for copy in (await queries.copies(tx, collection) if chunk_ids else ())
        for chunk_id in chunk_ids
    ]
    if rows:
        await tx.execute(insert(_G), rows)


async def hold(
    tx: Session, collection: str, place: str, generation: int, holder: UUID
) -> KnowledgeCopy | None:
    """The copy, made when absent, for this job alone; None while another has it."""
    found = await queries.copy_revision(tx, collection, place, generation)
    if found is None:
        # two that make it at once meet at the unique key: one of them runs again
        tx.add(_K(collection=collection, place=place, generation=generation))
        await tx.flush()
    mine = or_(_K.holder.is_(None), _K.holder == holder, _K.held_until_ms <= now_ms())
    await tx.execute(
        update(_K)
        .where(_K.collection == collection, _K.place == place, _K.generation == generation, mine)
        .values(holder=holder, held_until_ms=now_ms() + HELD_MS),
        execution_options={"synchronize_session": False},
    )
    statement = select(_K).where(
        _K.collection == collection,
        _K.place == place,
        _K.generation == generation,
        _K.holder == holder,
    )
    return await tx.scalar(statement.execution_options(populate_existing=True))


async def note_progress(tx: Session, copy_id: UUID, holder: UUID, revision: int) -> bool:
    """Say how far a copy is, and keep it; False when another job has it by now."""
    done = await tx.execute(
        update(_K)
        .where(_K.id == copy_id, _K.holder == holder)
        .values(revision=revision, held_until_ms=now_ms() + HELD_MS),
        execution_options={"synchronize_session": False},
    )
    return bool(done.rowcount)  # type: ignore[attr-defined] # an UPDATE has it


async def let_go(tx: Session, copy_id: UUID, holder: UUID) -> None:
    """Leave a copy to whoever comes next."""
    await tx.execute(
        update(_K).where(_K.id == copy_id, _K.holder == holder).values(holder=None),
        execution_options={"synchronize_session": False},
    )


async def start_over(tx: Session, copy_id: UUID) -> None:
    """Say that the store has nothing of a copy any more."""
    await tx.execute(update(_K).where(_K.id == copy_id).values(revision=0))


async def forget_copy(tx: Session, copy_id: UUID) -> None:
    """Take a copy off the list; the database takes what it had to forget with it."""
    await tx.execute(delete(_K).where(_K.id == copy_id))


async def forgotten(tx: Session, ids: Sequence[UUID]) -> None:
    """Take rows of deleted chunks off the list: no copy has them any more."""
    await tx.execute(delete(_G).where(_G.id.in_(ids)))


async def status(
    db: Session, collection: str, generation: int, outside: Outside | None
) -> tuple[CopyStatus, ...]:
    """How far each copy of a collection is."""
    found = []
    for copy in await queries.copies(db, collection):
        missing = select(func.count(_V.id)).where(
            _V.collection == collection,
            _V.generation == copy.generation,
            _V.revision > copy.revision,
        )
        gone = select(func.count(_G.id)).where(_G.copy_id == copy.id)
        named = outside is not None and copy.place == outside.store.place
        found.append(
            CopyStatus(
                place=copy.place,
                current=named and copy.generation == generation,
                behind=await db.scalar(missing) or 0,
                gone=await db.scalar(gone) or 0,
            )
        )
    return tuple(found)
