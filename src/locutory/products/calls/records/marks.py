"""Which calls' read models are behind, told in the transaction that changes the call."""

from uuid import UUID

from sqlalchemy import Insert
from sqlalchemy.dialects import postgresql, sqlite

from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.kernel.db.base import table_of
from locutory.kernel.ids import new_id
from locutory.products.calls.records.models import StaleCall

_TABLE = table_of(StaleCall)
_SQLITE, _POSTGRESQL = sqlite.insert(_TABLE), postgresql.insert(_TABLE)
_UPSERT: dict[str, Insert] = {
    "sqlite": _SQLITE.on_conflict_do_update(
        index_elements=["call_id"], set_={"mark": _SQLITE.excluded.mark}
    ),
    "postgresql": _POSTGRESQL.on_conflict_do_update(
        index_elements=["call_id"], set_={"mark": _POSTGRESQL.excluded.mark}
    ),
}


async def mark_stale(tx: Session, *call_ids: UUID) -> None:
    """Say that these calls changed in a way that lists of figures show: made, scored, deleted."""
    if not call_ids:
        return
    now = utc_now()
    rows = [
        {
            "id": new_id(),
            "tenant_id": tx.tenant_id,
            "created_at": now,
            "call_id": call_id,
            "mark": new_id(),
        }
        for call_id in sorted(set(call_ids))  # one order for all writers: no deadlock
    ]
    statement = _UPSERT[tx.get_bind().dialect.name]
    await tx.execute(statement, rows, execution_options={"fenced": True})
    tx.signal("calls.stale")
