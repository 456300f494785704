"""SELECTs on leads, by name. The session adds the tenant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select

from locutory.kernel.db import Session
from locutory.kernel.paging import AnySelect, keyset
from locutory.products.calls.leads.contract import Keys, Known, LeadNotFound
from locutory.products.calls.leads.models import CrmLead, CrmLeadActivity, CrmLeadPhone

_L = CrmLead
_AT_ONCE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFilter:
    """What a list of leads is narrowed to; None does not narrow."""

    stage: str | None = None
    owner: str | None = None
    keys: Keys | None = None


async def has_leads(db: Session) -> bool:
    """Whether there is any lead."""
    return await db.scalar(select(_L.id).where(_L.deleted.is_(False)).limit(1)) is not None


async def count_leads(db: Session) -> int:
    """How many leads there are."""
    return await db.scalar(select(func.count(_L.id)).where(_L.deleted.is_(False))) or 0


async def known_by(db: Session, keys: Iterable[Keys]) -> dict[Keys, Known]:
    """Whose numbers these are: by the whole number, else by the last digits if only one has them.

    Of several leads with the same number the one that was changed last counts.
    """
    wanted = set(keys)
    hashes = sorted({h for one in wanted for h in (one.full, one.tail) if h is not None})
    having: dict[str, list[Row[Any]]] = {}
    for start in range(0, len(hashes), _AT_ONCE):
        statement: AnySelect = (
            select(CrmLeadPhone.phone_hash, _L.id, _L.lead_id, _L.modified_at)
            .join(_L, _L.id == CrmLeadPhone.lead_pk)
            .where(
                CrmLeadPhone.phone_hash.in_(hashes[start : start + _AT_ONCE]),
                _L.deleted.is_(False),
            )
        )
        for row in await db.execute(statement):
            having.setdefault(row.phone_hash, []).append(row)
    found = {}
    for one in wanted:
        same = having.get(one.full) or []
        alike = having.get(one.tail or "") or []
        rows = same or (alike if len({row.id for row in alike}) == 1 else [])
        if rows:
            newest = max(rows, key=lambda row: (row.modified_at, row.id))
            found[one] = Known(str(newest.id), newest.lead_id)
    return found


async def find_lead(db: Session, lead_id: str, provider: str | None = None) -> CrmLead | None:
    """The lead of that id; where several CRMs have one, that of `provider`, else the newest."""
    statement = select(_L).where(_L.lead_id == lead_id, _L.deleted.is_(False))
    found = (await db.scalars(statement.order_by(_L.modified_at.desc(), _L.id))).all()
    return next((lead for lead in found if lead.provider == provider), found[0] if found else None)


async def get_lead(db: Session, lead_id: str) -> CrmLead:
    """The lead of that id. Raises LeadNotFound."""
    found = await find_lead(db, lead_id)
    if found is None:
        raise LeadNotFound
    return found


async def lead_row(db: Session, row: UUID) -> CrmLead | None:
    """The lead with our id, if it is not deleted."""
    return await db.scalar(select(_L).where(_L.id == row, _L.deleted.is_(False)))


async def leads_by_id(db: Session, provider: str, ids: Sequence[str]) -> dict[str, CrmLead]:
    """Those of a provider's leads that are known, deleted ones too, by their ids."""
    statement = select(_L).where(_L.provider == provider, _L.lead_id.in_(ids))
    return {lead.lead_id: lead for lead in await db.scalars(statement)}


async def phones_of(db: Session, rows: Sequence[UUID]) -> dict[UUID, set[str]]:
    """The keys that these leads are found by."""
    found: dict[UUID, set[str]] = {row: set() for row in rows}
    statement: AnySelect = select(CrmLeadPhone.lead_pk, CrmLeadPhone.phone_hash)
    for row in await db.execute(statement.where(CrmLeadPhone.lead_pk.in_(rows))):
        found[row.lead_pk].add(row.phone_hash)
    return found


async def leads_with(db: Session, hashes: Sequence[str]) -> Sequence[CrmLead]:
    """The leads that are found by any of these keys."""
    having = select(CrmLeadPhone.lead_pk).where(CrmLeadPhone.phone_hash.in_(hashes))
    return (await db.scalars(select(_L).where(_L.id.in_(having)))).all()


async def leads_named(db: Session, lead_id: str) -> Sequence[CrmLead]:
    """The leads of that id, of whichever CRM."""
    return (await db.scalars(select(_L).where(_L.lead_id == lead_id))).all()


async def leads_of(db: Session, rows: Sequence[UUID]) -> Sequence[CrmLead]:
    """The leads with our ids, locked."""
    statement = select(_L).where(_L.id.in_(rows)).order_by(_L.id)
    return (await db.scalars(statement.with_for_update())).all()


async def unchanged_since(db: Session, before: datetime, *, limit: int) -> Sequence[CrmLead]:
    """Leads that were changed last before that time, but for erased ones; locked."""
    statement = select(_L).where(_L.modified_at < before, _L.erased.is_(False))
    ordered = statement.order_by(_L.deleted, _L.modified_at, _L.id).limit(limit)
    return (await db.scalars(ordered.with_for_update())).all()


async def page(
    db: Session, where: LeadFilter, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[CrmLead]:
    """Leads, the one that was changed last first, one more than `limit`."""
    statement: AnySelect = select(_L).where(_L.deleted.is_(False))
    if where.stage is not None:
        statement = statement.where(_L.stage == where.stage)
    if where.owner is not None:
        statement = statement.where(_L.owner == where.owner)
    if where.keys is not None:
        hashes = [h for h in (where.keys.full, where.keys.tail) if h is not None]
        having = select(CrmLeadPhone.lead_pk).where(CrmLeadPhone.phone_hash.in_(hashes))
        statement = statement.where(_L.id.in_(having))
    ordered = keyset(
        statement,
        column=_L.modified_at,
        id_column=_L.id,
        after=after,
        descending=True,
        limit=limit,
    )
    return [row[0] for row in await db.execute(ordered)]


async def activities(
    db: Session,
    lead: CrmLead,
    *,
    after: tuple[datetime, UUID] | None = None,
    limit: int,
) -> Sequence[CrmLeadActivity]:
    """What happened with a lead, newest first, one more than `limit`."""
    activity = CrmLeadActivity
    statement: AnySelect = select(activity).where(
        activity.provider == lead.provider, activity.lead_id == lead.lead_id
    )
    ordered = keyset(
        statement,
        column=activity.occurred_at,
        id_column=activity.id,
        after=after,
        descending=True,
        limit=limit,
    )
    return [row[0] for row in await db.execute(ordered)]


async def known_activities(
    db: Session, provider: str, ids: Sequence[str]
) -> dict[str, CrmLeadActivity]:
    """Those of a provider's activities that are known, by their ids."""
    activity = CrmLeadActivity
    statement = select(activity).where(activity.provider == provider, activity.activity_id.in_(ids))
    return {one.activity_id: one for one in await db.scalars(statement)}
