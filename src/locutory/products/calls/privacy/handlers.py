"""The jobs of privacy."""

from locutory.kernel.jobs import JobKind
from locutory.products.calls.privacy.contract import ERASE_TRACES, QUEUE
from locutory.products.calls.privacy.service import traces

JOBS = (
    JobKind(
        kind=ERASE_TRACES,
        queue=QUEUE,
        handler=traces.erase_traces,
        max_attempts=20,
        timeout_s=3600,
        on_dead=traces.give_up,
    ),
)
