"""Tenants' slugs by id, for names that others read."""

from uuid import UUID

from sqlalchemy import Uuid, text

from locutory.kernel.db.database import Storage
from locutory.kernel.ids import KERNEL

_TENANTS = text("SELECT id, slug FROM kernel_tenant").columns(id=Uuid())


class Slugs:
    """Read once, and again when somebody unknown is asked for."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._known: dict[UUID, str] = {}

    async def of(self, tenant_id: UUID) -> str:
        """The slug of a tenant; "" for the kernel's own work and for a tenant that is gone."""
        if tenant_id != KERNEL and tenant_id not in self._known:
            await self.all()
            self._known.setdefault(tenant_id, "")
        return self._known.get(tenant_id, "")

    async def all(self) -> dict[UUID, str]:
        """Every tenant there is now."""
        async with self._storage.read(None) as session:
            rows = await session.execute(_TENANTS, execution_options={"fenced": True})
            found = {row.id: row.slug for row in rows}
        self._known |= found
        return found
