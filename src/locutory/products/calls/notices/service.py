"""Telling: which addresses and people want a piece of news, and bringing it to them."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from sqlalchemy import delete, select, update

from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import Aad, Secrets
from locutory.kernel.db import Session
from locutory.kernel.errors import LocutoryError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import Claimed, Context, Failure, JobSpec
from locutory.kernel.jobs.queue import enqueue
from locutory.kernel.paging import split_page
from locutory.products.calls.notices import queries
from locutory.products.calls.notices.contract import (
    DELIVER,
    KEPT_DAYS,
    PAUSE_AFTER,
    DeliveryPending,
    DeliveryState,
    News,
    TooManyWebhooks,
)
from locutory.products.calls.notices.models import (
    Delivery,
    Notice,
    NoticeSeen,
    NoticeSetting,
    Webhook,
)
from locutory.products.calls.notices.schemas import (
    DeliveryPage,
    DeliveryRead,
    NoticePage,
    NoticeRead,
    NoticeSettings,
    TestResult,
    WebhookCreate,
    WebhookCreated,
    WebhookRead,
    WebhookUpdate,
)
from locutory.products.calls.notices.signing import EVENT_ID, SIGNATURE, new_secret, signature
from locutory.products.calls.records.counting import CallCounters

_MOST_WEBHOOKS = 50
_MOST_UNREAD = 100
_TIMEOUT_S = 10.0
_FORGOTTEN_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A piece of news: what machines get (`data`, redacted) and the line that people read."""

    news: News
    callid: str | None
    data: dict[str, Any]
    text: str


async def tell(ctx: Context, event_id: UUID, items: Sequence[Told]) -> None:
    """Write news down for everybody who asked for it; the sending is a job for each address.

    One transaction, keyed by the event: running twice tells once.
    """
    async with ctx.db.read() as session:
        hooks = [hook for hook in await queries.webhooks(session) if hook.active]
        wanted = set((await queries.setting(session)).news)
    if not any(t.news in wanted or any(t.news in h.events for h in hooks) for t in items):
        return

    async def store(tx: Session) -> None:
        await _forget_old(tx)
        for item in items:
            if item.news in wanted:
                await _note(tx, event_id, item)
            for hook in hooks:
                if item.news in hook.events:
                    await _post(tx, hook.id, event_id, item)

    await ctx.finish(store)


async def _note(tx: Session, event_id: UUID, item: Told) -> None:
    known = select(Notice.id).where(Notice.event_id == event_id, Notice.news == item.news)
    if await tx.scalar(known) is None:
        tx.add(
            Notice(event_id=event_id, news=item.news, callid=item.callid, text=item.text),
        )


async def _post(tx: Session, webhook_id: UUID, event_id: UUID, item: Told) -> None:
    known = select(Delivery.id).where(
        Delivery.webhook_id == webhook_id,
        Delivery.event_id == event_id,
        Delivery.news == item.news,
    )
    if await tx.scalar(known) is not None:
        return
    body = _body(event_id, item)
    id_ = new_id()
    tx.add(
        Delivery(
            id=id_,
            webhook_id=webhook_id,
            event_id=event_id,
            news=item.news,
            callid=item.callid,
            body=body,
            body_sha256=hashlib.sha256(body).hexdigest(),
        )
    )
    await enqueue(tx, _delivery_job(id_, item.callid))


def _delivery_job(delivery_id: UUID, callid: str | None) -> JobSpec:
    return JobSpec(kind=DELIVER, payload={"delivery_id": str(delivery_id)}, subject=callid)


def _body(event_id: UUID, item: Told) -> bytes:
    return orjson.dumps(
        {
            "id": str(event_id),
            "type": item.news,
            "created_at": utc_now().isoformat().replace("+00:00", "Z"),
            "data": item.data,
        }
    )


