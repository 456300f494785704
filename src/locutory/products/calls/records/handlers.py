"""The jobs of calls' records."""

from locutory.kernel.jobs import JobKind
from locutory.products.calls.records.contract import BULK, DROP_FILES, ERASE
from locutory.products.calls.records.service import deleting, many

JOBS = (
    JobKind(kind=ERASE, queue="chores", handler=deleting.erase, max_attempts=10, timeout_s=300),
    JobKind(kind=DROP_FILES, queue="chores", handler=deleting.drop_files, max_attempts=10),
    JobKind(kind=BULK, queue="chores", handler=many.work, max_attempts=10, timeout_s=3600),
)
