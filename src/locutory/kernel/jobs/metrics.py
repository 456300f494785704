"""What the job engine counts."""

from sqlalchemy import text

from locutory.kernel.db.session import Session
from locutory.kernel.jobs.contract import Claimed, Failure
from locutory.kernel.jobs.policy import Verdict
from locutory.kernel.jobs.queue import FENCED
from locutory.kernel.telemetry.metrics import Metrics


class JobMetrics:
    """Counters of runs and their length, by queue and outcome."""

    def __init__(self, metrics: Metrics) -> None:
        self._runs = metrics.counter(
            "jobs_total",
            "Runs of jobs: `ok`, `lost`, `cancelled` or a class of error",
            ("stage", "result"),
        )
        self._seconds = metrics.histogram(
            "stage_duration_seconds", "Length of a job's run", ("stage",)
        )
        self._retried = metrics.counter(
            "jobs_retried_total", "Failed runs of jobs that are tried again", ("class",)
        )
        self._lost = metrics.counter(
            "job_leases_lost_total", "Leases that ran out, counted by whoever found them"
        )

    def ended(self, job: Claimed, outcome: str, seconds: float) -> None:
        """Note a run; `outcome` is ok, lost, cancelled or an error class."""
        self._runs.labels(job.queue, outcome).inc()
        self._seconds.labels(job.queue).observe(seconds)

    def failed(self, _job: Claimed, failure: Failure, verdict: Verdict) -> None:
        """Note what a failure led to."""
        if verdict is Verdict.RETRY:
            self._retried.labels(failure.cls).inc()

    def lost(self, leases: int) -> None:
        """Note leases that ran out: their workers died or stood still."""
        self._lost.inc(leases)


_DEPTHS = text(
    " UNION ALL ".join(
        f"SELECT t.slug AS bid, j.queue, '{state}' AS state, count(*) AS n FROM kernel_job j "
        f"JOIN kernel_tenant t ON t.id = j.tenant_id WHERE j.state = '{state}' "
        "GROUP BY t.slug, j.queue"
        for state in ("queued", "delayed", "running", "dead")
    )
)


_HELD = text(
    "SELECT t.slug AS bid, g.queue, g.state, coalesce(g.error_class, '') FROM kernel_job_gate g "
    "JOIN kernel_tenant t ON t.id = g.tenant_id"
)


class QueueDepth:
    """How many jobs stand where and what is held, read when somebody asks for the metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._depth = metrics.gauge(
            "queue_depth",
            "Jobs queued, delayed, running and dead (all processes)",
            ("bid", "stage", "state"),
        )
        self._dead = metrics.gauge("dlq_depth", "Dead letters (all processes)", ("bid", "stage"))
        self._held = metrics.gauge(
            "stage_held",
            "1 while a stage (`*`: all) is paused, blocked or let through `once` (all processes)",
            ("bid", "stage", "state", "class"),
        )

    async def refresh(self, session: Session) -> None:
        """Count anew; what is empty now disappears."""
        rows = await session.execute(_DEPTHS, execution_options=FENCED)
        held = await session.execute(_HELD, execution_options=FENCED)
        self._depth.clear()
        self._dead.clear()
        self._held.clear()
        for bid, stage, state, count in rows:
            label = self._metrics.bid(bid)
            self._depth.labels(label, stage, state).inc(count)
            if state == "dead":
                self._dead.labels(label, stage).inc(count)
        for bid, stage, state, error_class in held:
            self._held.labels(self._metrics.bid(bid), stage, state, error_class).set(1)
