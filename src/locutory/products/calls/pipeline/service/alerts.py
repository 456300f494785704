"""Alerts as people see them."""

from datetime import datetime
from uuid import UUID

from locutory.kernel.audit import audit
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Database, Session
from locutory.kernel.events import emit
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.products.calls.pipeline import queries
from locutory.products.calls.pipeline.contract import AlertNotFound
from locutory.products.calls.pipeline.schemas import AlertPage, AlertQuery, AlertRead
from locutory.products.calls.pipeline.service.watch import changed

_SORT = "since:desc"


async def list_alerts(db: Database, ask: AlertQuery) -> AlertPage:
    """A page of alerts, newest first."""
    after = decode_cursor(ask.cursor, _SORT, datetime) if ask.cursor else None
    async with db.read() as session:
        found = await queries.alerts(session, state=ask.state, after=after, limit=ask.limit)
    rows, more = split_page(found, ask.limit)
    return AlertPage(
        items=[AlertRead.model_validate(row) for row in rows],
        next_cursor=encode_cursor(_SORT, rows[-1].since, rows[-1].id) if more else None,
    )


async def acknowledge(db: Database, alert_id: UUID, note: str | None, *, actor: str) -> AlertRead:
    """Say that somebody looks after it; the first one stays noted. Raises AlertNotFound."""

    async def store(tx: Session) -> AlertRead:
        alert = await queries.find_alert(tx, alert_id)
        if alert is None:
            raise AlertNotFound
        if alert.acked_at is None:
            alert.acked_at, alert.acked_by, alert.ack_note = utc_now(), actor, note
            await tx.flush()
            await audit(
                tx, actor=actor, action="alert.ack", object=f"alert:{alert_id}", key=alert.key
            )
            await emit(tx, changed(alert))
        return AlertRead.model_validate(alert)

    return await db.write(store)
