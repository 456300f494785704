"""The jobs of privacy."""

from locutory.kernel.jobs import JobKind
from locutory.products.calls.privacy.contract import ERASE_TRACES, QUEUE, RETAIN, ROUND
from locutory.products.calls.privacy.service import retention, traces

JOBS = (
    JobKind(
        kind=ERASE_TRACES,
        queue=QUEUE,
        handler=traces.erase_traces,
        max_attempts=20,
        timeout_s=3600,
        on_dead=traces.give_up,
    ),
    JobKind(kind=ROUND, queue=QUEUE, handler=retention.go_round, timeout_s=300),
    JobKind(kind=RETAIN, queue=QUEUE, handler=retention.retain, timeout_s=3600),
)
