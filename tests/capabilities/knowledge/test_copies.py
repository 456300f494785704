"""Copies of vectors in a store outside: rows stay the truth, whatever happens to the copy.

The store is Qdrant's own engine behind a stub of its wire format.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from tests.stubs.qdrant import API_KEY, QdrantStub
from tests.stubs.vendor import Answer, served

from locutory.capabilities.knowledge.api import (
    CopyCounters,
    Knowledge,
    Outside,
    drop_copies,
    forget,
    give_up_reindex,
    go_round,
    purge_copies,
    run_copy,
    run_reindex,
    search,
    start_reindex,
    status,
)
from locutory.capabilities.knowledge.contract import COPIES, COPY, REINDEX, Found, Narrowing
from locutory.capabilities.knowledge.copying import CopyBusy, CopyOutOfReach
from locutory.capabilities.knowledge.models import KnowledgeCopy, KnowledgeGone
from locutory.engines.embeddings.hashed import HashedEmbedder
from locutory.engines.vectors.embedded import EmbeddedVectors
from locutory.engines.vectors.registry import get_vectors
from locutory.kernel.auth.people import NewTenant, create_tenant
from locutory.kernel.db import Database, Session, Storage
from locutory.kernel.errors import EngineUnavailable
from locutory.kernel.http.client import HttpClient
from locutory.kernel.jobs import JobKind, JobSpec, Registry, Worker, enqueue
from locutory.kernel.services import Services
from locutory.kernel.settings import HttpSettings, VectorSettings
from locutory.kernel.telemetry.metrics import Metrics

pytestmark = pytest.mark.both_databases
File = Callable[..., Awaitable[bool]]
DOWN = Answer(503, {"status": {"error": "out of memory"}})
JOBS = (
    JobKind(kind=COPIES, queue="copies", handler=go_round),
    JobKind(kind=COPY, queue="copies", handler=run_copy),
    JobKind(kind=REINDEX, queue="reindex", handler=run_reindex, on_dead=give_up_reindex),
)


class House:
    """A tenant with a collection `calls`, and a store outside."""

    def __init__(self, storage: Storage, stub: QdrantStub, http: HttpClient) -> None:
        self.storage = storage
        self.stub = stub
        self.http = http
        self.metrics = Metrics()
        self.embedder = HashedEmbedder()
        self.tenant = UUID(int=0)
        self.knowledge = self.made()

    def made(self, *, prefix: str = "house", **rest: Any) -> Knowledge:
        """Engines as after a restart, with other settings if any are given."""
        settings = VectorSettings(
            store="qdrant", url=self.stub.url, api_key=API_KEY, prefix=prefix, timeout_s=2.0
        )
        store = get_vectors(settings, self.http)
        assert store is not None
        return Knowledge.of(
            self.embedder,
            EmbeddedVectors(),
            outside=Outside(store, CopyCounters(self.metrics)),
            **rest,
        )

    @property
    def db(self) -> Database:
        return self.storage.database(self.tenant)

    def name(self, generation: int = 1, *, prefix: str = "house") -> str:
        return f"{prefix}.{self.tenant}.calls.g{generation}"

    async def found(self, query: str, **options: Any) -> Found:
        return await search(self.knowledge, self.db, "calls", query, **options)

    async def sources(self, query: str, **options: Any) -> list[str]:
        return [hit.source_id for hit in (await self.found(query, **options)).hits]

    async def go_round(self) -> None:
        """What the schedule does each minute, to its end."""
        await self.storage.database().write(lambda tx: enqueue(tx, JobSpec(kind=COPIES)))
        await self.drain()

    async def drain(self) -> None:
        registry, services = self.storage.shared["registry"], Services()
        services.add(Knowledge, self.knowledge)
        queues = dict.fromkeys(registry.queues, 1)
        await Worker(self.storage, registry, queues, services=services).drain(skip_delays=True)

    async def take_out(self, source_id: str) -> None:
        await self.db.write(lambda tx: forget(tx, "calls", source_id))

    async def count(self, model: Any) -> int:
        async with self.db.read() as session:
            return await session.scalar(select(func.count(model.id))) or 0

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def stub() -> Iterator[QdrantStub]:
    with served(QdrantStub()) as stub:
        yield stub


@pytest.fixture
async def house(storage: Storage, stub: QdrantStub) -> AsyncIterator[House]:
    storage.shared["registry"] = Registry(JOBS)
    http = HttpClient(HttpSettings())
    house = House(storage, stub, http)
    new = NewTenant(slug="6004", name="House")
    tenant = await storage.database().write(lambda tx: create_tenant(tx, new, actor="test"))
    house.tenant = tenant.id
    yield house
    await http.close()


@pytest.fixture
def put(house: House, file: File) -> File:
    async def put(source_id: str, *texts: str, **rest: Any) -> bool:
        return await file(source_id, *texts, into=house.db, by=house.knowledge, **rest)

    return put


async def test_the_store_answers_once_it_is_level(house: House, put: File) -> None:
    await put("c1", "The tractor is red.")
    await put("c2", "The violin needs a bow.")
    before = await house.found("tractors")

    await house.go_round()
    after = await house.found("tractors")

    assert (before.vectors, before.degraded) == ("embedded", True)
    assert (after.vectors, after.degraded) == ("qdrant", False)
    assert [hit.source_id for hit in before.hits] == [hit.source_id for hit in after.hits]
    assert len(house.stub.held(house.name())) == 2
    labels = {"store": "qdrant", "reason": "VECTORS_BEHIND"}
    assert house.counted("vector_fallbacks_total", **labels) == 1


async def test_what_the_copy_lacks_is_found_at_once(house: House, put: File) -> None:
    await put("c1", "The violin needs a bow.")
    await house.go_round()

    await put("c2", "The tractor is red.")
    await put("c1", "Our tractors are blue.", version=2)
    found = await house.found("tractors")

    assert sorted(hit.source_id for hit in found.hits) == ["c1", "c2"]
    assert (found.vectors, found.degraded) == ("qdrant", False)
    assert len(house.stub.held(house.name())) == 1  # the old one still


async def test_what_is_taken_out_is_never_found_and_leaves_the_store(
    house: House, put: File
) -> None:
    await put("c1", "The tractor is red.")
    await put("c2", "The tractor is blue.")
    await house.go_round()

    await house.take_out("c1")
    at_once = await house.sources("tractors")
    still = len(house.stub.held(house.name()))
    (copy,) = (await status(house.knowledge, house.db, "calls")).copies
    await house.go_round()

    assert (at_once, still) == (["c2"], 2)
    assert (copy.current, copy.behind, copy.gone) == (True, 0, 1)
    assert len(house.stub.held(house.name())) == 1
    assert await house.count(KnowledgeGone) == 0


async def test_what_was_taken_out_and_filed_again_stays(house: House, put: File) -> None:
    await put("c1", "The tractor is red.")
    await house.go_round()

    await house.take_out("c1")
    await put("c1", "The tractor is red.")  # the same chunk id
    await house.go_round()

    assert len(house.stub.held(house.name())) == 1
    assert (await house.sources("tractors")) == ["c1"]


async def test_a_filter_holds_in_the_store_and_for_what_it_lacks(house: House, put: File) -> None:
    await put("c1", "The tractor is red.", agent_id="a1")
    await put("c2", "The tractor is blue.", agent_id="a2")
    await house.go_round()
    await put("c3", "The tractor is green.", agent_id="a1")
    await put("c4", "The tractor is grey.", agent_id="a2")

    found = await house.found("tractors", narrowing=Narrowing(meta={"agent_id": "a1"}))

    assert sorted(hit.source_id for hit in found.hits) == ["c1", "c3"]
    assert found.vectors == "qdrant"


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (DOWN, "ENGINE_UNAVAILABLE"),
        (Answer(403, {}), "ENGINE_AUTH"),
        (Answer(429, {}), "ENGINE_THROTTLED"),
        (Answer(200, b"<html>"), "INVALID_OUTPUT"),
    ],
)
async def test_memory_answers_while_the_store_does_not(
    house: House, put: File, trouble: Answer, reason: str
) -> None:
    await put("c1", "The tractor is red.")
    await house.go_round()
    house.stub.fail("/points/query", trouble)

    away = await house.found("tractors")
    back = await house.found("tractors")

    assert [hit.source_id for hit in away.hits] == [hit.source_id for hit in back.hits] == ["c1"]
    assert (away.vectors, away.degraded) == ("embedded", True)
    assert (back.vectors, back.degraded) == ("qdrant", False)
    assert house.counted("vector_fallbacks_total", store="qdrant", reason=reason) == 1


async def test_a_store_that_keeps_failing_is_left_alone(house: House, put: File) -> None:
    await put("c1", "The tractor is red.")
    await house.go_round()
    house.stub.fail("/points/query", DOWN, times=1_000)
    asked = len(house.stub.seen)

    found = [await house.sources("tractors") for _ in range(8)]

    assert found == [["c1"]] * 8
    assert len(house.stub.seen) - asked == 5
    labels = {"store": "qdrant", "reason": "BREAKER_OPEN"}
    assert house.counted("vector_fallbacks_total", **labels) == 3


async def test_filing_does_not_wait_for_the_store_and_nothing_is_lost(
    house: House, put: File
) -> None:
    await put("c1", "The tractor is red.")
    await house.go_round()
    house.stub.fail("", DOWN, times=1_000)

    await put("c2", "The tractor is blue.")
    await house.take_out("c1")
    await house.go_round()
    while_away = await house.sources("tractors")
    house.stub.heal()
    await house.go_round()

    assert while_away == ["c2"]
    assert len(house.stub.held(house.name())) == 1
    assert (await house.found("tractors")).vectors == "qdrant"
    failures = {"store": "qdrant", "reason": "ENGINE_UNAVAILABLE"}
    assert house.counted("vector_copy_failures_total", **failures) == 1


async def test_a_fill_that_died_goes_on_where_it_stood(house: House, put: File) -> None:
    for n in range(3):
        await put(f"c{n}", "The tractor is red.")
    house.stub.fail("/points", DOWN, method="PUT")
    await house.go_round()
    assert (await house.found("tractors")).degraded

    await house.go_round()

    assert len(house.stub.held(house.name())) == 3
    assert not (await house.found("tractors")).degraded


async def test_a_store_that_lost_a_collection_is_filled_again(house: House, put: File) -> None:
    await put("c1", "The tractor is red.")
    await house.go_round()
    house.stub.engine.delete_collection(house.name())

    lost = await house.found("tractors")
    await house.go_round()

    assert ([hit.source_id for hit in lost.hits], lost.degraded) == (["c1"], True)
    assert len(house.stub.held(house.name())) == 1
    assert not (await house.found("tractors")).degraded


async def test_a_store_that_lost_some_vectors_is_filled_again_at_the_next_change(
    house: House, put: File
) -> None:
    for n in range(4):
        await put(f"c{n}", "The tractor is red.")
    await house.go_round()
    lost = house.stub.held(house.name())[0]
    house.stub.engine.delete(house.name(), [lost.id])

    await put("c9", "The violin needs a bow.")
    await house.go_round()

    assert len(house.stub.held(house.name())) == 5
    assert house.counted("vector_copy_rebuilds_total", store="qdrant") == 1


async def test_another_embedder_gets_a_collection_of_its_own_and_the_old_one_goes(
    house: House, put: File
) -> None:
    await put("c1", "The tractor is red.")
    await house.go_round()
    old, house.embedder = house.embedder, HashedEmbedder(dimension=64)
    house.knowledge = house.made(older=[old])

    async def begin(tx: Session) -> None:
        await start_reindex(tx, house.knowledge, "calls")

    await house.db.write(begin)
    while_filled = await house.found("tractors")
    await house.drain()
    swapped = await house.found("tractors")
    await house.go_round()
    copied = await house.found("tractors")

    assert (while_filled.vectors, while_filled.degraded) == ("qdrant", False)
    assert (swapped.vectors, swapped.degraded) == ("embedded", True)
    assert (copied.vectors, copied.degraded) == ("qdrant", False)
    assert house.stub.names() == [house.name(2)]
    assert [[hit.source_id for hit in one.hits] for one in (while_filled, swapped, copied)] == [
        ["c1"]
    ] * 3


async def test_an_erasure_reaches_the_copy_before_it_is_done(house: House, put: File) -> None:
    await put("c1", "The tractor is red.")
    await put("c2", "The tractor is blue.")
    await house.go_round()
    await house.take_out("c1")

    house.stub.fail("/points/delete", DOWN)
    with pytest.raises(EngineUnavailable):
        await purge_copies(house.knowledge, house.db)
    await purge_copies(house.knowledge, house.db)

    assert len(house.stub.held(house.name())) == 1
    assert await house.count(KnowledgeGone) == 0


async def test_an_erasure_waits_for_a_job_that_may_still_add(house: House, put: File) -> None:
    await put("c1", "The tractor is red.")
    await house.go_round()
    await house.take_out("c1")

    async def work(tx: Session) -> None:
        copy = await tx.scalar(select(KnowledgeCopy))
        assert copy is not None
        copy.holder, copy.held_until_ms = uuid4(), 2**50

    await house.db.write(work)

    with pytest.raises(CopyBusy):
        await purge_copies(house.knowledge, house.db)
    await house.go_round()
    assert len(house.stub.held(house.name())) == 1  # that job's, and nobody else's, affair


async def test_a_copy_in_a_store_that_was_left_stands_in_the_way_of_erasure(
    house: House, put: File
) -> None:
    await put("c1", "The tractor is red.")
    await house.go_round()
    house.knowledge = house.made(prefix="other")
    await house.go_round()
    await house.take_out("c1")

    with pytest.raises(CopyOutOfReach, match="house"):
        await purge_copies(house.knowledge, house.db)

    seen = (await status(house.knowledge, house.db, "calls")).copies
    assert sorted((copy.place.split()[-1], copy.current) for copy in seen) == [
        ("house", False),
        ("other", True),
    ]


async def test_nothing_of_a_tenant_that_goes_stays_in_the_store(house: House, put: File) -> None:
    await put("c1", "The tractor is red.")
    await house.go_round()

    await drop_copies(house.knowledge, house.db)

    assert house.stub.names() == []
    assert await house.count(KnowledgeCopy) == 0


async def test_a_round_over_what_is_level_asks_the_store_nothing(house: House, put: File) -> None:
    await put("c1", "The tractor is red.")
    await house.go_round()
    asked = len(house.stub.seen)

    await house.go_round()

    assert len(house.stub.seen) == asked


async def test_without_a_store_the_round_does_nothing(house: House, put: File) -> None:
    await put("c1", "The tractor is red.")
    house.knowledge = Knowledge.of(house.embedder, EmbeddedVectors())

    await house.go_round()
    found = await house.found("tractors")

    assert (found.vectors, found.degraded) == ("embedded", False)
    assert await house.count(KnowledgeCopy) == 0
    assert house.stub.seen == []
