"""What is counted of calls, by the seed's names (calls seed, section 9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from locutory.kernel.auth.slugs import Slugs
from locutory.kernel.db import Storage
from locutory.kernel.jobs import Claimed, Failure
from locutory.kernel.jobs.metrics import JobMetrics
from locutory.kernel.jobs.policy import Verdict
from locutory.kernel.telemetry.metrics import Metrics
from locutory.products.calls.records.contract import Stage


class CallCounters:
    """Counters and histograms of the stages; `bid` is the business, `other` beyond 200."""

    def __init__(self, metrics: Metrics, storage: Storage) -> None:
        self._metrics = metrics
        self._slugs = Slugs(storage)
        self._synced = metrics.counter("calls_synced_total", "Calls registered", ("bid", "source"))
        self._transcribed = metrics.counter(
            "calls_transcribed_total", "Calls transcribed", ("bid", "provider", "result")
        )
        self._analyzed = metrics.counter(
            "calls_analyzed_total", "Calls analysed", ("bid", "result")
        )
        self._skipped = metrics.counter("calls_skipped_total", "Calls not worked", ("reason",))
        self._failed = metrics.counter(
            "calls_failed_total", "Calls that a stage gave up on", ("stage", "code")
        )
        self._overhead = metrics.histogram(
            "orchestration_overhead_seconds",
            "Time of a stage without its engine: fetching, decoding, reading, writing",
            ("stage",),
        )
        self._stt = metrics.histogram(
            "stt_duration_seconds", "Time of the speech engine", ("provider", "model")
        )
        self._audio = metrics.counter(
            "stt_audio_seconds_total", "Audio that a speech engine heard", ("provider",)
        )
        self._resubmits = metrics.counter(
            "stt_resubmits_total", "Calls submitted to a speech provider again", ("provider",)
        )
        self._llm = metrics.histogram(
            "llm_duration_seconds", "Time of the language model", ("provider", "model", "agent")
        )
        self._cache = metrics.counter(
            "llm_cache_requests_total", "Agents' answers by whether they were known", ("result",)
        )
        self._cost = metrics.counter(
            "cost_micros_total", "Cost of engines in millionths of the currency", ("kind",)
        )
        self._degraded = metrics.counter(
            "agent_degraded_total", "Answers of a weaker engine than configured", ("agent",)
        )
        self._evidence = metrics.counter(
            "evidence_checks_total", "Judgements whose evidence was checked", ("result",)
        )
        self._inbound = metrics.counter(
            "ingest_webhooks_total", "Deliveries of providers", ("provider", "result")
        )
        self._deliveries = metrics.counter(
            "notify_deliveries_total", "Attempts to bring news to a webhook", ("result",)
        )

    async def synced(self, tenant_id: UUID, source: str, count: int) -> None:
        """Calls came in."""
        if count:
            self._synced.labels(await self._bid(tenant_id), source).inc(count)

    def delivery(self, provider: str, result: str) -> None:
        """A provider delivered a call, or something that was not taken."""
        self._inbound.labels(provider, result).inc()

    def skipped(self, reason: str) -> None:
        """A call is not worked, for this reason."""
        self._skipped.labels(reason).inc()

    def failed(self, stage: str, code: str) -> None:
        """A stage gave up on a call."""
        self._failed.labels(stage, code).inc()

    def overhead(self, stage: str, stage_s: float, engine_s: float) -> None:
        """A stage took so long, of that its engine."""
        self._overhead.labels(stage).observe(max(0.0, stage_s - engine_s))

    async def transcribed(self, tenant_id: UUID, engine: str, seconds: float, result: str) -> None:
        """A call has its transcript; `engine` is `provider/model`."""
        provider, _, model = engine.partition("/")
        self._transcribed.labels(await self._bid(tenant_id), provider, result).inc()
        self._stt.labels(provider, model).observe(seconds)

    async def unheard(self, tenant_id: UUID, provider: str) -> None:
        """A speech engine failed on a call; the attempt may be followed by another one."""
        self._transcribed.labels(await self._bid(tenant_id), provider, "error").inc()

    def heard(self, provider: str, audio_s: float, cost_micros: int) -> None:
        """A speech engine heard so much."""
        self._audio.labels(provider).inc(audio_s)
        self._cost.labels("stt").inc(cost_micros)

    def resubmitted(self, provider: str) -> None:
        """A call's job at a provider ended without words, and another one was opened."""
        self._resubmits.labels(provider).inc()

    async def analyzed(
        self, tenant_id: UUID, meta: Mapping[str, Mapping[str, Any]], cost_micros: int
    ) -> None:
        """A call has its analysis; `meta` is what each agent said of itself."""
        degraded = any(agent["degraded"] for agent in meta.values())
        result = "degraded" if degraded else "ok"
        self._analyzed.labels(await self._bid(tenant_id), result).inc()
        self._cost.labels("llm").inc(cost_micros)
        for key, agent in meta.items():
            if agent["source"] in ("llm", "cache"):
                self._cache.labels("hit" if agent["cached"] else "miss").inc()
            if agent["degraded"]:
                self._degraded.labels(key).inc()
            if agent["evidence_ok"] is not None:
                self._evidence.labels("ok" if agent["evidence_ok"] else "unsupported").inc()
            if agent["source"] == "llm":
                provider, _, model = str(agent["engine"]).partition("/")
                seconds = float(str(agent["latency_ms"])) / 1000
                self._llm.labels(provider, model, key).observe(seconds)

    def delivered(self, result: str) -> None:
        """News went to a webhook, or not: ok, failed, skipped."""
        self._deliveries.labels(result).inc()

    async def _bid(self, tenant_id: UUID) -> str:
        return self._metrics.bid(await self._slugs.of(tenant_id))


@dataclass(frozen=True, slots=True)
class CallWatcher:
    """Counts runs of jobs, and calls that a stage gave up on."""

    jobs: JobMetrics
    calls: CallCounters

    def ended(self, job: Claimed, outcome: str, seconds: float) -> None:
        """See `Watcher`."""
        self.jobs.ended(job, outcome, seconds)

    def failed(self, job: Claimed, failure: Failure, verdict: Verdict) -> None:
        """See `Watcher`."""
        self.jobs.failed(job, failure, verdict)
        if verdict is Verdict.DEAD and job.queue in list(Stage):
            self.calls.failed(job.queue, failure.code)

    def lost(self, leases: int) -> None:
        """See `Watcher`."""
        self.jobs.lost(leases)
