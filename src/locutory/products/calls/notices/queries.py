"""SELECTs on webhooks, deliveries and notices, by name. The session adds the tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select

from locutory.kernel.db import Session
from locutory.kernel.paging import keyset
from locutory.products.calls.notices.contract import (
    DeliveryNotFound,
    News,
    WebhookNotFound,
)
from locutory.products.calls.notices.models import (
    Delivery,
    Notice,
    NoticeSeen,
    NoticeSetting,
    Webhook,
)

LOW_SCORE = 50.0
URGENT = (
    News.CALL_FAILED,
    News.SCORE_AUTO_FAIL,
    News.SCORE_LOW,
    News.DLQ_ADDED,
    News.REVIEW_DISPUTED,
)
After = tuple[datetime, UUID] | None
_D = Delivery
_LOG = (
    _D.id,
    _D.event_id,
    _D.news,
    _D.callid,
    _D.state,
    _D.attempts,
    _D.status,
    _D.latency_ms,
    _D.error,
    _D.body_sha256,
    _D.created_at,
    _D.tried_at,
)


async def webhooks(db: Session) -> Sequence[Webhook]:
    """All webhooks of the business, oldest first; there are few."""
    return (await db.scalars(select(Webhook).order_by(Webhook.id))).all()


async def count_webhooks(db: Session) -> int:
    """How many webhooks the business has."""
    return int(await db.scalar(select(func.count(Webhook.id))) or 0)


async def get_webhook(db: Session, webhook_id: UUID) -> Webhook:
    """One webhook. Raises WebhookNotFound."""
    row = await db.scalar(select(Webhook).where(Webhook.id == webhook_id))
    if row is None:
        raise WebhookNotFound
    return row


async def get_delivery(db: Session, webhook_id: UUID, delivery_id: UUID) -> Delivery:
    """One delivery of a webhook. Raises DeliveryNotFound."""
    row = await db.scalar(select(_D).where(_D.id == delivery_id, _D.webhook_id == webhook_id))
    if row is None:
        raise DeliveryNotFound
    return row


async def delivery(db: Session, delivery_id: UUID) -> Delivery | None:
    """A delivery by its id alone."""
    return await db.scalar(select(_D).where(_D.id == delivery_id))


async def deliveries(
    db: Session, webhook_id: UUID, *, state: str | None, after: After, limit: int
) -> Sequence[Row[Any]]:
    """A webhook's deliveries, newest first, one more than `limit` if there are more."""
    statement = select(*_LOG).where(_D.webhook_id == webhook_id)
    if state is not None:
        statement = statement.where(_D.state == state)
    paged = keyset(
        statement,
        column=_D.created_at,
        id_column=_D.id,
        after=after,
        descending=True,
        limit=limit,
    )
    return (await db.execute(paged)).all()


async def notices(db: Session, *, after: After, limit: int) -> Sequence[Notice]:
    """The newest notices, one more than `limit` if there are more."""
    statement = keyset(
        select(Notice),
        column=Notice.created_at,
        id_column=Notice.id,
        after=after,
        descending=True,
        limit=limit,
    )
    return (await db.scalars(statement)).all()


async def unread(db: Session, since: datetime | None, *, most: int) -> int:
    """How many notices came after a time, counted up to `most`."""
    newer = select(Notice.id).limit(most)
    if since is not None:
        newer = newer.where(Notice.created_at > since)
    return int(await db.scalar(select(func.count()).select_from(newer.subquery())) or 0)


async def seen(db: Session, principal: str) -> NoticeSeen | None:
    """Up to when somebody has read."""
    return await db.scalar(select(NoticeSeen).where(NoticeSeen.principal == principal))


async def setting(db: Session) -> NoticeSetting:
    """What the business wants to hear of; a row that is not stored yet where it never said."""
    found = await db.scalar(select(NoticeSetting))
    return found or NoticeSetting(news=[str(news) for news in URGENT], score_below=LOW_SCORE)
