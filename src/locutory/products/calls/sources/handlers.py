"""The jobs of the intake."""

from locutory.kernel.jobs import JobKind
from locutory.products.calls.sources import backfilling, polling, rounds, watching
from locutory.products.calls.sources.contract import BACKFILL, LOOK, POLL, QUEUE, WATCH_FOLDERS

JOBS = (
    JobKind(
        kind=WATCH_FOLDERS,
        queue=QUEUE,
        handler=rounds.watch_sources,
        max_attempts=1,
        timeout_s=300,
    ),
    JobKind(
        kind=LOOK,
        queue=QUEUE,
        handler=watching.look,
        max_attempts=3,
        timeout_s=3600,
        on_dead=watching.give_up,
    ),
    JobKind(
        kind=POLL,
        queue=QUEUE,
        handler=polling.poll,
        max_attempts=3,
        timeout_s=3600,
        on_dead=polling.give_up,
    ),
    JobKind(
        kind=BACKFILL,
        queue=QUEUE,
        handler=backfilling.backfill,
        max_attempts=6,
        timeout_s=6 * 3600,
        on_dead=backfilling.give_up,
    ),
)
