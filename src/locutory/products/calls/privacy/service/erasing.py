"""Taking a request for erasure on: its calls are in no list and no search before the answer."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access, Tenant
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import KeyRing, Secrets, phone_hash
from locutory.kernel.db import Database, Session
from locutory.kernel.errors import InvalidError
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import JobSpec, enqueue
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.kernel.redact import redact
from locutory.products.calls.leads.keeping import erase
from locutory.products.calls.leads.keys import keys_of
from locutory.products.calls.leads.models import CrmLead
from locutory.products.calls.leads.queries import leads_named, leads_with
from locutory.products.calls.privacy import queries
from locutory.products.calls.privacy.contract import ERASE_TRACES, By, ErasureState
from locutory.products.calls.privacy.models import Erasure
from locutory.products.calls.privacy.plan import Plan, digest, opened, sealed
from locutory.products.calls.privacy.schemas import (
    ErasureCreate,
    ErasurePage,
    ErasureRead,
    ErasureTaken,
)
from locutory.products.calls.records.contract import LegalHold
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.records.phones import hashes
from locutory.products.calls.records.service.deleting import take_away

_AT_ONCE = 100
_NEWEST = "erasures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that was looked up: whose calls, which of them are held, whose leads."""

    id: UUID
    by: By
    subject_hash: str
    reason: str
    plan: Plan
    held: Sequence[str]
    leads: Sequence[UUID] = ()


async def look_up(access: Access, data: ErasureCreate, secrets: Secrets) -> Asked:
    """Find the calls of a request; nothing is stored. Raises InvalidError."""
    by, value = data.named
    tenant_id, key, plan = access.tenant.id, secrets.phone_key, Plan()
    match by:
        case By.PHONE:
            found = hashes(value, tenant=access.tenant, key=key)
            if found is None:
                message = "a phone number with all its digits"
                fault = {"field": "phone", "code": "PHONE_INVALID", "message": message}
                raise InvalidError("the phone number cannot be read", errors=[fault])
            where, subject = queries.of_phone(found), found[0]
        case By.LEAD_ID:
            where, subject = queries.of_lead(value), phone_hash(value, tenant=tenant_id, key=key)
        case By.CALLID:
            where, subject = CallRecord.callid == value, digest(value)
    async with access.db.read() as session:
        calls = await queries.calls_of(session, where, until=utc_now())
        leads = await _leads(session, by, value, access.tenant, secrets)
    plan.pending = [str(call.id) for call in calls if not call.legal_hold]
    if by is By.CALLID and not calls:
        plan.gone = plan.words = [value]
    return Asked(
        id=new_id(),
        by=by,
        subject_hash=subject,
        reason=redact(data.reason).text,
        plan=plan,
        held=sorted(call.callid for call in calls if call.legal_hold),
        leads=[lead.id for lead in leads],
    )


async def _leads(
    session: Session, by: By, value: str, tenant: Tenant, secrets: Secrets
) -> Sequence[CrmLead]:
    """The person as CRMs have them; a call by itself names nobody."""
    if by is By.LEAD_ID:
        return await leads_named(session, value)
    keys = None
    if by is By.PHONE:
        keys = keys_of(value, tenant=tenant, key=secrets.phone_key)
    return () if keys is None else await leads_with(session, [keys.full])


async def begin(
    tx: Session, asked: Asked, secrets: Secrets, *, tenant: Tenant, actor: str
) -> ErasureTaken:
    """Write the request and its job down, and take the first calls away, and the leads.

    Raises LegalHold, with the calls, where all are held.
    """
    ring = secrets.ring
    if asked.held and not asked.plan.pending:
        raise LegalHold("all of these calls are under legal hold", callids=list(asked.held))
    row = Erasure(
        id=asked.id,
        by=asked.by,
        subject_hash=asked.subject_hash,
        reason=asked.reason,
        requested_by=actor,
        state=ErasureState.RUNNING,
        total=len(asked.plan.pending),
        held=list(asked.held),
        plan_enc=sealed(asked.plan, ring, tx.tenant_id, asked.id),
        callid_hashes=[digest(callid) for callid in asked.plan.gone],
        counts={},
    )
    tx.add(row)
    await tx.flush()
    [job_id] = await enqueue(tx, JobSpec(kind=ERASE_TRACES, payload={"erasure_id": str(asked.id)}))
    await audit(
        tx,
        actor=actor,
        action="privacy.erase",
        object=f"erasure:{asked.id}",
        by=asked.by,
        calls=row.total,
        held=len(row.held),
    )
    await take_some(tx, asked.id, ring)
    if asked.leads:
        gone = await erase(tx, asked.leads, tenant=tenant, secrets=secrets)
        add_counts(row, {"leads": gone})
    return ErasureTaken(**dict(ErasureRead.model_validate(row)), job_id=job_id)


async def take_rest(db: Database, erasure_id: UUID, ring: KeyRing) -> None:
    """Take the other calls of a request away; where the process dies, its job does."""
    while await db.write(lambda tx: take_some(tx, erasure_id, ring)):
        pass


async def take_some(tx: Session, erasure_id: UUID, ring: KeyRing) -> bool:
    """Take up to a hundred calls out of lists and search; True while there are more.

    A call that came under legal hold since stays, and is named.
    """
    row = await queries.find_erasure(tx, erasure_id, lock=True)
    if row is None or row.plan_enc is None:
        return False
    plan = opened(row.plan_enc, ring, tx.tenant_id, row.id)
    if not plan.pending:
        return False
    portion = [UUID(id_) for id_ in plan.pending[:_AT_ONCE]]
    records = await queries.still_there(tx, portion)
    free = [record for record in records if not record.legal_hold]
    plan.answers += await queries.answered_about(tx, [record.id for record in free])
    passages = 0
    for record in free:
        plan.add(record.id, record.callid, record.custom, record.created_at)
        passages += await take_away(tx, record, actor=row.requested_by)
    plan.pending = plan.pending[_AT_ONCE:]
    row.held = sorted({*row.held, *(r.callid for r in records if r.legal_hold)})
    row.total -= len(portion) - len(free)
    row.callid_hashes = [*row.callid_hashes, *(digest(record.callid) for record in free)]
    row.taken_at = utc_now()
    row.plan_enc = sealed(plan, ring, tx.tenant_id, row.id)
    add_counts(row, {"calls": len(free), "passages": passages})
    await tx.flush()
    return bool(plan.pending)


def add_counts(row: Erasure, counts: dict[str, int] | Counter[str]) -> None:
    """Add to what the receipt says was removed."""
    row.counts = dict(sorted((Counter(row.counts) + Counter(counts)).items()))


async def get_one(access: Access, erasure_id: UUID) -> ErasureRead:
    """How a request is coming along, or its receipt. Raises ErasureNotFound."""
    async with access.db.read() as session:
        return ErasureRead.model_validate(await queries.get_erasure(session, erasure_id))


async def list_all(access: Access, *, cursor: str | None, limit: int) -> ErasurePage:
    """A page of requests, newest first."""
    after = decode_cursor(cursor, _NEWEST, datetime) if cursor else None
    async with access.db.read() as session:
        found = await queries.erasures(session, after=after, limit=limit)
    rows, more = split_page(found, limit)
    return ErasurePage(
        items=[ErasureRead.model_validate(row) for row in rows],
        next_cursor=encode_cursor(_NEWEST, rows[-1].created_at, rows[-1].id) if more else None,
    )
