"""Writing back what came of a call: once, whatever dies between the note and the knowledge of it.

A row is committed before anything is sent, and says so: whoever finds it `posting` asks the CRM
for the mark that ends each note, and sends only where that is not found.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from locutory.engines.crm import CrmClient
from locutory.kernel.audit import audit
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import Access, Tenant
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.kernel.failpoints import failpoint
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import Claimed, Context, Failure, JobSpec, enqueue
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.crm import noting, queries
from locutory.products.calls.crm.connecting import client_of
from locutory.products.calls.crm.contract import (
    WRITE_BACK,
    CallNotDone,
    Provider,
    WriteBackUnavailable,
    WriteState,
)
from locutory.products.calls.crm.models import CrmConnection, CrmWriteback
from locutory.products.calls.crm.schemas import WriteBack, WritebackRead
from locutory.products.calls.leads import queries as leads
from locutory.products.calls.records import queries as calls
from locutory.products.calls.records.models import CallAnalysis, CallRecord
from locutory.products.calls.sources.service import phone_of

_SETTLED = (WriteState.SENT, WriteState.SUPERSEDED)
_MOVING = (WriteState.PENDING, WriteState.POSTING)


@dataclass(frozen=True, slots=True)
class _Draft:
    """What there is to say of a call now."""

    record: CallRecord
    text: str
    payload_hash: str
    link: str | None


async def ask(access: Access, callid: str, services: Services) -> WritebackRead:
    """Have a call's note written; asked for again, say how that one stands.

    Raises CallNotFound, CallNotDone, CrmNotConnected, WriteBackUnavailable.
    """
    public_url = services.get(Settings).server.public_url

    async def store(tx: Session) -> WritebackRead:
        record = await calls.get(tx, callid)
        row = await queries.get_connection(tx)
        if not row.enabled or row.provider == Provider.CSV:
            raise WriteBackUnavailable
        found = await want(tx, row, record, actor=access.principal.key, public_url=public_url)
        return WritebackRead.model_validate(found)

    return await access.db.write(store)


async def want(
    tx: Session, row: CrmConnection, record: CallRecord, *, actor: str, public_url: str | None
) -> CrmWriteback:
    """The note on a call as it is now, with a job where it is still to be sent. Raises CallNotDone.

    One that found no lead, or was given up, is tried again.
    """
    wanted = WriteBack.model_validate(row.writeback)
    draft = await _draft(tx, record, wanted, public_url)
    known = await queries.same_writeback(
        tx, record.id, row.provider, wanted.kind, draft.payload_hash
    )
    if known is not None and known.state in (*_SETTLED, *_MOVING):
        return known
    if known is None:
        known = CrmWriteback(
            id=new_id(),
            call_id=record.id,
            provider=row.provider,
            kind=wanted.kind,
            payload_hash=draft.payload_hash,
            actor=actor,
        )
        tx.add(known)
    # a note that was sent and whose answer was lost stays one to be asked after
    known.state = WriteState.POSTING if known.attempts else WriteState.PENDING
    known.error = None
    await tx.flush()
    await enqueue(
        tx,
        JobSpec(
            kind=WRITE_BACK,
            payload={"writeback_id": str(known.id)},
            subject=record.callid,
        ),
    )
    await audit(tx, actor=actor, action="crm.writeback", object=f"call:{record.callid}")
    return known


async def _draft(
    session: Session, record: CallRecord, wanted: WriteBack, public_url: str | None
) -> _Draft:
    analysis: CallAnalysis | None = await calls.latest_analysis(session, record.id)
    if analysis is None or analysis.purged_at is not None:
        raise CallNotDone
    tenant = await tenants.find_tenant_by_id(session, session.tenant_id)
    link = None
    if public_url is not None and tenant is not None:
        link = f"{public_url.rstrip('/')}/console/calls/{tenant.slug}/{record.callid}"
    text = noting.text_of(record, analysis, link)
    return _Draft(record, text, noting.payload_hash(text, wanted), link)


async def write_back(ctx: Context) -> None:
    """The job of one note."""
    row_id = UUID(ctx.payload["writeback_id"])
    assert ctx.db.tenant_id is not None
    async with ctx.db.read() as session:
        note_row = await queries.find_writeback(session, row_id)
        connection = await queries.find_connection(session)
        tenant = await tenants.find_tenant_by_id(session, ctx.db.tenant_id)
        if note_row is None or note_row.state not in _MOVING or tenant is None:
            return
        record = await calls.find_by_id(session, note_row.call_id)
        if (
            connection is None
            or not connection.enabled
            or record is None
            or connection.provider != note_row.provider
        ):
            connection = None
    if connection is None or record is None:
        await ctx.finish(lambda tx: _settle(tx, row_id, WriteState.FAILED, error="not connected"))
        return
    client = client_of(connection, tenant, ctx.services)
    if not client.writes:
        error = WriteBackUnavailable.code
        await ctx.finish(lambda tx: _settle(tx, row_id, WriteState.FAILED, error=error))
        return
    lead_id = note_row.lead_id or await _lead_of(ctx, client, record, tenant)
    if lead_id is None:
        await ctx.finish(lambda tx: _settle(tx, row_id, WriteState.NO_LEAD))
        return
    await _send(ctx, client, connection, note_row, record, lead_id)


async def _send(
    ctx: Context,
    client: CrmClient,
    connection: CrmConnection,
    row: CrmWriteback,
    record: CallRecord,
    lead_id: str,
) -> None:
    wanted = WriteBack.model_validate(connection.writeback)
    public_url = ctx.services.get(Settings).server.public_url
    async with ctx.db.read() as session:
        draft = await _draft(session, record, wanted, public_url)
    note = noting.note_of(
        record,
        row=row.id,
        lead_id=lead_id,
        text=draft.text,
        wanted=wanted.model_copy(update={"kind": row.kind}),
        phone=phone_of(record, ctx.services.get(Secrets)),
        link=draft.link,
    )
    found = await client.find(note) if row.state == WriteState.POSTING else None
    if found is None and draft.payload_hash != row.payload_hash:
        await ctx.finish(lambda tx: _replace(tx, row.id, connection, record, public_url))
        return
    if found is None:
        await ctx.write(lambda tx: _settle(tx, row.id, WriteState.POSTING, lead_id=lead_id, sent=1))
        failpoint("calls.crm.note_announced")
        found = await client.write(note)
        failpoint("calls.crm.note_written")
    external: str = found
    await ctx.finish(
        lambda tx: _settle(tx, row.id, WriteState.SENT, lead_id=lead_id, external_id=external)
    )


async def _lead_of(
    ctx: Context, client: CrmClient, record: CallRecord, tenant: Tenant
) -> str | None:
    """The call's lead in this CRM: the one that is known, else whom the CRM says has the number."""
    if record.lead_id is not None:
        async with ctx.db.read() as session:
            known = await leads.find_lead(session, record.lead_id, client.provider)
        if known is not None and known.provider == client.provider:
            return known.lead_id
    phone = phone_of(record, ctx.services.get(Secrets))
    if phone is None:
        return None
    found = [lead for lead in await client.by_phone(phone) if not lead.deleted]
    newest = max(found, key=_changed, default=None)
    return None if newest is None else newest.lead_id


