"""Working the queues without serving HTTP: all of them, or some stages of some businesses."""

import asyncio
import signal
from collections.abc import Sequence
from uuid import UUID

from prometheus_client import start_http_server

from locutory.app import Server, compose
from locutory.kernel.auth import queries as businesses
from locutory.kernel.auth.contract import TenantNotFound
from locutory.kernel.errors import InvalidError
from locutory.kernel.settings import Settings


async def run_worker(
    settings: Settings,
    *,
    queues: Sequence[str] = (),
    bids: Sequence[str] = (),
    metrics_at: tuple[str, int] | None = None,
    continuous: bool = True,
) -> int:
    """Work until told to stop, or until nothing is left to run; return how many runs that took.

    Without `queues` all, without `bids` those of everybody; `metrics_at` (address, port) serves
    /metrics of this process. Raises InvalidError for an unknown queue, TenantNotFound.
    """
    server = compose(settings)
    unknown = sorted(set(queues) - set(server.registry.queues))
    if unknown:
        known = ", ".join(sorted(server.registry.queues))
        raise InvalidError(f"there is no queue {unknown[0]}; there are {known}")
    serving = None
    if metrics_at is not None:
        serving, _ = start_http_server(metrics_at[1], metrics_at[0], server.metrics.registry)
    everything = continuous and not queues and not bids
    try:
        async with server.running(work=everything):
            if everything:
                await until_told()
                return 0
            tenants = await _tenants(server, bids)
            if not continuous:
                return await server.worker(queues=queues, tenants=tenants).drain()
            stop = asyncio.Event()
            working = asyncio.create_task(server.work(stop, queues=queues, tenants=tenants))
            await until_told()
            stop.set()
            await working
            return 0
    finally:
        if serving is not None:
            serving.shutdown()


async def _tenants(server: Server, bids: Sequence[str]) -> frozenset[UUID] | None:
    if not bids:
        return None
    found = set()
    async with server.storage.read(None) as session:
        for bid in bids:
            tenant = await businesses.find_tenant(session, bid)
            if tenant is None:
                raise TenantNotFound
            found.add(tenant.id)
    return frozenset(found)


async def until_told() -> None:
    """Return at SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
