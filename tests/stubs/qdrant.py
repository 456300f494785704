"""A stub of a Qdrant server. What is asked is read by the vendor's models, and the engine behind
it is the vendor's own in-process one, so filters mean what they mean there."""

from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel
from qdrant_client import QdrantClient, models
from tests.stubs.vendor import Answer, Request, VendorStub

API_KEY = "qdrant-key-of-the-stub"


def _ok(result: Any) -> Answer:
    return Answer(body={"result": result, "status": "ok", "time": 0.001})


def _no(status: int, words: str) -> Answer:
    return Answer(status, {"status": {"error": words}, "time": 0.0})


def _plain(model: BaseModel) -> Any:
    return model.model_dump(mode="json", exclude_none=True)


class QdrantStub(VendorStub):
    """Collections in memory, behind `API_KEY`."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = QdrantClient(":memory:")

    def names(self) -> list[str]:
        """The collections that there are."""
        with self.lock:
            return sorted(one.name for one in self.engine.get_collections().collections)

    def held(self, name: str) -> list[models.Record]:
        """All points of a collection."""
        with self.lock:
            return self.engine.scroll(name, limit=100_000, with_vectors=True)[0]

    def handle(self, request: Request) -> Answer:
        if request.headers.get("api-key") != API_KEY:
            return _no(403, "Invalid api-key")
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        if parts == ["collections"]:
            return _ok(_plain(self.engine.get_collections()))
        name, what = parts[1], "/".join(parts[2:])
        if request.method == "PUT" and not what:
            asked = models.CreateCollection.model_validate(request.json())
            self.engine.create_collection(name, vectors_config=asked.vectors)
            return _ok(True)
        if not self.engine.collection_exists(name):
            return _no(404, f"Not found: Collection `{name}` doesn't exist!")
        match request.method, what:
            case "GET", "":
                return _ok(_plain(self.engine.get_collection(name)))
            case "DELETE", "":
                return _ok(self.engine.delete_collection(name))
            case "PUT", "points":
                points = models.PointsList.model_validate(request.json()).points
                return _ok(_plain(self.engine.upsert(name, points)))
            case "POST", "points/delete":
                gone = models.FilterSelector.model_validate(request.json())
                return _ok(_plain(self.engine.delete(name, gone)))
            case "POST", "points/count":
                counted = models.CountRequest.model_validate(request.json())
                return _ok(_plain(self.engine.count(name, count_filter=counted.filter)))
            case "POST", "points/query":
                return self._query(name, models.QueryRequest.model_validate(request.json()))
        return _no(404, "no such path")

    def _query(self, name: str, asked: models.QueryRequest) -> Answer:
        found = self.engine.query_points(
            name,
            query=asked.query,
            query_filter=asked.filter,
            limit=asked.limit or 10,
            with_payload=asked.with_payload or False,
        )
        return _ok(_plain(found))
