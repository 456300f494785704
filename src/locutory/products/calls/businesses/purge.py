"""Removing a business: its files, its rows in every table, its members and keys."""

from uuid import UUID

from locutory.capabilities.knowledge.api import Knowledge, drop_copies, forget_some
from locutory.engines.blobs import BlobStore
from locutory.kernel.auth.people import remove_tenant
from locutory.kernel.db import Database
from locutory.kernel.db.tenants import empty_some
from locutory.kernel.jobs import Context

_BATCH = 500
_AREAS = ("calls", "exports", "imports")  # of the blob store


async def purge_business(ctx: Context) -> None:
    """Remove all that a closed business holds; ends where it began when it runs again.

    The audit log stays: it proves what was done, and holds no content.
    """
    tenant_id = UUID(ctx.payload["tenant_id"])
    own = ctx.db.bound_to(tenant_id)
    blobs = ctx.services.get(BlobStore)
    for area in _AREAS:
        async for key in blobs.keys(f"{area}/{tenant_id}"):
            await blobs.delete(key)
    await drop_copies(ctx.services.get(Knowledge), own)
    removed = await _until_empty(own)
    await ctx.finish(
        lambda tx: remove_tenant(
            tx, tenant_id, actor=ctx.payload["actor"], slug=ctx.payload["slug"], rows=removed
        )
    )


async def _until_empty(own: Database) -> int:
    removed = 0
    while count := await own.write(lambda tx: forget_some(tx, _BATCH)):
        removed += count
    while count := await own.write(lambda tx: empty_some(tx, _BATCH)):
        removed += count
    return removed