async def deliver(ctx: Context) -> None:
    """Send one delivery. Raises what the address or the network failed with, for the retries."""
    counters = ctx.services.get(CallCounters)
    async with ctx.db.read() as session:
        row = await queries.delivery(session, UUID(ctx.payload["delivery_id"]))
        if row is None or row.state == DeliveryState.OK:
            return
        hook = await session.scalar(select(Webhook).where(Webhook.id == row.webhook_id))
    if hook is None or not hook.active:
        await ctx.finish(lambda tx: _noted(tx, row.id, state=DeliveryState.SKIPPED))
        counters.delivered("skipped")
        return
    secrets = ctx.services.get(Secrets)
    began = time.monotonic()
    try:
        status = await _send(
            ctx.services.get(HttpClient), secrets, hook, row.body, event_id=row.event_id
        )
    except LocutoryError as error:
        took, words = _ms_since(began), f"{error.code}: {error.detail}"
        await ctx.write(lambda tx: _failed(tx, row, took, words))
        counters.delivered("failed")
        raise

    async def done(tx: Session) -> None:
        await _noted(
            tx,
            row.id,
            state=DeliveryState.OK,
            status=status,
            latency_ms=_ms_since(began),
            error=None,
        )
        if hook.failures:
            await tx.execute(update(Webhook).where(Webhook.id == hook.id).values(failures=0))

    await ctx.finish(done)
    counters.delivered("ok")


async def _send(
    http: HttpClient, secrets: Secrets, hook: Webhook, body: bytes, *, event_id: UUID
) -> int:
    ring = secrets.ring
    url = ring.decrypt_text(hook.url_enc, aad=_aad(hook.tenant_id, hook.id, "url"))
    secret = ring.decrypt_text(hook.secret_enc, aad=_aad(hook.tenant_id, hook.id, "secret"))
    headers = {
        "Content-Type": "application/json",
        EVENT_ID: str(event_id),
        SIGNATURE: signature(secret, body, at=int(time.time())),
    }
    return await http.deliver(url, body, headers=headers, timeout_s=_TIMEOUT_S)


async def _noted(tx: Session, delivery_id: UUID, **changes: Any) -> None:
    now = utc_now()
    await tx.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id)
        .values(attempts=Delivery.attempts + 1, tried_at=now, **changes)
    )


async def _failed(tx: Session, row: Delivery, took_ms: int, words: str) -> None:
    await _noted(tx, row.id, latency_ms=took_ms, error=words[:500])
    mine = update(Webhook).where(Webhook.id == row.webhook_id)
    counted = mine.values(failures=Webhook.failures + 1).returning(Webhook.failures)
    if (await tx.scalar(counted) or 0) >= PAUSE_AFTER:
        reason = f"{PAUSE_AFTER} deliveries failed in a row; the last: {words}"[:500]
        await tx.execute(
            mine.where(Webhook.active.is_(True)).values(active=False, paused_reason=reason)
        )


async def give_up(tx: Session, job: Claimed, failure: Failure) -> None:
    """The delivery's end after its last attempt, in the transaction that gives up."""
    await tx.execute(
        update(Delivery)
        .where(Delivery.id == UUID(job.payload["delivery_id"]), Delivery.state != DeliveryState.OK)
        .values(state=DeliveryState.DEAD, error=f"{failure.code}: {failure.detail}"[:500])
    )


async def _forget_old(tx: Session) -> None:
    """Delete a portion of what is older than thirty days."""
    before = utc_now() - timedelta(days=KEPT_DAYS)
    for model in (Delivery, Notice):
        old = select(model.id).where(model.created_at < before).limit(_FORGOTTEN_AT_ONCE)
        await tx.execute(delete(model).where(model.id.in_(old)))


