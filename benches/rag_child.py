"""One measured process of the bench of finding: its memory, its start, its recall."""

import argparse
import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import psutil  # noqa: E402
from sqlalchemy import insert, select  # noqa: E402

from benches.rag import D, Ours, clustered  # noqa: E402
from locutory.capabilities.interactions.contract import Role, Transcript, Turn  # noqa: E402
from locutory.capabilities.knowledge import fusion, near, queries, service  # noqa: E402
from locutory.capabilities.knowledge.contract import (  # noqa: E402
    EVERYTHING,
    Filing,
    Narrowing,
)
from locutory.capabilities.knowledge.models import (  # noqa: E402
    TABLE,
    KnowledgeChunk,
    KnowledgeVector,
)
from locutory.capabilities.knowledge.service import Knowledge  # noqa: E402
from locutory.capabilities.knowledge.terms import content_words  # noqa: E402
from locutory.engines.embeddings.hashed import HashedEmbedder  # noqa: E402
from locutory.engines.vectors.embedded import EmbeddedVectors  # noqa: E402
from locutory.engines.vectors.packing import pack  # noqa: E402
from locutory.kernel.db import Database, Session, Storage, fulltext  # noqa: E402
from locutory.kernel.db.migrate import migrate  # noqa: E402
from locutory.kernel.ids import new_id  # noqa: E402
from locutory.kernel.provenance import Provenance, Source  # noqa: E402

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
PAGE = 5_000
CHUNKS_A_CALL = 10


def weight(count: int) -> dict[str, Any]:
    """Resident memory that an index of so many vectors adds, its ids included."""
    process = psutil.Process()
    rows = clustered(count, 1)
    # what the libraries take by themselves is not the index's, and a graph loads most of them
    Ours(rows[:200], exact_limit=100)
    before = process.memory_info().rss
    ids = [str(uuid4()) for _ in range(count)]
    index = Ours(np.zeros((0, D), dtype=np.float32), ids=[])
    for start in range(0, count, PAGE):
        names, page = ids[start : start + PAGE], rows[start : start + PAGE]
        index.loop.run_until_complete(index.index.add(names, page))
    index.loop.run_until_complete(index.index.settled())
    raw = count * D * 4
    peak = psutil.Process().memory_full_info().rss
    return {"ratio": (process.memory_info().rss - before) / raw, "peak": (peak - before) / raw}


class Embedded384(HashedEmbedder):
    """The embedded embedder in the dimension of the bench."""

    def __init__(self) -> None:
        super().__init__(D)


async def opened(folder: Path) -> tuple[Storage, Database]:
    url = f"sqlite+aiosqlite:///{folder / 'bench.db'}"
    await asyncio.to_thread(migrate, url)
    storage = Storage(url)
    await storage.open()
    return storage, storage.database(UUID(int=1))


async def fill(db: Database, begin: int, end: int) -> None:
    """Chunks of these numbers, of random vectors and words, written page by page."""
    vocabulary = [f"word{n}" for n in range(5_000)]
    rng = random.Random(begin)
    name = Embedded384().name
    for start in range(begin, end, PAGE):
        size = min(PAGE, end - start)
        vectors = pack(clustered(size, start))
        texts = [" ".join(rng.choices(vocabulary, k=60)) for _ in range(size)]

        async def write(
            tx: Session, start: int = start, vectors: Any = vectors, texts: Any = texts
        ) -> None:
            state = await service.next_revision(tx, "calls", name, D)
            rows = [row_of(start + n, text) for n, text in enumerate(texts)]
            await tx.execute(insert(KnowledgeChunk), rows)
            await fulltext.index_rows(tx, TABLE, [(row["id"], row["text"]) for row in rows])
            pairs = [(row["id"], one) for row, one in zip(rows, vectors, strict=True)]
            await service.add_vectors(tx, "calls", 1, state.revision, pairs)

        await db.write(write)


def row_of(number: int, text: str) -> dict[str, Any]:
    id_ = uuid4()
    return {
        "id": id_,
        "created_at": NOON,
        "fts_id": fulltext.fts_id(id_),
        "collection": "calls",
        "source_id": f"call-{number // CHUNKS_A_CALL}",
        "source_key": new_id(),
        "version": 1,
        "chunk_no": number % CHUNKS_A_CALL,
        "kind": "turns",
        "first_turn": 0,
        "last_turn": 0,
        "start_ms": 0,
        "text": text,
        "turns": [{"idx": 0, "start_ms": 0, "role": "agent", "text": text}],
        "meta": {},
        "occurred_at": NOON,
    }


async def file(db: Database, knowledge: Knowledge, source_id: str, *texts: str) -> None:
    turns = tuple(
        Turn(idx=n, role=Role.AGENT, text=text, start_ms=n * 1_000, end_ms=n * 1_000 + 900)
        for n, text in enumerate(texts)
    )
    provenance = Provenance(source=Source.SIDECAR, engine="bench/1")
    transcript = Transcript(turns=turns, duration_ms=60_000, provenance=provenance)
    prepared = await service.prepare(knowledge, transcript)
    filing = Filing(collection="calls", source_id=source_id, version=1, occurred_at=NOON)
    await db.write(lambda tx: service.store(tx, prepared, filing))


