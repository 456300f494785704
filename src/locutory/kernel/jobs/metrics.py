"""What the job engine counts."""

from sqlalchemy import text

from locutory.kernel.db.session import Session
from locutory.kernel.jobs.contract import Claimed
from locutory.kernel.jobs.queue import FENCED
from locutory.kernel.telemetry.metrics import Metrics


class JobMetrics:
    """Counters of runs and their length, by queue and outcome."""

    def __init__(self, metrics: Metrics) -> None:
        self._runs = metrics.counter("jobs_total", "Runs of jobs", ("stage", "result"))
        self._seconds = metrics.histogram(
            "stage_duration_seconds", "Length of a job's run", ("stage",)
        )
        self._retried = metrics.counter("jobs_retried_total", "Failed runs of jobs", ("class",))
        self._lost = metrics.counter("job_leases_lost_total", "Runs whose lease ran out")

    def ended(self, job: Claimed, outcome: str, seconds: float) -> None:
        """Note a run; `outcome` is ok, lost, cancelled or an error class."""
        self._runs.labels(job.queue, outcome).inc()
        self._seconds.labels(job.queue).observe(seconds)
        if outcome == "lost":
            self._lost.inc()
        elif outcome not in ("ok", "cancelled"):
            self._retried.labels(outcome).inc()


_DEPTHS = text(
    " UNION ALL ".join(
        f"SELECT t.slug AS bid, j.queue, '{state}' AS state, count(*) AS n FROM kernel_job j "
        f"JOIN kernel_tenant t ON t.id = j.tenant_id WHERE j.state = '{state}' "
        "GROUP BY t.slug, j.queue"
        for state in ("queued", "delayed", "running", "dead")
    )
)


class QueueDepth:
    """How many jobs stand where, read when somebody asks for the metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._depth = metrics.gauge(
            "queue_depth", "Jobs that have not ended well", ("bid", "stage", "state")
        )
        self._dead = metrics.gauge("dlq_depth", "Dead letters", ("bid", "stage"))

    async def refresh(self, session: Session) -> None:
        """Count anew; what is empty now disappears."""
        rows = await session.execute(_DEPTHS, execution_options=FENCED)
        self._depth.clear()
        self._dead.clear()
        for bid, stage, state, count in rows:
            label = self._metrics.bid(bid)
            self._depth.labels(label, stage, state).inc(count)
            if state == "dead":
                self._dead.labels(label, stage).inc(count)
