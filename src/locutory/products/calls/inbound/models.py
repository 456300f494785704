"""Tables of inbound webhooks. A secret that signs is encrypted (AAD: the row), a token hashed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.clock import utc_now
from locutory.kernel.db import TenantModel
from locutory.kernel.db.dialect import Bytes


class CallHook(TenantModel):
    """How a provider's deliveries prove themselves; the former secret holds until `former_until`.

    By the scheme either `secret_enc` or `token_hash` is there.
    """

    __tablename__ = "calls_hook"

    provider: Mapped[str]
    scheme: Mapped[str]
    secret_enc: Mapped[bytes | None] = mapped_column(Bytes)
    token_hash: Mapped[str | None]
    former_secret_enc: Mapped[bytes | None] = mapped_column(Bytes)
    former_token_hash: Mapped[str | None]
    former_until: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (UniqueConstraint("tenant_id", "provider"),)


class HookDelivery(TenantModel):
    """That a delivery came: a hash of what it said, no more, so nobody is named here."""

    __tablename__ = "calls_hook_delivery"

    hook_id: Mapped[UUID]
    digest: Mapped[str]

    __table_args__ = (
        UniqueConstraint("tenant_id", "hook_id", "digest"),
        Index("ix_calls_hook_delivery_age", "tenant_id", "created_at"),
    )
