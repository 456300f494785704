"""Webhooks and notices over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRouter, access
from locutory.kernel.crypto import Secrets
from locutory.kernel.http.client import HttpClient
from locutory.kernel.paging import decode_cursor, encode_cursor
from locutory.kernel.ratelimit import rate_limit
from locutory.kernel.services import Services
from locutory.products.calls.notices import service
from locutory.products.calls.notices.schemas import (
    DeliveryList,
    DeliveryPage,
    DeliveryRead,
    NoticePage,
    NoticeSettings,
    PageOf,
    TestResult,
    WebhookCreate,
    WebhookCreated,
    WebhookList,
    WebhookRead,
    WebhookUpdate,
)

router = SecuredRouter(tags=["calls notices"], dependencies=[rate_limit("notices")])
Reader = Annotated[Access, access("calls:read")]
Keeper = Annotated[Access, access("calls:manage")]
_NEWEST = "newest"


@router.get("/webhooks/{bid}")
async def list_webhooks(inside: Keeper) -> WebhookList:
    """The addresses that are told of calls."""
    return WebhookList(items=await service.list_webhooks(inside))


@router.post("/webhooks/{bid}", status_code=201)
async def create_webhook(request: Request, inside: Keeper, data: WebhookCreate) -> WebhookCreated:
    """Register an address. Its secret is shown this once; bodies are signed with it.

    Each delivery has `X-Locutory-Event-Id` and `X-Locutory-Signature: t=<unix>,v1=<hex>`, an
    HMAC-SHA256 of `<unix>.<body>`.
    """
    http, secrets = _engines(request)
    return await service.create_webhook(inside, data, http=http, secrets=secrets)


@router.patch("/webhooks/{bid}/{webhook_id}")
async def update_webhook(
    request: Request, inside: Keeper, webhook_id: UUID, data: WebhookUpdate
) -> WebhookRead:
    """Change a webhook, pause it, or let a paused one go on."""
    http, secrets = _engines(request)
    return await service.update_webhook(inside, webhook_id, data, http=http, secrets=secrets)


@router.delete("/webhooks/{bid}/{webhook_id}", status_code=204)
async def delete_webhook(inside: Keeper, webhook_id: UUID) -> None:
    """Forget a webhook and its log."""
    await service.delete_webhook(inside, webhook_id)


@router.post("/webhooks/{bid}/{webhook_id}/test")
async def test_webhook(request: Request, inside: Keeper, webhook_id: UUID) -> TestResult:
    """Send a `ping` now and say what came back."""
    http, secrets = _engines(request)
    return await service.test_webhook(inside, webhook_id, http=http, secrets=secrets)


@router.get("/webhooks/{bid}/{webhook_id}/deliveries")
async def list_deliveries(
    inside: Keeper, webhook_id: UUID, ask: Annotated[DeliveryList, Query()]
) -> DeliveryPage:
    """What was sent, when, and what came back, newest first; kept for thirty days."""
    page, last = await service.list_deliveries(
        inside, webhook_id, state=ask.state, after=_after(ask.cursor), limit=ask.limit
    )
    if last is not None:
        page.next_cursor = encode_cursor(_NEWEST, last.created_at, last.id)
    return page


@router.post("/webhooks/{bid}/{webhook_id}/deliveries/{delivery_id}/replay", status_code=202)
async def replay_delivery(inside: Keeper, webhook_id: UUID, delivery_id: UUID) -> DeliveryRead:
    """Send a delivery again, byte for byte, with a new signature time."""
    return await service.replay(inside, webhook_id, delivery_id)


@router.get("/notices/{bid}")
async def list_notices(inside: Reader, ask: Annotated[PageOf, Query()]) -> NoticePage:
    """What happened that people wanted to hear of, newest first."""
    page, last = await service.list_notices(inside, after=_after(ask.cursor), limit=ask.limit)
    if last is not None:
        page.next_cursor = encode_cursor(_NEWEST, last.created_at, last.id)
    return page


@router.post("/notices/{bid}/seen", status_code=204)
async def mark_notices_seen(inside: Reader) -> None:
    """Say that you have read all notices up to now."""
    await service.mark_seen(inside)


@router.get("/notices/{bid}/settings")
async def get_notice_settings(inside: Reader) -> NoticeSettings:
    """What makes a notice in this business."""
    return await service.read_settings(inside)


@router.put("/notices/{bid}/settings")
async def put_notice_settings(inside: Keeper, data: NoticeSettings) -> NoticeSettings:
    """Say what makes a notice in this business."""
    return await service.write_settings(inside, data)


def _engines(request: Request) -> tuple[HttpClient, Secrets]:
    services: Services = request.app.state.services
    return services.get(HttpClient), services.get(Secrets)


def _after(cursor: str | None) -> tuple[datetime, UUID] | None:
    return decode_cursor(cursor, _NEWEST, datetime) if cursor else None
