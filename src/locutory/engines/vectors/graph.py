"""A usearch HNSW graph over vectors in eight bits, asked as widely as what it holds needs.

How many nodes a walk must keep in sight (`ef` of Malkov and Yashunin 2016) differs tenfold from
one kind of vectors to another, so it is measured on the vectors themselves. The walk compares
rounded vectors and may return close neighbours out of order: whoever asks sorts them by the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Tried from the narrowest on. A walk's cost grows with its width.
WIDTHS = (64, 96, 128, 192, 256, 384, 512, 768)

# A neighbour that rounding pushed down a few places is still among four times as many.
_OVERSAMPLING = 4

# A question resembles what answers it less than a vector resembles itself. Held vectors with noise
# of their own length lose about as much to a narrow walk as questions of eight words (more) and
# whole passages that are not held (less); measured on hashed n-grams of 67,000 passages.
_NOISE = 1.0


class Graph:
    """Vectors by the number of their place. Not to be asked while another thread links."""

    def __init__(self, dimension: int) -> None:
        from usearch.index import Index

        # 16 links a node cost about a tenth of the rows' memory; looking for them more widely
        # costs time once and lets every walk be narrower
        self._index = Index(
            ndim=dimension, metric="ip", dtype="i8", connectivity=16, expansion_add=192
        )
        self.width = WIDTHS[-1]  # how many nodes a walk keeps in sight

    def link(self, places: Sequence[int], rows: NDArray[np.float32]) -> None:
        """Take in places that are not held, on one thread, some tenths of a millisecond each."""
        import numpy as np

        if len(places):
            self._index.add(np.asarray(places, dtype=np.uint64), rows, threads=1)

    def unlink(self, places: Iterable[int]) -> None:
        """Find these no more; places that are not held are passed over."""
        for place in places:
            self._index.remove(place)

    def near(
        self, vector: NDArray[np.float32], k: int, *, width: int | None = None
    ) -> NDArray[np.intp]:
        """Places among which the k nearest most probably are, fewer if fewer are held."""
        import numpy as np

        wanted = min(len(self._index), _OVERSAMPLING * k)
        # the setter stands apart from its property, where mypy does not see it
        self._index.expansion_search = width or self.width  # type: ignore[misc]
        return np.asarray(self._index.search(vector, wanted, threads=1).keys, dtype=np.intp)


def questions_about(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, d) vectors about as near to the rows as questions; the same ones for the same rows."""
    import numpy as np

    noise = np.random.default_rng(len(rows)).normal(size=rows.shape).astype(np.float32)
    noise *= _NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
    return rows + noise
