"""The minute's round: alerts begin and end, brakes are set, what may go on again does."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from locutory.engines.blobs import BlobStore
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import Tenant
from locutory.kernel.clock import to_ms, utc_now
from locutory.kernel.db import Database, Session
from locutory.kernel.events import emit
from locutory.kernel.jobs import Context, admin, depths, letters
from locutory.kernel.settings import Settings
from locutory.products.calls.leads.contract import CRM_QUEUE
from locutory.products.calls.pipeline import alarms, queries
from locutory.products.calls.pipeline.alarms import Alarm, Seen
from locutory.products.calls.pipeline.config import Budgets
from locutory.products.calls.pipeline.contract import (
    BUDGET,
    DISK_LOW,
    STORE_DOWN,
    AlertChanged,
    AlertState,
)
from locutory.products.calls.pipeline.disk import StoreLook, free_share
from locutory.products.calls.pipeline.lead_filter import LeadFilter
from locutory.products.calls.pipeline.models import PipelineAlert
from locutory.products.calls.pipeline.service.leads import standing
from locutory.products.calls.pipeline.service.spending import today, uses
from locutory.products.calls.pipeline.service.watermarks import is_stale, lag_s
from locutory.products.calls.records.contract import Stage

_TENANTS = 200
_SILENT_S = 3600


async def watch(ctx: Context) -> None:
    """Go round all businesses. May run twice at a time: what is open is open once."""
    settings, store = ctx.services.get(Settings), StoreLook(ctx.services.get(BlobStore))
    await ctx.write(lambda tx: depths.forget_silent(tx, _SILENT_S))
    after: tuple[str, UUID] | None = None
    while True:
        async with ctx.db.read() as session:
            found = await tenants.list_tenants(session, after=after, limit=_TENANTS)
        for tenant in found[:_TENANTS]:
            await watch_one(ctx.db.bound_to(tenant.id), settings, store)
        if len(found) <= _TENANTS:
            return
        last: Tenant = found[_TENANTS - 1]
        after = (last.slug, last.id)


async def watch_one(db: Database, settings: Settings, store: StoreLook) -> None:
    """One business."""
    async with db.read() as session:
        seen, spent = await look(session, settings)
        open_now = await queries.open_alerts(session)
        crowded = await depths.queued(
            session, session.tenant_id, [Stage.ANALYZE], most=settings.pipeline.high_water
        )
        braked = await admin.is_braked(session, session.tenant_id, Stage.TRANSCRIBE)
    held = list(alarms.alarms(seen, settings.pipeline))
    mended = list(_mended(seen, spent, settings))
    shut = [stage for stage in Stage if seen.depths[stage].gate_code == STORE_DOWN]
    if shut and await store.answers():
        mended += [(stage, STORE_DOWN) for stage in shut]
    brake = _brake(crowded, settings.pipeline.high_water, braked)
    if not held and not open_now and not mended and brake is None:
        return  # a quiet business costs no write

    async def note(tx: Session) -> None:
        await _settle(tx, held)
        for stage, code in mended:
            await admin.reopen(tx, tx.tenant_id, stage, codes=[code])
        if brake is not None:
            await admin.brake(tx, tx.tenant_id, Stage.TRANSCRIBE, on=brake)

    await db.write(note)


async def look(session: Session, settings: Settings) -> tuple[Seen, frozenset[Stage]]:
    """What the rules look at, and the stages whose budget is spent."""
    marks, tenant_id, now = settings.pipeline, session.tenant_id, utc_now()
    configured = await queries.configured(session)
    budgets = configured.config.budgets
    none = budgets == Budgets()
    used = () if none else uses(budgets, await queries.spent(session, today()))
    found = await depths.depths(session, tenant_id, list(Stage))
    waits_long = any((depth.oldest_age_s or 0) > marks.stalled_s for depth in found.values())
    finished: dict[str, int] = {}
    if waits_long:  # only then it matters, and it is the one figure that costs
        finished = await depths.finished_since(session, tenant_id, marks.stalled_s)
    dead_before = to_ms(now) - marks.dead_s * 1000
    return Seen(
        depths=found,
        finished=finished,
        dead=await letters.count_dead(session, tenant_id, died_before_ms=dead_before + 1),
        served=frozenset(await depths.served_queues(session, marks.missing_s)),
        free_disk=free_share(settings.data_dir),
        budgets={use.name: use.share for use in used if use.share is not None},
        degraded=await queries.degraded_share(
            session, now - timedelta(seconds=alarms.DEGRADED_WINDOW_S)
        ),
        evidence=await queries.latest_evidence(session, alarms.EVIDENCE_RESULTS),
        stale={
            mark.name: lag_s(mark, now)
            for mark in await queries.watermarks(session)
            if is_stale(mark, now)
        },
        lead_filter=await _lead_filter(session, configured.config.lead_filter),
        shut=await depths.depths(session, tenant_id, [CRM_QUEUE]),
    ), frozenset(stage for use in used if use.spent for stage in use.stages)


async def _lead_filter(session: Session, asked: LeadFilter) -> str | None:
    found = await standing(session, asked)
    return found.reason


def _mended(seen: Seen, spent: frozenset[Stage], settings: Settings) -> Iterable[tuple[Stage, str]]:
    """Blocked stages whose reason is gone, with that reason."""
    for stage in Stage:
        code = seen.depths[stage].gate_code
        if code == BUDGET and stage not in spent:
            yield stage, BUDGET
        if code == DISK_LOW and seen.free_disk >= settings.pipeline.disk_stop:
            yield stage, DISK_LOW


def _brake(crowded: int, high_water: int, braked: bool) -> bool | None:
    """Whether to halve transcription's slots or give them back; None to leave all as it is."""
    if crowded >= high_water and not braked:
        return True
    return False if braked and crowded < high_water // 2 else None


async def _settle(tx: Session, held: Iterable[Alarm]) -> None:
    """Begin, fire and end alerts, each told once."""
    now = utc_now()
    known = {(alert.key, alert.about): alert for alert in await queries.open_alerts(tx)}
    for alarm in held:
        alert = known.pop((alarm.key, alarm.about), None)
        if alert is None:
            alert = PipelineAlert(
                key=alarm.key,
                about=alarm.about,
                state=AlertState.PENDING,
                severity=alarm.severity,
                detail=alarm.detail,
                since=now,
            )
            tx.add(alert)
        alert.detail = alarm.detail
        lasted = (now - alert.since).total_seconds() >= alarm.for_s
        if alert.state == AlertState.PENDING and lasted:
            alert.state, alert.fired_at = AlertState.FIRING, now
            await tx.flush()
            await emit(tx, changed(alert))
    for alert in known.values():
        if alert.state == AlertState.PENDING:
            await tx.delete(alert)
            continue
        alert.state, alert.resolved_at = AlertState.RESOLVED, now
        await emit(tx, changed(alert))
    await tx.flush()


def changed(alert: PipelineAlert) -> AlertChanged:
    """The event that tells of an alert."""
    return AlertChanged(
        alert_id=str(alert.id),
        key=alert.key,
        about=alert.about,
        state=alert.state,
        severity=alert.severity,
        detail=alert.detail,
        acknowledged=alert.acked_at is not None,
    )
