"""The minute's round: every folder is looked at, every source database is read."""

from uuid import UUID

from locutory.kernel.audit import audit
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import TenantStatus
from locutory.kernel.db import Database, Session
from locutory.kernel.jobs import Context, JobSpec, enqueue
from locutory.kernel.jobs.queue import hurry
from locutory.kernel.settings import Settings
from locutory.products.calls.sources import queries
from locutory.products.calls.sources.contract import LOOK
from locutory.products.calls.sources.polling import poll_key, poll_of

_TENANTS = 200


async def watch_sources(ctx: Context) -> None:
    """Go round all businesses; a source whose last look still runs is left to it."""
    folders = bool(ctx.services.get(Settings).intake.folders)
    after: tuple[str, UUID] | None = None
    while True:
        async with ctx.db.read() as session:
            found = await tenants.list_tenants(session, after=after, limit=_TENANTS)
        for tenant in found[:_TENANTS]:
            if tenant.status == TenantStatus.ACTIVE:
                await ask_for_looks(ctx.db.bound_to(tenant.id), folders=folders)
        if len(found) <= _TENANTS:
            return
        after = (found[_TENANTS - 1].slug, found[_TENANTS - 1].id)


async def ask_for_looks(db: Database, *, actor: str | None = None, folders: bool = True) -> int:
    """Queue a look at each source of a business; return how many these are.

    A person who asks stands in the audit log as `actor`, and does not wait for the next poll: the
    round only sees to it that there is one.
    """
    async with db.read() as session:
        rows = await queries.watched(session) if folders else []
        databases = await queries.polled(session)
    specs = [
        JobSpec(
            kind=LOOK,
            payload={"source_id": str(row.id)},
            dedupe_key=f"look:{row.id}:{row.looks}",
        )
        for row in rows
    ]
    specs += [poll_of(source) for source in databases]

    async def queue(tx: Session) -> None:
        for spec in specs:
            await enqueue(tx, spec)
        if actor is not None:
            await hurry(tx, *map(poll_key, databases))
            await audit(tx, actor=actor, action="source.sync", object=f"{len(specs)} sources")

    if specs or actor is not None:
        await db.write(queue)
    return len(specs)