def _changed(lead: Any) -> float:
    return 0.0 if lead.modified_at is None else lead.modified_at.timestamp()


async def _settle(
    tx: Session,
    row_id: UUID,
    state: WriteState,
    *,
    lead_id: str | None = None,
    external_id: str | None = None,
    error: str | None = None,
    sent: int = 0,
) -> None:
    row = await queries.find_writeback(tx, row_id)
    if row is None:
        return
    row.state, row.error, row.updated_at = state, error, utc_now()
    row.lead_id = lead_id or row.lead_id
    row.external_id = external_id if external_id is not None else row.external_id
    row.attempts += sent
    await tx.flush()


async def _replace(
    tx: Session,
    row_id: UUID,
    connection: CrmConnection,
    record: CallRecord,
    public_url: str | None,
) -> None:
    """The call says something else by now: that is the note to be written."""
    old = await queries.find_writeback(tx, row_id)
    current = await calls.find_by_id(tx, record.id)
    await _settle(tx, row_id, WriteState.SUPERSEDED)
    if old is not None and current is not None:
        await want(tx, connection, current, actor=old.actor, public_url=public_url)


async def give_up(tx: Session, job: Claimed, failure: Failure) -> None:
    """Say why a note was not written; asked for again, it is looked for first."""
    row_id = UUID(job.payload["writeback_id"])
    await _settle(tx, row_id, WriteState.FAILED, error=f"{failure.code}: {failure.detail}"[:500])


async def parts(session: Session, call_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """What a call's page says of the CRM: its lead's id and how that was found, and the notes."""
    record = await calls.find_by_id(session, call_id)
    if record is None or record.lead_id is None:
        shown = []
    else:
        lead = await leads.find_lead(session, record.lead_id)
        shown = [
            {
                "what": "lead",
                "lead_id": record.lead_id,
                "match": record.lead_match,
                "provider": None if lead is None else lead.provider,
                "stage": None if lead is None else lead.stage,
                "owner": None if lead is None else lead.owner,
            }
        ]
    notes = await queries.writebacks_of(session, call_id)
    return {
        "crm": [
            *shown,
            *(
                {"what": "writeback", **WritebackRead.model_validate(row).model_dump(mode="json")}
                for row in notes
            ),
        ]
    }
