"""The vectors of this process, kept level with the rows of the database."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID

from locutory.capabilities.knowledge import queries
from locutory.engines.embeddings.base import Embedder
from locutory.engines.vectors.base import VectorIndex, VectorStore
from locutory.engines.vectors.packing import unpack
from locutory.kernel.db import Database

_PAGE = 2_000


@dataclass(slots=True)
class _Copy:
    revision: int = 0
    removed_at: int = 0
    ids: set[UUID] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class VectorCache:
    """An index per tenant and collection, filled at its first search, then by what is new.

    Every search compares one counter with the database, so it sees what any process committed
    before it. Vectors of another embedder are never read.
    """

    def __init__(self, store: VectorStore, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self._copies: defaultdict[tuple[str, str], _Copy] = defaultdict(_Copy)

    async def current(self, db: Database, collection: str) -> VectorIndex:
        """The index of a collection, level with what is committed."""
        tenant = str(db.tenant_id)
        index = await self._store.index(tenant, collection, self._embedder.dimension)
        copy = self._copies[tenant, collection]
        async with copy.lock:
            await self._level(db, collection, index, copy)
        return index

    async def _level(self, db: Database, collection: str, index: VectorIndex, copy: _Copy) -> None:
        async with db.read() as session:
            state = await queries.collection_state(session, collection)
        if state is None or (state.revision, state.removed_at) == (copy.revision, copy.removed_at):
            return
        if state.removed_at > copy.removed_at and copy.ids:
            async with db.read() as session:
                left = await queries.vector_ids(session, collection, self._embedder.name)
            gone = copy.ids.difference(left)
            await index.remove([str(id_) for id_ in gone])
            copy.ids -= gone
        copy.removed_at = state.removed_at
        # what is read may be newer than the counter, but never lacks what the counter covers
        while await self._read_page(db, collection, index, copy):
            pass
        copy.revision = max(copy.revision, state.revision)

    async def _read_page(
        self, db: Database, collection: str, index: VectorIndex, copy: _Copy
    ) -> bool:
        async with db.read() as session:
            rows = await queries.vectors_since(
                session, collection, self._embedder.name, copy.revision, limit=_PAGE
            )
        if not rows:
            return False
        matrix = unpack([row.vector for row in rows], self._embedder.dimension)
        await index.add([str(row.id) for row in rows], matrix)
        copy.ids.update(row.id for row in rows)
        copy.revision = rows[-1].revision
        return len(rows) >= _PAGE
