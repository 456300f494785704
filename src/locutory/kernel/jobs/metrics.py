"""What the job engine counts."""

from locutory.kernel.jobs.contract import Claimed
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
