"""Vectors in a Chroma server: a collection per tenant and generation, the tenant in each filter.

Spoken to by its API v2. Chroma walks a graph, which may miss some of the nearest. Our vectors have
length 1 or 0, so the inner product is the cosine; Chroma's own cosine has none for length 0.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from locutory.engines.vectors.base import CollectionMissing
from locutory.engines.vectors.outside import Wire, best, name_of, portions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# One database of Chroma for all: its tenants are accounts of the server.
_COLLECTIONS: Final = "/api/v2/tenants/default_tenant/databases/default_database/collections"
_TENANT: Final = "tenant"
_DIMENSION: Final = "dimension"
_SHARED: Final = {"hnsw": {"space": "ip", "ef_search": 256}}


class ChromaVectors:
    """Collections named `<prefix>.<tenant>.<collection>` on one server."""

    name = "chroma"

    def __init__(self, wire: Wire, *, prefix: str) -> None:
        self._wire = wire
        self._prefix = prefix
        self.place = f"{self.name} {wire.host} {prefix}"

    async def index(self, tenant: str, collection: str, dimension: int) -> ChromaIndex:
        """The index, made when absent. Raises ValueError when it has another dimension."""
        name = name_of(self._prefix, tenant, collection)
        body = {
            "name": name,
            "get_or_create": True,
            "metadata": {_DIMENSION: dimension},
            "configuration": _SHARED,
        }
        try:
            made = await self._wire.ask("GET", _path(name))
        except CollectionMissing:
            made = await self._wire.ask("POST", _COLLECTIONS, body)
        held = made["metadata"][_DIMENSION]
        if held != dimension:
            raise ValueError(f"{collection} holds {held}-d vectors, not {dimension}-d")
        return ChromaIndex(self._wire, name, tenant, dimension, id_=made["id"])

    async def find(self, tenant: str, collection: str, dimension: int) -> ChromaIndex:
        """The index as it should be there; its id is asked for at its first use."""
        return ChromaIndex(self._wire, name_of(self._prefix, tenant, collection), tenant, dimension)

    async def drop(self, tenant: str, collection: str) -> None:
        """Delete a collection; one that is absent is passed over."""
        try:
            await self._wire.ask("DELETE", _path(name_of(self._prefix, tenant, collection)))
        except CollectionMissing:
            return

    async def check(self) -> None:
        """Ask for one collection: needs the key, which the heartbeat does not."""
        await self._wire.ask("GET", f"{_COLLECTIONS}?limit=1")


class ChromaIndex:
    """One collection. An entry carries the tenant and its own id, no text."""

    def __init__(
        self, wire: Wire, name: str, tenant: str, dimension: int, *, id_: str | None = None
    ) -> None:
        self._wire = wire
        self._name = name
        self._tenant = tenant
        self._dimension = dimension
        self._id = id_

    async def add(
        self, ids: Sequence[str], matrix: NDArray[np.float32], *, more: bool = False
    ) -> None:
        """Upsert; found when it returns."""
        for some, vectors in portions(ids, matrix, self._dimension):
            marks = [{_TENANT: self._tenant}] * len(some)
            body = {"ids": some, "embeddings": vectors, "metadatas": marks}
            await self._ask("POST", "upsert", body)

    async def remove(self, ids: Collection[str]) -> None:
        """Delete entries of this tenant."""
        if ids:
            await self._ask("POST", "delete", {"ids": list(ids), "where": self._mine})

    async def search(
        self, query: NDArray[np.float32], k: int, allowed: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """The nearest by cosine."""
        if k <= 0 or (allowed is not None and not allowed):
            return []
        body: dict[str, Any] = {
            "query_embeddings": [query.tolist()],
            "n_results": k,
            "where": self._mine,
            "include": ["distances"],
        }
        if allowed is not None:
            body["ids"] = list(allowed)
        reply = await self._ask("POST", "query", body)
        pairs = zip(reply["ids"][0], reply["distances"][0], strict=True)
        return best([(one, 1.0 - distance) for one, distance in pairs], k)

    async def count(self) -> int:
        """How many entries there are, of a collection that has those of one tenant only."""
        return int(await self._ask("GET", "count"))

    @property
    def _mine(self) -> dict[str, str]:
        return {_TENANT: self._tenant}

    async def _ask(self, method: str, what: str, body: Any = None) -> Any:
        if self._id is None:
            self._id = (await self._wire.ask("GET", _path(self._name)))["id"]
        return await self._wire.ask(method, f"{_COLLECTIONS}/{self._id}/{what}", body)


def _path(name: str) -> str:
    return f"{_COLLECTIONS}/{quote(name, safe='')}"
