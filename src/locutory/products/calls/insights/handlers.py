"""The job that makes all vectors of a business anew."""

from locutory.capabilities.knowledge.api import give_up_reindex, run_reindex
from locutory.capabilities.knowledge.contract import REINDEX
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
)
