"""Calls and leads: who has the customer's number, which calls that keeps out, and who is first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from locutory.kernel.auth.contract import Tenant
from locutory.kernel.auth.queries import find_tenant_by_id
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import Aad, Secrets
from locutory.kernel.db import Session
from locutory.products.calls.leads import queries as leads
from locutory.products.calls.leads.contract import Keys, Known
from locutory.products.calls.leads.keeping import note_matched
from locutory.products.calls.leads.keys import keys_of
from locutory.products.calls.pipeline.lead_filter import (
    LeadCache,
    LeadFilter,
    LeadMode,
    Standing,
    standing_of,
)
from locutory.products.calls.pipeline.queries import leads_synced_at
from locutory.products.calls.records.contract import LeadMatch
from locutory.products.calls.records.models import CallRecord

_FOUND = (LeadMatch.EXACT, LeadMatch.LATE)


@dataclass(frozen=True, slots=True)
class Sought:
    """What came of looking for a call's lead: columns of the call, and our id of the lead."""

    values: Mapping[str, Any] = field(default_factory=dict)
    row: str | None = None

    @property
    def matched(self) -> bool:
        """Whether there is one."""
        return self.row is not None


NOT_SOUGHT = Sought()


async def standing(session: Session, asked: LeadFilter) -> Standing:
    """What the lead filter does now; leads are only looked at where it could keep calls out."""
    if asked.mode is not LeadMode.REQUIRE:
        return Standing(mode=asked.mode, acting=asked.mode)
    return standing_of(asked, await cache_of(session))


async def cache_of(session: Session) -> LeadCache:
    """What is known of leads now."""
    synced_at = await leads_synced_at(session)
    age_s = None if synced_at is None else max(0.0, (utc_now() - synced_at).total_seconds())
    return LeadCache(filled=await leads.has_leads(session), age_s=age_s)


async def seek(
    session: Session, phones: Mapping[str, str | None], secrets: Secrets
) -> dict[str, Sought]:
    """The leads of new calls, by call id; nothing where the business has none at all."""
    if not phones or not await leads.has_leads(session):
        return {}
    tenant = await tenant_of(session)
    if tenant is None:
        return {}
    keys = {
        callid: keys_of(phone, tenant=tenant, key=secrets.phone_key)
        for callid, phone in phones.items()
    }
    known = await leads.known_by(session, (one for one in keys.values() if one is not None))
    return {callid: sought(one, known, LeadMatch.EXACT) for callid, one in keys.items()}


async def seek_late(session: Session, record: CallRecord, secrets: Secrets) -> Sought:
    """The lead of a call that had none as it came; one that it has is not looked for again."""
    if record.lead_match in _FOUND:
        return Sought(row="")
    if not await leads.has_leads(session):
        return NOT_SOUGHT
    tenant = await tenant_of(session)
    keys = None if tenant is None else stored_keys(record, tenant, secrets)
    if keys is None:
        return NOT_SOUGHT
    return sought(keys, await leads.known_by(session, [keys]), LeadMatch.LATE)


async def note(tx: Session, record: CallRecord, found: Sought) -> None:
    """Keep with a call what was found; a lead that was found meanwhile stays."""
    if record.lead_match in _FOUND or not found.values:
        return
    for column, value in found.values.items():
        setattr(record, column, value)
    if found.row:
        await note_matched(tx, [found.row])


def sought(keys: Keys | None, known: Mapping[Keys, Known], how: LeadMatch) -> Sought:
    """What came of looking for the lead of a number."""
    if keys is None:
        return Sought({"lead_match": LeadMatch.NONE})
    values = {"phone_key": keys.full, "phone_tail_key": keys.tail}
    lead = known.get(keys)
    if lead is None:
        return Sought({**values, "lead_match": LeadMatch.NONE})
    return Sought({**values, "lead_match": how, "lead_id": lead.lead_id}, lead.row)


def stored_keys(record: CallRecord, tenant: Tenant, secrets: Secrets) -> Keys | None:
    """The keys of a call's number, as they were kept or else from the number itself."""
    if record.phone_key is not None:
        return Keys(record.phone_key, record.phone_tail_key)
    if record.customer_phone_enc is None:
        return None
    aad = Aad(str(record.tenant_id), CallRecord.__tablename__, str(record.id), "customer_phone")
    phone = secrets.ring.decrypt_text(record.customer_phone_enc, aad=aad)
    return keys_of(phone, tenant=tenant, key=secrets.phone_key)


async def tenant_of(session: Session) -> Tenant | None:
    """The business of a session."""
    return await find_tenant_by_id(session, session.tenant_id)