async def create_webhook(
    access: Access, data: WebhookCreate, *, http: HttpClient, secrets: Secrets
) -> WebhookCreated:
    """Register an address; its secret is shown this once. Raises UrlBlockedError."""
    http.gate.check_url(data.url)
    id_, secret, tenant_id = new_id(), new_secret(), access.tenant.id
    hook = Webhook(
        id=id_,
        name=data.name,
        host=_host(data.url),
        url_enc=secrets.ring.encrypt(data.url, aad=_aad(tenant_id, id_, "url")),
        secret_enc=secrets.ring.encrypt(secret, aad=_aad(tenant_id, id_, "secret")),
        events=_sorted(data.events),
    )

    async def store(tx: Session) -> WebhookRead:
        if await queries.count_webhooks(tx) >= _MOST_WEBHOOKS:
            raise TooManyWebhooks
        tx.add(hook)
        await tx.flush()
        await _audited(tx, access, "webhook.create", id_, host=hook.host, events=hook.events)
        return _read(hook)

    made = await access.db.write(store)
    return WebhookCreated(**dict(made), secret=secret)


async def list_webhooks(access: Access) -> list[WebhookRead]:
    """All webhooks of the business."""
    async with access.db.read() as session:
        return [_read(hook) for hook in await queries.webhooks(session)]


async def update_webhook(
    access: Access, webhook_id: UUID, data: WebhookUpdate, *, http: HttpClient, secrets: Secrets
) -> WebhookRead:
    """Change a webhook; one that is switched on again starts without failures."""
    changes = data.model_dump(exclude_unset=True)
    url = changes.pop("url", None)
    if url is not None:
        http.gate.check_url(url)
        changes["host"] = _host(url)
        aad = _aad(access.tenant.id, webhook_id, "url")
        changes["url_enc"] = secrets.ring.encrypt(url, aad=aad)
    if "events" in changes:
        changes["events"] = _sorted(changes["events"])
    if changes.get("active"):
        changes |= {"failures": 0, "paused_reason": None}

    async def store(tx: Session) -> WebhookRead:
        hook = await queries.get_webhook(tx, webhook_id)
        for column, value in changes.items():
            setattr(hook, column, value)
        await tx.flush()
        named = sorted(data.model_fields_set)
        await _audited(tx, access, "webhook.update", webhook_id, changed=named)
        return _read(hook)

    return await access.db.write(store)


async def delete_webhook(access: Access, webhook_id: UUID) -> None:
    """Forget a webhook and its log; what is still on its way is not sent."""

    async def store(tx: Session) -> None:
        hook = await queries.get_webhook(tx, webhook_id)
        await tx.execute(delete(Delivery).where(Delivery.webhook_id == webhook_id))
        await tx.delete(hook)
        await _audited(tx, access, "webhook.delete", webhook_id, host=hook.host)

    await access.db.write(store)


async def test_webhook(
    access: Access, webhook_id: UUID, *, http: HttpClient, secrets: Secrets
) -> TestResult:
    """Send a `ping` now and say what came back; it is not in the log."""
    async with access.db.read() as session:
        hook = await queries.get_webhook(session, webhook_id)
    event_id = new_id()
    body = orjson.dumps({"id": str(event_id), "type": "ping", "data": {"bid": access.tenant.slug}})
    began = time.monotonic()
    try:
        status = await _send(http, secrets, hook, body, event_id=event_id)
    except LocutoryError as error:
        return TestResult(
            ok=False,
            status=None,
            latency_ms=_ms_since(began),
            error=f"{error.code}: {error.detail}",
        )
    return TestResult(ok=True, status=status, latency_ms=_ms_since(began), error=None)


async def list_deliveries(
    access: Access,
    webhook_id: UUID,
    *,
    state: DeliveryState | None,
    after: queries.After,
    limit: int,
) -> tuple[DeliveryPage, Any]:
    """A page of the delivery log and its last row, None where the list ends."""
    async with access.db.read() as session:
        await queries.get_webhook(session, webhook_id)
        found = await queries.deliveries(session, webhook_id, state=state, after=after, limit=limit)
    rows, more = split_page(found, limit)
    items = [DeliveryRead.model_validate(row) for row in rows]
    return DeliveryPage(items=items, next_cursor=None), rows[-1] if more else None


