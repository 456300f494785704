"""Source databases: read by pages, each taken in with its place in one transaction.

A poll that dies between reading and committing leaves nothing; the next one begins at the place
that was committed last, and what it reads a second time is unchanged by its hash. The end of a
poll queues the next one, named by the number of polls before it, so that there is one at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update

from locutory.engines.databases import DatabaseFault, Fault, Query, Rows
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import TenantStatus
from locutory.kernel.clock import rfc3339, utc_now
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Database, Session
from locutory.kernel.failpoints import failpoint
from locutory.kernel.http.client import HttpClient
from locutory.kernel.jobs import Claimed, Context, Failure, JobSpec, enqueue
from locutory.kernel.jobs.depths import queued
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline.models import SyncWatermark
from locutory.products.calls.pipeline.queries import find_watermark
from locutory.products.calls.records.contract import Stage
from locutory.products.calls.records.counting import CallCounters
from locutory.products.calls.sources import queries
from locutory.products.calls.sources.connecting import entered, zone_of
from locutory.products.calls.sources.contract import (
    POLL,
    CallOffer,
    Outcome,
    WatermarkMoved,
)
from locutory.products.calls.sources.mapping import TableMapping
from locutory.products.calls.sources.models import CallSource
from locutory.products.calls.sources.passes import Cursor, MarkUnusable, Table
from locutory.products.calls.sources.refusing import refuse
from locutory.products.calls.sources.service import take_by_age, unchanged
from locutory.products.calls.sources.tablerows import Row, judged
from locutory.products.calls.sources.watching import Write, actor_of

BASE_S, OVERLAP_S, BATCH = 15, 600, 500
BACKLOG_HIGH = "BACKLOG_HIGH"
_LONGEST_S = 300
_LONGEST_REFUSED_S = 900  # a password that is tried too often locks the account
_AFTER_DEATH_S = 300.0
_PAGES = 40
_STALE_POLLS, _STALE_S = 10, 1800

ADVICE: Mapping[str, str] = {
    Fault.HOST: "Let the operator list the host in LOCUTORY_INTAKE__DATABASE_HOSTS.",
    Fault.UNREACHABLE: "See whether the server runs and lets this one in; it is tried again.",
    Fault.TLS: "Mend the server's certificate, or choose another tls for this source.",
    Fault.AUTH: "Give the source the right user and password, and let the account in from here.",
    Fault.DATABASE: "Give the source the right database.",
    Fault.TABLE: "Give the mapping the right table, or let the account read it.",
    Fault.COLUMN: "Mend the mapping; the source's test lists the columns that there are.",
    Fault.GRANT: "GRANT SELECT on the table to the source's account.",
    Fault.TIMEOUT: "Index (updated_at, row_id) in the source, or lower batch_size.",
    Fault.BUSY: "Nothing: it is tried again.",
    Fault.FAILED: "See the server's words; it is tried again.",
}
_TRANSIENT = {Fault.UNREACHABLE, Fault.TIMEOUT, Fault.BUSY, Fault.FAILED}


@dataclass(slots=True)
class Polled:
    """What a poll came to. `more`: the pass has not ended."""

    read: int = 0
    taken: int = 0
    updated: int = 0
    duplicates: int = 0
    refused: int = 0
    held: str | None = None
    error: DatabaseFault | None = None
    more: bool = False
    pause_s: int = BASE_S

    def health(self, now: datetime) -> dict[str, Any]:
        """As the source shows it."""
        error = self.error
        return {
            "looked_at": rfc3339(now),
            "read": self.read,
            "taken": self.taken,
            "updated": self.updated,
            "duplicates": self.duplicates,
            "refused": self.refused,
            "held": self.held,
            "error": None if error is None else f"{error.error_code}: {error.detail}",
            "advice": None if error is None else ADVICE[error.fault],
            "pause_s": self.pause_s,
        }


def watermark_name(source_id: UUID) -> str:
    """What a source's watermark is called."""
    return f"source:{source_id}"


def stale_after_s(source: CallSource) -> int:
    """After so long without an answer a source is stale (calls spec, 13)."""
    return max(_STALE_POLLS * (source.poll_interval_s or BASE_S), _STALE_S)


def poll_key(source: CallSource) -> str:
    """The name of a source's next poll."""
    return f"poll:{source.id}:{source.looks}"


def poll_of(source: CallSource, delay_s: float = 0.0) -> JobSpec:
    """The job of a source's next poll; asking for it twice gives one."""
    payload = {"source_id": str(source.id)}
    return JobSpec(kind=POLL, payload=payload, dedupe_key=poll_key(source), delay_s=delay_s)


