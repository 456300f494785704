"""SELECTs on inbound webhooks, by name. The session adds the tenant."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from locutory.kernel.db import Session
from locutory.products.calls.inbound.contract import HookNotFound, Provider
from locutory.products.calls.inbound.models import CallHook, HookDelivery


async def hooks(db: Session) -> Sequence[CallHook]:
    """The business's hooks, by provider."""
    return (await db.scalars(select(CallHook).order_by(CallHook.provider))).all()


async def find_hook(db: Session, provider: Provider) -> CallHook | None:
    """The provider's hook."""
    return await db.scalar(select(CallHook).where(CallHook.provider == provider))


async def get_hook(db: Session, provider: Provider) -> CallHook:
    """The provider's hook. Raises HookNotFound."""
    hook = await find_hook(db, provider)
    if hook is None:
        raise HookNotFound
    return hook


async def has_come(db: Session, hook_id: UUID, digest: str) -> bool:
    """Whether a delivery that said the same was taken."""
    known = select(HookDelivery.id).where(
        HookDelivery.hook_id == hook_id, HookDelivery.digest == digest
    )
    return await db.scalar(known) is not None
