"""Walking a source's past: old recordings come in behind the fresh ones, as often as one likes."""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update

from locutory.kernel.audit import audit
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import Tenant
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.kernel.errors import ErrorClass, LocutoryError
from locutory.kernel.failpoints import failpoint
from locutory.kernel.jobs import Claimed, Context, Failure, JobSpec, enqueue
from locutory.kernel.jobs.contract import Priority
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline.service.backlog import Backlog
from locutory.products.calls.records.contract import Direction
from locutory.products.calls.records.counting import CallCounters
from locutory.products.calls.records.queries import existing
from locutory.products.calls.sources import queries
from locutory.products.calls.sources.contract import (
    BACKFILL,
    BackfillState,
    NothingToWalk,
    Outcome,
    SourceNotFound,
)
from locutory.products.calls.sources.gathering import Folder, callid_in, gathered
from locutory.products.calls.sources.looking import Ready, is_sidecar, sidecar_of
from locutory.products.calls.sources.models import CallBackfill, CallSource
from locutory.products.calls.sources.places import Entry, entries
from locutory.products.calls.sources.service import take
from locutory.products.calls.sources.source_schemas import BackfillCreate, BackfillRead
from locutory.products.calls.sources.tablewalk import MOST_FAULTS, walk_table
from locutory.products.calls.sources.watching import opened


async def request(tx: Session, data: BackfillCreate, *, actor: str) -> BackfillRead:
    """Ask for a walk; it begins with the commit. Raises SourceNotFound, NothingToWalk."""
    source = await queries.get_source(tx, data.source_id)
    if source.path is None and source.place_enc is None:
        raise NothingToWalk
    row = CallBackfill(
        source_id=source.id,
        from_=data.from_,
        to=data.to,
        dry_run=data.dry_run,
        state=BackfillState.QUEUED,
        created_by=actor,
    )
    tx.add(row)
    await tx.flush()
    await enqueue(tx, JobSpec(kind=BACKFILL, payload={"backfill_id": str(row.id)}))
    await audit(
        tx,
        actor=actor,
        action="calls.backfill",
        object=f"backfill:{row.id}",
        source=str(source.id),
        dry_run=data.dry_run,
    )
    return BackfillRead.model_validate(row)


async def backfill(ctx: Context) -> None:
    """The job of a walk; it goes on after the last file or row that was counted."""
    backfill_id = UUID(ctx.payload["backfill_id"])
    assert ctx.db.tenant_id is not None
    async with ctx.db.read() as session:
        row = await queries.get_backfill(session, backfill_id)
        source = await queries.find_source(session, row.source_id)
        tenant = await tenants.find_tenant_by_id(session, ctx.db.tenant_id)
    if row.finished_at is not None:
        return
    if source is None or tenant is None:
        raise SourceNotFound("the source was deleted while its past was walked")
    if source.place_enc is not None:
        await ctx.write(lambda tx: _set(tx, backfill_id, state=BackfillState.RUNNING))
        await walk_table(ctx, row, source)
    else:
        await _walk_folder(ctx, row, source, tenant)
    await ctx.finish(
        lambda tx: _set(tx, backfill_id, state=BackfillState.DONE, finished_at=utc_now())
    )


async def _walk_folder(ctx: Context, row: CallBackfill, source: CallSource, tenant: Tenant) -> None:
    """Take in the files of the range, going on behind the last name that was counted."""
    assert source.path is not None
    backfill_id = row.id
    settings = ctx.services.get(Settings)
    async with AsyncExitStack() as stack:
        handle = await opened(stack, settings, tenant, source.path)
        found = await asyncio.to_thread(entries, handle)
        whole_before = utc_now() - timedelta(seconds=settings.intake.settle_s)
        chosen = list(_chosen(found, row, whole_before))
        left = [ready for ready in chosen if ready.recording.name > row.position]
        await ctx.write(
            lambda tx: _set(tx, backfill_id, state=BackfillState.RUNNING, files=len(chosen))
        )
        folder = Folder(handle=handle, tenant_id=tenant.id, direction=Direction(source.direction))
        walk = _Walk(ctx, backfill_id, source, folder, row.dry_run)
        for number, ready in enumerate(left, start=len(chosen) - len(left) + 1):
            await walk.step(ready)
            ctx.progress(number, len(chosen), ready.recording.name)


