"""Vectors in this process: exact to 20,000 of them, a usearch HNSW graph beyond.

Exact search of 20,000 × 512 takes a few milliseconds; a graph of them takes seconds to build. So
it grows behind the searches: what it does not hold yet is compared one by one, and a search finds
what was added the moment before. A filtered search is exact over the allowed rows: a graph walk
could end before it met them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXACT_LIMIT = 20_000

# The graph keeps half precision and may return close neighbours out of order; more are asked for
# and sorted by the rows themselves.
_OVERSAMPLING = 4

# Linking costs about half a millisecond a vector; the event loop runs between batches.
_LINK_BATCH = 32

# A collection grows by a quarter: doubling would leave half of the memory idle.
_GROWTH = 1.25

# From this share of the rows on, comparing all costs less than copying out the allowed ones.
_MOST_COPIED = 0.1


class EmbeddedVectors:
    """Keeps every collection in memory; a restart fills it again from rows."""

    def __init__(self, *, exact_limit: int = EXACT_LIMIT) -> None:
        self._exact_limit = exact_limit
        self._indexes: dict[tuple[str, str], EmbeddedIndex] = {}

    async def index(self, tenant: str, collection: str, dimension: int) -> EmbeddedIndex:
        """The index of one tenant's collection."""
        key = (tenant, collection)
        if key not in self._indexes:
            self._indexes[key] = EmbeddedIndex(dimension, exact_limit=self._exact_limit)
        found = self._indexes[key]
        if found.dimension != dimension:
            raise ValueError(f"{collection} holds {found.dimension}-d vectors, not {dimension}-d")
        return found

    async def drop(self, tenant: str, collection: str) -> None:
        """Forget a collection."""
        self._indexes.pop((tenant, collection), None)


