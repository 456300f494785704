"""Leads on their way into the cache: encrypted, found by their numbers, the newest change wins."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import delete

from locutory.engines.crm import Activity, Lead
from locutory.kernel.auth.contract import Tenant
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import Aad, Secrets
from locutory.kernel.db import Session
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import JobSpec, enqueue
from locutory.products.calls.leads import queries
from locutory.products.calls.leads.contract import FETCH_ACTIVITIES
from locutory.products.calls.leads.keys import erased_id, keys_of
from locutory.products.calls.leads.models import CrmLead, CrmLeadActivity, CrmLeadPhone
from locutory.products.calls.records.phones import digits_of

_MOST_ATTRIBUTES_BYTES = 16 * 1024
_LONGEST_WORD = 200


@dataclass(frozen=True, slots=True)
class Prepared:
    """A lead with what takes time to find out; `person` is None of one that is deleted."""

    lead: Lead
    erased_id: str
    hashes: frozenset[str]
    last4: str | None
    person: bytes | None


@dataclass(slots=True)
class Stored:
    """What became of leads."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def add(self, other: "Stored") -> None:
        """Count these as well."""
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged


def prepared(leads: Iterable[Lead], *, tenant: Tenant, secrets: Secrets) -> list[Prepared]:
    """The leads ready to be stored, each id once: of two the one that was changed last. CPU-bound.

    A number costs a tenth of a millisecond to read, so this comes before the transaction.
    """
    newest: dict[str, Lead] = {}
    for lead in leads:
        other = newest.get(lead.lead_id)
        if other is None or _changed(lead) >= _changed(other):
            newest[lead.lead_id] = lead
    return [_prepared(lead, tenant, secrets) for lead in newest.values()]


def _changed(lead: Lead) -> float:
    return 0.0 if lead.modified_at is None else lead.modified_at.timestamp()


def _prepared(lead: Lead, tenant: Tenant, secrets: Secrets) -> Prepared:
    key = secrets.phone_key
    gone = erased_id(lead.lead_id, tenant=tenant, key=key)
    if lead.deleted:
        return Prepared(lead, gone, frozenset(), None, None)
    hashes = set[str]()
    for phone in lead.phones:
        keys = keys_of(phone, tenant=tenant, key=key)
        if keys is not None:
            hashes |= {h for h in (keys.full, keys.tail) if h is not None}
    digits = next((d for phone in lead.phones if (d := digits_of(phone))), "")
    attributes: Mapping[str, Any] = lead.attributes
    if len(orjson.dumps(attributes, default=str)) > _MOST_ATTRIBUTES_BYTES:
        attributes = {"_": "too large to be kept"}
    person = {
        "name": lead.name,
        "email": lead.email,
        "phones": list(lead.phones),
        "attributes": attributes,
    }
    return Prepared(
        lead, gone, frozenset(hashes), digits[-4:] or None, orjson.dumps(person, default=str)
    )


async def store(
    tx: Session, provider: str, batch: Sequence[Prepared], *, secrets: Secrets
) -> Stored:
    """Write leads, up to a few hundred; what is there and newer stays, erased ones stay erased.

    Of those that a call has, what happened since is asked for.
    """
    now, done = utc_now(), Stored()
    ids = [one.lead.lead_id for one in batch]
    known = await queries.leads_by_id(tx, provider, [*ids, *(one.erased_id for one in batch)])
    keys = await queries.phones_of(tx, [lead.id for lead in known.values()])
    asked = []
    for one in batch:
        if one.erased_id in known:
            done.unchanged += 1
            continue
        row = known.get(one.lead.lead_id)
        modified_at = one.lead.modified_at or now
        if row is None:
            row = CrmLead(id=new_id(), provider=provider, lead_id=one.lead.lead_id)
            tx.add(row)
            done.created += 1
        elif row.modified_at > modified_at:
            done.unchanged += 1
            continue
        else:
            done.updated += row.modified_at != modified_at or row.deleted != one.lead.deleted
            done.unchanged += row.modified_at == modified_at and row.deleted == one.lead.deleted
        _fill(row, one, modified_at, now, tx.tenant_id, secrets)
        await _rekey(tx, row.id, keys.get(row.id, set()), one.hashes)
        if row.deleted:
            await _forget_activities(tx, row)
        elif row.matched:
            asked.append(activities_job(row))
    await tx.flush()
    await enqueue(tx, *asked)
    return done


def _fill(
    row: CrmLead,
    one: Prepared,
    modified_at: datetime,
    now: datetime,
    tenant_id: UUID,
    secrets: Secrets,
) -> None:
    lead = one.lead
    row.stage, row.owner, row.source = _word(lead.stage), _word(lead.owner), _word(lead.source)
    row.phone_last4, row.deleted = one.last4, lead.deleted
    row.modified_at, row.fetched_at = modified_at, now
    row.person_enc = None
    if one.person is not None:
        row.person_enc = secrets.ring.encrypt(one.person, aad=_aad(tenant_id, row.id, "person"))


