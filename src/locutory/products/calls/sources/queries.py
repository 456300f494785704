"""SELECTs on sources, by name. The session adds the tenant."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from locutory.kernel.db import Session
from locutory.products.calls.sources.contract import (
    BackfillNotFound,
    SourceKind,
    SourceNotFound,
)
from locutory.products.calls.sources.models import (
    CallBackfill,
    CallSource,
    IntakeFile,
    SeenChange,
)


async def sources(db: Session, *, after: UUID | None, limit: int) -> Sequence[CallSource]:
    """The business's sources, oldest first, one more than `limit`."""
    statement = select(CallSource)
    if after is not None:
        statement = statement.where(CallSource.id > after)
    return (await db.scalars(statement.order_by(CallSource.id).limit(limit + 1))).all()


async def watched(db: Session) -> Sequence[CallSource]:
    """The folders that are to be looked at."""
    statement = select(CallSource).where(
        CallSource.kind == SourceKind.FOLDER, CallSource.enabled.is_(True)
    )
    return (await db.scalars(statement.order_by(CallSource.id))).all()


async def polled(db: Session) -> Sequence[CallSource]:
    """The databases that are to be read."""
    kinds = (SourceKind.MYSQL, SourceKind.POSTGRESQL)
    statement = select(CallSource).where(CallSource.kind.in_(kinds), CallSource.enabled.is_(True))
    return (await db.scalars(statement.order_by(CallSource.id))).all()


async def find_source(db: Session, source_id: UUID) -> CallSource | None:
    """The source of that id."""
    return await db.scalar(select(CallSource).where(CallSource.id == source_id))


async def get_source(db: Session, source_id: UUID) -> CallSource:
    """The source of that id. Raises SourceNotFound."""
    row = await find_source(db, source_id)
    if row is None:
        raise SourceNotFound
    return row


async def source_by_name(db: Session, name: str) -> CallSource | None:
    """The source of that name."""
    return await db.scalar(select(CallSource).where(CallSource.name == name))


async def get_source_by(db: Session, reference: str) -> CallSource:
    """The source of that id or name. Raises SourceNotFound."""
    try:
        row = await find_source(db, UUID(reference))
    except ValueError:
        row = None
    row = row or await source_by_name(db, reference)
    if row is None:
        raise SourceNotFound
    return row


async def seen_changes(
    db: Session, source_id: UUID, digests: Sequence[str]
) -> dict[str, SeenChange]:
    """How far the changes of these calls are, by the calls' digests."""
    mine = select(SeenChange).where(
        SeenChange.source_id == source_id, SeenChange.call_digest.in_(digests)
    )
    return {row.call_digest: row for row in await db.scalars(mine)}


async def files(db: Session, source_id: UUID) -> dict[str, IntakeFile]:
    """What is remembered of a source's files, by name."""
    rows = await db.scalars(select(IntakeFile).where(IntakeFile.source_id == source_id))
    return {row.name: row for row in rows}


async def get_backfill(db: Session, backfill_id: UUID) -> CallBackfill:
    """One backfill. Raises BackfillNotFound."""
    row = await db.scalar(select(CallBackfill).where(CallBackfill.id == backfill_id))
    if row is None:
        raise BackfillNotFound
    return row
