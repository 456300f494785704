"""Vectors as bytes of a row and back: float32, little-endian on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def pack(matrix: NDArray[np.float32]) -> list[bytes]:
    """The rows of an (n, d) matrix, 4 * d bytes each."""
    return [row.astype("<f4").tobytes() for row in matrix]


def unpack(rows: Sequence[bytes], dimension: int) -> NDArray[np.float32]:
    """The (n, dimension) matrix of packed rows, only to be read.

    Raises ValueError when a row has another length.
    """
    import numpy as np

    if any(len(row) != 4 * dimension for row in rows):
        raise ValueError(f"a packed vector has not {dimension} dimensions")
    flat = np.frombuffer(b"".join(rows), dtype="<f4").astype(np.float32, copy=False)
    return flat.reshape(len(rows), dimension)
