"""The state of a business's index, and making it anew."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from locutory.capabilities.knowledge.api import Knowledge, forget, reindex_if_behind
from locutory.capabilities.knowledge.models import KnowledgeVector
from locutory.engines.embeddings.hashed import HashedEmbedder
from locutory.engines.vectors.embedded import EmbeddedVectors
from locutory.kernel.db import Session

pytestmark = pytest.mark.both_databases

TRACTOR = ("Good morning.", "The tractor is red.")
OLD, NEW = HashedEmbedder(), HashedEmbedder(dimension=64)


async def found(person: Any, query: str) -> list[str]:
    reply = await person.told("/rag/6004/search", {"query": query})
    return [hit["callid"] for hit in reply["hits"]]


async def vectors(archive: Any) -> dict[int, int]:
    """How many vectors each generation has."""
    statement = select(KnowledgeVector.generation, func.count())
    async with archive.db("6004").read() as session:
        rows = await session.execute(statement.group_by(KnowledgeVector.generation))
        return dict(rows.all())


async def test_the_status_tells_how_much_is_found_and_what_waits(archive: Any, ana: Any) -> None:
    await archive.call("6004", "c1", *TRACTOR)
    done = datetime.now(UTC) - timedelta(seconds=90)
    await archive.call("6004", "c2", stage="index", stage_state="queued", done_at=done)
    await archive.call("6004", "c3", stage="index", stage_state="ok", done_at=done)
    await archive.call("7417", "c4", *TRACTOR)

    status = await ana.got("/rag/6004/status")

    assert (status["embedder"], status["dimension"]) == (OLD.name, OLD.dimension)
    assert (status["chunks"], status["calls_indexed"], status["without_vector"]) == (1, 1, 0)
    assert status["waiting"] == 1
    assert 90 <= status["lag_s"] < 600
    assert status["reindex"] is None


async def test_only_who_manages_a_business_makes_its_index_anew(archive: Any, ana: Any) -> None:
    refused = await ana.post("/rag/6004/reindex", None)

    assert (refused.status_code, refused.json()["error_code"]) == (403, "SCOPE_MISSING")


async def test_another_embedder_fills_new_vectors_and_is_searched_when_all_are_there(
    archive: Any,
) -> None:
    boss = await archive.person("boss", "business_admin", "6004")
    for n in range(5):
        await archive.call("6004", f"c{n}", *TRACTOR)
    archive.use(Knowledge.of(NEW, EmbeddedVectors(), older=[OLD]))

    begun = await boss.post("/rag/6004/reindex", None)
    again = await boss.post("/rag/6004/reindex", None)
    await archive.call("6004", "late", "One more tractor.")
    before = await boss.got("/rag/6004/status")
    while_filled = await found(boss, "tractors")
    await archive.drain()
    after = await boss.got("/rag/6004/status")

    assert begun.status_code == 202
    assert begun.json()["id"] == again.json()["id"]
    assert (before["embedder"], before["configured_embedder"]) == (OLD.name, NEW.name)
    assert before["reindex"]["state"] == "running"
    assert sorted(while_filled) == [f"c{n}" for n in range(5)]  # of the vectors of before
    assert (after["embedder"], after["dimension"], after["without_vector"]) == (NEW.name, 64, 0)
    assert (after["reindex"]["state"], after["reindex"]["done"]) == ("done", 6)
    assert "late" in await found(boss, "tractors")
    assert await vectors(archive) == {2: 6}


async def test_the_first_call_after_a_change_of_embedder_sets_the_reindex_going(
    archive: Any, ana: Any
) -> None:
    await archive.call("6004", "c1", *TRACTOR)
    archive.use(Knowledge.of(NEW, EmbeddedVectors()))
    db = archive.db("6004")

    for _ in range(2):
        await db.write(lambda tx: reindex_if_behind(tx, archive.knowledge, "calls"))
    await archive.drain()
    status = await ana.got("/rag/6004/status")

    assert (status["embedder"], status["reindex"]["state"]) == (NEW.name, "done")
    assert await vectors(archive) == {2: 1}


async def test_a_reindex_ends_where_the_embedder_was_changed_again(
    archive: Any,
) -> None:
    boss = await archive.person("boss", "business_admin", "6004")
    await archive.call("6004", "c1", *TRACTOR)
    archive.use(Knowledge.of(NEW, EmbeddedVectors()))
    await boss.post("/rag/6004/reindex", None)
    archive.use(Knowledge.of(OLD, EmbeddedVectors()))

    await archive.drain()
    status = await boss.got("/rag/6004/status")

    assert (status["embedder"], status["reindex"]["state"]) == (OLD.name, "failed")
    assert "start again" in status["reindex"]["detail"]
    assert await found(boss, "tractors") == ["c1"]


async def test_the_same_embedder_may_make_all_anew(archive: Any) -> None:
    boss = await archive.person("boss", "business_admin", "6004")
    await archive.call("6004", "c1", *TRACTOR)
    assert await found(boss, "tractors") == ["c1"]

    await boss.post("/rag/6004/reindex", None)
    await archive.drain()

    assert await found(boss, "tractors") == ["c1"]
    assert await vectors(archive) == {2: 1}


async def test_what_is_forgotten_vanishes_at_once_with_its_vectors(archive: Any, ana: Any) -> None:
    await archive.call("6004", "c1", *TRACTOR)
    await archive.call("6004", "c2", *TRACTOR)
    assert len(await found(ana, "tractors")) == 2

    async def erase(tx: Session) -> int:
        return await forget(tx, "calls", "c1")

    await archive.db("6004").write(erase)

    assert await found(ana, "tractor tractors") == ["c2"]
    assert await vectors(archive) == {1: 1}
    answer = await ana.told("/rag/6004/chat", {"message": "How many calls mention tractor?"})
    assert answer["answer"].startswith("1 call")
