"""Filing what was said, and finding it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Row, Select, bindparam, delete, insert, text, update
from sqlalchemy.types import Uuid

from locutory.capabilities.interactions.contract import Transcript
from locutory.capabilities.knowledge import chunks, copies, fusion, near, queries
from locutory.capabilities.knowledge.contract import (
    EVERYTHING,
    SPOKEN,
    Filing,
    Found,
    Hit,
    Line,
    Narrowing,
    Note,
    Place,
    Prepared,
)
from locutory.capabilities.knowledge.copies import Outside
from locutory.capabilities.knowledge.models import (
    TABLE,
    KnowledgeChunk,
    KnowledgeCollection,
    KnowledgeVector,
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

_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The engines that finding and answering need; one for a process.

    New chunks get vectors of `embedder`. `older` embedders serve collections whose vectors are
    still theirs; where none fits, only words find. Without a language model answers are
    quotations. A store `outside` has copies of the vectors, and is asked before memory.
    """

    embedder: Embedder
    vectors: VectorCache
    llm: LLM | None = None
    older: tuple[Embedder, ...] = ()
    outside: Outside | None = None

    @classmethod
    def of(
        cls,
        embedder: Embedder,
        store: VectorStore,
        llm: LLM | None = None,
        *,
        older: Sequence[Embedder] = (),
        outside: Outside | None = None,
    ) -> "Knowledge":
        """Put the engines together."""
        return cls(embedder, VectorCache(store), llm, tuple(older), outside)

    def embedder_named(self, name: str) -> Embedder | None:
        """The embedder whose vectors carry this name, if it is at hand."""
        return next((one for one in (self.embedder, *self.older) if one.name == name), None)


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
    embedder, dimension = _engine_of(prepared)
    state = await next_revision(tx, filing.collection, embedder, dimension)
    filed = await queries.versions_of(tx, filing.collection, filing.source_id)
    if any(row.version > filing.version for row in filed):
        return False
    source_key = uuid5(tx.tenant_id, f"{filing.collection}/{filing.source_id}")
    rows = [
        _row(piece, filing, source_key=source_key, chunk_no=number)
        for number, piece in enumerate(prepared)
    ]
    kept = {row["id"] for row in rows}
    before = [row.id for row in filed]
    await _remove(tx, before)
    if not kept.issuperset(before):
        await _note_removal(
            tx, filing.collection, state.revision, [one for one in before if one not in kept]
        )
    if rows:
        await tx.execute(insert(KnowledgeChunk), rows)
        await fulltext.index_rows(tx, TABLE, [(row["id"], row["text"]) for row in rows])
        pairs = [(row["id"], piece.vector) for row, piece in zip(rows, prepared, strict=True)]
        for generation in await _generations(tx, filing.collection, embedder, state):
            await add_vectors(tx, filing.collection, generation, state.revision, pairs)
    return True


async def forget(tx: Session, collection: str, source_id: str, *, kind: str | None = None) -> int:
    """Take a source out, in the caller's transaction; return how many chunks it had.

    With `kind`, only its chunks of that kind.
    """
    state = await next_revision(tx, collection)
    filed = await queries.versions_of(tx, collection, source_id, kind=kind)
    if filed:
        gone = [row.id for row in filed]
        await _remove(tx, gone)
        await _note_removal(tx, collection, state.revision, gone)
    return len(filed)


async def _generations(tx: Session, collection: str, embedder: str, state: Row[Any]) -> list[int]:
    """The generations that take vectors of this embedder: the searched one, one being filled."""
    filled = await queries.running_reindex(tx, collection)
    searched = [state.generation] if state.embedder == embedder else []
    if filled is not None and filled.embedder == embedder:
        return [*searched, filled.generation]
    return searched


async def add_vectors(
    tx: Session,
    collection: str,
    generation: int,
    revision: int,
    pairs: Sequence[tuple[UUID, bytes]],
) -> None:
    """Store vectors of (chunk, vector) in a generation where these have none yet."""
    now = utc_now()
    rows = [
        {
            "id": new_id(),
            "created_at": now,
            "chunk_id": chunk_id,
            "collection": collection,
            "generation": generation,
            "vector": vector,
            "revision": revision,
        }
        for chunk_id, vector in pairs
    ]
    await tx.execute(insert(KnowledgeVector), rows)


