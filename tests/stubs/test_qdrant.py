"""The stub speaks Qdrant's language: the vendor's client works with it."""

import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse
from tests.stubs.qdrant import API_KEY, QdrantStub
from tests.stubs.vendor import served

ONE = "0197a1b0-0000-7000-8000-000000000001"
TWO = "0197a1b0-0000-7000-8000-000000000002"


def client_of(stub: QdrantStub, key: str = API_KEY) -> QdrantClient:
    return QdrantClient(url=stub.url, api_key=key, check_compatibility=False)


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_the_vendors_client_makes_fills_asks_and_drops_a_collection() -> None:
    mine = models.Filter(
        must=[models.FieldCondition(key="tenant", match=models.MatchValue(value="t"))]
    )
    with served(QdrantStub()) as stub:
        client = client_of(stub)
        shape = models.VectorParams(size=2, distance=models.Distance.COSINE)
        client.create_collection("a.b", vectors_config=shape)
        points = [
            models.PointStruct(id=ONE, vector=[1.0, 0.0], payload={"tenant": "t"}),
            models.PointStruct(id=TWO, vector=[0.0, 1.0], payload={"tenant": "other"}),
        ]
        client.upsert("a.b", points, wait=True)

        found = client.query_points("a.b", query=[0.1, 1.0], query_filter=mine).points
        counted = client.count("a.b").count
        client.delete("a.b", mine, wait=True)

        assert [point.id for point in found] == [ONE]
        assert (counted, client.count("a.b").count) == (2, 1)
        assert client.get_collection("a.b").config.params.vectors == shape
        client.delete_collection("a.b")
        assert client.get_collections().collections == []
        with pytest.raises(UnexpectedResponse, match="404"):
            client.get_collection("a.b")


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_another_key_is_refused() -> None:
    with served(QdrantStub()) as stub, pytest.raises(UnexpectedResponse, match="403"):
        client_of(stub, "wrong").get_collections()
