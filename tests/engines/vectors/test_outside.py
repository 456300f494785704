"""Servers that keep copies of vectors: what they are asked, how they fail."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest
from qdrant_client import models
from tests.stubs.qdrant import API_KEY, QdrantStub
from tests.stubs.vendor import Answer, served

from locutory.engines.vectors.base import CollectionMissing, OutsideStore
from locutory.engines.vectors.registry import get_vectors
from locutory.kernel.errors import (
    ConfigError,
    EngineAuthError,
    EngineThrottled,
    EngineUnavailable,
)
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import HttpSettings, VectorSettings

ONE = "0197a1b0-0000-7000-8000-000000000001"
TWO = "0197a1b0-0000-7000-8000-000000000002"
EAST = np.array([1.0, 0.0], dtype=np.float32)
NORTH = np.array([0.0, 1.0], dtype=np.float32)


@pytest.fixture
def stub() -> Iterator[QdrantStub]:
    with served(QdrantStub()) as stub:
        yield stub


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient(HttpSettings())
    yield client
    await client.close()


def store_at(url: str, http: HttpClient, **rest: Any) -> OutsideStore:
    fields: dict[str, Any] = {"store": "qdrant", "url": url, "api_key": API_KEY, **rest}
    store = get_vectors(VectorSettings(**fields), http)
    assert store is not None
    return store


async def test_a_collection_bears_its_tenant_in_its_name_and_in_each_filter(
    stub: QdrantStub, http: HttpClient
) -> None:
    store = store_at(stub.url, http, prefix="house")
    index = await store.index("t1", "calls.g1", 2)
    await index.add([ONE], EAST[None, :])
    strange = models.PointStruct(id=TWO, vector=[1.0, 0.0], payload={"tenant": "t2", "id": TWO})
    stub.engine.upsert("house.t1.calls.g1", [strange])

    found = await index.search(EAST, 5)
    named = await index.search(EAST, 5, [ONE, TWO])
    await index.remove([ONE, TWO])

    assert stub.names() == ["house.t1.calls.g1"]
    assert found == named == [(ONE, pytest.approx(1.0))]
    assert [str(point.id) for point in stub.held("house.t1.calls.g1")] == [TWO]
    assert store.place == f"qdrant {stub.url.removeprefix('http://')} house"


async def test_a_point_carries_its_tenant_and_its_id_and_no_words(
    stub: QdrantStub, http: HttpClient
) -> None:
    index = await store_at(stub.url, http).index("t1", "calls.g1", 2)

    await index.add([ONE], EAST[None, :])

    (point,) = stub.held("locutory.t1.calls.g1")
    assert point.payload == {"tenant": "t1", "id": ONE}


async def test_a_passage_without_a_direction_is_near_to_nothing(
    stub: QdrantStub, http: HttpClient
) -> None:
    index = await store_at(stub.url, http).index("t1", "calls.g1", 2)
    await index.add([ONE, TWO], np.stack([EAST, 0 * EAST]))

    assert await index.search(EAST, 5) == [(ONE, pytest.approx(1.0)), (TWO, pytest.approx(0.0))]


async def test_a_store_that_lost_a_collection_says_so(stub: QdrantStub, http: HttpClient) -> None:
    store = store_at(stub.url, http)
    await store.index("t1", "calls.g1", 2)
    await store.drop("t1", "calls.g1")
    await store.drop("t1", "calls.g1")  # again changes nothing

    with pytest.raises(CollectionMissing):
        await (await store.find("t1", "calls.g1", 2)).search(NORTH, 1)


async def test_failures_come_as_what_they_mean(stub: QdrantStub, http: HttpClient) -> None:
    store, other = store_at(stub.url, http), store_at(stub.url, http, api_key="wrong")

    with pytest.raises(EngineAuthError):
        await other.check()
    stub.fail("/collections", Answer(500, {"status": {"error": "disk full"}}))
    with pytest.raises(EngineUnavailable, match="disk full"):
        await store.check()
    stub.fail("/collections", Answer(429, {}, {"Retry-After": "7"}))
    with pytest.raises(EngineThrottled) as throttled:
        await store.check()
    assert throttled.value.retry_after == 7
    stub.fail("/collections", Answer(200, {}, cut=True))
    with pytest.raises(EngineUnavailable):
        await store.check()
    await store.check()


async def test_a_server_that_says_nothing_is_left_after_its_time(
    stub: QdrantStub, http: HttpClient
) -> None:
    stub.fail("/collections", Answer(200, {}, stalls=True))

    with pytest.raises(EngineUnavailable):
        await store_at(stub.url, http, timeout_s=0.05).check()


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": None},
        {"url": "127.0.0.1:6333"},
        {"url": "http://key@127.0.0.1:6333"},
        {"prefix": "a.b"},
        {"prefix": ""},
        {"prefix": "é"},
    ],
)
async def test_settings_that_no_server_can_have_are_refused(
    wrong: dict[str, Any], http: HttpClient
) -> None:
    fields: dict[str, Any] = {"store": "chroma", "url": "http://127.0.0.1:8000", **wrong}

    with pytest.raises(ConfigError):
        get_vectors(VectorSettings(**fields), http)


async def test_in_memory_is_no_store_outside(http: HttpClient) -> None:
    assert get_vectors(VectorSettings(), http) is None
