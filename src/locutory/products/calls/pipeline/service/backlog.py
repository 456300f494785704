"""Refusing pushes while too much waits; the count is fresh to a second, so that it is cheap."""

import time
from dataclasses import dataclass, field
from uuid import UUID

from locutory.kernel.db import Storage
from locutory.kernel.jobs.depths import queued
from locutory.kernel.settings import PipelineSettings
from locutory.products.calls.pipeline.contract import BacklogFull
from locutory.products.calls.records.contract import Stage

_FRESH_S, _FRESH_OVERALL_S = 1.0, 10.0
_RETRY_AFTER_S = 30.0


@dataclass(slots=True)
class Backlog:
    """How many calls wait, remembered for a moment; one a process."""

    storage: Storage
    settings: PipelineSettings
    _seen: dict[UUID | None, tuple[float, bool]] = field(default_factory=dict)

    async def require_room(self, tenant_id: UUID) -> None:
        """Raises BacklogFull where a business, or the whole server, has too much queued."""
        own = await self._full(tenant_id, self.settings.most_queued, _FRESH_S)
        if own or await self._full(None, self.settings.most_queued_overall, _FRESH_OVERALL_S):
            raise BacklogFull(retry_after=_RETRY_AFTER_S)

    async def _full(self, tenant_id: UUID | None, most: int, fresh_s: float) -> bool:
        now = time.monotonic()
        seen = self._seen.get(tenant_id)
        if seen is not None and now - seen[0] < fresh_s:
            return seen[1]
        async with self.storage.read(None) as session:
            full = await queued(session, tenant_id, list(Stage), most=most) >= most
        self._seen[tenant_id] = (now, full)
        return full
