"""What every vector index must do; the embedded one is tried exact and as a graph.

Qdrant is its vendor's engine behind a stub of its wire format, Chroma a real server.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.chroma import chroma_server
from tests.stubs.qdrant import API_KEY, QdrantStub
from tests.stubs.vendor import served

from locutory.engines.vectors.base import VectorIndex, VectorStore
from locutory.engines.vectors.embedded import EmbeddedIndex, EmbeddedVectors
from locutory.engines.vectors.registry import get_vectors
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import HttpSettings, VectorSettings

D = 24


def units(count: int, seed: int = 0) -> NDArray[np.float32]:
    matrix = np.random.default_rng(seed).normal(size=(count, D)).astype(np.float32)
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True), dtype=np.float32)


def names(count: int, prefix: str = "v") -> list[str]:
    return [f"{prefix}{n:04d}" for n in range(count)]


async def put(index: VectorIndex, ids: list[str], vectors: NDArray[np.float32]) -> None:
    """Add, and let a graph take it in."""
    await index.add(ids, vectors)
    if isinstance(index, EmbeddedIndex):
        await index.settled()


@pytest.fixture(scope="session")
def qdrant() -> Iterator[str]:
    with served(QdrantStub()) as stub:
        yield stub.url


@pytest.fixture(scope="session")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chroma_server(tmp_path_factory.mktemp("chroma")) as url:
        yield url


@pytest.fixture(params=["embedded", "embedded-graph", "qdrant", "chroma"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[VectorStore]:
    if request.param.startswith("embedded"):
        yield EmbeddedVectors(exact_limit=40 if request.param == "embedded-graph" else 20_000)
        return
    http = HttpClient(HttpSettings())
    settings = VectorSettings(
        store=request.param,
        url=request.getfixturevalue(request.param),
        api_key=API_KEY,
        prefix=f"t{uuid4().hex[:12]}",
    )
    outside = get_vectors(settings, http)
    assert outside is not None
    yield outside
    await http.close()


async def test_the_nearest_come_first(store: VectorStore) -> None:
    index, vectors = await store.index("t", "calls", D), units(300)
    await put(index, names(300), vectors)

    found = await index.search(vectors[7], 5)

    truth = vectors @ vectors[7]
    assert [one for one, _ in found] == [names(300)[n] for n in np.argsort(-truth)[:5]]
    assert found[0][1] == pytest.approx(1.0, abs=1e-5)
    assert [score for _, score in found] == sorted((s for _, s in found), reverse=True)


async def test_what_is_removed_is_never_found(store: VectorStore) -> None:
    index, vectors = await store.index("t", "calls", D), units(300)
    await put(index, names(300), vectors)

    await index.remove([*names(300)[:100], "unknown"])

    assert await index.count() == 200
    for vector in vectors[:100]:
        assert all(one >= "v0100" for one, _ in await index.search(vector, 10))


async def test_what_is_added_after_a_removal_is_found(store: VectorStore) -> None:
    index, vectors = await store.index("t", "calls", D), units(300)
    await put(index, names(300), vectors)
    await index.remove(names(300)[20:])
    fresh = units(100, seed=1)

    await put(index, names(100, "w"), fresh)

    assert [(await index.search(v, 1))[0][0] for v in fresh] == names(100, "w")
    assert [(await index.search(v, 1))[0][0] for v in vectors[:20]] == names(20)


async def test_an_id_added_again_is_replaced(store: VectorStore) -> None:
    index, vectors = await store.index("t", "calls", D), units(120)
    await put(index, names(100), vectors[:100])

    await put(index, ["v0003"], vectors[110:111])

    assert await index.count() == 100
    assert (await index.search(vectors[110], 1))[0][0] == "v0003"
    assert (await index.search(vectors[3], 1))[0][1] < 0.99


async def test_a_filter_comes_before_the_search(store: VectorStore) -> None:
    index, vectors = await store.index("t", "calls", D), units(300)
    await put(index, names(300), vectors)

    found = await index.search(vectors[0], 10, allowed=["v0250", "v0251", "other"])

    assert sorted(one for one, _ in found) == ["v0250", "v0251"]
    assert await index.search(vectors[0], 10, allowed=[]) == []


async def test_tenants_and_collections_are_apart(store: VectorStore) -> None:
    vectors = units(2)
    await (await store.index("a", "calls", D)).add(["x"], vectors[:1])
    await (await store.index("b", "calls", D)).add(["y"], vectors[1:])

    mine = await (await store.index("a", "calls", D)).search(vectors[1], 5)
    await store.drop("a", "calls")

    assert [one for one, _ in mine] == ["x"]
    assert await (await store.index("a", "calls", D)).count() == 0
    assert await (await store.index("b", "calls", D)).count() == 1
    assert await (await store.index("b", "docs", D)).count() == 0


async def test_what_comes_in_portions_is_found_before_the_last(store: VectorStore) -> None:
    index, vectors = await store.index("t", "calls", D), units(300)

    await index.add(names(300)[:150], vectors[:150], more=True)
    before = (await index.search(vectors[100], 1))[0][0]
    await put(index, names(300)[150:], vectors[150:])

    assert before == "v0100"
    assert [(await index.search(vector, 1))[0][0] for vector in vectors] == names(300)


async def test_many_that_are_replaced_while_others_go_are_each_found_once(
    store: VectorStore,
) -> None:
    index, vectors = await store.index("t", "calls", D), units(600)
    ids = names(300)
    await put(index, ids, vectors[:300])

    await index.remove(ids[:120])
    await put(index, ids[100:200], vectors[300:400])  # twenty come back, eighty are replaced

    truth = dict(zip(ids[200:], vectors[200:300], strict=True))
    truth |= dict(zip(ids[100:200], vectors[300:400], strict=True))
    assert await index.count() == len(truth) == 200
    for one, vector in truth.items():
        found = await index.search(vector, 10)
        assert found[0] == (one, pytest.approx(1.0, abs=1e-5))
        assert len({other for other, _ in found}) == 10


async def test_as_many_as_asked_are_found_however_unlike_they_are(store: VectorStore) -> None:
    index, vectors = await store.index("t", "calls", D), units(60)
    opposite = -np.abs(vectors)
    await put(index, names(60), opposite / np.linalg.norm(opposite, axis=1, keepdims=True))
    await index.remove(names(60)[::5])

    found = await index.search(np.ones(D, dtype=np.float32) / np.sqrt(D), 48)

    assert sorted(one for one, _ in found) == [n for n in names(60) if n not in names(60)[::5]]
    assert found[0][1] < 0


async def test_an_empty_index_finds_nothing(store: VectorStore) -> None:
    assert await (await store.index("t", "calls", D)).search(units(1)[0], 3) == []


async def test_a_wrong_shape_or_number_is_refused(store: VectorStore) -> None:
    index = await store.index("t", "calls", D)

    with pytest.raises(ValueError, match="expected"):
        await index.add(["x"], np.ones((1, D + 1), dtype=np.float32))
    with pytest.raises(ValueError, match="finite"):
        await index.add(["x"], np.full((1, D), np.nan, dtype=np.float32))
    with pytest.raises(ValueError, match="holds"):
        await store.index("t", "calls", D + 1)


async def test_the_graph_finds_nearly_what_exact_search_finds() -> None:
    vectors, queries = units(3000), units(50, seed=2)
    exact, graph = EmbeddedIndex(D), EmbeddedIndex(D, exact_limit=100)
    await exact.add(names(3000), vectors)
    await put(graph, names(3000), vectors)

    shared = 0
    for query in queries:
        truth = {one for one, _ in await exact.search(query, 10)}
        shared += len(truth & {one for one, _ in await graph.search(query, 10)})

    assert shared / 500 >= 0.95


async def test_what_comes_and_goes_while_the_graph_grows_is_right_at_once() -> None:
    index, vectors = EmbeddedIndex(D, exact_limit=100), units(900)
    ids = names(900)
    await index.add(ids[:600], vectors[:600])
    await asyncio.sleep(0)  # the graph has begun with 600

    await index.remove(ids[:50])
    await index.add(ids[600:], vectors[600:])
    growing = [(await index.search(vector, 1))[0][0] for vector in vectors]
    await index.settled()
    grown = [(await index.search(vector, 1))[0][0] for vector in vectors]

    assert growing[50:] == grown[50:] == ids[50:]
    assert not set(ids[:50]) & {*growing, *grown}


async def test_a_filter_that_leaves_most_finds_what_one_by_one_comparison_finds() -> None:
    index, vectors = EmbeddedIndex(D), units(300)
    await index.add(names(300), vectors)
    allowed = names(300)[:200]

    found = await index.search(vectors[250], 5, allowed)

    truth = np.argsort(-(vectors[:200] @ vectors[250]))[:5]
    assert [one for one, _ in found] == [names(300)[n] for n in truth]


async def test_what_comes_and_goes_between_pages_of_a_growing_graph_is_found_or_gone() -> None:
    index, vectors = EmbeddedIndex(D, exact_limit=100), units(4_000)
    held: dict[str, int] = {}
    rng = np.random.default_rng(7)

    async def change(step: int) -> None:
        fresh = range(1_000 + 100 * step, 1_100 + 100 * step)
        gone = rng.choice(sorted(held), size=80, replace=False).tolist()
        again = rng.choice(sorted(set(held) - set(gone)), size=20, replace=False).tolist()
        await index.remove(gone)
        for one in gone:
            del held[one]
        ids = [*again, *(f"v{n}" for n in fresh[20:])]
        await index.add(ids, vectors[list(fresh)])
        held.update(zip(ids, fresh, strict=True))

    held.update((f"v{n}", n) for n in range(1_000))
    await index.add(list(held), vectors[:1_000])
    for step in range(30):  # the loop turns, so pages are linked between the changes
        await change(step)
        await asyncio.sleep(0)
    await index.settled()

    assert index.width is not None
    for one, n in held.items():
        found = await index.search(vectors[n], 10)
        assert found[0][0] == one
        assert {other for other, _ in found} <= set(held)


async def test_a_graph_is_asked_as_widely_as_its_vectors_need() -> None:
    rng, count = np.random.default_rng(5), 3_000
    flat = rng.normal(size=(count, 6)) @ rng.normal(size=(6, 256))
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    spread = rng.normal(size=(count, 256)).astype(np.float32)
    spread /= np.linalg.norm(spread, axis=1, keepdims=True)

    widths = []
    for vectors in (flat.astype(np.float32), spread):
        index = EmbeddedIndex(vectors.shape[1], exact_limit=100)
        await put(index, names(count), vectors)
        widths.append(index.width)

    assert widths[0] is not None
    assert widths[1] is not None
    assert widths[0] < widths[1]


async def test_a_vector_that_was_removed_is_nowhere_in_the_matrix() -> None:
    index, vectors = EmbeddedIndex(D), units(50)
    await index.add(names(50), vectors)

    await index.remove(names(50)[10:12])
    few = index._rows.tobytes()
    await index.remove(names(50)[12:])
    most = index._rows.tobytes()

    assert not any(vector.tobytes() in few for vector in vectors[10:12])
    assert not any(vector.tobytes() in most for vector in vectors[10:])
    assert all(vector.tobytes() in most for vector in vectors[:10])


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 15)), max_size=60))
async def test_any_order_of_adding_and_removing_leaves_what_a_dictionary_holds(
    steps: list[tuple[bool, int]],
) -> None:
    index, vectors = EmbeddedIndex(D, exact_limit=6), units(16)
    held: set[str] = set()

    for adds, n in steps:
        one = f"v{n}"
        if adds:
            await put(index, [one], vectors[n : n + 1])
            held.add(one)
        else:
            await index.remove([one])
            held.discard(one)

    assert await index.count() == len(held)
    assert {one for one, _ in await index.search(vectors[0], 16)} == held