async def poll(ctx: Context) -> None:
    """The job of one poll."""
    source_id = UUID(ctx.payload["source_id"])
    polled = await poll_once(ctx.db, ctx.services, source_id, ctx.write)
    await ctx.finish(lambda tx: _end(tx, source_id, polled))


async def give_up(tx: Session, job: Claimed, failure: Failure) -> None:
    """Say why there was no poll, and let the next one come later."""
    fault = DatabaseFault(Fault.FAILED, f"{failure.code}: {failure.detail}", engine="poll")
    polled = Polled(error=fault, pause_s=int(_AFTER_DEATH_S))
    await _end(tx, UUID(job.payload["source_id"]), polled)


async def _end(tx: Session, source_id: UUID, polled: Polled | None) -> None:
    """Note how the poll went, and queue the next one."""
    source = await queries.find_source(tx, source_id)
    if source is None:
        return
    source.looks += 1
    if polled is None or not source.enabled:
        return
    now = utc_now()
    source.health = polled.health(now)
    mark = await find_watermark(tx, watermark_name(source_id))
    if mark is not None:
        if polled.error is not None:
            mark.last_error = source.health["error"]
        elif polled.held is None:
            mark.last_ok_at, mark.last_error = now, None
        # who is held back is not expected to be fresh
        mark.stale_after_s = None if polled.held else stale_after_s(source)
    await tx.flush()
    await enqueue(tx, poll_of(source, 0.0 if polled.more else polled.pause_s))


async def poll_once(
    db: Database, services: Services, source_id: UUID, write: Write
) -> Polled | None:
    """Read on until the pass ends or the poll is long; None where nothing is to be read."""
    assert db.tenant_id is not None
    async with db.read() as session:
        source = await queries.find_source(session, source_id)
        tenant = await tenants.find_tenant_by_id(session, db.tenant_id)
        mark = await find_watermark(session, watermark_name(source_id))
    if source is None or source.place_enc is None or not source.enabled or mark is None:
        return None
    if tenant is None or tenant.status != TenantStatus.ACTIVE:
        return None
    polled = Polled(held=source.health.get("held"))
    reading = _Poll(source, mark, db, services, write, polled)
    try:
        if not await reading.is_held():
            async with entered(source, services) as rows:
                await reading.go_on(await table_of(source, rows), rows)
    except DatabaseFault as error:
        polled.error = error
    except WatermarkMoved:
        polled.more = True
    polled.pause_s = _pause_s(source, polled)
    return polled


def _pause_s(source: CallSource, polled: Polled) -> int:
    base = source.poll_interval_s or BASE_S
    longer = 2 * (source.health.get("pause_s") or base)
    if polled.error is not None:
        transient = polled.error.fault in _TRANSIENT
        longest = _LONGEST_S if transient else _LONGEST_REFUSED_S
        return min(longer, max(base, longest)) if source.health.get("error") else base
    if polled.more or polled.held or polled.taken or polled.updated or not source.health:
        return base
    return base if source.health.get("error") else min(longer, max(base, _LONGEST_S))


async def table_of(source: CallSource, rows: Rows) -> Table:
    """The source's table as it is now. Raises DatabaseFault for what the mapping has wrong."""
    mapping = TableMapping.model_validate(source.mapping)
    columns = {c.name: c for c in await rows.columns(mapping.table, mapping.schema_name)}
    missing = [name for name in mapping.named() if name not in columns]
    if missing:
        await _require_sight(rows, mapping, missing)
        there = ", ".join(columns) or "none"
        words = f"no column {', '.join(missing)}; there are {there}"
        raise DatabaseFault(Fault.COLUMN, words[:500], engine=source.kind)
    changes = None if mapping.updated_at is None else columns[mapping.updated_at]
    if changes is not None and not changes.is_time:
        words = f"{changes.name} is {changes.type}, no date and time; leave updated_at out"
        raise DatabaseFault(Fault.COLUMN, words, engine=source.kind)
    return Table(
        mapping=mapping,
        columns=columns,
        zone=zone_of(source),
        overlap=timedelta(seconds=OVERLAP_S if source.overlap_s is None else source.overlap_s),
        batch=source.batch_size or BATCH,
        now=min(utc_now(), (await rows.now()).astimezone(UTC)),
        since=source.since,
    )


