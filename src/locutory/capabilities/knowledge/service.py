"""Filing what was said, and finding it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import bindparam, delete, insert, text, update
from sqlalchemy.types import Uuid

from locutory.capabilities.interactions.contract import Transcript
from locutory.capabilities.knowledge import chunks, fusion, queries
from locutory.capabilities.knowledge.contract import (
    EVERYTHING,
    SPOKEN,
    CollectionStatus,
    Filing,
    Hit,
    Line,
    Narrowing,
    Note,
    Place,
    Prepared,
)
from locutory.capabilities.knowledge.models import (
    TABLE,
    KnowledgeChunk,
    KnowledgeCollection,
)
from locutory.capabilities.knowledge.terms import content_words
from locutory.capabilities.knowledge.vector_cache import VectorCache
from locutory.engines.embeddings.base import Embedder
from locutory.engines.llm.base import LLM
from locutory.engines.vectors.base import VectorStore
from locutory.engines.vectors.packing import pack
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Database, Session, fulltext
from locutory.kernel.db.dialect import UtcDateTime
from locutory.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The engines that finding and answering need; one for a process.

    Without a language model answers are quotations.
    """

    embedder: Embedder
    vectors: VectorCache
    llm: LLM | None = None

    @classmethod
    def of(cls, embedder: Embedder, store: VectorStore, llm: LLM | None = None) -> "Knowledge":
        """Put the engines together."""
        return cls(embedder, VectorCache(store, embedder), llm)


async def prepare(
    knowledge: Knowledge, transcript: Transcript, *, notes: Sequence[Note] = ()
) -> list[Prepared]:
    """Cut and embed a redacted transcript and what was written about it. Before the transaction.

    Raises what the embedder raises.
    """
    pieces = [(SPOKEN, lines) for lines in chunks.cut(transcript.turns)]
    pieces += [(note.kind, lines) for note in notes for lines in chunks.written(note.text)]
    if not pieces:
        return []
    texts = ["\n".join(line.text for line in lines) for _, lines in pieces]
    vectors = pack(await knowledge.embedder.embed(texts))
    return [
        Prepared(kind=kind, lines=lines, embedder=knowledge.embedder.name, vector=vector)
        for (kind, lines), vector in zip(pieces, vectors, strict=True)
    ]


async def store(tx: Session, prepared: Sequence[Prepared], filing: Filing) -> bool:
    """Replace what is filed of the source by this version, in the caller's transaction.

    Returns False and changes nothing when a newer version is filed already.
    """
    revision = await _next_revision(tx, filing.collection)
    filed = await queries.versions_of(tx, filing.collection, filing.source_id)
    if any(row.version > filing.version for row in filed):
        return False
    await _remove(tx, filing.collection, [row.id for row in filed], revision)
    source_key = uuid5(tx.tenant_id, f"{filing.collection}/{filing.source_id}")
    rows = [
        _row(piece, filing, source_key=source_key, chunk_no=number, revision=revision)
        for number, piece in enumerate(prepared)
    ]
    if rows:
        await tx.execute(insert(KnowledgeChunk), rows)
        await fulltext.index_rows(tx, TABLE, [(row["id"], row["text"]) for row in rows])
    return True


async def forget(tx: Session, collection: str, source_id: str) -> int:
    """Take a source out, in the caller's transaction; return how many chunks it had."""
    revision = await _next_revision(tx, collection)
    filed = await queries.versions_of(tx, collection, source_id)
    await _remove(tx, collection, [row.id for row in filed], revision)
    return len(filed)


async def search(
    knowledge: Knowledge,
    db: Database,
    collection: str,
    query: str,
    *,
    narrowing: Narrowing = EVERYTHING,
    limit: int = fusion.MOST_HITS,
    place: str = "",
) -> list[Hit]:
    """The best chunks by words and by vectors, at most three of a source, best first."""
    terms = " ".join(content_words(query)) or query
    vector = (await knowledge.embedder.embed([query]))[0]
    index = await knowledge.vectors.current(db, collection)
    async with db.read() as session:
        lexical = await queries.by_words(
            session, collection, terms, narrowing, limit=fusion.LIST_LENGTH
        )
        allowed = (
            None
            if narrowing == EVERYTHING
            else await queries.visible_ids(session, collection, narrowing)
        )
    near = await index.search(
        vector, fusion.LIST_LENGTH, None if allowed is None else {str(id_) for id_ in allowed}
    )
    by_vector = [UUID(id_) for id_, likeness in near if likeness > 0]
    return await _hits(db, fusion.fuse([lexical, by_vector]), place=place, limit=limit)


