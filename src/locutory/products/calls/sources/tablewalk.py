"""Walking a source database's past: the rows of a range of time, by their row_id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import update

from locutory.engines.databases import Condition, Fault, Op, Query, Value
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.kernel.failpoints import failpoint
from locutory.kernel.http.client import HttpClient
from locutory.kernel.jobs import Context
from locutory.kernel.jobs.contract import Priority
from locutory.products.calls.pipeline.service.backlog import Backlog
from locutory.products.calls.records.counting import CallCounters
from locutory.products.calls.records.queries import existing
from locutory.products.calls.sources import queries
from locutory.products.calls.sources.connecting import entered
from locutory.products.calls.sources.contract import CallOffer, NothingToWalk, Outcome
from locutory.products.calls.sources.models import CallBackfill, CallSource
from locutory.products.calls.sources.passes import MarkUnusable, Table, mark_of
from locutory.products.calls.sources.polling import table_of
from locutory.products.calls.sources.service import take
from locutory.products.calls.sources.tablerows import Row, judged
from locutory.products.calls.sources.watching import actor_of

MOST_FAULTS = 100
_CLOCKS_MOVE = timedelta(hours=2)
_NONE = timedelta()


async def walk_table(ctx: Context, backfill: CallBackfill, source: CallSource) -> None:
    """Take in what began in the range, going on behind the last row that was counted.

    Raises DatabaseFault, NothingToWalk, BacklogFull.
    """
    async with entered(source, ctx.services) as rows:
        table = await table_of(source, rows)
        if table.started_at is None:
            raise NothingToWalk("the mapping names no started_at of date and time to walk by")
        walk = _Walk(ctx, backfill, source, table)
        position = orjson.loads(backfill.position) if backfill.position else None
        while True:
            page = await rows.page(walk.query(position))
            failpoint("calls.sync.read")
            if page:
                try:
                    position = mark_of(page[-1][table.mapping.row_id])
                except MarkUnusable as error:
                    raise NothingToWalk(f"{Fault.COLUMN}: {error}") from error
                await walk.take_in(page, position)
                ctx.progress(walk.seen, 0, f"row {position}")
            if len(page) < table.batch:
                return


@dataclass(slots=True)
class _Walk:
    ctx: Context
    backfill: CallBackfill
    source: CallSource
    table: Table
    seen: int = 0

    def query(self, position: Value) -> Query:
        """The next rows; somewhat more than the range where clocks may have been moved."""
        table, began = self.table, self.table.started_at
        assert began is not None
        until = self.backfill.to + _CLOCKS_MOVE
        first = table.terms(began, self.backfill.from_, _CLOCKS_MOVE)
        return Query(
            table=table.mapping.table,
            schema=table.mapping.schema_name,
            columns=table.mapping.wanted(),
            where=(
                *table.mapping.conditions(),
                Condition(began.name, Op.GTE, first),
                Condition(began.name, Op.LT, replace(table, now=until).terms(began, until, _NONE)),
            ),
            order=(table.mapping.row_id,),
            after=() if position is None else (position,),
            limit=table.batch,
        )

    async def take_in(self, page: Sequence[Mapping[str, Any]], position: Value) -> None:
        """Count a page, and register its calls behind the fresh ones."""
        services, tenant_id = self.ctx.services, self.source.tenant_id
        gate = services.get(HttpClient).gate
        looked = [judged(values, self.table.mapping, self.table.zone, gate) for values in page]
        offers = {
            row.offer.callid: row.offer
            for row in looked
            if row.offer is not None and self._is_within(row.offer)
        }
        bad = [row for row in looked if row.offer is None]
        self.seen += len(offers) + len(bad)
        if not self.backfill.dry_run:
            await services.get(Backlog).require_room(tenant_id)
        new = await self.ctx.write(lambda tx: self._store(tx, list(offers.values()), bad, position))
        await services.get(CallCounters).synced(tenant_id, "backfill", new)

    def _is_within(self, offer: CallOffer) -> bool:
        at = offer.started_at
        return at is not None and self.backfill.from_ <= at < self.backfill.to

    async def _store(
        self, tx: Session, offers: list[CallOffer], bad: list[Row], position: Value
    ) -> int:
        """The number of calls that were registered."""
        if self.backfill.dry_run:
            there = await existing(tx, [offer.callid for offer in offers])
            created, taken_in = len(offers) - len(there), 0
        elif offers:
            secrets = self.ctx.services.get(Secrets)
            actor = actor_of(self.source.id)
            taken = await take(tx, offers, actor=actor, secrets=secrets, priority=Priority.BACKFILL)
            created = taken_in = sum(one.outcome is Outcome.CREATED for one in taken)
        else:
            created = taken_in = 0
        await self._count(tx, len(offers), created, bad, position)
        return taken_in

    async def _count(
        self, tx: Session, offered: int, created: int, bad: list[Row], position: Value
    ) -> None:
        row = await queries.get_backfill(tx, self.backfill.id)
        row.faults = [*row.faults, *map(self._fault, bad)][:MOST_FAULTS]
        await tx.flush()
        await tx.execute(
            update(CallBackfill)
            .where(CallBackfill.id == self.backfill.id)
            .values(
                position=orjson.dumps(position).decode(),
                files=CallBackfill.files + offered + len(bad),
                created=CallBackfill.created + created,
                duplicates=CallBackfill.duplicates + offered - created,
                refused=CallBackfill.refused + len(bad),
            )
        )

    def _fault(self, row: Row) -> dict[str, str]:
        assert row.error is not None
        name = str(row.values.get(self.table.mapping.row_id))[:200]
        return {"name": f"row {name}", "code": row.error.error_code, "detail": row.why}
