"""Tenants' slugs by id, for names that others read."""

from uuid import UUID

from sqlalchemy import select

from locutory.kernel.auth import queries
from locutory.kernel.auth.models import TenantRow
from locutory.kernel.db import Storage
from locutory.kernel.ids import KERNEL


class Slugs:
    """Each is read once: a slug never changes."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._known: dict[UUID, str] = {KERNEL: ""}

    async def of(self, tenant_id: UUID) -> str:
        """The slug of a tenant; "" for the kernel's own work and for a tenant that is gone."""
        slug = self._known.get(tenant_id)
        if slug is None:
            async with self._storage.read(None) as session:
                tenant = await queries.find_tenant_by_id(session, tenant_id)
            slug = self._known[tenant_id] = "" if tenant is None else tenant.slug
        return slug

    async def all(self) -> dict[UUID, str]:
        """Every tenant there is now."""
        async with self._storage.read(None) as session:
            rows = await session.execute(select(TenantRow.id, TenantRow.slug))
            found = {row.id: row.slug for row in rows}
        self._known |= found
        return found