class EmbeddedIndex:
    """One matrix with a row a vector, without gaps; a graph over it when it has grown.

    The graph names vectors by numbers that are never used again, so that a vector that was
    removed while the graph grew is known to be gone.
    """

    def __init__(self, dimension: int, *, exact_limit: int = EXACT_LIMIT) -> None:
        import numpy as np

        self.dimension = dimension
        self._exact_limit = exact_limit
        self._rows: NDArray[np.float32] = np.zeros((0, dimension), dtype=np.float32)
        self._ids: list[str] = []
        self._places: dict[str, int] = {}
        self._graph: Any = None
        self._keys: dict[str, int] = {}
        self._named: dict[int, str] = {}
        self._unlinked: dict[str, None] = {}  # in order of arrival
        self._next_key = 0
        self._writing = asyncio.Lock()
        self._growing: asyncio.Task[None] | None = None

    async def count(self) -> int:
        """How many vectors are held."""
        return len(self._ids)

    async def settled(self) -> None:
        """Wait until the graph holds everything that it should."""
        while self._growing is not None and not self._growing.done():
            await self._growing

    async def add(self, ids: Sequence[str], matrix: NDArray[np.float32]) -> None:
        """Add or replace; the last of equal ids counts."""
        import numpy as np

        vectors = np.asarray(matrix, dtype=np.float32)
        if vectors.shape != (len(ids), self.dimension):
            raise ValueError(f"expected ({len(ids)}, {self.dimension}), got {vectors.shape}")
        if not np.isfinite(vectors).all():
            raise ValueError("a vector is not finite")
        latest = {one: place for place, one in enumerate(ids)}
        async with self._writing:
            self._forget([one for one in latest if one in self._places])
            self._append(list(latest), vectors[list(latest.values())])
            self._unlinked.update(dict.fromkeys(latest))
            self._grow()

    async def remove(self, ids: Collection[str]) -> None:
        """Forget; what stood in the matrix is overwritten."""
        async with self._writing:
            self._forget([one for one in dict.fromkeys(ids) if one in self._places])

    def _append(self, ids: list[str], vectors: NDArray[np.float32]) -> None:
        import numpy as np

        used = len(self._ids)
        needed = used + len(ids)
        if needed > len(self._rows):
            room = max(needed, int(_GROWTH * len(self._rows)))
            grown = np.zeros((room, self.dimension), dtype=np.float32)
            grown[:used] = self._rows[:used]
            self._rows = grown
        self._rows[used:needed] = vectors
        self._places.update({one: used + n for n, one in enumerate(ids)})
        self._ids.extend(ids)

    def _forget(self, ids: list[str]) -> None:
        """Move the last row into each gap and blank where it stood."""
        for one in ids:
            place, last = self._places.pop(one), len(self._ids) - 1
            moved = self._ids[last]
            if moved != one:
                self._rows[place] = self._rows[last]
                self._ids[place] = moved
                self._places[moved] = place
            self._rows[last] = 0.0
            self._ids.pop()
            self._unlinked.pop(one, None)
            key = self._keys.pop(one, None)
            if key is not None:
                del self._named[key]
                if self._graph is not None:
                    self._graph.remove(key)
        # The graph keeps the numbers of what was removed; past a half they are dead weight.
        if self._graph is not None and self._next_key > 2 * len(self._ids):
            self._start_over()

    def _start_over(self) -> None:
        self._graph = None
        self._keys.clear()
        self._named.clear()
        self._unlinked = dict.fromkeys(self._ids)

    async def search(
        self, query: NDArray[np.float32], k: int, allowed: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """The nearest by cosine."""
        import numpy as np

        vector = np.asarray(query, dtype=np.float32).reshape(-1)
        if vector.shape != (self.dimension,):
            raise ValueError(f"expected {self.dimension} dimensions, got {vector.shape[0]}")
        if allowed is not None:
            places = [self._places[one] for one in set(allowed) if one in self._places]
            return self._exact(vector, k, places)
        if self._graph is None or len(self._ids) <= self._exact_limit:
            return self._exact(vector, k, None)
        if len(self._unlinked) > _MOST_COPIED * len(self._ids):
            return self._exact(vector, k, None)
        new = [self._places[one] for one in self._unlinked]
        return self._exact(vector, k, [*self._near(vector, k), *new])

    def _exact(
        self, vector: NDArray[np.float32], k: int, places: list[int] | None
    ) -> list[tuple[str, float]]:
        import numpy as np

        held = len(self._ids)
        if k <= 0 or not held or places == []:
            return []
        if places is None:
            scores = self._rows[:held] @ vector
        elif len(places) > _MOST_COPIED * held:
            scores = (self._rows[:held] @ vector)[places]
        else:
            scores = self._rows[places] @ vector
        best: Sequence[int] = range(len(scores))
        if k < len(scores):
            threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
            best = np.flatnonzero(scores >= threshold).tolist()
        named = [(self._ids[n if places is None else places[n]], float(scores[n])) for n in best]
        return sorted(named, key=lambda found: (-found[1], found[0]))[:k]

    def _near(self, vector: NDArray[np.float32], k: int) -> list[int]:
        matches = self._graph.search(vector, min(len(self._keys), _OVERSAMPLING * k), threads=1)
        named = [self._named[key] for key in map(int, matches.keys) if key in self._named]
        return [self._places[one] for one in named]

    def _grow(self) -> None:
        """Let the graph catch up behind the searches. Called under the lock."""
        if len(self._ids) <= self._exact_limit or (self._growing and not self._growing.done()):
            return
        self._growing = asyncio.create_task(self._link_all(), name="vector graph")

    async def _link_all(self) -> None:
        while self._unlinked and len(self._ids) > self._exact_limit:
            if self._graph is None:
                await self._build()
            else:
                async with self._writing:
                    if self._graph is not None:
                        self._link(list(self._unlinked)[:_LINK_BATCH])
                await asyncio.sleep(0)

    async def _build(self) -> None:
        """A first graph of all that is there, in a thread; what comes meanwhile is linked after."""
        async with self._writing:
            self._start_over()
            ids = list(self._ids)
            rows = self._rows[: len(ids)].copy()
            keys = self._new_keys(ids)
        graph = await asyncio.to_thread(_graph_of, self.dimension, keys, rows)
        async with self._writing:
            gone = [key for key in keys.tolist() if key not in self._named]
            for key in gone:
                graph.remove(key)
            self._graph = graph

    def _link(self, ids: list[str]) -> None:
        rows = self._rows[[self._places[one] for one in ids]]
        self._graph.add(self._new_keys(ids), rows, threads=1)

    def _new_keys(self, ids: Sequence[str]) -> NDArray[np.uint64]:
        import numpy as np

        keys = np.arange(self._next_key, self._next_key + len(ids), dtype=np.uint64)
        self._next_key += len(ids)
        numbers = keys.tolist()
        self._keys.update(zip(ids, numbers, strict=True))
        self._named.update(zip(numbers, ids, strict=True))
        for one in ids:
            self._unlinked.pop(one, None)
        return keys


def _graph_of(dimension: int, keys: NDArray[np.uint64], rows: NDArray[np.float32]) -> Any:
    from usearch.index import Index

    graph = Index(ndim=dimension, metric="ip", dtype="f16", expansion_search=256)
    graph.add(keys, rows, threads=1)
    return graph