async def replay(access: Access, webhook_id: UUID, delivery_id: UUID) -> DeliveryRead:
    """Send a delivery again, byte for byte. Raises DeliveryPending while it is on its way."""

    async def store(tx: Session) -> DeliveryRead:
        row = await queries.get_delivery(tx, webhook_id, delivery_id)
        if row.state == DeliveryState.PENDING:
            raise DeliveryPending
        row.state = DeliveryState.PENDING
        await enqueue(tx, _delivery_job(row.id, row.callid))
        await _audited(tx, access, "webhook.replay", webhook_id, delivery=str(delivery_id))
        await tx.flush()
        return DeliveryRead.model_validate(row)

    return await access.db.write(store)


async def list_notices(
    access: Access, *, after: queries.After, limit: int
) -> tuple[NoticePage, Any]:
    """A page of notices, newest first, and its last row, None where the list ends."""
    async with access.db.read() as session:
        found = await queries.notices(session, after=after, limit=limit)
        seen = await queries.seen(session, access.principal.key)
        seen_at = None if seen is None else seen.seen_at
        unread = await queries.unread(session, seen_at, most=_MOST_UNREAD)
    rows, more = split_page(found, limit)
    items = [
        NoticeRead(
            id=row.id,
            news=News(row.news),
            callid=row.callid,
            text=row.text,
            at=row.created_at,
            unread=seen_at is None or row.created_at > seen_at,
        )
        for row in rows
    ]
    return NoticePage(items=items, unread=unread, next_cursor=None), rows[-1] if more else None


async def mark_seen(access: Access) -> None:
    """Everything up to now is read by the caller."""

    async def store(tx: Session) -> None:
        row = await queries.seen(tx, access.principal.key)
        if row is None:
            tx.add(NoticeSeen(principal=access.principal.key, seen_at=utc_now()))
        else:
            row.seen_at = utc_now()

    await access.db.write(store)


async def read_settings(access: Access) -> NoticeSettings:
    """What the business wants to hear of."""
    async with access.db.read() as session:
        row = await queries.setting(session)
    return NoticeSettings(news=[News(news) for news in row.news], score_below=row.score_below)


async def write_settings(access: Access, data: NoticeSettings) -> NoticeSettings:
    """Say what the business wants to hear of."""

    async def store(tx: Session) -> None:
        row = await tx.scalar(select(NoticeSetting))
        news = _sorted(data.news)
        if row is None:
            tx.add(NoticeSetting(news=news, score_below=data.score_below))
        else:
            row.news, row.score_below = news, data.score_below
        await audit(
            tx,
            actor=access.principal.key,
            action="notices.settings",
            object="notices",
            news=news,
            score_below=data.score_below,
        )

    await access.db.write(store)
    return data


async def _audited(
    tx: Session, access: Access, action: str, webhook_id: UUID, **detail: Any
) -> None:
    await audit(
        tx,
        actor=access.principal.key,
        action=action,
        object=f"webhook:{webhook_id}",
        **detail,
    )


def _read(hook: Webhook) -> WebhookRead:
    return WebhookRead(
        id=hook.id,
        name=hook.name,
        host=hook.host,
        events=[News(news) for news in hook.events],
        active=hook.active,
        paused_reason=hook.paused_reason,
        failures=hook.failures,
        created_at=hook.created_at,
    )


def _sorted(news: Sequence[News]) -> list[str]:
    return sorted({str(one) for one in news})


def _host(url: str) -> str:
    """Scheme and host: what may be shown of an address, whose path can be a secret."""
    parts = urlsplit(url.strip())
    return f"{parts.scheme}://{parts.hostname or ''}"


def _aad(tenant_id: UUID, row: UUID, column: str) -> Aad:
    return Aad(tenant_id, "calls_webhook", row, column)


def _ms_since(began: float) -> int:
    return round(1_000 * (time.monotonic() - began))
