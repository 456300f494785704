"""After leads came: giving calls their leads, and letting those in that waited for one."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import or_, select

from locutory.kernel.clock import to_ms, utc_now
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.products.calls.leads import queries as leads
from locutory.products.calls.leads.models import CrmLeadPhone
from locutory.products.calls.pipeline.lead_filter import LEAD_NOT_MATCHED
from locutory.products.calls.pipeline.queries import configured
from locutory.products.calls.pipeline.service.leads import note, sought, stored_keys, tenant_of
from locutory.products.calls.pipeline.service.refilter import let_in
from locutory.products.calls.records.contract import LeadMatch, Status
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.models import CallRecord

T = TypeVar("T")
_AT_ONCE = 200

Write = Callable[[Callable[[Session], Awaitable[T]]], Awaitable[T]]


async def link_calls(write: Write[Any], secrets: Secrets) -> int:
    """Give the calls of the last hours their leads, and let in those that waited for them.

    Commits of 200 calls; returns how many got one. May run twice, also at a time.
    """
    linked = 0
    for waiting in (_unsought, _now_known):
        after: UUID | None = None
        while True:
            place = after

            async def step(
                tx: Session, place: UUID | None = place, waiting: Any = waiting
            ) -> tuple[int, UUID | None]:
                return await _link_some(tx, place, waiting, secrets)

            done, after = await write(step)
            linked += done
            if after is None:
                break
    return linked


async def _link_some(
    tx: Session, after: UUID | None, waiting: Any, secrets: Secrets
) -> tuple[int, UUID | None]:
    config = (await configured(tx)).config
    begin = utc_now() - timedelta(hours=config.lead_filter.lead_wait_h)
    tenant = await tenant_of(tx)
    ids = await waiting(tx, max(_floor(begin), after or UUID(int=0)))
    if tenant is None or not ids:
        return 0, None
    rows = await tx.scalars(select(CallRecord).where(CallRecord.id.in_(ids)))
    records = sorted(rows, key=lambda record: record.id)
    keys = {record.id: stored_keys(record, tenant, secrets) for record in records}
    known = await leads.known_by(tx, (one for one in keys.values() if one is not None))
    linked = []
    for record in records:
        found = sought(keys[record.id], known, LeadMatch.LATE)
        await note(tx, record, found)
        if found.matched:
            linked.append(record.id)
            if record.status == Status.SKIPPED and record.status_reason == LEAD_NOT_MATCHED:
                await let_in(tx, record)
    await tx.flush()
    await mark_stale(tx, *linked)
    return len(linked), ids[-1] if len(ids) == _AT_ONCE else None


async def _unsought(tx: Session, beyond: UUID) -> Sequence[UUID]:
    """Calls whose leads nobody looked for: they came before the first lead did."""
    statement = select(CallRecord.id).where(
        CallRecord.id > beyond,
        CallRecord.lead_match == LeadMatch.UNKNOWN,
        CallRecord.customer_phone_enc.is_not(None),
    )
    return (await tx.scalars(statement.order_by(CallRecord.id).limit(_AT_ONCE))).all()


async def _now_known(tx: Session, beyond: UUID) -> Sequence[UUID]:
    """Calls without a lead whose number one has by now."""
    phone = CrmLeadPhone
    having = select(phone.id).where(
        phone.tenant_id == CallRecord.tenant_id,
        or_(
            phone.phone_hash == CallRecord.phone_key,
            phone.phone_hash == CallRecord.phone_tail_key,
        ),
    )
    statement = select(CallRecord.id).where(
        CallRecord.id > beyond, CallRecord.lead_match == LeadMatch.NONE, having.exists()
    )
    return (await tx.scalars(statement.order_by(CallRecord.id).limit(_AT_ONCE))).all()


def _floor(moment: datetime) -> UUID:
    """No id that was made since is smaller: ids begin with the milliseconds of their making."""
    return UUID(int=to_ms(moment) << 80)
