"""Whether somebody does the work: told by a server that may itself have no worker."""

from locutory.kernel.db import Storage
from locutory.kernel.errors import ErrorClass, LocutoryError
from locutory.kernel.jobs.contract import Registry
from locutory.kernel.jobs.depths import served_queues, unserved
from locutory.kernel.telemetry.health import Check


class QueuesUnserved(LocutoryError):
    """Work waits and nobody does it; start `locutory worker`, or `locutory serve` with work."""

    status, code, cls = 503, "QUEUES_UNSERVED", ErrorClass.TRANSIENT_NETWORK


def workers_check(storage: Storage, registry: Registry, silent_s: float) -> Check:
    """Fails while work has been ready for `silent_s` in a queue that no living worker serves.

    Alerts come from a job, so that without any worker there would be none to tell of that.
    """

    async def check() -> dict[str, list[str]]:
        async with storage.read(None) as session:
            if await unserved(session, registry.queues, silent_s):
                raise QueuesUnserved
            return {"served": sorted(await served_queues(session, silent_s))}

    return check