async def search(
    knowledge: Knowledge,
    db: Database,
    collection: str,
    query: str,
    *,
    narrowing: Narrowing = EVERYTHING,
    limit: int = fusion.MOST_HITS,
    place: str = "",
) -> Found:
    """The best chunks by words and by vectors, at most three of a source, best first."""
    terms = " ".join(content_words(query)) or query
    question = near.Question(collection=collection, text=query, narrowing=narrowing)
    liked = await near.nearest(
        knowledge.vectors, knowledge.outside, knowledge.embedder_named, db, question
    )
    async with db.read() as session:
        lexical = await queries.by_words(
            session, collection, terms, narrowing, limit=fusion.LIST_LENGTH
        )
    hits = await _hits(db, fusion.fuse([lexical, liked.ids]), place=place, limit=limit)
    return Found(hits=tuple(hits), vectors=liked.source, degraded=liked.degraded)


async def search_places(
    knowledge: Knowledge, places: Sequence[Place], query: str, *, limit: int = fusion.MOST_HITS
) -> Found:
    """The best chunks of several places together."""
    found = [await _search_in(knowledge, place, query, limit) for place in places]
    # ranks, and so the scores made of them, mean the same in each place
    hits = sorted((hit for one in found for hit in one.hits), key=lambda hit: -hit.score)
    sources = sorted({one.vectors for one in found} - {near.NOWHERE}) or [near.NOWHERE]
    return Found(
        hits=tuple(hits[:limit]),
        vectors=",".join(sources),
        degraded=any(one.degraded for one in found),
    )


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


def containing_sources(session: Session, collection: str, phrases: Sequence[str]) -> Select[str]:
    """A SELECT of the sources in which any of the phrases was said, for counts of a product."""
    return queries.containing_sources(session, collection, phrases)


async def _search_in(knowledge: Knowledge, place: Place, query: str, limit: int) -> Found:
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


def _engine_of(prepared: Sequence[Prepared]) -> tuple[str, int]:
    """(embedder, dimension) of prepared chunks, ("", 0) of none."""
    if not prepared:
        return "", 0
    return prepared[0].embedder, len(prepared[0].vector) // _FLOAT_BYTES


def _row(piece: Prepared, filing: Filing, *, source_key: UUID, chunk_no: int) -> dict[str, Any]:
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
    }


async def _remove(tx: Session, ids: Sequence[UUID]) -> None:
    """Delete chunks; the database deletes their vectors with them."""
    if ids:
        await fulltext.forget_rows(tx, TABLE, ids)
        await tx.execute(delete(KnowledgeChunk).where(KnowledgeChunk.id.in_(ids)))


async def _note_removal(
    tx: Session, collection: str, revision: int, chunk_ids: Sequence[UUID]
) -> None:
    """Tell readers, and what keeps copies, that these are gone."""
    await copies.note_gone(tx, collection, chunk_ids)
    await tx.execute(
        update(KnowledgeCollection)
        .where(KnowledgeCollection.collection == collection)
        .values(removed_at=revision)
    )


# the first chunk that is stored decides on the embedder
_RAISE = text(
    """
    INSERT INTO knowledge_collection
        (id, tenant_id, created_at, collection, revision, removed_at, embedder, dimension,
         generation)
    VALUES (:id, :tenant_id, :created_at, :collection, 1, 0, :embedder, :dimension, 1)
    ON CONFLICT (tenant_id, collection) DO UPDATE SET
        revision = knowledge_collection.revision + 1,
        embedder = CASE WHEN knowledge_collection.embedder = '' THEN excluded.embedder
                   ELSE knowledge_collection.embedder END,
        dimension = CASE WHEN knowledge_collection.embedder = '' THEN excluded.dimension
                    ELSE knowledge_collection.dimension END
    RETURNING revision, embedder, dimension, generation
    """
).bindparams(
    bindparam("id", type_=Uuid()),
    bindparam("tenant_id", type_=Uuid()),
    bindparam("created_at", type_=UtcDateTime()),
)


async def next_revision(
    tx: Session, collection: str, embedder: str = "", dimension: int = 0
) -> Row[Any]:
    """Raise the collection's counter; its row (revision, embedder, dimension, generation).

    It stays locked until the commit, so writers of one collection come one after another.
    """
    values = {
        "id": new_id(),
        "tenant_id": tx.tenant_id,
        "created_at": utc_now(),
        "collection": collection,
        "embedder": embedder,
        "dimension": dimension,
    }
    return (await tx.execute(_RAISE, values, execution_options={"fenced": True})).one()
