"""The vectors of this process, kept level with the rows of the database."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from locutory.capabilities.knowledge import queries
from locutory.engines.vectors.base import VectorIndex, VectorStore
from locutory.engines.vectors.packing import unpack
from locutory.kernel.db import Database

_PAGE = 5_000


@dataclass(slots=True)
class _Copy:
    """One generation of a collection as this process has it."""

    generation: int = 0
    embedder: str = ""
    index: VectorIndex | None = None
    revision: int = 0
    removed_at: int = 0
    by_source: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """A collection's vectors as they are now; all are of `embedder`."""

    embedder: str
    index: VectorIndex
    by_source: dict[str, list[str]]

    def of(self, source_ids: Iterable[str]) -> list[str]:
        """The ids of these sources' vectors."""
        return [one for source in source_ids for one in self.by_source.get(source, ())]


class VectorCache:
    """An index per tenant and collection, filled at its first search, then by what is new.

    Every search compares one counter with the database, so it sees what any process committed
    before it. A new generation is another index: vectors of two embedders never meet.
    """

    def __init__(self, store: VectorStore, *, page: int = _PAGE) -> None:
        self._store = store
        self._page_size = page  # vectors that are read at once, and those of the last revision
        self._copies: defaultdict[tuple[str, str], _Copy] = defaultdict(_Copy)
        self._locks: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def current(self, db: Database, collection: str) -> View | None:
        """The vectors of a collection, level with what is committed; None before the first."""
        key = str(db.tenant_id), collection
        async with self._locks[key]:
            copy = await self._level(db, key)
        return None if copy.index is None else View(copy.embedder, copy.index, copy.by_source)

    async def _level(self, db: Database, key: tuple[str, str]) -> _Copy:
        tenant, collection = key
        async with db.read() as session:
            state = await queries.collection_state(session, collection)
        copy = self._copies[key]
        if state is None or not state.embedder:
            return copy
        if state.generation != copy.generation:
            if copy.index is not None:
                await self._store.drop(tenant, _name(collection, copy.generation))
            name = _name(collection, state.generation)
            index = await self._store.index(tenant, name, state.dimension)
            copy = _Copy(state.generation, state.embedder, index, removed_at=state.removed_at)
            self._copies[key] = copy
        if state.revision == copy.revision:
            return copy
        if state.removed_at > copy.removed_at:
            await self._drop_removed(db, collection, copy)
        copy.removed_at = state.removed_at
        # what is read may be newer than the counter, but never lacks what the counter covers
        page = await self._page(db, collection, copy.generation, copy.revision)
        while page:
            last = page[-1].revision
            following = await self._page(db, collection, copy.generation, last, after=page)
            await self._take(copy, page, state.dimension, more=bool(following))
            page = following
        copy.revision = max(copy.revision, state.revision)
        return copy

    async def _drop_removed(self, db: Database, collection: str, copy: _Copy) -> None:
        assert copy.index is not None
        async with db.read() as session:
            left = set(await queries.vector_ids(session, collection, copy.generation))
        gone: list[str] = []
        for source, held in list(copy.by_source.items()):
            kept = [one for one in held if one in left]
            if len(kept) == len(held):
                continue
            gone += [one for one in held if one not in left]
            copy.by_source[source] = kept
            if not kept:
                del copy.by_source[source]
        await copy.index.remove(gone)

    async def _page(
        self,
        db: Database,
        collection: str,
        generation: int,
        revision: int,
        *,
        after: Sequence[Row[Any]] | None = None,
    ) -> Sequence[Row[Any]]:
        """What was stored after a revision; nothing if the page before was not full."""
        if after is not None and len(after) < self._page_size:
            return []
        async with db.read() as session:
            return await queries.vectors_since(
                session, collection, generation, revision, limit=self._page_size
            )

    async def _take(
        self, copy: _Copy, rows: Sequence[Row[Any]], dimension: int, *, more: bool
    ) -> None:
        assert copy.index is not None
        ids = [row.id for row in rows]
        await copy.index.add(ids, unpack([row.vector for row in rows], dimension), more=more)
        for one, row in zip(ids, rows, strict=True):
            held = copy.by_source.setdefault(row.source_id, [])
            if one not in held:
                held.append(one)
        copy.revision = rows[-1].revision


def _name(collection: str, generation: int) -> str:
    return f"{collection}@{generation}"
