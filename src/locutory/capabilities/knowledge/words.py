"""Which sources say something, for lists that are narrowed by words. Nothing is ranked here."""

import re
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select

from locutory.capabilities.knowledge.contract import SPOKEN
from locutory.capabilities.knowledge.models import TABLE, KnowledgeChunk
from locutory.kernel.db import Database, Session, fulltext

_C = KnowledgeChunk
_QUOTED = re.compile(r'"([^"]*)"')
_MOST_PHRASES = 16
_PIECES_PER_SOURCE = 4  # pieces of one source that may match before more sources are found


def phrases_of(query: str) -> list[str]:
    """What must be said: each quoted phrase, and each word outside quotes; 16 at most."""
    quoted = [phrase for phrase in _QUOTED.findall(query) if phrase.strip()]
    return [*quoted, *fulltext.words_of(_QUOTED.sub(" ", query))][:_MOST_PHRASES]


def says(
    session: Session, collection: str, query: str, source_id: ColumnElement[str]
) -> ColumnElement[bool]:
    """A condition: one passage of that source contains all that the query asks for."""
    here = select(_C.id).where(
        _C.tenant_id == session.tenant_id,
        _C.collection == collection,
        _C.source_id == source_id,
        _C.kind == SPOKEN,
        fulltext.saying(session, _C, phrases_of(query)),
    )
    return here.exists()


async def sources_saying(
    session: Session, collection: str, query: str, *, limit: int
) -> set[str] | None:
    """The sources with such a passage, in no order; None if there are more than `limit`."""
    most = limit * _PIECES_PER_SOURCE
    pieces = fulltext.first_found(
        session,
        select(_C.source_id, _C.collection, _C.kind),
        _C,
        phrases_of(query),
        limit=most + 1,
    )
    found = (await session.execute(pieces)).all()
    sources = {row[0] for row in found if row[1:] == (collection, SPOKEN)}
    return None if len(found) > most or len(sources) > limit else sources


async def purge_words(db: Database) -> None:
    """Rid the index of words that only deleted passages had, in many short writes."""
    first = True
    while await db.write(lambda tx, first=first: fulltext.purge_step(tx, TABLE, first=first)):  # type: ignore[misc]
        first = False


async def forget_some(tx: Session, limit: int) -> int:
    """Take out up to so many passages of the session's tenant, of whatever collection.

    For a tenant that is being removed: no reader is told.
    """
    ids: list[UUID] = list((await tx.scalars(select(_C.id).order_by(_C.id).limit(limit))).all())
    await fulltext.forget_rows(tx, TABLE, ids)
    if ids:
        await tx.execute(delete(_C).where(_C.id.in_(ids)))
    return len(ids)
