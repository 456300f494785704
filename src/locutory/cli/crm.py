"""Reading leads from CRMs at the command line."""

import asyncio
from collections.abc import Sequence
from typing import Any

from locutory.app import Server, compose
from locutory.cli.working import until_told
from locutory.kernel.auth import queries as businesses
from locutory.kernel.auth.contract import Tenant, TenantNotFound
from locutory.kernel.settings import Settings
from locutory.products.calls.crm.queries import find_connection
from locutory.products.calls.crm.syncing import ask_for_sync
from locutory.products.calls.leads.contract import CRM_QUEUE

_TENANTS = 200


async def run_crm_sync(
    settings: Settings, *, bids: Sequence[str], continuous: bool
) -> dict[str, dict[str, Any]]:
    """Sync each business once and return what came of it, or go on until told to stop.

    A worker that lives beside this may do the same work: each sync is done once. Raises
    TenantNotFound.
    """
    async with compose(settings).running(work=False) as server:
        tenants = await _tenants(server, bids)
        for tenant in tenants:
            await ask_for_sync(server.storage.database(tenant.id), now=True)
        only = frozenset(tenant.id for tenant in tenants) if bids else None
        if continuous:
            stop = asyncio.Event()
            working = asyncio.create_task(server.work(stop, queues=[CRM_QUEUE], tenants=only))
            await until_told()
            stop.set()
            await working
            return {}
        await server.worker(queues=[CRM_QUEUE], tenants=only).drain()
        found = {}
        for tenant in tenants:
            async with server.storage.database(tenant.id).read() as session:
                row = await find_connection(session)
            if row is not None and row.enabled and row.health:
                found[tenant.slug] = row.health
        return found


async def _tenants(server: Server, bids: Sequence[str]) -> list[Tenant]:
    """The businesses of these slugs, or all."""
    found: list[Tenant] = []
    async with server.storage.read(None) as session:
        for bid in bids:
            tenant = await businesses.find_tenant(session, bid)
            if tenant is None:
                raise TenantNotFound
            found.append(tenant)
        while not bids:
            after = (found[-1].slug, found[-1].id) if found else None
            page = await businesses.list_tenants(session, after=after, limit=_TENANTS)
            found += page[:_TENANTS]
            if len(page) <= _TENANTS:
                break
    return found
