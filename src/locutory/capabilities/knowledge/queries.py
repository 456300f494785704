"""SELECTs on chunks and chats, by name. The session adds the tenant."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, distinct, func, select, type_coerce

from locutory.capabilities.knowledge.contract import SPOKEN, Narrowing, ReindexState
from locutory.capabilities.knowledge.models import (
    KnowledgeChunk,
    KnowledgeCollection,
    KnowledgeCopy,
    KnowledgeGone,
    KnowledgeMessage,
    KnowledgeReindex,
    KnowledgeSession,
    KnowledgeVector,
)
from locutory.kernel.db import Session, fulltext
from locutory.kernel.db.dialect import IdText, now_ms
from locutory.kernel.paging import keyset

_C = KnowledgeChunk
_V = KnowledgeVector
_S = KnowledgeSession
_K = KnowledgeCopy
_G = KnowledgeGone
_FOUND = (_C.id, _C.source_id, _C.kind, _C.start_ms, _C.turns, _C.meta)
_VERSION: tuple[Any, ...] = (_C.id, _C.version)
_TEXT: tuple[Any, ...] = (_C.id, _C.text)
_COPY: tuple[Any, ...] = (_K.id, _K.revision)
_GONE: tuple[Any, ...] = (_G.id, _G.chunk_id)
_VECTOR: tuple[Any, ...] = (
    type_coerce(_C.id, IdText).label("id"),
    *(_C.source_id, _V.vector, _V.revision),
)
_STATE: tuple[Any, ...] = (
    KnowledgeCollection.revision,
    KnowledgeCollection.removed_at,
    KnowledgeCollection.embedder,
    KnowledgeCollection.dimension,
    KnowledgeCollection.generation,
)


def conditions(collection: str, narrowing: Narrowing) -> list[ColumnElement[bool]]:
    """What a chunk must be to be seen."""
    wanted = [_C.collection == collection]
    if narrowing.source_ids is not None:
        wanted.append(_C.source_id.in_(narrowing.source_ids))
    if narrowing.sources is not None:
        wanted.append(_C.source_id.in_(narrowing.sources))
    if narrowing.kinds is not None:
        wanted.append(_C.kind.in_(narrowing.kinds))
    if narrowing.since is not None:
        wanted.append(_C.occurred_at >= narrowing.since)
    if narrowing.until is not None:
        wanted.append(_C.occurred_at < narrowing.until)
    wanted += [_C.meta[key].as_string() == value for key, value in narrowing.meta.items()]
    wanted += [_C.meta[key].as_float() >= value for key, value in narrowing.at_least.items()]
    wanted += [_C.meta[key].as_float() <= value for key, value in narrowing.at_most.items()]
    return wanted


async def by_words(
    db: Session, collection: str, query: str, narrowing: Narrowing, *, limit: int
) -> Sequence[UUID]:
    """Chunks with any of the words, best first."""
    seen = select(_C.id).where(*conditions(collection, narrowing))
    return (await db.scalars(fulltext.ranked(db, seen, _C, query).limit(limit))).all()


async def visible_ids(db: Session, collection: str, narrowing: Narrowing) -> Sequence[str]:
    """Every chunk that the narrowing leaves, as text."""
    statement = select(type_coerce(_C.id, IdText)).where(*conditions(collection, narrowing))
    return (await db.scalars(statement)).all()


async def sources_of(db: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """The source of each of these chunks; deleted ones are missing."""
    rows = await db.execute(select(_C.id, _C.source_id).where(_C.id.in_(ids)))
    return {row.id: row.source_id for row in rows}


async def found(db: Session, ids: Collection[UUID]) -> Sequence[Row[Any]]:
    """What a hit shows of these chunks, in no order; deleted ones are missing."""
    return (await db.execute(select(*_FOUND).where(_C.id.in_(ids)))).all()


async def opening(
    db: Session, collection: str, narrowing: Narrowing, *, limit: int
) -> Sequence[UUID]:
    """The first chunks of each source, what was written about it before what was said."""
    statement = select(_C.id).where(*conditions(collection, narrowing))
    ordered = statement.order_by(_C.kind == SPOKEN, _C.source_id, _C.chunk_no)
    return (await db.scalars(ordered.limit(limit))).all()


async def count_sources(
    db: Session, collection: str, phrases: Sequence[str], narrowing: Narrowing
) -> int:
    """How many sources contain any of the phrases."""
    counted = select(func.count(distinct(_C.source_id))).where(*conditions(collection, narrowing))
    return await db.scalar(fulltext.containing(db, counted, _C, phrases)) or 0


def containing_sources(db: Session, collection: str, phrases: Sequence[str]) -> Select[str]:
    """A SELECT of the sources in which any of the phrases was said."""
    said = select(_C.source_id).where(_C.collection == collection, _C.kind == SPOKEN)
    # the statement that this stands in may be about other tables, whose tenant is not this one's
    return fulltext.containing(db, said.where(_C.tenant_id == db.tenant_id), _C, phrases)


async def versions_of(
    db: Session, collection: str, source_id: str, *, kind: str | None = None
) -> Sequence[Row[Any]]:
    """(id, version) of each chunk of a source, or of those of one kind."""
    statement = select(*_VERSION)
    mine = statement.where(_C.collection == collection, _C.source_id == source_id)
    if kind is not None:
        mine = mine.where(_C.kind == kind)
    return (await db.execute(mine)).all()


async def collection_state(db: Session, collection: str) -> Row[Any] | None:
    """(revision, removed_at, embedder, dimension, generation), None before the first change."""
    statement = select(*_STATE)
    return (await db.execute(statement.where(KnowledgeCollection.collection == collection))).first()


async def vectors_since(
    db: Session, collection: str, generation: int, revision: int, *, limit: int
) -> Sequence[Row[Any]]:
    """(id as text, source_id, vector, revision) stored after a revision, oldest first.

    Never ends inside a revision: the chunks of one are all there or none.
    """
    newer = (_V.collection == collection, _V.generation == generation, _V.revision > revision)
    last = (
        select(_V.revision).where(*newer).order_by(_V.revision).offset(limit - 1).limit(1)
    ).scalar_subquery()
    statement = select(*_VECTOR).join(_C, _C.id == _V.chunk_id).where(*newer)
    page = statement.where(_V.revision <= func.coalesce(last, 2**62))
    return (await db.execute(page.order_by(_V.revision))).all()


async def vector_ids(db: Session, collection: str, generation: int) -> Sequence[str]:
    """The chunks that have a vector of this generation, as text."""
    statement = select(type_coerce(_V.chunk_id, IdText))
    mine = statement.where(_V.collection == collection, _V.generation == generation)
    return (await db.scalars(mine)).all()


def _without_vector(collection: str, generation: int) -> list[ColumnElement[bool]]:
    has_one = select(_V.id).where(_V.chunk_id == _C.id, _V.generation == generation).exists()
    return [_C.collection == collection, ~has_one]


async def unembedded(
    db: Session, collection: str, generation: int, *, after: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """(id, text) of chunks that lack a vector of this generation, in order of their ids."""
    statement = select(*_TEXT).where(*_without_vector(collection, generation))
    if after is not None:
        statement = statement.where(_C.id > after)
    return (await db.execute(statement.order_by(_C.id).limit(limit))).all()


async def still_unembedded(
    db: Session, collection: str, generation: int, ids: Collection[UUID]
) -> set[UUID]:
    """Those of these chunks that are there and lack a vector of this generation."""
    statement = select(_C.id).where(*_without_vector(collection, generation), _C.id.in_(ids))
    return set((await db.scalars(statement)).all())


async def count_chunks(db: Session, collection: str) -> tuple[int, int]:
    """(sources, chunks) of a collection."""
    statement = select(func.count(distinct(_C.source_id)), func.count())
    row = (await db.execute(statement.where(_C.collection == collection))).one()
    return row[0], row[1]


async def count_vectors(db: Session, collection: str, generation: int) -> int:
    """How many chunks have a vector of this generation."""
    statement = select(func.count(_V.id))  # a column, or the session would not see the table
    mine = statement.where(_V.collection == collection, _V.generation == generation)
    return await db.scalar(mine) or 0


async def old_vectors(
    db: Session, collection: str, generation: int, *, limit: int
) -> Sequence[UUID]:
    """Ids of vectors of generations before this one."""
    statement = select(_V.id).where(_V.collection == collection, _V.generation < generation)
    return (await db.scalars(statement.limit(limit))).all()


async def collection_states(db: Session) -> Sequence[Row[Any]]:
    """What `collection_state` tells, with `collection`, of each collection that has vectors."""
    statement = select(KnowledgeCollection.collection, *_STATE)
    return (await db.execute(statement.where(KnowledgeCollection.embedder != ""))).all()


async def copies(db: Session, collection: str | None = None) -> Sequence[KnowledgeCopy]:
    """What stores outside have of a collection, of all without one."""
    statement = select(_K) if collection is None else select(_K).where(_K.collection == collection)
    return (await db.scalars(statement.order_by(_K.collection, _K.generation))).all()


async def copy_revision(
    db: Session, collection: str, place: str, generation: int
) -> Row[Any] | None:
    """(id, revision) of a copy, None where the store has none."""
    statement = select(*_COPY).where(
        _K.collection == collection, _K.place == place, _K.generation == generation
    )
    return (await db.execute(statement)).first()


async def gone(db: Session, copy_id: UUID, *, limit: int) -> Sequence[Row[Any]]:
    """(id, chunk_id) of deleted chunks that a copy may still have."""
    statement = select(*_GONE).where(_G.copy_id == copy_id)
    return (await db.execute(statement.order_by(_G.id).limit(limit))).all()


async def copies_with_gone(db: Session) -> set[UUID]:
    """The copies that may still have a deleted chunk."""
    return set((await db.scalars(select(_G.copy_id).distinct())).all())


async def held_copies(db: Session) -> Sequence[UUID]:
    """The copies that a job works on now."""
    held = (_K.holder.is_not(None), _K.held_until_ms > now_ms())
    return (await db.scalars(select(_K.id).where(*held))).all()


async def with_vector(db: Session, generation: int, ids: Collection[UUID]) -> set[UUID]:
    """Those of these chunks that have a vector of this generation."""
    statement = select(_V.chunk_id).where(_V.generation == generation, _V.chunk_id.in_(ids))
    return set((await db.scalars(statement)).all())


async def running_reindex(db: Session, collection: str) -> KnowledgeReindex | None:
    """The filling of new vectors that goes on, if any."""
    return await db.scalar(
        select(KnowledgeReindex).where(
            KnowledgeReindex.collection == collection,
            KnowledgeReindex.state == ReindexState.RUNNING,
        )
    )


async def last_reindex(db: Session, collection: str) -> KnowledgeReindex | None:
    """The newest filling of new vectors, however it ended."""
    statement = select(KnowledgeReindex).where(KnowledgeReindex.collection == collection)
    return await db.scalar(statement.order_by(KnowledgeReindex.generation.desc()).limit(1))


async def get_reindex(db: Session, reindex_id: UUID) -> KnowledgeReindex | None:
    """One filling of new vectors."""
    return await db.scalar(select(KnowledgeReindex).where(KnowledgeReindex.id == reindex_id))


async def sessions_page(
    db: Session, owner: str, *, after: tuple[Any, UUID] | None, limit: int
) -> Sequence[Row[Any]]:
    """A person's chats, the last used first, one more than `limit` if there are more."""
    statement = select(_S.id, _S.scope, _S.turns, _S.created_at, _S.updated_at)
    page = keyset(
        statement.where(_S.owner == owner),
        column=_S.updated_at,
        id_column=_S.id,
        after=after,
        descending=True,
        limit=limit,
    )
    return (await db.execute(page)).all()


