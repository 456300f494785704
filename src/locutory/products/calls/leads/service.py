"""Use cases of leads: what is known of them, with people masked for whoever may not see them."""

from datetime import datetime

from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.kernel.errors import InvalidError
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.products.calls.leads import queries
from locutory.products.calls.leads.keeping import data_of, person_of
from locutory.products.calls.leads.keys import keys_of
from locutory.products.calls.leads.models import CrmLead
from locutory.products.calls.leads.schemas import (
    ActivityList,
    ActivityPage,
    ActivityRead,
    LeadList,
    LeadPage,
    LeadRead,
    LeadRow,
)
from locutory.products.calls.records.sight import PII

_LEADS, _ACTIVITIES = "leads:desc", "lead-activities:desc"


async def list_leads(access: Access, ask: LeadList, secrets: Secrets) -> LeadPage:
    """A page of leads. Raises InvalidError for a number that is none."""
    keys = None
    if ask.phone is not None:
        # a query's plus sign may have become a space
        written = f"+{ask.phone.strip()}" if ask.phone.startswith(" ") else ask.phone
        keys = keys_of(written, tenant=access.tenant, key=secrets.phone_key)
        if keys is None:
            message = "a phone number with all its digits"
            fault = {"field": "phone", "code": "PHONE_INVALID", "message": message}
            raise InvalidError("the phone number cannot be read", errors=[fault])
    where = queries.LeadFilter(stage=ask.stage, owner=ask.owner, keys=keys)
    after = decode_cursor(ask.cursor, _LEADS, datetime) if ask.cursor else None
    async with access.db.read() as session:
        found = await queries.page(session, where, after=after, limit=ask.limit)
    rows, more = split_page(found, ask.limit)
    return LeadPage(
        items=[_row(lead, secrets) for lead in rows],
        next_cursor=encode_cursor(_LEADS, rows[-1].modified_at, rows[-1].id) if more else None,
    )


async def get_lead(access: Access, lead_id: str, secrets: Secrets) -> LeadRead:
    """One lead; who sees the person stands in the audit log. Raises LeadNotFound."""
    async with access.db.read() as session:
        lead = await queries.get_lead(session, lead_id)
    sees = access.principal.allows(PII)
    if sees:

        async def note(tx: Session) -> None:
            actor = access.principal.key
            await audit(tx, actor=actor, action="lead.read", object=f"lead:{lead.id}")

        await access.db.write(note)
    person = person_of(lead, secrets)
    return LeadRead(
        **dict(_row(lead, secrets)),
        name=person["name"] if sees else None,
        email=person["email"] if sees else None,
        phones=person["phones"] if sees else [],
        attributes=person["attributes"] if sees else {},
        activities_at=lead.activities_at,
    )


async def list_activities(
    access: Access, lead_id: str, ask: ActivityList, secrets: Secrets
) -> ActivityPage:
    """A page of what happened with a lead, so far as it was asked for. Raises LeadNotFound."""
    after = decode_cursor(ask.cursor, _ACTIVITIES, datetime) if ask.cursor else None
    async with access.db.read() as session:
        lead = await queries.get_lead(session, lead_id)
        found = await queries.activities(session, lead, after=after, limit=ask.limit)
    rows, more = split_page(found, ask.limit)
    sees = access.principal.allows(PII)
    last = rows[-1] if more else None
    return ActivityPage(
        items=[
            ActivityRead(
                activity_id=row.activity_id,
                event_code=row.event_code,
                event_name=row.event_name,
                occurred_at=row.occurred_at,
                data=data_of(row, secrets) if sees else {},
            )
            for row in rows
        ],
        next_cursor=None if last is None else encode_cursor(_ACTIVITIES, last.occurred_at, last.id),
    )


async def require_lead(access: Access, lead_id: str) -> None:
    """Raise LeadNotFound."""
    async with access.db.read() as session:
        await queries.get_lead(session, lead_id)


def _row(lead: CrmLead, secrets: Secrets) -> LeadRow:
    name = person_of(lead, secrets)["name"]
    return LeadRow(
        lead_id=lead.lead_id,
        provider=lead.provider,
        name_masked=None if not name else " ".join(f"{word[0]}•••" for word in name.split()),
        phone_masked=None if lead.phone_last4 is None else f"•••{lead.phone_last4}",
        stage=lead.stage,
        owner=lead.owner,
        source=lead.source,
        matched=lead.matched,
        modified_at=lead.modified_at,
        fetched_at=lead.fetched_at,
    )
