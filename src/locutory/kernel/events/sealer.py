"""Numbers after the fact (ADR 0004): gives `seq` to events and audit rows once they are committed.

Readers see numbered rows only, so nobody ever skips a late commit. The transaction that numbers
an event also enqueues its deliveries: told once, delivered once, whatever dies between.
"""

import asyncio
import time
from collections import defaultdict
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Table, bindparam, select, text, update

from locutory.kernel.audit.log import GENESIS, chain_hash
from locutory.kernel.audit.models import AuditRow
from locutory.kernel.db.base import table_of
from locutory.kernel.db.database import Storage
from locutory.kernel.db.session import Session
from locutory.kernel.events.contract import Subscription
from locutory.kernel.events.models import EventRow, SealRow
from locutory.kernel.failpoints import failpoint
from locutory.kernel.jobs import queue
from locutory.kernel.jobs.contract import JobKind, JobSpec, Registry
from locutory.kernel.signals import pause

log = structlog.get_logger(__name__)

_BATCH = 1000
_SWEEP_S = 1.0
_FORGET_EVERY_S = 60.0
_FENCED = {"fenced": True}
_event = table_of(EventRow)
_audit = table_of(AuditRow)
_seal = table_of(SealRow)
_NUMBER_EVENT = (
    update(_event).where(_event.c.id == bindparam("row_id")).values(seq=bindparam("number"))
)
_NUMBER_AUDIT = (
    update(_audit)
    .where(_audit.c.id == bindparam("row_id"))
    .values(seq=bindparam("number"), hash=bindparam("link"))
)
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, 0))")
_KEEP_MS = 24 * 3_600_000
_FORGET = text(
    """
    DELETE FROM kernel_event WHERE id IN (
        SELECT e.id FROM kernel_event e JOIN kernel_seal s
            ON s.tenant_id = e.tenant_id AND s.log = 'event'
            LEFT JOIN kernel_relay r ON r.tenant_id = e.tenant_id
        WHERE e.seq IS NOT NULL AND e.at_ms < :before AND e.seq < s.seq
            AND (e.seq <= coalesce(r.seq, 0) OR e.at_ms < :untold_before)
        ORDER BY e.id LIMIT 500
    )
    """
)
_SET_SEAL = text(
    """
    INSERT INTO kernel_seal (tenant_id, log, seq, hash) VALUES (:tenant, :log, :seq, :hash)
    ON CONFLICT (tenant_id, log) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
    """
).bindparams(bindparam("tenant", type_=_seal.c.tenant_id.type))


