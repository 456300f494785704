"""Comparing one by one, without more copies or sorting than that needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# So many gathered rows stay in the cache of a core until they are compared.
_GATHERED = 256


def likeness(rows: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The dot product of each row with the vector.

    `vecdot` reads every row once; `@` took twice as long from 15,000 rows of 384 on, and would
    wake the threads of the linear algebra library for each question.
    """
    import numpy as np

    return np.asarray(np.vecdot(rows, vector))


def likeness_at(
    rows: NDArray[np.float32], places: NDArray[np.intp], vector: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The dot products of the rows at these places, gathered by portions."""
    import numpy as np

    scores = np.empty(len(places), dtype=np.float32)
    gathered = np.empty((min(_GATHERED, len(places)), len(vector)), dtype=np.float32)
    for start in range(0, len(places), _GATHERED):
        portion = places[start : start + _GATHERED]
        # with mode "raise" numpy would gather into a buffer of its own first
        taken = np.take(rows, portion, axis=0, out=gathered[: len(portion)], mode="clip")
        np.vecdot(taken, vector, out=scores[start : start + len(portion)])
    return scores


def highest(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Where the k highest scores are, with all that equal the last of them, in no order.

    Few others may be among them: no k-th highest of the maxima of disjoint parts exceeds the
    k-th highest of all, so it bounds what must be looked at.
    """
    import numpy as np

    if k >= len(scores):
        return np.arange(len(scores))
    width = max(1, len(scores) // (8 * k))
    whole = len(scores) // width * width
    maxima = scores[:whole].reshape(-1, width).max(axis=1)
    bound = np.partition(maxima, len(maxima) - k)[len(maxima) - k]
    return np.flatnonzero(scores >= bound)
