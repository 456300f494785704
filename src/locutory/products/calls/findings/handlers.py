"""The jobs of findings."""

from locutory.kernel.jobs import JobKind
from locutory.products.calls.findings import service
from locutory.products.calls.findings.contract import RECLASSIFY, RECLASSIFY_QUEUE

JOBS = (
    JobKind(
        kind=RECLASSIFY,
        queue=RECLASSIFY_QUEUE,
        handler=service.reclassify,
        max_attempts=5,
        timeout_s=900,
        on_dead=service.fail,
    ),
)
