"""The jobs of businesses."""

from locutory.kernel.jobs import JobKind
from locutory.products.calls.businesses import purge
from locutory.products.calls.businesses.contract import PURGE

JOBS = (
    JobKind(
        kind=PURGE, queue="chores", handler=purge.purge_business, max_attempts=10, timeout_s=3600
    ),
)