async def stored(folder: Path, count: int) -> dict[str, Any]:
    """Fill half, time searches and what is filed between them; fill the other half."""
    storage, db = await opened(folder)
    await fill(db, 0, count // 2)
    knowledge = Knowledge.of(Embedded384(), EmbeddedVectors())
    asked = questions()
    await service.search(knowledge, db, "calls", asked[0])
    everything = [await timed(knowledge, db, one, EVERYTHING) for one in asked]
    source: Any = select(KnowledgeChunk.source_id).where(KnowledgeChunk.chunk_no == 0)
    most = Narrowing(sources=source)
    narrowed = [await timed(knowledge, db, one, most) for one in asked[:20]]
    fresh = []
    for n in range(5):
        began = time.perf_counter()
        await file(db, knowledge, f"fresh-{n}", f"The zeppelin{n} has landed.")
        hits = await service.search(knowledge, db, "calls", f"zeppelin{n}")
        assert [hit.source_id for hit in hits.hits][:1] == [f"fresh-{n}"]
        fresh.append(time.perf_counter() - began)
    await fill(db, count // 2, count)
    await storage.close()
    ordered = sorted(everything)
    return {
        "fresh_s": fresh,
        "p50_ms": 1_000 * statistics.median(ordered),
        "p95_ms": 1_000 * ordered[int(0.95 * len(ordered))],
        "filtered_p95_ms": 1_000 * sorted(narrowed)[int(0.95 * len(narrowed))],
    }


async def restart(folder: Path) -> dict[str, Any]:
    """From opening the database to the first answer, in a process that knows nothing of it."""
    began = time.perf_counter()
    storage, db = await opened(folder)
    knowledge = Knowledge.of(Embedded384(), EmbeddedVectors())
    hits = (await service.search(knowledge, db, "calls", questions()[0])).hits
    ready = time.perf_counter() - began
    view = await knowledge.vectors.current(db, "calls")
    assert hits
    assert view is not None
    async with db.read() as session:
        held = await queries.count_vectors(session, "calls", 1)
    assert await view.index.count() == held
    await storage.close()
    return {"ready_s": ready, "held": held}


def questions() -> list[str]:
    """Fifty of five words each, always the same."""
    rng = random.Random(2)
    return [" ".join(f"word{rng.randrange(5_000)}" for _ in range(5)) for _ in range(50)]


async def timed(knowledge: Knowledge, db: Database, query: str, narrowing: Narrowing) -> float:
    began = time.perf_counter()
    await service.search(knowledge, db, "calls", query, narrowing=narrowing)
    return time.perf_counter() - began


async def hybrid(count: int) -> dict[str, Any]:
    """Recall@10 of planted facts, asked in their words, in other forms and with slips."""
    rng = random.Random(3)
    syllables = [a + b for a in "bdgklmnprstv" for b in ("a", "el", "i", "or", "u")]
    names = ["".join(rng.sample(syllables, 3)) for _ in range(count)]
    with tempfile.TemporaryDirectory(prefix="bench-rag-") as folder:
        storage, db = await opened(Path(folder))
        knowledge = Knowledge.of(Embedded384(), EmbeddedVectors())
        for n, name in enumerate(names):
            talk = f"The {name} order number {n} is late, please check the {name}s again."
            await file(db, knowledge, f"call-{n}", "Good morning.", talk, "Thank you, bye.")
        found = {"words": 0, "vectors": 0, "hybrid": 0}
        for n, name in enumerate(names):
            slip = name[:-2] + name[-1]  # a letter lost, so that no word is the same
            question = (f"When does the {name} come?", f"What about {slip}?")[n % 2]
            sought = near.Question(collection="calls", text=question, narrowing=EVERYTHING)
            liked = (
                await near.nearest(knowledge.vectors, None, knowledge.embedder_named, db, sought)
            ).ids
            terms = " ".join(content_words(question))
            async with db.read() as session:
                words = await queries.by_words(session, "calls", terms, EVERYTHING, limit=40)
                lists = {
                    "words": list(words)[:10],
                    "vectors": liked[:10],
                    "hybrid": [one for one, _ in fusion.fuse([list(words), liked])[:10]],
                }
                for kind, ids in lists.items():
                    sources = await queries.sources_of(session, ids)
                    found[kind] += f"call-{n}" in sources.values()
        await storage.close()
    return {kind: number / len(names) for kind, number in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["weight", "stored", "restart", "hybrid"])
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="of the database, for stored and restart")
    asked = parser.parse_args()
    assert KnowledgeVector.__tablename__
    match asked.what:
        case "weight":
            figures = weight(asked.count)
        case "stored":
            figures = asyncio.run(stored(asked.folder, asked.count))
        case "restart":
            figures = asyncio.run(restart(asked.folder))
        case _:
            figures = asyncio.run(hybrid(asked.count))
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
