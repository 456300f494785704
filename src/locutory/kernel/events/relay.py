"""The outbox's way out: numbered events go to the broker's log of events, in each tenant's order.

One process relays at a time, under a lease; how far each tenant's log is told stands in the
database. So an event is told at least once and readers drop what they have by its id. Events wait
for a broker that is away as long as the log keeps them (`KEEP_UNTOLD_DAYS`).
"""

import asyncio
import random
import time
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Text, Uuid, bindparam, cast, select, text

from locutory.kernel.auth.slugs import Slugs
from locutory.kernel.bus.contract import Bus, Message
from locutory.kernel.bus.reaching import until_reached
from locutory.kernel.clock import from_ms, rfc3339
from locutory.kernel.db.base import table_of
from locutory.kernel.db.database import Storage
from locutory.kernel.db.session import Session
from locutory.kernel.events.models import EventRow
from locutory.kernel.failpoints import failpoint
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import queue
from locutory.kernel.signals import pause
from locutory.kernel.telemetry.metrics import Metrics

KEEP_UNTOLD_DAYS: Final = 7
_LEASE_S = 10.0
EVENTS_AT_ONCE: Final = 500
_FAIR = 5  # tenants that share a batch evenly
_SWEEP_S = 1.0
_FENCED = {"fenced": True}
_event = table_of(EventRow)

_PAGE = (
    select(
        *(_event.c[name] for name in ("id", "seq", "type", "subject", "at_ms", "correlation_id")),
        cast(_event.c.payload, Text).label("data"),  # as it is stored: it is passed on unread
    )
    .where(
        _event.c.tenant_id == bindparam("tenant"),
        _event.c.seq > bindparam("after"),
        _event.c.seq <= bindparam("until"),
    )
    .order_by(_event.c.seq)
    .limit(bindparam("most"))
)
_LEASE = text(
    """
    INSERT INTO kernel_lease (name, holder, until_ms) VALUES ('relay', :me, :until)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
    WHERE kernel_lease.holder = excluded.holder OR kernel_lease.until_ms < :now
    RETURNING holder
    """
).bindparams(bindparam("until", type_=BigInteger()), bindparam("now", type_=BigInteger()))
_BEHIND = text(
    """
    SELECT s.tenant_id, coalesce(r.seq, 0) AS told, s.seq AS numbered
    FROM kernel_seal s LEFT JOIN kernel_relay r ON r.tenant_id = s.tenant_id
    WHERE s.log = 'event' AND s.seq > coalesce(r.seq, 0)
    """
).columns(tenant_id=Uuid())
_TOLD = text(
    """
    INSERT INTO kernel_relay (tenant_id, seq) VALUES (:tenant, :seq)
    ON CONFLICT (tenant_id) DO UPDATE SET seq = excluded.seq WHERE kernel_relay.seq < excluded.seq
    """
).bindparams(bindparam("tenant", type_=Uuid()))


class Relay:
    """The task that tells. One runs in every process; the lease lets one of them work."""

    def __init__(self, storage: Storage, bus: Bus, slugs: Slugs, metrics: Metrics) -> None:
        self._storage = storage
        self._bus = bus
        self._slugs = slugs
        self._me = str(new_id())
        self._leads_until = 0.0  # on the monotonic clock
        self._refused = False  # the lease, when it was asked for last
        self._told = metrics.counter("bus_events_total", "Events told to the broker")

    async def run(self, stop: asyncio.Event) -> None:
        """Tell whenever something was numbered, and look by itself each second."""
        with self._storage.signals.woken(stop, "sealed") as wake:
            while not stop.is_set():
                wake.clear()
                while await until_reached(self.tell, stop) and not stop.is_set():
                    pass
                if self._refused:  # somebody else relays: look again when he may have died
                    await pause(stop, random.uniform(0.5, 1.0) * _LEASE_S)
                else:
                    await pause(wake, _SWEEP_S)

    @property
    def _leads(self) -> bool:
        return time.monotonic() < self._leads_until

    async def tell(self) -> int:
        """Tell a batch; return how many events it had, 0 also where another process relays.

        Raises BusUnavailable, with nothing noted as told.
        """
        behind = await self._behind()
        if not behind:
            return 0
        if not self._leads:
            await self._storage.database().write(lambda tx: self._note(tx, {}))
            behind = await self._behind() if self._leads else []
        messages, reached = await self._batch(behind)
        if not messages:
            return 0
        await self._bus.tell(messages)
        failpoint("events.told")
        await self._storage.database().write(lambda tx: self._note(tx, reached))
        self._told.inc(len(messages))
        return len(messages)

    async def _behind(self) -> list[Any]:
        async with self._storage.read(None) as session:
            return list(await session.execute(_BEHIND, execution_options=_FENCED))

    async def _batch(self, behind: list[Any]) -> tuple[list[Message], dict[UUID, int]]:
        messages: list[Message] = []
        reached: dict[UUID, int] = {}
        most = EVENTS_AT_ONCE // min(len(behind) or 1, _FAIR)  # a flood silences nobody
        async with self._storage.read(None) as session:
            for tenant_id, told, numbered in behind:
                if len(messages) >= EVENTS_AT_ONCE:
                    break
                rows = await session.execute(
                    _PAGE,
                    {"tenant": tenant_id, "after": told, "until": numbered, "most": most},
                    execution_options=_FENCED,
                )
                slug = await self._slugs.of(tenant_id)
                # what retention has taken is told no more: without rows the gap is closed
                reached[tenant_id] = numbered
                for row in rows:
                    body = _body(row, slug)
                    messages.append(Message(id=str(row.id), topic=row.type, key=slug, body=body))
                    reached[tenant_id] = row.seq
        return messages, reached

    async def _note(self, tx: Session, reached: dict[UUID, int]) -> None:
        """Take the lease or prolong it, and note how far each tenant's log is told."""
        at_ms = await queue.clock_ms(tx)
        began = time.monotonic()
        until = at_ms + int(_LEASE_S * 1000)
        lease = {"me": self._me, "now": at_ms, "until": until}
        taken = await tx.execute(_LEASE, lease, execution_options=_FENCED)
        self._refused = taken.first() is None
        self._leads_until = 0.0 if self._refused else began + _LEASE_S / 2
        for tenant_id, seq in reached.items():
            await tx.execute(_TOLD, {"tenant": tenant_id, "seq": seq}, execution_options=_FENCED)


def _body(row: Any, slug: str) -> bytes:
    """An event as CloudEvents 1.0 has it in JSON; `tenant`, `sequence` are its extensions."""
    event = {
        "specversion": "1.0",
        "id": str(row.id),
        "source": f"/locutory/{slug}",
        "type": row.type,
        "subject": row.subject,
        "time": rfc3339(from_ms(row.at_ms)),
        "datacontenttype": "application/json",
        "tenant": slug,
        "sequence": row.seq,
        "correlationid": row.correlation_id,
        "data": orjson.Fragment(row.data),
    }
    return orjson.dumps({name: value for name, value in event.items() if value is not None})