class Sealer:
    """The task that numbers and delivers. One runs in every process; locks keep them apart."""

    def __init__(
        self,
        storage: Storage,
        registry: Registry,
        subscriptions: tuple[Subscription, ...] = (),
        *,
        keep_untold_days: float = 0.0,
    ) -> None:
        """Events that wait for a broker are kept for `keep_untold_days`, others for one."""
        self._storage = storage
        self._registry = registry
        self._keep_untold_ms = max(_KEEP_MS, int(keep_untold_days * 24 * 3_600_000))
        self._by_type: dict[str, list[Subscription]] = defaultdict(list)
        for subscription in subscriptions:
            self._by_type[subscription.event.type].append(subscription)
            registry.add(
                JobKind(kind=subscription.kind, queue="events", handler=subscription.deliver)
            )

    async def run(self, stop: asyncio.Event) -> None:
        """Seal whenever a commit says so, and look by itself each second."""
        forgot = time.monotonic()
        with self._storage.signals.woken(stop, "unsealed") as wake:
            while not stop.is_set():
                wake.clear()
                try:
                    while await self.seal() >= _BATCH:
                        pass
                    if time.monotonic() - forgot > _FORGET_EVERY_S:
                        forgot = time.monotonic()
                        await self.forget()
                except Exception:
                    log.exception("sealing failed")
                await pause(wake, _SWEEP_S)

    async def seal(self) -> int:
        """Number what waits; return how many rows there were."""
        async with self._storage.read(None) as session:
            found = await session.execute(_ANYTHING, execution_options=_FENCED)
            if found.first() is None:
                return 0
        count = await self._storage.database().write(self._seal)
        failpoint("events.sealed")
        return count

    async def forget(self) -> None:
        """Delete a batch of events that are old enough; the last one of a tenant stays."""

        async def drop(tx: Session) -> None:
            at_ms = await queue.clock_ms(tx)
            times = {"before": at_ms - _KEEP_MS, "untold_before": at_ms - self._keep_untold_ms}
            await tx.execute(_FORGET, times, execution_options=_FENCED)

        await self._storage.database().write(drop)

    async def _seal(self, tx: Session) -> int:
        count = await self._seal_events(tx) + await self._seal_audit(tx)
        failpoint("events.numbered")
        return count

    async def _seal_events(self, tx: Session) -> int:
        rows = await self._unsealed(tx, _event, "event")
        numbers: list[dict[str, Any]] = []
        jobs: list[dict[str, Any]] = []
        at_ms = await queue.clock_ms(tx) if rows else 0
        for tenant_id, mine in rows.items():
            seq, _ = await self._head(tx, tenant_id, "event")
            for row in mine:
                seq += 1
                numbers.append({"row_id": row.id, "number": seq})
                jobs += self._deliveries(row, at_ms)
            await self._set_head(tx, tenant_id, "event", seq, GENESIS)
        if numbers:
            await tx.execute(_NUMBER_EVENT, numbers, execution_options=_FENCED)
            await queue.insert_rows(tx, jobs)
            tx.signal("sealed")
        return len(numbers)

    def _deliveries(self, row: Any, at_ms: int) -> list[dict[str, Any]]:
        return queue.rows_of(
            (
                JobSpec(
                    kind=subscription.kind,
                    payload={"event_id": str(row.id), "event": row.payload},
                    subject=row.subject,
                    dedupe_key=f"{row.id}:{subscription.name}",
                )
                for subscription in self._by_type.get(row.type, ())
            ),
            self._registry,
            tenant_id=row.tenant_id,
            at_ms=at_ms,
            correlation_id=row.correlation_id,
        )

    async def _seal_audit(self, tx: Session) -> int:
        rows = await self._unsealed(tx, _audit, "audit")
        numbers: list[dict[str, Any]] = []
        for tenant_id, mine in rows.items():
            seq, link = await self._head(tx, tenant_id, "audit")
            for row in mine:
                seq += 1
                link = chain_hash(link, row, seq)
                numbers.append({"row_id": row.id, "number": seq, "link": link})
            await self._set_head(tx, tenant_id, "audit", seq, link)
        if numbers:
            await tx.execute(_NUMBER_AUDIT, numbers, execution_options=_FENCED)
        return len(numbers)

    async def _unsealed(self, tx: Session, table: Table, log_name: str) -> dict[UUID, list[Any]]:
        """The rows to number, by tenant, without the tenants that another sealer holds."""
        statement = select(table).where(text("seq IS NULL")).order_by(table.c.id).limit(_BATCH)
        if tx.get_bind().dialect.name == "postgresql":
            tenants = await tx.execute(
                select(table.c.tenant_id).where(text("seq IS NULL")).distinct(),
                execution_options=_FENCED,
            )
            locked = [
                tenant_id
                for tenant_id in sorted(tenants.scalars())
                if await tx.scalar(
                    _LOCK, {"key": f"{log_name}:{tenant_id}"}, execution_options=_FENCED
                )
            ]
            statement = statement.where(table.c.tenant_id.in_(locked))
        rows: dict[UUID, list[Any]] = defaultdict(list)
        for row in await tx.execute(statement, execution_options=_FENCED):
            rows[row.tenant_id].append(row)
        return rows

    async def _head(self, tx: Session, tenant_id: UUID, log_name: str) -> tuple[int, str]:
        found = await tx.execute(
            select(_seal.c.seq, _seal.c.hash).where(
                _seal.c.tenant_id == tenant_id, _seal.c.log == log_name
            ),
            execution_options=_FENCED,
        )
        row = found.first()
        return (row.seq, row.hash) if row else (0, GENESIS)

    async def _set_head(
        self, tx: Session, tenant_id: UUID, log_name: str, seq: int, link: str
    ) -> None:
        await tx.execute(
            _SET_SEAL,
            {"tenant": tenant_id, "log": log_name, "seq": seq, "hash": link},
            execution_options=_FENCED,
        )


_ANYTHING = text(
    """
    SELECT 1 WHERE EXISTS (SELECT 1 FROM kernel_event WHERE seq IS NULL)
                OR EXISTS (SELECT 1 FROM kernel_audit WHERE seq IS NULL)
    """
)
