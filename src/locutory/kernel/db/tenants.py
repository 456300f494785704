"""All rows of a tenant, whatever table they are in: for tenants that are being removed."""

from typing import Any

from sqlalchemy import Table, delete, select

from locutory.kernel.db.base import Base
from locutory.kernel.db.session import Session

KEPT = frozenset({"kernel_audit", "kernel_seal"})
"""What outlives a tenant: the proof of what was done, and how far it is chained."""
_FENCED = {"fenced": True}


def tables_of_tenants() -> list[Table]:
    """Every table whose rows belong to a tenant."""
    return [
        table
        for table in Base.metadata.sorted_tables
        if "tenant_id" in table.c and table.name not in KEPT
    ]


async def empty_some(tx: Session, limit: int) -> int:
    """Delete up to so many rows of the session's tenant from each table; return how many.

    A table's first key column beside the tenant tells its rows apart.
    """
    removed = 0
    for table in tables_of_tenants():
        removed += await _delete_some(tx, table, table.c.tenant_id == tx.tenant_id, limit)
    return removed


def tables_of(column: str) -> list[Table]:
    """Every table of tenants' rows that has a column of that name."""
    return [table for table in tables_of_tenants() if column in table.c]


async def delete_where(tx: Session, table: Table, column: str, value: Any) -> int:
    """Delete the session's tenant's rows with that value; return how many."""
    done = await tx.execute(
        delete(table).where(table.c.tenant_id == tx.tenant_id, table.c[column] == value),
        execution_options=_FENCED,
    )
    return int(done.rowcount)  # type: ignore[attr-defined] # a DELETE has it


async def _delete_some(tx: Session, table: Table, where: Any, limit: int) -> int:
    keys = [column for column in table.primary_key.columns if column.name != "tenant_id"]
    if not keys:
        found = await tx.execute(delete(table).where(where), execution_options=_FENCED)
        return int(found.rowcount)  # type: ignore[attr-defined] # a DELETE has it
    rows = await tx.execute(select(keys[0]).where(where).limit(limit), execution_options=_FENCED)
    ids = list(rows.scalars())
    if not ids:
        return 0
    statement = delete(table).where(where, keys[0].in_(ids))
    found = await tx.execute(statement, execution_options=_FENCED)
    return int(found.rowcount)  # type: ignore[attr-defined] # a DELETE has it