async def _require_sight(rows: Rows, mapping: TableMapping, names: Sequence[str]) -> None:
    """Let the server tell what is not there from what may not be seen. Raises DatabaseFault."""
    asked = Query(table=mapping.table, schema=mapping.schema_name, columns=tuple(names), limit=1)
    try:
        await rows.page(asked)
    except DatabaseFault as error:
        if error.fault is not Fault.COLUMN:
            raise


@dataclass(slots=True)
class _Batch:
    """What is to be written of a page."""

    offers: list[CallOffer] = field(default_factory=list)
    bad: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class _Poll:
    """One poll of one source."""

    source: CallSource
    mark: SyncWatermark
    db: Database
    services: Services
    write: Write
    polled: Polled

    async def is_held(self) -> bool:
        """Whether too many calls wait: from high water on, until half of that (spec, 5.8)."""
        high = self.services.get(Settings).pipeline.high_water
        async with self.db.read() as session:
            waiting = await queued(session, session.tenant_id, [Stage.TRANSCRIBE], most=high)
        held = waiting >= (high // 2 if self.polled.held else high)
        self.polled.held = BACKLOG_HIGH if held else None
        return held

    async def go_on(self, table: Table, rows: Rows) -> None:
        """Read page after page. Raises DatabaseFault, WatermarkMoved."""
        cursor = Cursor.of(self.mark.cursor)
        for number in range(_PAGES):
            if number and await self.is_held():
                return
            legs = table.legs(cursor)
            leg = cursor.leg if cursor.leg in legs else legs[0]
            page = await rows.page(table.query(cursor, leg))
            failpoint("calls.sync.read")
            try:
                behind = table.behind(cursor, leg, page)
            except MarkUnusable as error:
                raise DatabaseFault(Fault.COLUMN, str(error), engine=self.source.kind) from error
            await self._take_in(table, page, None if behind == cursor else behind)
            cursor = behind
            if cursor.leg is None:
                return
        self.polled.more = True

    async def _take_in(
        self, table: Table, page: Sequence[Mapping[str, Any]], behind: Cursor | None
    ) -> None:
        self.polled.read += len(page)
        batch = self._judged(table, page)
        if batch.offers:
            async with self.db.read() as session:
                same = await unchanged(session, batch.offers, self.services.get(Secrets))
            batch.offers = [offer for offer in batch.offers if offer.callid not in same]
            self.polled.duplicates += len(same)
        if not batch.offers and not batch.bad and behind is None:
            return
        created, updated, refused = await self.write(
            lambda tx: self._store(tx, table, batch, behind)
        )
        self.polled.taken += created
        self.polled.updated += updated
        self.polled.refused += refused
        counters = self.services.get(CallCounters)
        await counters.synced(self.source.tenant_id, self.source.kind, created)

    def _judged(self, table: Table, page: Sequence[Mapping[str, Any]]) -> _Batch:
        gate = self.services.get(HttpClient).gate
        batch, by_callid = _Batch(), dict[str, CallOffer]()
        for values in page:
            row = judged(values, table.mapping, table.zone, gate)
            if row.offer is None:
                batch.bad.append(row)
            elif not row.offer.began_before(self.source.since):
                if by_callid.pop(row.offer.callid, None):  # of two rows of a call the later holds
                    self.polled.duplicates += 1
                by_callid[row.offer.callid] = row.offer
        batch.offers = list(by_callid.values())
        return batch

    async def _store(
        self, tx: Session, table: Table, batch: _Batch, behind: Cursor | None
    ) -> tuple[int, int, int]:
        """Calls, their jobs, the rows that are none, and the place, in one transaction."""
        unmoved = (SyncWatermark.id == self.mark.id, SyncWatermark.moves == self.mark.moves)
        # at first, so that nobody moves it until this is committed
        held: Any = await tx.execute(
            update(SyncWatermark)
            .where(*unmoved)
            .values(cursor=self.mark.cursor if behind is None else behind.stored())
        )
        if not held.rowcount:
            raise WatermarkMoved
        actor, secrets = actor_of(self.source.id), self.services.get(Secrets)
        taken = await take_by_age(tx, batch.offers, actor=actor, secrets=secrets, now=table.now)
        refused = [await refuse(tx, self.source.id, table.mapping, row) for row in batch.bad]
        created = sum(one.outcome is Outcome.CREATED for one in taken)
        updated = sum(one.outcome in (Outcome.UPDATED, Outcome.SOURCE_CHANGED) for one in taken)
        if created or updated:
            total = SyncWatermark.rows_total + created + updated
            await tx.execute(update(SyncWatermark).where(*unmoved).values(rows_total=total))
        return created, updated, sum(refused)