async def give_up(tx: Session, job: Claimed, failure: Failure) -> None:
    """Say why the walk ended early, in the transaction that gives up."""
    await _set(
        tx,
        UUID(job.payload["backfill_id"]),
        state=BackfillState.FAILED,
        error=f"{failure.code}: {failure.detail}"[:500],
        finished_at=utc_now(),
    )


def _chosen(found: Iterable[Entry], row: CallBackfill, whole_before: datetime) -> Iterable[Ready]:
    """The recordings of the range by name, each with its transcript."""
    regular = [entry for entry in found if entry.regular and entry.name.isprintable()]
    sidecars = {entry.name: entry for entry in regular if is_sidecar(entry.name)}
    first, end = (moment.timestamp() * 1e9 for moment in (row.from_, min(row.to, whole_before)))
    for entry in regular:
        if entry.name not in sidecars and first <= entry.mtime_ns < end:
            yield Ready(entry, sidecar_of(entry.name, sidecars))


@dataclass(slots=True)
class _Walk:
    """One recording after the other; each is counted in the transaction that takes it in."""

    ctx: Context
    backfill_id: UUID
    source: CallSource
    folder: Folder
    dry_run: bool

    async def step(self, ready: Ready) -> None:
        services = self.ctx.services
        name = ready.recording.name
        try:
            if self.dry_run:
                callid = await callid_in(self.folder, ready, services)
                await self.ctx.write(lambda tx: self._count(tx, name, callid))
                return
            await services.get(Backlog).require_room(self.folder.tenant_id)
            offer = await gathered(self.folder, ready, services)
        except LocutoryError as error:
            if error.cls is not ErrorClass.PERMANENT_INPUT:
                raise
            fault = {"name": name, "code": error.error_code, "detail": error.detail}
            await self.ctx.write(lambda tx: self._refuse(tx, name, fault))
            return
        if offer is None:  # it changed while it was read: a look will take it when it is whole
            await self.ctx.write(lambda tx: self._move_on(tx, name))
            return
        taken_in = offer

        async def store(tx: Session) -> bool:
            taken = await take(
                tx,
                [taken_in],
                actor=f"source:{self.source.id}",
                secrets=services.get(Secrets),
                priority=Priority.BACKFILL,
            )
            new = taken[0].outcome is Outcome.CREATED
            await self._move_on(tx, name, "created" if new else "duplicates")
            return new

        failpoint("calls.ingest.files_kept")
        new = await self.ctx.write(store)
        failpoint("calls.ingest.committed")
        await services.get(CallCounters).synced(self.folder.tenant_id, "backfill", int(new))

    async def _count(self, tx: Session, name: str, callid: str | None) -> None:
        if callid is None:
            await self._move_on(tx, name)
            return
        there = await existing(tx, [callid])
        await self._move_on(tx, name, "duplicates" if there else "created")

    async def _refuse(self, tx: Session, name: str, fault: dict[str, str]) -> None:
        row = await queries.get_backfill(tx, self.backfill_id)
        row.faults = [*row.faults, fault][:MOST_FAULTS]
        await tx.flush()
        await self._move_on(tx, name, "refused")

    async def _move_on(self, tx: Session, name: str, counted: str | None = None) -> None:
        values: dict[str, Any] = {"position": name}
        if counted is not None:
            values[counted] = getattr(CallBackfill, counted) + 1
        await _set(tx, self.backfill_id, **values)


async def _set(tx: Session, backfill_id: UUID, **values: Any) -> None:
    await tx.execute(update(CallBackfill).where(CallBackfill.id == backfill_id).values(**values))