async def _rekey(tx: Session, row: UUID, old: set[str], new: frozenset[str]) -> None:
    gone = sorted(old - new)
    if gone:
        await tx.execute(
            delete(CrmLeadPhone).where(
                CrmLeadPhone.lead_pk == row, CrmLeadPhone.phone_hash.in_(gone)
            )
        )
    tx.add_all(CrmLeadPhone(lead_pk=row, phone_hash=one) for one in sorted(new - old))


def activities_job(lead: CrmLead) -> JobSpec:
    """The job that asks what happened with a lead; asking twice at a time gives one."""
    return JobSpec(
        kind=FETCH_ACTIVITIES,
        payload={"lead": str(lead.id)},
        dedupe_key=f"activities:{lead.id}:{lead.fetches}",
    )


async def note_matched(tx: Session, rows: Iterable[str]) -> None:
    """Calls have these leads: ask what happened with those that nobody asked about yet."""
    for row in dict.fromkeys(rows):
        lead = await queries.lead_row(tx, UUID(row))
        if lead is not None and not lead.matched:
            lead.matched = True
            await tx.flush()
            await enqueue(tx, activities_job(lead))


async def store_activities(
    tx: Session, row: UUID, found: Sequence[Activity], *, secrets: Secrets
) -> int:
    """Write what happened with a lead; return how much of it is new."""
    lead = await queries.lead_row(tx, row)
    if lead is None:
        return 0
    known = await queries.known_activities(tx, lead.provider, [one.activity_id for one in found])
    created = 0
    for one in {one.activity_id: one for one in found}.values():
        kept = known.get(one.activity_id)
        if kept is None:
            created += 1
            kept = CrmLeadActivity(id=new_id(), provider=lead.provider, activity_id=one.activity_id)
            tx.add(kept)
        kept.lead_id = lead.lead_id
        kept.event_code, kept.event_name = _word(one.event_code), _word(one.event_name) or ""
        kept.occurred_at = one.occurred_at
        data = orjson.dumps(dict(one.data), default=str)
        kept.data_enc = secrets.ring.encrypt(data, aad=_aad(tx.tenant_id, kept.id, "data"))
    lead.activities_at, lead.fetches = utc_now(), lead.fetches + 1
    await tx.flush()
    return created


async def erase(tx: Session, rows: Sequence[UUID], *, tenant: Tenant, secrets: Secrets) -> int:
    """Leave nothing of leads but a keyed hash of their ids, for which a sync passes them by."""
    leads = [lead for lead in await queries.leads_of(tx, rows) if not lead.erased]
    for lead in leads:
        await _forget_activities(tx, lead)
        await tx.execute(delete(CrmLeadPhone).where(CrmLeadPhone.lead_pk == lead.id))
        lead.lead_id = erased_id(lead.lead_id, tenant=tenant, key=secrets.phone_key)
        lead.person_enc = lead.phone_last4 = lead.stage = lead.owner = lead.source = None
        lead.deleted = lead.erased = True
    await tx.flush()
    return len(leads)


async def drop_unchanged(tx: Session, before: datetime, *, limit: int) -> int:
    """Forget leads that were changed last before that time, up to so many; return how many.

    The next change brings a lead back; what was erased stays so.
    """
    leads = await queries.unchanged_since(tx, before, limit=limit)
    for lead in leads:
        await _forget_activities(tx, lead)
        await tx.execute(delete(CrmLeadPhone).where(CrmLeadPhone.lead_pk == lead.id))
        await tx.delete(lead)
    await tx.flush()
    return len(leads)


async def _forget_activities(tx: Session, lead: CrmLead) -> None:
    await tx.execute(
        delete(CrmLeadActivity).where(
            CrmLeadActivity.provider == lead.provider, CrmLeadActivity.lead_id == lead.lead_id
        )
    )


def person_of(lead: CrmLead, secrets: Secrets) -> dict[str, Any]:
    """Name, email, phones and attributes; nothing of a deleted lead."""
    if lead.person_enc is None:
        return {"name": None, "email": None, "phones": [], "attributes": {}}
    aad = _aad(lead.tenant_id, lead.id, "person")
    person: dict[str, Any] = orjson.loads(secrets.ring.decrypt(lead.person_enc, aad=aad))
    return person


def data_of(activity: CrmLeadActivity, secrets: Secrets) -> dict[str, Any]:
    """What a CRM told of an activity."""
    aad = _aad(activity.tenant_id, activity.id, "data")
    data: dict[str, Any] = orjson.loads(secrets.ring.decrypt(activity.data_enc, aad=aad))
    return data


def _word(text: str | None) -> str | None:
    """Text that a column takes, of a length that a list shows."""
    if text is None:
        return None
    return text.replace("\x00", "").encode(errors="replace").decode()[:_LONGEST_WORD]


def _aad(tenant_id: UUID, row: UUID, column: str) -> Aad:
    table = CrmLead if column == "person" else CrmLeadActivity
    return Aad(tenant_id, table.__tablename__, row, column)
