"""What the pipeline shows to whoever watches from outside."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import Tenant
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session, Storage
from locutory.kernel.jobs.depths import running, totals
from locutory.kernel.settings import Settings
from locutory.kernel.telemetry.metrics import BIDS, Metrics
from locutory.products.calls.leads.queries import count_leads
from locutory.products.calls.pipeline import queries
from locutory.products.calls.pipeline.contract import AlertState
from locutory.products.calls.pipeline.disk import free_share
from locutory.products.calls.pipeline.service.leads import cache_of
from locutory.products.calls.pipeline.service.watermarks import is_stale, lag_s
from locutory.products.calls.pipeline.service.workers import scales

_FRESH_S = 15.0


class PipelineGauges:
    """Gauges that are read when somebody asks for the metrics."""

    def __init__(self, metrics: Metrics, settings: Settings) -> None:
        self._settings = settings
        self._oldest = metrics.gauge(
            "queue_oldest_age_seconds",
            "Age of the oldest job that is ready (all processes)",
            ("stage",),
        )
        self._slots = metrics.gauge(
            "worker_slots",
            "Slots of living workers, and how many of them are `busy` (all processes)",
            ("stage", "state"),
        )
        self._desired = metrics.gauge(
            "desired_workers", "Worker processes that the backlog wants (all processes)", ("stage",)
        )
        disk = metrics.gauge("disk_free_ratio", "Free share of the data directory's disk, 0-1")
        disk.set_function(lambda: free_share(settings.data_dir))

    async def refresh(self, session: Session) -> None:
        """Read anew; what is empty now disappears."""
        waiting, busy = await totals(session), await running(session)
        found = await scales(session, self._settings)
        self._oldest.clear()
        for stage, total in waiting.items():
            self._oldest.labels(stage).set(total.oldest_age_s)
        for stage, scale in found.items():
            self._slots.labels(stage, "all").set(scale.slots)
            self._slots.labels(stage, "busy").set(busy.get(stage, 0))
            self._desired.labels(stage).set(scale.desired_workers)


@dataclass(frozen=True, slots=True)
class _Seen:
    """One business: its worst watermark's lag, how many are stale, its alerts as (key, about).

    Of a business without leads the count is 0, and there is no age without a sync.
    """

    bid: str
    lag_s: float | None
    stale: int
    firing: Sequence[tuple[str, str]]
    leads: int
    leads_age_s: float | None


class BusinessGauges:
    """Gauges from rows that a business alone may read: a short session each.

    So they are read again after a quarter of a minute at the earliest, and for the first 200.
    """

    def __init__(self, metrics: Metrics, storage: Storage) -> None:
        self._metrics = metrics
        self._storage = storage
        self._read_s: float | None = None
        self._lag = metrics.gauge(
            "sync_watermark_lag_seconds",
            "Since a source last answered, of the one longest silent (all processes)",
            ("bid",),
        )
        self._stale = metrics.gauge(
            "sync_sources_stale", "Sources silent for too long (all processes)", ("bid",)
        )
        self._leads = metrics.gauge(
            "crm_leads_cached", "Leads of CRMs that are known here (all processes)", ("bid",)
        )
        self._leads_age = metrics.gauge(
            "crm_sync_age_seconds",
            "Since a sync or import of leads ended last (all processes)",
            ("bid",),
        )
        self._firing = metrics.gauge(
            "pipeline_alerts",
            "1 while the server's own alert fires (all processes)",
            ("bid", "key", "about"),
        )

    async def refresh(self) -> None:
        """Read anew what is not fresh."""
        now_s = time.monotonic()
        if self._read_s is not None and now_s - self._read_s < _FRESH_S:
            return
        self._read_s = now_s
        async with self._storage.read(None) as session:
            found = await tenants.list_tenants(session, after=None, limit=BIDS)
        seen = [await self._look(tenant) for tenant in found[:BIDS]]
        for gauge in (self._lag, self._stale, self._firing, self._leads, self._leads_age):
            gauge.clear()
        lags: dict[str, float] = {}
        ages: dict[str, float] = {}
        for one in seen:
            bid = self._metrics.bid(one.bid)  # several businesses may be `other`
            self._stale.labels(bid).inc(one.stale)
            if one.leads_age_s is not None:
                self._leads.labels(bid).inc(one.leads)
                ages[bid] = max(one.leads_age_s, ages.get(bid, 0.0))
            if one.lag_s is not None:
                lags[bid] = max(one.lag_s, lags.get(bid, 0.0))
            for key, about in one.firing:
                self._firing.labels(bid, key, about).set(1)
        for bid, lag in lags.items():
            self._lag.labels(bid).set(lag)
        for bid, age in ages.items():
            self._leads_age.labels(bid).set(age)

    async def _look(self, tenant: Tenant) -> _Seen:
        now = utc_now()
        async with self._storage.read(tenant.id) as session:
            marks = await queries.watermarks(session)
            alerts = await queries.open_alerts(session)
            cache = await cache_of(session)
            number = await count_leads(session) if cache.filled else 0
        return _Seen(
            tenant.slug,
            max((lag_s(mark, now) for mark in marks), default=None),
            sum(is_stale(mark, now) for mark in marks),
            [(a.key, a.about) for a in alerts if a.state == AlertState.FIRING],
            number,
            cache.age_s,
        )
