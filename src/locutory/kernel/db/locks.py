"""Letting one transaction at a time do something that has no row yet."""

from sqlalchemy import text

from locutory.kernel.db.session import Session

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def hold(tx: Session, name: str) -> None:
    """Wait until no other transaction holds `name`, then hold it to the end of this one.

    The tenant is part of it. SQLite has one writer anyway.
    """
    if tx.get_bind().dialect.name == "postgresql":
        whole = {"name": f"{name}:{tx.tenant_id}"}
        await tx.execute(_LOCK, whole, execution_options={"fenced": True})
