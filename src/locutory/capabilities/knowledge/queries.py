"""SELECTs on chunks and chats, by name. The session adds the tenant."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, distinct, func, select

from locutory.capabilities.knowledge.contract import SPOKEN, CollectionStatus, Narrowing
from locutory.capabilities.knowledge.models import (
    KnowledgeChunk,
    KnowledgeCollection,
    KnowledgeMessage,
    KnowledgeSession,
)
from locutory.kernel.db import Session, fulltext

_C = KnowledgeChunk
_FOUND = (_C.id, _C.source_id, _C.kind, _C.start_ms, _C.turns, _C.meta)
_VERSION: tuple[Any, ...] = (_C.id, _C.version)
_VECTOR: tuple[Any, ...] = (_C.id, _C.vector, _C.revision)
_STATE: tuple[Any, ...] = (KnowledgeCollection.revision, KnowledgeCollection.removed_at)


def conditions(collection: str, narrowing: Narrowing) -> list[ColumnElement[bool]]:
    """What a chunk must be to be seen."""
    wanted = [_C.collection == collection]
    if narrowing.source_ids is not None:
        wanted.append(_C.source_id.in_(narrowing.source_ids))
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


async def visible_ids(db: Session, collection: str, narrowing: Narrowing) -> Sequence[UUID]:
    """Every chunk that the narrowing leaves."""
    return (await db.scalars(select(_C.id).where(*conditions(collection, narrowing)))).all()


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


async def versions_of(db: Session, collection: str, source_id: str) -> Sequence[Row[Any]]:
    """(id, version) of each chunk of a source."""
    statement = select(*_VERSION)
    mine = statement.where(_C.collection == collection, _C.source_id == source_id)
    return (await db.execute(mine)).all()


async def collection_state(db: Session, collection: str) -> Row[Any] | None:
    """(revision, removed_at) of a collection, None before its first change."""
    statement = select(*_STATE)
    return (await db.execute(statement.where(KnowledgeCollection.collection == collection))).first()


async def vectors_since(
    db: Session, collection: str, embedder: str, revision: int, *, limit: int
) -> Sequence[Row[Any]]:
    """(id, vector, revision) of chunks stored after a revision, oldest first.

    Never ends inside a revision: the chunks of one are all there or none.
    """
    newer = (_C.collection == collection, _C.revision > revision, _C.embedder == embedder)
    last = (
        select(_C.revision).where(*newer).order_by(_C.revision).offset(limit - 1).limit(1)
    ).scalar_subquery()
    statement = select(*_VECTOR).where(*newer)
    page = statement.where(_C.revision <= func.coalesce(last, 2**62))
    return (await db.execute(page.order_by(_C.revision))).all()


async def vector_ids(db: Session, collection: str, embedder: str) -> Sequence[UUID]:
    """The chunks that have a vector of this embedder."""
    statement = select(_C.id).where(_C.collection == collection, _C.embedder == embedder)
    return (await db.scalars(statement)).all()


async def status(db: Session, collection: str, embedder: str) -> CollectionStatus:
    """How much a collection holds."""
    statement = select(
        func.count(distinct(_C.source_id)),
        func.count(),
        func.count().filter(_C.embedder != embedder),
    )
    row = (await db.execute(statement.where(_C.collection == collection))).one()
    return CollectionStatus(sources=row[0], chunks=row[1], foreign_vectors=row[2])


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
