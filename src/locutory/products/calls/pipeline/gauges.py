"""What the pipeline shows to whoever watches from outside."""

from locutory.kernel.db import Session
from locutory.kernel.jobs.depths import totals
from locutory.kernel.settings import Settings
from locutory.kernel.telemetry.metrics import Metrics
from locutory.products.calls.pipeline.service.workers import scales


class PipelineGauges:
    """Gauges that are read when somebody asks for the metrics."""

    def __init__(self, metrics: Metrics, settings: Settings) -> None:
        self._settings = settings
        self._oldest = metrics.gauge(
            "queue_oldest_age_seconds", "Age of the oldest job that is ready", ("stage",)
        )
        self._slots = metrics.gauge("worker_slots", "Slots of living workers", ("stage", "state"))
        self._desired = metrics.gauge(
            "desired_workers", "Worker processes that the backlog wants", ("stage",)
        )

    async def refresh(self, session: Session) -> None:
        """Read anew; what is empty now disappears."""
        waiting = await totals(session)
        self._oldest.clear()
        for stage, total in waiting.items():
            self._oldest.labels(stage).set(total.oldest_age_s)
        for stage, scale in (await scales(session, self._settings)).items():
            self._slots.labels(stage, "all").set(scale.slots)
            self._desired.labels(stage).set(scale.desired_workers)
