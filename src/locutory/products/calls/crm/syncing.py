"""Leads from a CRM: windows of changes, page by page, each stored with its place.

A sync that dies leaves its place; the next one reads that page again, which changes nothing. The
watermark is the end of the last whole window less two minutes, since a CRM shows what was changed
a while after it was, and clocks differ. The end of a sync queues the next one, named by the number
of syncs before it, so that there is one at a time.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from locutory.engines.crm import CrmRejected, CrmUnsupported, LeadPage, Window
from locutory.kernel.audit import audit
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import Access, Tenant, TenantStatus
from locutory.kernel.clock import rfc3339, utc_now
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Database, Session
from locutory.kernel.errors import ErrorClass, LocutoryError
from locutory.kernel.failpoints import failpoint
from locutory.kernel.http.replies import EngineRejectedError
from locutory.kernel.jobs import Claimed, Context, Failure, JobSpec, enqueue
from locutory.kernel.jobs.queue import hurry
from locutory.products.calls.crm import queries
from locutory.products.calls.crm.connecting import client_of
from locutory.products.calls.crm.contract import SYNC, CrmNotConnected
from locutory.products.calls.crm.models import CrmConnection
from locutory.products.calls.crm.schemas import CrmSettings
from locutory.products.calls.leads import queries as leads
from locutory.products.calls.leads.keeping import (
    Prepared,
    Stored,
    prepared,
    store,
    store_activities,
)
from locutory.products.calls.pipeline.models import SyncWatermark
from locutory.products.calls.pipeline.queries import LEADS_OF, find_watermark
from locutory.products.calls.pipeline.service.linking import link_calls

log = structlog.get_logger(__name__)
OVERLAP = timedelta(seconds=120)
_PAGES = 40
_AT_ONCE = 250
_LONGEST_S = 900
_AFTER_DEATH_S = 300
_STALE_SYNCS, _STALE_S = 10, 1800
_ACTIVITIES = 25
_TENANTS = 200
_BLOCKING = (ErrorClass.PERMANENT_AUTH, ErrorClass.PERMANENT_CONFIG)
_FAULTS = 10


@dataclass(slots=True)
class Synced:
    """What a sync came to. `more`: its window has not ended."""

    stored: Stored = field(default_factory=Stored)
    linked: int = 0
    faults: list[str] = field(default_factory=list)
    error: LocutoryError | None = None
    more: bool = False

    def health(self, now: datetime, pause_s: int) -> dict[str, Any]:
        """As the connection shows it."""
        error = self.error
        return {
            "looked_at": rfc3339(now),
            "created": self.stored.created,
            "updated": self.stored.updated,
            "unchanged": self.stored.unchanged,
            "linked": self.linked,
            "refused": self.faults[:_FAULTS],
            "error": None if error is None else f"{error.error_code}: {error.detail}"[:500],
            "pause_s": pause_s,
        }


def mark_name(provider: str) -> str:
    """What the watermark of a provider's leads is called."""
    return f"{LEADS_OF}{provider}"


def sync_key(row: CrmConnection) -> str:
    """The name of a connection's next sync."""
    return f"crm:{row.id}:{row.looks}"


def sync_of(row: CrmConnection, delay_s: float = 0.0) -> JobSpec:
    """The job of a connection's next sync; asking for it twice gives one."""
    payload = {"connection_id": str(row.id), "look": row.looks}
    return JobSpec(kind=SYNC, payload=payload, dedupe_key=sync_key(row), delay_s=delay_s)


async def go_round(ctx: Context) -> None:
    """See to it that every business with a CRM has its next sync."""
    after: tuple[str, UUID] | None = None
    while True:
        async with ctx.db.read() as session:
            found = await tenants.list_tenants(session, after=after, limit=_TENANTS)
        for tenant in found[:_TENANTS]:
            if tenant.status == TenantStatus.ACTIVE:
                await ask_for_sync(ctx.db.bound_to(tenant.id))
        if len(found) <= _TENANTS:
            return
        after = (found[_TENANTS - 1].slug, found[_TENANTS - 1].id)


