"""The port to vector indexes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class VectorIndex(Protocol):
    """The vectors of one collection of one tenant. Rows of a database are the truth behind it."""

    async def add(
        self, ids: Sequence[str], matrix: NDArray[np.float32], *, more: bool = False
    ) -> None:
        """Add (n, d) vectors of length 1 or 0; an id that is present is replaced.

        All are found at once. With `more`, others follow without delay, and what an index does
        behind the searches to answer faster may wait for the last.

        Raises ValueError when the shape does not fit or a value is not finite.
        """
        ...

    async def remove(self, ids: Collection[str]) -> None:
        """Forget these vectors for good; unknown ids are passed over."""
        ...

    async def search(
        self, query: NDArray[np.float32], k: int, allowed: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """The k nearest as (id, cosine), best first, equals by id; `allowed` filters first."""
        ...

    async def count(self) -> int:
        """How many vectors are held."""
        ...


class VectorStore(Protocol):
    """All collections. One tenant never reaches another's index."""

    async def index(self, tenant: str, collection: str, dimension: int) -> VectorIndex:
        """The index, made when absent. Raises ValueError when it has another dimension."""
        ...

    async def drop(self, tenant: str, collection: str) -> None:
        """Forget a whole collection."""
        ...
