"""Telling a fact in the transaction that makes it true."""

from sqlalchemy import insert

from locutory.kernel.clock import to_ms, utc_now
from locutory.kernel.db.base import table_of
from locutory.kernel.db.session import Session
from locutory.kernel.events.contract import Event
from locutory.kernel.events.models import EventRow
from locutory.kernel.ids import new_id

_INSERT = insert(table_of(EventRow))


async def emit(tx: Session, *events: Event) -> None:
    """Write events of the session's tenant; they are numbered and delivered after the commit."""
    at_ms = to_ms(utc_now())
    rows = [
        {
            "id": new_id(),
            "tenant_id": tx.tenant_id,
            "type": event.type,
            "subject": event.subject,
            "payload": event.payload(),
            "at_ms": at_ms,
            "correlation_id": tx.info.get("correlation_id"),
        }
        for event in events
    ]
    if rows:
        await tx.execute(_INSERT, rows, execution_options={"fenced": True})
        tx.signal("unsealed")
