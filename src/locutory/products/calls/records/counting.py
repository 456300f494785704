"""What is counted of calls, by the seed's names (calls seed, section 9)."""

from uuid import UUID

from locutory.kernel.auth import queries as tenants
from locutory.kernel.db import Storage
from locutory.kernel.telemetry.metrics import Metrics


class CallCounters:
    """Counters and histograms of the stages; `bid` is the business, `other` beyond 200."""

    def __init__(self, metrics: Metrics, storage: Storage) -> None:
        self._metrics = metrics
        self._storage = storage
        self._slugs: dict[UUID, str] = {}
        self._synced = metrics.counter("calls_synced_total", "Calls registered", ("bid", "source"))
        self._transcribed = metrics.counter(
            "calls_transcribed_total", "Calls transcribed", ("bid", "provider", "result")
        )
        self._analyzed = metrics.counter(
            "calls_analyzed_total", "Calls analysed", ("bid", "result")
        )
        self._skipped = metrics.counter("calls_skipped_total", "Calls not worked", ("reason",))
        self._stt = metrics.histogram(
            "stt_duration_seconds", "Time of the speech engine", ("provider", "model")
        )
        self._resubmits = metrics.counter(
            "stt_resubmits_total", "Calls submitted to a speech provider again", ("provider",)
        )
        self._llm = metrics.histogram(
            "llm_duration_seconds", "Time of the language model", ("provider", "model", "agent")
        )
        self._degraded = metrics.counter(
            "agent_degraded_total", "Answers of a weaker engine than configured", ("agent",)
        )
        self._evidence = metrics.counter(
            "evidence_checks_total", "Judgements whose evidence was checked", ("result",)
        )

    async def synced(self, tenant_id: UUID, source: str, count: int) -> None:
        """Calls came in."""
        if count:
            self._synced.labels(await self._bid(tenant_id), source).inc(count)

    def skipped(self, reason: str) -> None:
        """A call is not worked, for this reason."""
        self._skipped.labels(reason).inc()

    async def transcribed(self, tenant_id: UUID, engine: str, seconds: float, result: str) -> None:
        """A call has its transcript; `engine` is `provider/model`."""
        provider, _, model = engine.partition("/")
        self._transcribed.labels(await self._bid(tenant_id), provider, result).inc()
        self._stt.labels(provider, model).observe(seconds)

    def resubmitted(self, provider: str) -> None:
        """A call's job at a provider ended without words, and another one was opened."""
        self._resubmits.labels(provider).inc()

    async def analyzed(self, tenant_id: UUID, meta: dict[str, dict[str, object]]) -> None:
        """A call has its analysis; `meta` is what each agent said of itself."""
        degraded = any(agent["degraded"] for agent in meta.values())
        result = "degraded" if degraded else "ok"
        self._analyzed.labels(await self._bid(tenant_id), result).inc()
        for key, agent in meta.items():
            if agent["degraded"]:
                self._degraded.labels(key).inc()
            if agent["evidence_ok"] is not None:
                self._evidence.labels("ok" if agent["evidence_ok"] else "unsupported").inc()
            if agent["source"] == "llm":
                provider, _, model = str(agent["engine"]).partition("/")
                seconds = float(str(agent["latency_ms"])) / 1000
                self._llm.labels(provider, model, key).observe(seconds)

    async def _bid(self, tenant_id: UUID) -> str:
        slug = self._slugs.get(tenant_id)
        if slug is None:
            async with self._storage.read(None) as session:
                tenant = await tenants.find_tenant_by_id(session, tenant_id)
            slug = self._slugs[tenant_id] = "" if tenant is None else tenant.slug
        return self._metrics.bid(slug)