async def first_questions(db: Session, session_ids: Collection[UUID]) -> dict[UUID, str]:
    """The oldest question that is kept of each of these chats."""
    oldest = (
        select(KnowledgeMessage.session_id, func.min(KnowledgeMessage.turn).label("turn"))
        .where(KnowledgeMessage.session_id.in_(session_ids))
        .group_by(KnowledgeMessage.session_id)
        .subquery()
    )
    statement = select(KnowledgeMessage.session_id, KnowledgeMessage.question).join(
        oldest,
        (oldest.c.session_id == KnowledgeMessage.session_id)
        & (oldest.c.turn == KnowledgeMessage.turn),
    )
    return {row.session_id: row.question for row in await db.execute(statement)}


async def messages(db: Session, session_id: UUID) -> Sequence[KnowledgeMessage]:
    """The questions of a chat that are kept, oldest first."""
    statement = select(KnowledgeMessage).where(KnowledgeMessage.session_id == session_id)
    return (await db.scalars(statement.order_by(KnowledgeMessage.turn))).all()


async def find_session(
    db: Session, session_id: UUID, *, lock: bool = False
) -> KnowledgeSession | None:
    """A chat, on PostgreSQL locked for this transaction if asked."""
    statement = select(KnowledgeSession).where(KnowledgeSession.id == session_id)
    return await db.scalar(statement.with_for_update() if lock else statement)


async def last_question(db: Session, session_id: UUID) -> str | None:
    """The newest question of a chat."""
    statement = select(KnowledgeMessage.question)
    mine = statement.where(KnowledgeMessage.session_id == session_id)
    return await db.scalar(mine.order_by(KnowledgeMessage.turn.desc()).limit(1))
