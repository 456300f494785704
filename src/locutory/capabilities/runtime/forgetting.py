"""Forgetting what models used, and batches that ended, when their days are over."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select

from locutory.capabilities.runtime.models import Batch, LlmCall
from locutory.kernel.auth import queries as tenants
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.kernel.jobs import Context
from locutory.kernel.settings import Settings

_TENANTS: Final = 200
_AT_ONCE: Final = 500


async def forget_old(ctx: Context) -> None:
    """Let go what is older than the settings say, of every business, in short writes."""
    llm, now = ctx.services.get(Settings).llm, utc_now()
    bounds = (
        (LlmCall, LlmCall.created_at, now - timedelta(days=llm.keep_usage_days)),
        (Batch, Batch.finished_at, now - timedelta(days=llm.keep_batches_days)),
    )
    after: tuple[str, UUID] | None = None
    while True:
        async with ctx.db.read() as session:
            found: Sequence[Any] = await tenants.list_tenants(session, after=after, limit=_TENANTS)
        for tenant in found[:_TENANTS]:
            own = ctx.db.bound_to(tenant.id)
            for model, moment, before in bounds:

                async def step(
                    tx: Session, model: Any = model, moment: Any = moment, before: datetime = before
                ) -> int:
                    return await _forget_some(tx, model, moment, before)

                while await own.write(step) == _AT_ONCE:
                    pass
        if len(found) <= _TENANTS:
            return
        after = found[_TENANTS - 1].slug, found[_TENANTS - 1].id


async def _forget_some(tx: Session, model: Any, moment: Any, before: datetime) -> int:
    old = (await tx.scalars(select(model.id).where(moment < before).limit(_AT_ONCE))).all()
    if old:
        await tx.execute(delete(model).where(model.id.in_(old)))
    return len(old)
