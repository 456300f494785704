"""The port to vector indexes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from locutory.kernel.errors import EngineError, ErrorClass

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class CollectionMissing(EngineError):
    """The store does not have this collection any more."""

    status, code, cls = 502, "VECTORS_MISSING", ErrorClass.PROVIDER_OUTAGE


class VectorIndex(Protocol):
    """The vectors of one collection of one tenant. Rows of a database are the truth behind it.

    An index outside this process raises what `HttpClient.request` raises, and CollectionMissing.
    """

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
    """All collections. One tenant never reaches another's index.

    Names of tenants and collections consist of ASCII letters, digits, `.`, `_` and `-`.
    """

    async def index(self, tenant: str, collection: str, dimension: int) -> VectorIndex:
        """The index, made when absent. Raises ValueError when it has another dimension."""
        ...

    async def drop(self, tenant: str, collection: str) -> None:
        """Forget a whole collection."""
        ...


class OutsideStore(VectorStore, Protocol):
    """A server that keeps copies of vectors. `place` names it among others, without secrets."""

    name: str
    place: str

    async def find(self, tenant: str, collection: str, dimension: int) -> VectorIndex:
        """The index as it should be there: nothing is asked, and nothing made when absent."""
        ...

    async def check(self) -> None:
        """Ask whether it answers and lets us in. Raises EngineError."""
        ...
