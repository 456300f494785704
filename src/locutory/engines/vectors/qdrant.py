"""Vectors in a Qdrant server: a collection per tenant and generation, the tenant in each filter.

Wire facts: calls specification, appendix W8; the shapes are those of qdrant-client 1.20.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import NAMESPACE_OID, UUID, uuid5

from locutory.engines.vectors.base import CollectionMissing
from locutory.engines.vectors.outside import Wire, best, name_of, portions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TENANT: Final = "tenant"
_ID: Final = "id"


class QdrantVectors:
    """Collections named `<prefix>.<tenant>.<collection>` on one server."""

    name = "qdrant"

    def __init__(self, wire: Wire, *, prefix: str) -> None:
        self._wire = wire
        self._prefix = prefix
        self.place = f"{self.name} {wire.host} {prefix}"

    async def index(self, tenant: str, collection: str, dimension: int) -> QdrantIndex:
        """The index, made when absent. Raises ValueError when it has another dimension."""
        found = await self.find(tenant, collection, dimension)
        try:
            held = await self._held(found.path)
        except CollectionMissing:
            vectors = {"size": dimension, "distance": "Cosine"}
            await self._wire.ask("PUT", found.path, {"vectors": vectors})
            return found
        if held != dimension:
            raise ValueError(f"{collection} holds {held}-d vectors, not {dimension}-d")
        return found

    async def find(self, tenant: str, collection: str, dimension: int) -> QdrantIndex:
        """The index as it should be there; nothing is asked."""
        path = f"/collections/{quote(name_of(self._prefix, tenant, collection), safe='')}"
        return QdrantIndex(self._wire, path, tenant, dimension)

    async def drop(self, tenant: str, collection: str) -> None:
        """Delete a collection; one that is absent is passed over."""
        try:
            await self._wire.ask("DELETE", (await self.find(tenant, collection, 0)).path)
        except CollectionMissing:
            return

    async def check(self) -> None:
        """List the collections: needs the key."""
        await self._wire.ask("GET", "/collections")

    async def _held(self, path: str) -> int:
        reply = await self._wire.ask("GET", path)
        return int(reply["result"]["config"]["params"]["vectors"]["size"])


class QdrantIndex:
    """One collection. A point carries the tenant and its own id, no text."""

    def __init__(self, wire: Wire, path: str, tenant: str, dimension: int) -> None:
        self._wire = wire
        self._tenant = tenant
        self._dimension = dimension
        self.path = path

    async def add(
        self, ids: Sequence[str], matrix: NDArray[np.float32], *, more: bool = False
    ) -> None:
        """Upsert; found when it returns."""
        for some, vectors in portions(ids, matrix, self._dimension):
            points = [
                {"id": _point(one), "vector": vector, "payload": {_TENANT: self._tenant, _ID: one}}
                for one, vector in zip(some, vectors, strict=True)
            ]
            await self._wire.ask("PUT", f"{self.path}/points?wait=true", {"points": points})

    async def remove(self, ids: Collection[str]) -> None:
        """Delete points of this tenant."""
        if ids:
            body = {"filter": self._filter(ids)}
            await self._wire.ask("POST", f"{self.path}/points/delete?wait=true", body)

    async def search(
        self, query: NDArray[np.float32], k: int, allowed: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """The nearest by cosine."""
        if k <= 0 or (allowed is not None and not allowed):
            return []
        body = {
            "query": query.tolist(),
            "limit": k,
            "filter": self._filter(allowed),
            "with_payload": [_ID],
        }
        reply = await self._wire.ask("POST", f"{self.path}/points/query", body)
        return best([(p["payload"][_ID], p["score"]) for p in reply["result"]["points"]], k)

    async def count(self) -> int:
        """Counted exactly."""
        body = {"exact": True, "filter": self._filter(None)}
        reply = await self._wire.ask("POST", f"{self.path}/points/count", body)
        return int(reply["result"]["count"])

    def _filter(self, ids: Collection[str] | None) -> dict[str, Any]:
        must: list[dict[str, Any]] = [{"key": _TENANT, "match": {"value": self._tenant}}]
        if ids is not None:
            must.append({"has_id": [_point(one) for one in ids]})
        return {"must": must}


def _point(one: str) -> str:
    """Qdrant takes UUIDs and numbers only."""
    try:
        return str(UUID(one))
    except ValueError:
        return str(uuid5(NAMESPACE_OID, one))
