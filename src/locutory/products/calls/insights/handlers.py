"""The jobs that make all vectors of a business anew, and that copy them to a store outside."""

from locutory.capabilities.knowledge.api import give_up_reindex, go_round, run_copy, run_reindex
from locutory.capabilities.knowledge.contract import COPIES, COPY, REINDEX
from locutory.kernel.jobs import JobKind

JOBS = (
    JobKind(
        kind=REINDEX,
        queue="reindex",
        handler=run_reindex,
        max_attempts=8,
        timeout_s=4 * 3600,
        on_dead=give_up_reindex,
    ),
    JobKind(kind=COPIES, queue="copies", handler=go_round, timeout_s=300),
    JobKind(kind=COPY, queue="copies", handler=run_copy, timeout_s=4 * 3600),
)
