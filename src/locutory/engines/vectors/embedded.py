"""Vectors in this process: exact to 20,000 of them, an HNSW graph beyond.

Exact search of 20,000 × 384 takes a millisecond; a graph of them takes seconds to build. So it
grows behind the searches: what it does not hold yet is compared one by one, and a search finds
what was added the moment before. A filtered search is exact over the allowed rows: a graph walk
could end before it met them. Nothing is kept on a disk: rows of the database are, and a second
copy would have to be erased with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from itertools import islice, repeat
from typing import TYPE_CHECKING

from locutory.engines.vectors.exact import highest, likeness, likeness_at
from locutory.engines.vectors.graph import WIDTHS, Graph, questions_about

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXACT_LIMIT = 20_000

# The share of the true ten nearest that the graph must find for questions about what it holds.
RECALL_WANTED = 0.98
_QUESTIONS = 64
_NEAREST = 10

# While more than a tenth is not linked, a thread links and all is compared; what trickles in is
# linked between the event loop's other turns, a few milliseconds at a time.
_FAR_BEHIND = 0.1
_LINKED_IN_THREAD = 256
_LINKED_IN_LOOP = 16

_COMPARED_AT_ONCE = 4_096  # rows with all questions, about three milliseconds

# Growing remaps the pages instead of copying them, so little need be idle.
_GROWTH = 1 / 16

# From this share of the rows on, comparing all costs less than gathering the allowed ones.
_MOST_GATHERED = 0.3


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
    """One matrix with a row a vector; a graph over it when it has grown.

    A vector keeps its place, by which the graph names it. What is removed leaves a row of zeros
    for the next that comes.
    """

    def __init__(self, dimension: int, *, exact_limit: int = EXACT_LIMIT) -> None:
        import numpy as np

        self.dimension = dimension
        self._exact_limit = exact_limit
        self._rows: NDArray[np.float32] = np.zeros((0, dimension), dtype=np.float32)
        self._ids: list[str | None] = []  # by place
        self._places: dict[str, int] = {}
        self._free: list[int] = []
        self._graph: Graph | None = None
        self._linked_to = 0  # the graph holds no place from here on
        self._unlinked: dict[int, None] = {}  # places before it that it does not hold either
        self._threaded = False  # a thread links: the graph is neither asked nor changed
        self._stale: set[int] = set()  # places whose vector went meanwhile
        self._dead = 0  # unlinked nodes that the graph still walks through
        self._tuned_at = 0  # how many were held when the width was measured
        self._writing = asyncio.Lock()
        self._growing: asyncio.Task[None] | None = None

    async def count(self) -> int:
        """How many vectors are held."""
        return len(self._places)

    @property
    def width(self) -> int | None:
        """How widely the graph is asked; None while all are compared."""
        return self._graph.width if self._graph is not None and self._walkable() else None

    async def settled(self) -> None:
        """Wait until the graph holds everything that it should."""
        while self._growing is not None and not self._growing.done():
            await self._growing

    async def add(
        self, ids: Sequence[str], matrix: NDArray[np.float32], *, more: bool = False
    ) -> None:
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
            if len(latest) < len(ids):
                vectors = vectors[list(latest.values())]
            self._put(list(latest), vectors)
            if not more:
                self._grow()

    async def remove(self, ids: Collection[str]) -> None:
        """Forget; what stood in the matrix is overwritten."""
        async with self._writing:
            self._forget([one for one in dict.fromkeys(ids) if one in self._places])
            if len(self._free) > len(self._places):
                self._close_gaps()
            self._grow()

    def _put(self, ids: list[str], vectors: NDArray[np.float32]) -> None:
        reused = [self._free.pop() for _ in range(min(len(ids), len(self._free)))]
        used = len(self._ids)
        needed = used + len(ids) - len(reused)
        if needed > len(self._rows):
            room = max(needed, int((1 + _GROWTH) * used))
            # nothing else refers to the rows: no view of them outlives the call that made it
            self._rows.resize((room, self.dimension), refcheck=False)
        self._rows[reused] = vectors[: len(reused)]
        self._rows[used:needed] = vectors[len(reused) :]
        self._ids.extend(repeat(None, needed - used))
        for one, place in zip(ids, [*reused, *range(used, needed)], strict=True):
            self._ids[place] = one
            self._places[one] = place
        self._unlinked.update((place, None) for place in reused if place < self._linked_to)

    def _forget(self, ids: list[str]) -> None:
        for one in ids:
            place = self._places.pop(one)
            self._rows[place] = 0.0
            self._ids[place] = None
            self._free.append(place)
            linked = place < self._linked_to and place not in self._unlinked
            self._unlinked.pop(place, None)
            if self._threaded:
                self._stale.add(place)
            elif linked and self._graph is not None:
                self._graph.unlink([place])
                self._dead += 1
        if self._graph is not None and self._dead > len(self._places):
            self._start_over()

    def _close_gaps(self) -> None:
        """Give the memory of gaps back; the graph, which names places, is made anew."""
        self._free.clear()
        kept = list(self._places)
        self._rows = self._rows[list(self._places.values())]
        self._ids = [*kept]
        self._places = {one: place for place, one in enumerate(kept)}
        self._start_over()

    def _start_over(self) -> None:
        self._graph = None
        self._unlinked.clear()
        self._stale.clear()
        self._linked_to = self._dead = self._tuned_at = 0

    @property
    def _behind(self) -> int:
        """How many places the graph does not hold, those of gaps among them."""
        return len(self._unlinked) + len(self._ids) - self._linked_to

    async def search(
        self, query: NDArray[np.float32], k: int, allowed: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """The nearest by cosine."""
        import numpy as np

        vector = np.asarray(query, dtype=np.float32).reshape(-1)
        if vector.shape != (self.dimension,):
            raise ValueError(f"expected {self.dimension} dimensions, got {vector.shape[0]}")
        if allowed is not None:
            return self._best(vector, k, self._places_of(allowed))
        if self._graph is None or not self._walkable() or k <= 0:
            return self._best(vector, k, None)
        latest = self._held(range(self._linked_to, len(self._ids)))
        new = np.array([*self._unlinked, *latest], dtype=np.intp)
        return self._best(vector, k, np.concatenate([self._graph.near(vector, k), new]))

    def _walkable(self) -> bool:
        held = len(self._places)
        level = self._behind <= _FAR_BEHIND * held
        return level and not self._threaded and held > self._exact_limit

    def _places_of(self, ids: Collection[str]) -> NDArray[np.intp]:
        import numpy as np

        found = np.fromiter(map(self._places.get, ids, repeat(-1)), dtype=np.intp, count=len(ids))
        return np.unique(found[found >= 0])

    def _best(
        self, vector: NDArray[np.float32], k: int, places: NDArray[np.intp] | None
    ) -> list[tuple[str, float]]:
        """The k nearest of these places, of all for None, compared one by one."""
        held, used = len(self._places), len(self._ids)
        if k <= 0 or not held or (places is not None and not len(places)):
            return []
        if places is None:
            scores = likeness(self._rows[:used], vector)
            scores[self._free] = -float("inf")
        elif len(places) > _MOST_GATHERED * held:
            scores = likeness(self._rows[:used], vector)[places]
        else:
            scores = likeness_at(self._rows, places, vector)
        best = highest(scores, min(k, held))
        taken = best if places is None else places[best]
        named = zip(taken.tolist(), scores[best].tolist(), strict=True)
        found = [(one, score) for n, score in named if (one := self._ids[n]) is not None]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]

    def _grow(self) -> None:
        """Let the graph catch up behind the searches. Called under the lock."""
        if len(self._places) <= self._exact_limit or (self._growing and not self._growing.done()):
            return
        if self._behind:
            self._growing = asyncio.create_task(self._catch_up(), name="vector graph")

    async def _catch_up(self) -> None:
        while len(self._places) > self._exact_limit:
            if self._graph is None or self._behind > _FAR_BEHIND * len(self._places):
                await self._link_in_thread()
            elif self._behind:
                async with self._writing:
                    self._link_some()
                await asyncio.sleep(0)
            elif abs(len(self._places) - self._tuned_at) > self._tuned_at / 2:
                await self._tune()
            else:
                return

    def _next(self, most: int) -> list[int]:
        """Places for the graph to take in, reused ones first; gaps are passed over."""
        if self._unlinked:
            return list(islice(self._unlinked, most))
        end = min(len(self._ids), self._linked_to + most)
        return list(range(self._linked_to, end))

    def _held(self, places: Sequence[int]) -> list[int]:
        if not self._free:
            return list(places)
        return [place for place in places if self._ids[place] is not None]

    def _note_linked(self, places: list[int], held: list[int]) -> None:
        """Of places that `_next` gave the graph has `held`, apart from what changed meanwhile."""
        self._linked_to = max([self._linked_to, *(place + 1 for place in places)])
        taken = set(held) - self._stale
        for place in places:
            if place in taken or self._ids[place] is None:
                self._unlinked.pop(place, None)
            else:
                self._unlinked[place] = None

    def _link_some(self) -> None:
        if self._graph is not None and self._behind:
            places = self._next(_LINKED_IN_LOOP)
            held = self._held(places)
            self._graph.link(held, self._rows[held])
            self._note_linked(places, held)

    async def _link_in_thread(self) -> None:
        """Link all that is not, page by page; meanwhile searches compare.

        Where a thread fails, searches go on comparing, and the next change begins anew.
        """
        self._threaded = True
        try:
            while self._behind:
                async with self._writing:
                    graph = self._graph = self._graph or Graph(self.dimension)
                    self._unlink_stale()
                    places = self._next(_LINKED_IN_THREAD)
                    held = self._held(places)
                    rows = self._rows[held]
                await asyncio.to_thread(graph.link, held, rows)  # lets go of the interpreter
                if graph is self._graph:
                    self._note_linked(places, held)
            self._unlink_stale()
        except BaseException:
            self._start_over()
            raise
        finally:
            self._threaded = False

    def _unlink_stale(self) -> None:
        if self._graph is not None:
            self._graph.unlink(self._stale)
        self._dead += len(self._stale)
        self._stale.clear()

    async def _tune(self) -> None:
        """Ask the graph as narrowly as still finds what comparing finds, about passages it holds.

        What comes or goes meanwhile shifts the measure by its share, which is small.
        """
        graph = self._graph
        if graph is None:
            return
        held = list(self._places.values())
        asked = [held[n * len(held) // _QUESTIONS] for n in range(_QUESTIONS)]
        questions = questions_about(self._rows[asked])
        bounds = await self._nearness(questions)
        for width in WIDTHS:
            found = 0
            for question, bound in zip(questions, bounds.tolist(), strict=True):
                if graph is not self._graph or self._threaded:
                    return
                near = graph.near(question, _NEAREST, width=width)
                scores = likeness_at(self._rows, near, question)
                found += min(_NEAREST, int((scores >= bound - 1e-5).sum()))
                await asyncio.sleep(0)
            if found >= RECALL_WANTED * _NEAREST * _QUESTIONS:
                break
        graph.width = width
        self._tuned_at = len(held)

    async def _nearness(self, questions: NDArray[np.float32]) -> NDArray[np.float32]:
        """The likeness of each question to the last of its nearest, (n,), by comparing all."""
        import numpy as np

        best = np.zeros((len(questions), 0), dtype=np.float32)
        for start in range(0, len(self._ids), _COMPARED_AT_ONCE):
            scores = questions @ self._rows[start : start + _COMPARED_AT_ONCE].T
            best = np.concatenate([best, scores], axis=1)
            kept = min(_NEAREST, best.shape[1])
            best = np.partition(best, -kept, axis=1)[:, -kept:]
            await asyncio.sleep(0)
        return np.asarray(best.min(axis=1))
