"""Writing and verifying the audit log."""

import hashlib
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import insert, select

from locutory.kernel.audit.models import AuditRow
from locutory.kernel.clock import to_ms, utc_now
from locutory.kernel.db.base import table_of
from locutory.kernel.db.session import Session
from locutory.kernel.ids import KERNEL, new_id

GENESIS = "0" * 64
_PAGE = 1000
_row = table_of(AuditRow)
_INSERT = insert(_row)


async def audit(tx: Session, *, actor: str, action: str, object: str, **detail: Any) -> None:
    """Note a deed in the transaction that does it. No secret goes into `detail`."""
    await tx.execute(
        _INSERT,
        {
            "id": new_id(),
            "tenant_id": tx.info.get("tenant_id") or KERNEL,
            "at_ms": to_ms(utc_now()),
            "actor": actor,
            "action": action,
            "object": object,
            "detail": detail,
            "correlation_id": tx.info.get("correlation_id"),
        },
        execution_options={"fenced": True},
    )
    tx.signal("unsealed")


def chain_hash(previous: str, row: Any, seq: int) -> str:
    """SHA-256 over the previous hash and the row in canonical JSON, hex."""
    body = orjson.dumps(
        {
            "id": str(row.id),
            "tenant_id": str(row.tenant_id),
            "seq": seq,
            "at_ms": row.at_ms,
            "actor": row.actor,
            "action": row.action,
            "object": row.object,
            "detail": row.detail,
            "correlation_id": row.correlation_id,
        },
        option=orjson.OPT_SORT_KEYS,
    )
    return hashlib.sha256(previous.encode() + body).hexdigest()


async def verify(session: Session, tenant_id: UUID) -> int | None:
    """Walk a tenant's chain; return the first `seq` that does not fit, None if all do."""
    previous, expected = GENESIS, 1
    while True:
        rows = await session.execute(
            select(_row)
            .where(_row.c.tenant_id == tenant_id, _row.c.seq >= expected)
            .order_by(_row.c.seq)
            .limit(_PAGE),
            execution_options={"fenced": True},
        )
        page = rows.all()
        for row in page:
            if row.seq != expected or row.hash != chain_hash(previous, row, row.seq):
                return expected
            previous, expected = row.hash, expected + 1
        if len(page) < _PAGE:
            return None
