"""Looking after a business's pipeline from the command line."""

from rich.console import Console
from rich.table import Table

from locutory.app import compose
from locutory.capabilities.knowledge.api import Knowledge, forget_place
from locutory.cli.intake import business_of
from locutory.kernel.auth import queries as tenants
from locutory.kernel.errors import InvalidError
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline import service
from locutory.products.calls.pipeline.contract import Action
from locutory.products.calls.pipeline.schemas import (
    Controlled,
    LetterSelect,
    Overrides,
    PipelineStatus,
    Redriven,
)
from locutory.products.calls.records.contract import Stage
from locutory.products.calls.sources.operator import OPERATOR

_TENANTS = 200


async def run_control(
    settings: Settings, bid: str, action: Action, stage: Stage | None
) -> Controlled:
    """Tell a stage, or all. Raises TenantNotFound, StageDisabled."""
    async with compose(settings).running(work=False) as server:
        return await service.control(await business_of(server, bid), action, stage, actor=OPERATOR)


async def run_redrive(
    settings: Settings, bid: str, select: LetterSelect, overrides: Overrides
) -> Redriven:
    """Queue dead jobs again. Raises TenantNotFound."""
    async with compose(settings).running(work=False) as server:
        db = await business_of(server, bid)
        return await service.redrive_many(db, server.services, select, overrides, actor=OPERATOR)


async def run_forget_copies(settings: Settings, place: str) -> int:
    """Take a store of vectors off every business's list. Raises InvalidError for the one set."""
    async with compose(settings).running(work=False) as server:
        outside = server.services.get(Knowledge).outside
        if outside is not None and outside.store.place == place:
            raise InvalidError("this store is set: its copies are kept level")
        kernel, after, count = server.storage.database(), None, 0
        while True:
            async with kernel.read() as session:
                found = await tenants.list_tenants(session, after=after, limit=_TENANTS)
            for tenant in found[:_TENANTS]:
                db = server.storage.database(tenant.id)
                count += await db.write(lambda tx: forget_place(tx, place, actor=OPERATOR))
            if len(found) <= _TENANTS:
                return count
            after = found[_TENANTS - 1].slug, found[_TENANTS - 1].id


async def run_status(settings: Settings, bid: str) -> PipelineStatus:
    """How a business's calls stand. Raises TenantNotFound."""
    async with compose(settings).running(work=False) as server:
        return await service.status(await business_of(server, bid), server.services)


def print_status(status: PipelineStatus) -> None:
    """A table of the stages, and what holds them up."""
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("stage", "ready", "running", "waiting", "retry", "dead", "oldest"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for stage, depth in status.queues.items():
        age = "" if depth.oldest_age_s is None else f"{depth.oldest_age_s:.0f} s"
        counts = (depth.ready, depth.running, depth.waiting, depth.retry, depth.dead)
        name = f"{stage} (half its slots)" if depth.braked else stage
        table.add_row(name, *map(str, counts), age)
    console.print(table)
    calls = ", ".join(f"{count} {name}" for name, count in status.status_counts.items())
    console.print(f"calls: {calls}", highlight=False)
    for reason in status.blocked_reasons:
        console.print(f"{reason.stage} is {reason.state}: {reason.code} {reason.detail}")
    for alert in status.alerts:
        console.print(f"{alert.severity}: {alert.key} {alert.about}: {alert.detail}")
    if not status.workers:
        console.print("nobody works the queues: locutory serve, or locutory worker")