async def ask_for_sync(db: Database, *, now: bool = False) -> bool:
    """Queue the next sync of a business, without its pause if `now`; False where none is wanted."""
    async with db.read() as session:
        row = await queries.find_connection(session)
    if row is None or not row.enabled:
        return False

    async def queue(tx: Session) -> None:
        await enqueue(tx, sync_of(row))
        if now:
            await hurry(tx, sync_key(row))

    await db.write(queue)
    return True


async def sync_now(access: Access) -> None:
    """Sync as soon as a worker is free. Raises CrmNotConnected."""
    if not await ask_for_sync(access.db, now=True):
        raise CrmNotConnected("no CRM is connected, or its connection is off")

    async def note(tx: Session) -> None:
        await audit(tx, actor=access.principal.key, action="crm.sync", object="crm")

    await access.db.write(note)


async def sync(ctx: Context) -> None:
    """The job of one sync. Refused credentials shut the queue, and this job stays in it."""
    row, tenant = await _connected(ctx)
    if row is None or not _is_next(row, ctx.payload):
        return
    if tenant is None or not row.enabled:
        await ctx.finish(lambda tx: _end(tx, ctx.payload, None))
        return
    synced = Synced()
    try:
        await _read_on(ctx, row, tenant, synced)
    except LocutoryError as error:
        if error.cls is ErrorClass.INTERNAL_BUG:
            raise
        synced.error = error
    if synced.error is not None and synced.error.cls in _BLOCKING:
        await ctx.write(lambda tx: _note(tx, row, synced))
        raise synced.error
    await ctx.finish(lambda tx: _end(tx, ctx.payload, synced))


async def give_up(tx: Session, job: Claimed, failure: Failure) -> None:
    """Say why there was no sync, and let the next one come later."""
    synced = Synced(error=LocutoryError(failure.detail, code=failure.code))
    await _end(tx, job.payload, synced)


async def fetch_activities(ctx: Context) -> None:
    """The job that asks what happened with one lead."""
    lead_row = UUID(ctx.payload["lead"])
    row, tenant = await _connected(ctx)
    async with ctx.db.read() as session:
        lead = await leads.lead_row(session, lead_row)
    if row is None or tenant is None or lead is None or not row.enabled:
        return
    if lead.provider != row.provider:
        return
    try:
        client = client_of(row, tenant, ctx.services)
        found = await client.activities(lead.lead_id, limit=_ACTIVITIES)
    except CrmUnsupported:
        return
    except (CrmRejected, EngineRejectedError) as error:  # such as a lead that is gone by now
        log.warning("activities are refused", lead=str(lead_row), reason=error.detail)
        found = ()
    secrets = ctx.services.get(Secrets)

    async def keep(tx: Session) -> None:
        await store_activities(tx, lead_row, found, secrets=secrets)

    await ctx.finish(keep)


async def _connected(ctx: Context) -> tuple[CrmConnection | None, Tenant | None]:
    assert ctx.db.tenant_id is not None
    async with ctx.db.read() as session:
        row = await queries.find_connection(session)
        tenant = await tenants.find_tenant_by_id(session, ctx.db.tenant_id)
    active = tenant is not None and tenant.status == TenantStatus.ACTIVE
    return row, tenant if active else None


async def _read_on(ctx: Context, row: CrmConnection, tenant: Tenant, synced: Synced) -> None:
    """Read the window that was begun, or a new one, and give calls their leads when it ends."""
    client = client_of(row, tenant, ctx.services)
    settings = CrmSettings.model_validate(row.settings)
    name = mark_name(row.provider)
    async with ctx.db.read() as session:
        mark = await find_watermark(session, name)
    window, cursor = _place(mark, settings)
    for _ in range(_PAGES):
        page = await client.recently_modified(window, cursor)
        failpoint("calls.crm.page_read")
        synced.faults += [f"{one.place}: {one.reason}" for one in page.faults]
        await _keep(ctx, row, tenant, synced, page, _Place(name, window, page.cursor, settings))
        cursor = page.cursor
        if cursor is None:
            synced.linked += await link_calls(ctx.write, ctx.services.get(Secrets))
            return
    synced.more = True


