"""Watched folders: looked at each minute, each recording taken once, whatever dies meanwhile.

What a look decides is committed before a file is moved: a move that did not happen is made up
for by the next look, and a file that is offered again is the same call by its content and name.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import delete, update

from locutory.kernel.audit import audit
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import Tenant, TenantStatus
from locutory.kernel.clock import rfc3339, utc_now
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Database, Session
from locutory.kernel.errors import ErrorClass, LocutoryError
from locutory.kernel.failpoints import failpoint
from locutory.kernel.jobs import Claimed, Context, Failure
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline.contract import BacklogFull
from locutory.products.calls.pipeline.service.backlog import Backlog
from locutory.products.calls.records.contract import Direction
from locutory.products.calls.records.counting import CallCounters
from locutory.products.calls.sources import queries
from locutory.products.calls.sources.contract import (
    After,
    CallOffer,
    FileState,
    FolderNotAllowed,
    Outcome,
    Taken,
)
from locutory.products.calls.sources.gathering import Folder, gathered
from locutory.products.calls.sources.looking import Patience, Plan, Ready, planned
from locutory.products.calls.sources.models import CallSource, IntakeFile
from locutory.products.calls.sources.places import (
    DONE,
    FAILED,
    Entry,
    entered,
    entries,
    put_away,
)
from locutory.products.calls.sources.service import take

T = TypeVar("T")


class Write(Protocol):
    """A write of the one who looks: fenced for a job, plain for the command line."""

    async def __call__(self, fn: Callable[[Session], Awaitable[T]]) -> T:
        """Run `fn` in a transaction."""
        ...


@dataclass(slots=True)
class Looked:
    """What a look came to."""

    taken: int = 0
    duplicates: int = 0
    refused: int = 0
    waiting: int = 0
    held: str | None = None
    error: str | None = None
    callids: list[str] = field(default_factory=list)

    def health(self, now: datetime) -> dict[str, Any]:
        """As the source shows it."""
        return {
            "looked_at": rfc3339(now),
            "taken": self.taken,
            "duplicates": self.duplicates,
            "refused": self.refused,
            "waiting": self.waiting,
            "held": self.held,
            "error": self.error,
        }


async def look(ctx: Context) -> None:
    """The job of one look."""
    source_id = UUID(ctx.payload["source_id"])
    looked = await look_once(ctx.db, ctx.services, source_id, ctx.write)

    async def end(tx: Session) -> None:
        values: dict[str, Any] = {"looks": CallSource.looks + 1}
        if looked is not None:
            values["health"] = looked.health(utc_now())
        await tx.execute(update(CallSource).where(CallSource.id == source_id).values(**values))

    await ctx.finish(end)


async def give_up(tx: Session, job: Claimed, failure: Failure) -> None:
    """Say why there was no look, and let the next one come."""
    looked = Looked(error=f"{failure.code}: {failure.detail}")
    await tx.execute(
        update(CallSource)
        .where(CallSource.id == UUID(job.payload["source_id"]))
        .values(looks=CallSource.looks + 1, health=looked.health(utc_now()))
    )


async def look_once(
    db: Database, services: Services, source_id: UUID, write: Write
) -> Looked | None:
    """Take in what is whole; None where there is nothing to look at (any more)."""
    assert db.tenant_id is not None
    async with db.read() as session:
        source = await queries.find_source(session, source_id)
        tenant = await tenants.find_tenant_by_id(session, db.tenant_id)
        known = await queries.files(session, source_id)
    if source is None or source.path is None or not source.enabled or tenant is None:
        return None
    if tenant.status != TenantStatus.ACTIVE:
        return None
    looked = Looked()
    async with AsyncExitStack() as stack:
        try:
            handle = await opened(stack, services.get(Settings), tenant, source.path)
            found = await asyncio.to_thread(entries, handle)
            look = _Look(source, handle, services, write, looked)
            await look.go_through(found, known)
        except FolderNotAllowed as error:
            looked.error = f"{error.error_code}: {error.detail}"
        except OSError as error:
            looked.error = f"FOLDER_UNUSABLE: {error.strerror}: {source.path}"
    return looked


async def opened(stack: AsyncExitStack, settings: Settings, tenant: Tenant, path: str) -> int:
    """The open folder, closed with the stack. Raises FolderNotAllowed, OSError."""
    way_in = entered(settings.intake.folders, tenant.slug, path)
    handle = await asyncio.to_thread(way_in.__enter__)
    stack.push(lambda *_: way_in.__exit__(None, None, None))
    return handle


@dataclass(slots=True)
class _Look:
    """One look at one folder."""

    source: CallSource
    handle: int
    services: Services
    write: Write
    looked: Looked

    async def go_through(self, found: Iterable[Entry], known: dict[str, IntakeFile]) -> None:
        intake, now = self.services.get(Settings).intake, utc_now()
        patience = Patience(settle_s=intake.settle_s, sidecar_wait_s=intake.sidecar_wait_s)
        plan = planned(found, known, now, patience, self.source.since)
        self.looked.waiting = plan.waiting + max(0, len(plan.ready) - intake.files_per_look)
        if plan.noted or plan.steady or plan.gone:
            await self.write(lambda tx: self._note(tx, plan, known, now))
        put: dict[str, str | None] = {name: known[name].reason for name in plan.settled}
        for entry, why in plan.refused:
            if entry.name in known:
                await self._refuse(entry.name, why)
            self.looked.refused += 1
            put[entry.name] = why
        for ready in plan.ready[: intake.files_per_look]:
            try:
                await self.services.get(Backlog).require_room(self.source.tenant_id)
            except BacklogFull as error:
                self.looked.held = error.error_code
                break
            put |= await self._take_in(ready)
        if self.source.after == After.MOVE:
            for name, reason in put.items():
                where = DONE if reason is None else FAILED
                await asyncio.to_thread(put_away, self.handle, name, where, reason)
            if put:  # the next file of such a name is another one
                await self.write(lambda tx: self._forget(tx, list(put)))

    async def _take_in(self, ready: Ready) -> dict[str, str | None]:
        """The names that are done with, each with the reason if it was refused."""
        folder = Folder(
            handle=self.handle,
            tenant_id=self.source.tenant_id,
            direction=Direction(self.source.direction),
        )
        names = [e.name for e in (ready.recording, ready.sidecar) if e is not None]
        try:
            offer = await gathered(folder, ready, self.services)
        except LocutoryError as error:
            if error.cls is not ErrorClass.PERMANENT_INPUT:
                raise
            why = f"{error.error_code}: {error.detail}"
            for name in names:  # a transcript alone would wait for a recording in vain
                await self._refuse(name, why)
            self.looked.refused += 1
            return dict.fromkeys(names, why)
        if offer is None:
            self.looked.waiting += 1
            return {}
        failpoint("calls.ingest.files_kept")
        taken = await self.write(lambda tx: self._register(tx, offer, names))
        failpoint("calls.ingest.committed")
        if taken.outcome is Outcome.CREATED:
            self.looked.taken += 1
            counters = self.services.get(CallCounters)
            await counters.synced(self.source.tenant_id, "folder", 1)
        else:
            self.looked.duplicates += 1
        self.looked.callids.append(taken.callid)
        return dict.fromkeys(names)

    async def _register(self, tx: Session, offer: CallOffer, names: list[str]) -> Taken:
        secrets = self.services.get(Secrets)
        taken = (await take(tx, [offer], actor=actor_of(self.source.id), secrets=secrets))[0]
        await tx.execute(
            update(IntakeFile)
            .where(IntakeFile.source_id == self.source.id, IntakeFile.name.in_(names))
            .values(state=FileState.TAKEN, callid=taken.callid, reason=None)
        )
        return taken

    async def _refuse(self, name: str, why: str) -> None:
        source_id = self.source.id

        async def store(tx: Session) -> None:
            await tx.execute(
                update(IntakeFile)
                .where(IntakeFile.source_id == source_id, IntakeFile.name == name)
                .values(state=FileState.REFUSED, reason=why)
            )
            code = why.partition(":")[0]
            await audit(
                tx,
                actor=actor_of(source_id),
                action="source.refuse",
                object=f"source:{source_id}",
                code=code,
            )

        await self.write(store)

    async def _note(
        self, tx: Session, plan: Plan, known: dict[str, IntakeFile], now: datetime
    ) -> None:
        """Remember first sights, changes and second looks; forget what is gone."""
        of_source = IntakeFile.source_id == self.source.id
        for entry in plan.noted:
            seen: dict[str, Any] = {
                "size_bytes": entry.size_bytes,
                "mtime_ns": entry.mtime_ns,
                "state": FileState.SEEN,
                "seen_at": now,
                "steady_since": None,
                "callid": None,
                "reason": None,
            }
            if entry.name in known:
                of_name = IntakeFile.name == entry.name
                await tx.execute(update(IntakeFile).where(of_source, of_name).values(**seen))
            else:
                tx.add(IntakeFile(source_id=self.source.id, name=entry.name, **seen))
        for names in _portions([entry.name for entry in plan.steady]):
            named = IntakeFile.name.in_(names)
            await tx.execute(update(IntakeFile).where(of_source, named).values(steady_since=now))
        await self._forget(tx, plan.gone)

    async def _forget(self, tx: Session, gone: list[str]) -> None:
        of_source = IntakeFile.source_id == self.source.id
        storable = [name for name in gone if name.isprintable()]
        for names in _portions(storable):
            await tx.execute(delete(IntakeFile).where(of_source, IntakeFile.name.in_(names)))


def actor_of(source_id: UUID) -> str:
    """A source's name in the audit log."""
    return f"source:{source_id}"


def _portions(names: list[str], size: int = 500) -> Iterable[list[str]]:
    return (names[at : at + size] for at in range(0, len(names), size))
