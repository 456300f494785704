"""SELECTs on connections, by name. The session adds the tenant."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select

from locutory.kernel.db import Session
from locutory.products.calls.crm.contract import CrmNotConnected
from locutory.products.calls.crm.models import CrmConnection, CrmWriteback, LeadImport


async def find_connection(db: Session) -> CrmConnection | None:
    """The business's connection."""
    return await db.scalar(select(CrmConnection))


async def get_connection(db: Session) -> CrmConnection:
    """The business's connection. Raises CrmNotConnected."""
    found = await find_connection(db)
    if found is None:
        raise CrmNotConnected
    return found


async def find_import(db: Session, import_id: UUID) -> LeadImport | None:
    """One import."""
    return await db.scalar(select(LeadImport).where(LeadImport.id == import_id))


async def latest_imports(db: Session, count: int) -> Sequence[LeadImport]:
    """The last imports, newest first."""
    statement = select(LeadImport).order_by(LeadImport.id.desc()).limit(count)
    return (await db.scalars(statement)).all()


async def find_writeback(db: Session, row: UUID) -> CrmWriteback | None:
    """One note."""
    return await db.scalar(select(CrmWriteback).where(CrmWriteback.id == row))


async def same_writeback(
    db: Session, call_id: UUID, provider: str, kind: str, payload_hash: str
) -> CrmWriteback | None:
    """The note that says the same of a call."""
    return await db.scalar(
        select(CrmWriteback).where(
            CrmWriteback.call_id == call_id,
            CrmWriteback.provider == provider,
            CrmWriteback.kind == kind,
            CrmWriteback.payload_hash == payload_hash,
        )
    )


async def writebacks_of(db: Session, call_id: UUID) -> Sequence[CrmWriteback]:
    """The notes on a call, oldest first."""
    statement = select(CrmWriteback).where(CrmWriteback.call_id == call_id)
    return (await db.scalars(statement.order_by(CrmWriteback.id))).all()


async def writeback_counts(db: Session) -> dict[str, int]:
    """How many notes stand where."""
    rows = await db.execute(
        select(CrmWriteback.state, func.count(CrmWriteback.id)).group_by(CrmWriteback.state)
    )
    return dict(rows.all())