def _place(mark: SyncWatermark | None, settings: CrmSettings) -> tuple[Window, str | None]:
    """The window to read and the page of it."""
    kept = {} if mark is None else mark.cursor
    begun = kept.get("pass")
    if begun:
        since, until = (datetime.fromisoformat(begun[name]) for name in ("since", "until"))
        return Window(since, until), begun["page"]
    since = settings.since
    if kept.get("ts"):
        since = max(since, datetime.fromisoformat(kept["ts"]))
    now = utc_now()
    return Window(min(since, now - timedelta(seconds=1)), now), None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where reading goes on behind a page; without one the window has ended."""

    name: str
    window: Window
    page: str | None
    settings: CrmSettings

    def cursor(self, before: dict[str, Any]) -> dict[str, Any]:
        """As the watermark keeps it."""
        if self.page is None:
            return {"ts": rfc3339(self.window.until - OVERLAP), "pass": None}
        place = {"since": self.window.since.isoformat(), "until": self.window.until.isoformat()}
        return {"ts": before.get("ts"), "pass": {**place, "page": self.page}}


async def _keep(
    ctx: Context,
    row: CrmConnection,
    tenant: Tenant,
    synced: Synced,
    page: LeadPage,
    place: _Place,
) -> None:
    """Store a page in portions, the last one with the place behind it."""
    secrets = ctx.services.get(Secrets)
    batch = await asyncio.to_thread(prepared, page.leads, tenant=tenant, secrets=secrets)
    portions = [batch[n : n + _AT_ONCE] for n in range(0, len(batch), _AT_ONCE)] or [[]]
    for number, portion in enumerate(portions, start=1):

        async def write(
            tx: Session, portion: list[Prepared] = portion, last: bool = number == len(portions)
        ) -> Stored:
            stored = await store(tx, row.provider, portion, secrets=secrets)
            await move_mark(tx, place if last else None, place.name, stored)
            failpoint("calls.crm.before_commit")
            return stored

        synced.stored.add(await ctx.write(write))


async def move_mark(tx: Session, place: _Place | None, name: str, stored: Stored) -> None:
    """Note how far leads were read, and how many came of it."""
    mark = await find_watermark(tx, name)
    if mark is None:
        mark = SyncWatermark(name=name, cursor={}, moves=0, rows_total=0)
        tx.add(mark)
    mark.rows_total += stored.created + stored.updated
    if place is None:
        return
    mark.cursor = place.cursor(mark.cursor)
    mark.stale_after_s = max(_STALE_SYNCS * place.settings.sync_interval_s, _STALE_S)
    if place.page is None:
        mark.last_ok_at, mark.last_error = utc_now(), None


def _is_next(row: CrmConnection, payload: Mapping[str, Any]) -> bool:
    """Whether this sync is the one that was to come: of two at a time one would never end."""
    wanted = (payload["connection_id"], payload["look"])
    return (str(row.id), row.looks) == wanted


async def _end(tx: Session, payload: Mapping[str, Any], synced: Synced | None) -> None:
    """Note how the sync went, and queue the next one; where there was none, the round does."""
    row = await queries.find_connection(tx)
    if row is None or not _is_next(row, payload):
        return
    row.looks += 1
    if synced is None:
        return
    pause_s = await _note(tx, row, synced)
    if row.enabled:
        await enqueue(tx, sync_of(row, 0.0 if synced.more else pause_s))


async def _note(tx: Session, seen: CrmConnection, synced: Synced) -> int:
    """Keep what a sync came to; return the seconds until the next one."""
    row = await queries.get_connection(tx)
    base = CrmSettings.model_validate(row.settings).sync_interval_s
    pause_s = base
    if synced.error is not None:
        before = row.health.get("pause_s") if row.health.get("error") else None
        pause_s = base if before is None else min(2 * before, max(base, _LONGEST_S))
        if synced.error.cls is ErrorClass.INTERNAL_BUG:
            pause_s = _AFTER_DEATH_S
        mark = await find_watermark(tx, mark_name(seen.provider))
        if mark is not None:
            mark.last_error = f"{synced.error.error_code}: {synced.error.detail}"[:500]
    row.health = synced.health(utc_now(), pause_s)
    await tx.flush()
    return pause_s