async def search_places(
    knowledge: Knowledge, places: Sequence[Place], query: str, *, limit: int = fusion.MOST_HITS
) -> list[Hit]:
    """The best chunks of several places together."""
    hits = [hit for place in places for hit in await _search_in(knowledge, place, query, limit)]
    # ranks, and so the scores made of them, mean the same in each place
    return sorted(hits, key=lambda hit: -hit.score)[:limit]


async def opening(places: Sequence[Place], *, limit: int = fusion.MOST_HITS) -> list[Hit]:
    """The first chunks of the places' sources, what was written about them first."""
    hits: list[Hit] = []
    for place in places:
        async with place.db.read() as session:
            ids = await queries.opening(session, place.collection, place.narrowing, limit=limit)
        ranked = [(id_, 1 / (fusion.RANK_OFFSET + rank)) for rank, id_ in enumerate(ids, start=1)]
        hits += await _hits(place.db, ranked, place=place.name, limit=limit)
    return hits[:limit]


async def count_sources(
    db: Database, collection: str, phrases: Sequence[str], *, narrowing: Narrowing = EVERYTHING
) -> int:
    """How many sources contain any of the phrases word by word; counted, never estimated."""
    async with db.read() as session:
        return await queries.count_sources(session, collection, phrases, narrowing)


async def status(knowledge: Knowledge, db: Database, collection: str) -> CollectionStatus:
    """How much a collection holds, and how much of it only words can find."""
    async with db.read() as session:
        return await queries.status(session, collection, knowledge.embedder.name)


async def _search_in(knowledge: Knowledge, place: Place, query: str, limit: int) -> list[Hit]:
    return await search(
        knowledge,
        place.db,
        place.collection,
        query,
        narrowing=place.narrowing,
        limit=limit,
        place=place.name,
    )


async def _hits(
    db: Database, ranked: Sequence[tuple[UUID, float]], *, place: str, limit: int
) -> list[Hit]:
    async with db.read() as session:
        sources = await queries.sources_of(session, [id_ for id_, _ in ranked])
        kept = fusion.spread(ranked, sources, limit=limit)
        rows = {row.id: row for row in await queries.found(session, [id_ for id_, _ in kept])}
    return [_hit(rows[id_], score, place) for id_, score in kept if id_ in rows]


def _hit(row: Any, score: float, place: str) -> Hit:
    return Hit(
        chunk_id=row.id,
        place=place,
        source_id=row.source_id,
        kind=row.kind,
        start_ms=row.start_ms,
        lines=tuple(Line(**line) for line in row.turns),
        score=score,
        meta=row.meta,
    )


def _row(
    piece: Prepared, filing: Filing, *, source_key: UUID, chunk_no: int, revision: int
) -> dict[str, Any]:
    id_ = uuid5(source_key, f"{filing.version}/{chunk_no}")
    return {
        "id": id_,
        "created_at": utc_now(),
        "fts_id": fulltext.fts_id(id_),
        "collection": filing.collection,
        "source_id": filing.source_id,
        "source_key": source_key,
        "version": filing.version,
        "chunk_no": chunk_no,
        "kind": piece.kind,
        "first_turn": piece.lines[0].idx,
        "last_turn": piece.lines[-1].idx,
        "start_ms": piece.lines[0].start_ms,
        "text": piece.text,
        "turns": [
            {"idx": line.idx, "start_ms": line.start_ms, "role": line.role, "text": line.text}
            for line in piece.lines
        ],
        "meta": dict(filing.meta),
        "occurred_at": filing.occurred_at,
        "embedder": piece.embedder,
        "vector": piece.vector,
        "revision": revision,
    }


async def _remove(tx: Session, collection: str, ids: Sequence[UUID], revision: int) -> None:
    if not ids:
        return
    await fulltext.forget_rows(tx, TABLE, ids)
    await tx.execute(delete(KnowledgeChunk).where(KnowledgeChunk.id.in_(ids)))
    await tx.execute(
        update(KnowledgeCollection)
        .where(KnowledgeCollection.collection == collection)
        .values(removed_at=revision)
    )


_RAISE = text(
    """
    INSERT INTO knowledge_collection (id, tenant_id, created_at, collection, revision, removed_at)
    VALUES (:id, :tenant_id, :created_at, :collection, 1, 0)
    ON CONFLICT (tenant_id, collection) DO UPDATE SET revision = knowledge_collection.revision + 1
    RETURNING revision
    """
).bindparams(
    bindparam("id", type_=Uuid()),
    bindparam("tenant_id", type_=Uuid()),
    bindparam("created_at", type_=UtcDateTime()),
)


async def _next_revision(tx: Session, collection: str) -> int:
    """Raise the collection's counter; its row stays locked until the commit."""
    values = {
        "id": new_id(),
        "tenant_id": tx.tenant_id,
        "created_at": utc_now(),
        "collection": collection,
    }
    raised = await tx.execute(_RAISE, values, execution_options={"fenced": True})
    return int(raised.scalar_one())
