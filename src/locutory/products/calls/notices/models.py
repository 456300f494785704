"""Tables of notices. A webhook's address and secret are encrypted (AAD: the row)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.clock import utc_now
from locutory.kernel.db import TenantModel


class Webhook(TenantModel):
    """An address that is told. `failures` counts failed deliveries since the last good one."""

    __tablename__ = "calls_webhook"

    name: Mapped[str]
    host: Mapped[str]
    url_enc: Mapped[bytes] = mapped_column(LargeBinary)
    secret_enc: Mapped[bytes] = mapped_column(LargeBinary)
    events: Mapped[list[str]]
    active: Mapped[bool] = mapped_column(default=True)
    paused_reason: Mapped[str | None]
    failures: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)

    __table_args__ = (Index("ix_calls_webhook_tenant", "tenant_id", "id"),)


class Delivery(TenantModel):
    """One piece of news on its way to one address; `body` are the signed bytes, already redacted.

    `event_id` and `news` name the news: the same never goes to one address twice by itself.
    """

    __tablename__ = "calls_delivery"

    webhook_id: Mapped[UUID]
    event_id: Mapped[UUID]
    news: Mapped[str]
    callid: Mapped[str | None]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    body_sha256: Mapped[str]
    state: Mapped[str] = mapped_column(default="pending")
    attempts: Mapped[int] = mapped_column(default=0)
    status: Mapped[int | None]
    latency_ms: Mapped[int | None]
    error: Mapped[str | None]
    tried_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id", "news"),
        Index("ix_calls_delivery_webhook", "webhook_id", "created_at", "id"),
        Index("ix_calls_delivery_state", "webhook_id", "state", "created_at", "id"),
        Index("ix_calls_delivery_age", "tenant_id", "created_at"),
    )


class Notice(TenantModel):
    """A line in the console's list of news; the same news makes one line."""

    __tablename__ = "calls_notice"

    event_id: Mapped[UUID]
    news: Mapped[str]
    callid: Mapped[str | None]
    text: Mapped[str]

    __table_args__ = (
        UniqueConstraint("tenant_id", "event_id", "news"),
        Index("ix_calls_notice_time", "tenant_id", "created_at", "id"),
    )


class NoticeSeen(TenantModel):
    """Up to when a person has read the notices."""

    __tablename__ = "calls_notice_seen"

    principal: Mapped[str]
    seen_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("tenant_id", "principal"),)


class NoticeSetting(TenantModel):
    """What a business wants to hear of in the console, and below which score a call is low."""

    __tablename__ = "calls_notice_setting"

    news: Mapped[list[str]]
    score_below: Mapped[float]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)

    __table_args__ = (UniqueConstraint("tenant_id"),)
