"""Taking calls in: one transaction writes the call, its first job and its event."""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import orjson
from pydantic import ValidationError
from sqlalchemy import insert

from locutory.engines.blobs import BlobStore
from locutory.engines.media import container_of
from locutory.kernel.audit import audit
from locutory.kernel.clock import to_ms, utc_now
from locutory.kernel.crypto import Aad, KeyRing, Secrets, phone_hash
from locutory.kernel.db import Database, Session
from locutory.kernel.db.base import table_of
from locutory.kernel.errors import InvalidError, LocutoryError
from locutory.kernel.events import emit
from locutory.kernel.failpoints import failpoint
from locutory.kernel.http.gate import Gate, UrlBlockedError
from locutory.kernel.http_errors import faults
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import JobSpec, enqueue
from locutory.kernel.jobs.contract import Priority
from locutory.products.calls.leads.keeping import note_matched
from locutory.products.calls.pipeline.addresses import audio_url, note_blocked, sealed_url
from locutory.products.calls.pipeline.contract import NO_RECORDING, first_job
from locutory.products.calls.pipeline.uploads import (
    MAX_SIDECAR_BYTES,
    keep_audio,
    keep_sidecar,
    spooled,
)
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import (
    DROP_FILES,
    NO_CONSENT,
    CallUpserted,
    Consent,
    Stage,
    StageState,
    Status,
)
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.records.phones import normalised
from locutory.products.calls.records.service import runs
from locutory.products.calls.sources.admitting import (
    NO_LEAD,
    Admission,
    admission_of,
    why_skipped,
)
from locutory.products.calls.sources.contract import CallOffer, Outcome, Taken, checked_callid
from locutory.products.calls.sources.folder import callid_of
from locutory.products.calls.sources.schemas import (
    AudioTaken,
    CallPush,
    ItemResult,
    PushResult,
    Upload,
)

_INSERT = insert(table_of(CallRecord))
# Every column, so that all rows share one compiled statement; with the model's plain defaults.
_NEW: dict[str, Any] = {
    column.name: getattr(column.default, "arg", None)
    if column.default is not None and column.default.is_scalar
    else None
    for column in table_of(CallRecord).columns
}
_CHANGED_AUDIO = "source_changed"
_FUTURE = timedelta(hours=24)
_FRESH = timedelta(hours=24)
_DAWN = 631_152_000_000  # 1990: a recorded call from before is a broken clock


async def take(
    tx: Session,
    offers: Sequence[CallOffer],
    *,
    actor: str,
    secrets: Secrets,
    priority: int = Priority.NORMAL,
) -> list[Taken]:
    """Register offered calls in this transaction; repeat an offer as often as you like.

    The same metadata changes nothing, other metadata updates the call, other audio flags it
    `source_changed`, unless the call failed or was skipped for want of a recording: then it is
    heard.
    Raises CallidInvalid.
    """
    for offer in offers:
        checked_callid(offer.callid)
    admission = await admission_of(tx, offers, secrets)
    taken = [await _take_one(tx, offer, secrets, admission, actor, priority) for offer in offers]
    rows = (admission.leads[one.callid].row for one in taken if one.callid in admission.leads)
    await note_matched(tx, filter(None, rows))
    changed = [UUID(one.id) for one in taken if one.outcome is not Outcome.DUPLICATE]
    await mark_stale(tx, *changed)
    await audit(
        tx,
        actor=actor,
        action="calls.ingest",
        object=f"{len(taken)} calls",
        callids=[t.callid for t in taken[:50]],
    )
    failpoint("calls.ingest.before_commit")
    return taken


async def take_by_age(
    tx: Session, offers: Sequence[CallOffer], *, actor: str, secrets: Secrets, now: datetime
) -> list[Taken]:
    """Like `take`; calls that are older than a day wait for what people wait for."""
    past = [offer for offer in offers if offer.began_before(now - _FRESH)]
    fresh = [offer for offer in offers if not offer.began_before(now - _FRESH)]
    taken: list[Taken] = []
    for some, priority in ((fresh, Priority.NORMAL), (past, Priority.BACKFILL)):
        if some:
            taken += await take(tx, some, actor=actor, secrets=secrets, priority=priority)
    return taken


async def unchanged(session: Session, offers: Sequence[CallOffer], secrets: Secrets) -> set[str]:
    """The call ids of those offers that would change nothing, mostly by one look at the hashes."""
    told = await queries.last_told(session, [offer.callid for offer in offers])
    same = set()
    for offer in offers:
        digest, flags = told.get(offer.callid, ("", ()))
        if digest == _digest(offer):
            same.add(offer.callid)
        elif _CHANGED_AUDIO in flags:  # that it has another recording was noted before
            record = await queries.get(session, offer.callid)
            if _other_audio(record, offer, secrets) and not _mends(record, offer, secrets):
                same.add(offer.callid)
    return same


@dataclass(frozen=True, slots=True)
class Judged:
    """An item of a batch: an offer, or the reason why it is none."""

    callid: str | None
    offer: CallOffer | None = None
    error: LocutoryError | None = None


def judge(item: dict[str, Any], gate: Gate) -> Judged:
    """Look at one item of a batch by itself."""
    callid = item.get("callid") or item.get("call_id") or item.get("id")
    shown = str(callid)[:128] if callid is not None else None
    try:
        return Judged(shown, offer=checked(CallPush.model_validate(item), gate))
    except ValidationError as error:
        return Judged(shown, error=InvalidError(errors=faults(error.errors())))
    except LocutoryError as error:
        return Judged(shown, error=error)


def checked(push: CallPush, gate: Gate) -> CallOffer:
    """The offer in a push. Raises CallidInvalid, UrlBlockedError."""
    checked_callid(push.callid)
    if push.audio_url is not None:
        gate.check_url(push.audio_url)
    return push.offer()


async def admit(db: Database, push: CallPush, gate: Gate, *, actor: str) -> CallOffer:
    """As `checked`; a blocked address is also noted for the auditors."""
    try:
        return checked(push, gate)
    except UrlBlockedError as error:
        reason = error.detail
        await db.write(lambda tx: note_blocked(tx, push.callid, reason, actor=actor))
        raise


async def push(
    tx: Session,
    items: Sequence[Judged],
    *,
    actor: str,
    secrets: Secrets,
    priority: int = Priority.NORMAL,
) -> PushResult:
    """Register the good items of a batch and answer for each."""
    good = [item.offer for item in items if item.offer is not None]
    took = await take(tx, good, actor=actor, secrets=secrets, priority=priority) if good else []
    taken = iter(took)
    for item in items:
        if isinstance(item.error, UrlBlockedError):
            await note_blocked(tx, item.callid or "", item.error.detail, actor=actor)
    results = [_rejected(item) if item.offer is None else _result(next(taken)) for item in items]
    duplicates = sum(r.result == Outcome.DUPLICATE for r in results)
    rejected = sum(r.result == "rejected" for r in results)
    return PushResult(
        accepted=len(results) - duplicates - rejected,
        duplicates=duplicates,
        rejected=rejected,
        items=results,
    )


def described(**fields: Any) -> Upload:
    """What an upload says of itself. Raises InvalidError with every fault."""
    try:
        return Upload(**fields)
    except ValidationError as error:
        raise InvalidError(errors=faults(error.errors())) from error


async def receive(
    blobs: BlobStore,
    ring: KeyRing,
    tenant_id: UUID,
    upload: Upload,
    audio: BinaryIO,
    *,
    name: str,
    transcript: BinaryIO | None,
    transcript_name: str | None,
    scratch: Path,
    max_audio_bytes: int,
) -> CallOffer:
    """Store an upload's files and make the offer of them; without a call id the content gives one.

    Raises CallidInvalid, TooLargeError, NotAudioError and AudioEmptyError before anything is kept.
    """
    if upload.callid is not None:
        checked_callid(upload.callid)
    async with spooled(audio, scratch, max_audio_bytes) as file:
        await asyncio.to_thread(container_of, file.path)
        callid = upload.callid or callid_of(name, file.sha256)
        kept = await keep_audio(blobs, tenant_id, callid, file)
    sidecar_key = None
    if transcript is not None:
        async with spooled(transcript, scratch, MAX_SIDECAR_BYTES) as file:
            sidecar_key = await keep_sidecar(blobs, ring, tenant_id, callid, file)
    started = upload.started_at
    return CallOffer(
        callid=callid,
        audio=kept,
        sidecar_key=sidecar_key,
        sidecar_name=transcript_name,
        direction=upload.direction,
        customer_phone=upload.customer_phone,
        agent_id=upload.agent_id,
        agent_name=upload.agent_name,
        consent=upload.consent,
        started_at=started if started is None or started.tzinfo else started.replace(tzinfo=UTC),
    )


async def upload(tx: Session, offer: CallOffer, *, actor: str, secrets: Secrets) -> AudioTaken:
    """Register the call of an upload."""
    taken = (await take(tx, [offer], actor=actor, secrets=secrets))[0]
    return AudioTaken(callid=taken.callid, id=taken.id, result=taken.outcome)


def _result(taken: Taken) -> ItemResult:
    return ItemResult(callid=taken.callid, result=taken.outcome, id=taken.id, error=None)


def _rejected(item: Judged) -> ItemResult:
    assert item.error is not None
    error = {"error_code": item.error.error_code, "detail": item.error.detail, **item.error.extra}
    return ItemResult(callid=item.callid, result="rejected", id=None, error=error)


async def _take_one(
    tx: Session,
    offer: CallOffer,
    secrets: Secrets,
    admission: Admission,
    actor: str,
    priority: int,
) -> Taken:
    digest = _digest(offer)
    if not await queries.is_known(tx, offer.callid):
        return await _create(tx, offer, digest, secrets, admission, priority)
    record = await queries.get(tx, offer.callid)
    mended, waited = _mends(record, offer, secrets), _waits_for_consent(record)
    lacked = _lacks_recording(record)
    if offer.audio is not None and not mended and (waited or record.audio_purged_at is not None):
        await enqueue(tx, _drop(record.id))
    if record.source_hash == digest and not mended:
        return Taken(callid=record.callid, id=str(record.id), outcome=Outcome.DUPLICATE)
    outcome = Outcome.UPDATED
    if _other_audio(record, offer, secrets) and not mended:
        outcome = Outcome.SOURCE_CHANGED
        record.flags = sorted({*record.flags, _CHANGED_AUDIO})
    else:
        described = _described(record.tenant_id, record.id, offer, secrets, flags=record.flags)
        if described["customer_phone_hash"] != record.customer_phone_hash:
            described |= {**NO_LEAD, **admission.sought(offer.callid).values}
        for column, value in described.items():
            setattr(record, column, value)
        record.source_hash = digest
    if mended:
        record.audio_key = offer.audio.key if offer.audio else None
        record.audio_sha256 = offer.audio.sha256 if offer.audio else None
        if offer.audio is None and offer.audio_url is not None:
            sealed = sealed_url(record.tenant_id, record.id, offer.audio_url, secrets)
            record.audio_url_enc = sealed
        if offer.sidecar_key is not None:
            record.sidecar_key, record.sidecar_name = offer.sidecar_key, offer.sidecar_name
        if lacked:
            await _begin(tx, record, offer, admission)
        else:
            await runs.retry(tx, record, actor=actor)
    elif waited and record.consent == Consent.YES and record.audio_url_enc is not None:
        await runs.retry(tx, record, actor=actor)
    await tx.flush()
    await emit(tx, CallUpserted(callid=record.callid, status=record.status, created=False))
    return Taken(callid=record.callid, id=str(record.id), outcome=outcome)


async def _begin(tx: Session, record: CallRecord, offer: CallOffer, admission: Admission) -> None:
    """Work a call whose recording came after it, if the business's filters let it in."""
    consent = offer.consent or Consent(record.consent)
    matched = record.lead_id is not None
    skipped = why_skipped(replace(offer, consent=consent), admission, matched=matched)
    if skipped is None:
        await runs.send(tx, record, Stage.TRANSCRIBE)
        return
    record.status_reason = skipped
    if skipped == NO_CONSENT and (offer.audio or offer.sidecar_key):
        record.audio_key = record.audio_sha256 = record.sidecar_key = None
        await enqueue(tx, _drop(record.id))


async def _create(
    tx: Session,
    offer: CallOffer,
    digest: str,
    secrets: Secrets,
    admission: Admission,
    priority: int,
) -> Taken:
    id_, now = new_id(), utc_now()
    lead = admission.sought(offer.callid)
    skipped = why_skipped(offer, admission, matched=lead.matched)
    kept = offer
    if skipped == NO_CONSENT:  # what came along is not even kept
        kept = replace(offer, audio=None, sidecar_key=None)
    row = {
        **_NEW,
        **_described(tx.tenant_id, id_, offer, secrets, flags=()),
        **lead.values,
        "tags": [],
        "id": id_,
        "tenant_id": tx.tenant_id,
        "callid": offer.callid,
        "source_hash": digest,
        "started_at": offer.started_at or now,
        "status": Status.SKIPPED if skipped else Status.PENDING,
        "status_reason": skipped,
        "stage_state": StageState.SKIPPED if skipped else StageState.QUEUED,
        "audio_key": kept.audio.key if kept.audio else None,
        "audio_sha256": kept.audio.sha256 if kept.audio else None,
        "sidecar_key": kept.sidecar_key,
        "sidecar_name": offer.sidecar_name,
        "created_at": now,
        "updated_at": now,
    }
    if offer.audio is None and offer.audio_url is not None:
        row["audio_url_enc"] = sealed_url(tx.tenant_id, id_, offer.audio_url, secrets)
    # a bare row, not an object: half the work of taking a call in was the unit of work
    await tx.execute(_INSERT, row, execution_options={"fenced": True})
    if skipped is None:
        if lead.matched and priority == Priority.NORMAL:
            priority = Priority.URGENT
        await enqueue(tx, first_job(id_, offer.callid, priority=priority))
    elif kept != offer:
        await enqueue(tx, _drop(id_))
    await emit(tx, CallUpserted(callid=offer.callid, status=row["status"], created=True))
    return Taken(callid=offer.callid, id=str(id_), outcome=Outcome.CREATED)


def _drop(call_id: UUID) -> JobSpec:
    return JobSpec(kind=DROP_FILES, payload={"call_id": str(call_id)})


def _described(
    tenant_id: UUID, id_: UUID, offer: CallOffer, secrets: Secrets, *, flags: Iterable[str]
) -> dict[str, Any]:
    """The columns that an offer describes; `flags` are those that the call has already."""
    phone = normalised(offer.customer_phone)
    kept = set(flags) - {"time_suspect"}
    values: dict[str, Any] = {
        "kind": offer.kind,
        "direction": offer.direction,
        "agent_id": offer.agent_id,
        "agent_name": offer.agent_name,
        "disposition": offer.disposition,
        "customer_phone_enc": None,
        "customer_phone_hash": None,
        "phone_last4": None,
        "custom": offer.custom,
        "ended_at": offer.ended_at,
        "flags": sorted(kept | {"time_suspect"} if _suspect(offer) else kept),
    }
    if phone is not None:
        aad = _aad(tenant_id, id_, "customer_phone")
        values["customer_phone_enc"] = secrets.ring.encrypt(phone, aad=aad)
        values["customer_phone_hash"] = phone_hash(phone, tenant=tenant_id, key=secrets.phone_key)
        values["phone_last4"] = phone[-4:]
    if offer.started_at is not None:
        values["started_at"] = offer.started_at
    if offer.consent is not None:  # what a person noted meanwhile is not forgotten
        values["consent"] = offer.consent
    return values


def _suspect(offer: CallOffer) -> bool:
    started, ended = offer.started_at, offer.ended_at
    if offer.time_suspect:
        return True
    if started is not None and (to_ms(started) < _DAWN or started > utc_now() + _FUTURE):
        return True
    return started is not None and ended is not None and ended < started


def _other_audio(record: CallRecord, offer: CallOffer, secrets: Secrets) -> bool:
    if offer.audio is not None and record.audio_sha256 is not None:
        return offer.audio.sha256 != record.audio_sha256
    if offer.audio_url is not None and record.audio_url_enc is not None:
        return offer.audio_url != audio_url(record, secrets)
    return False


def _mends(record: CallRecord, offer: CallOffer, secrets: Secrets) -> bool:
    """Whether a call gets a recording that failed unheard, waited for consent, or had none."""
    if _lacks_recording(record):
        return bool(offer.audio or offer.audio_url or offer.sidecar_key)
    unheard = record.status == Status.FAILED and record.stage == Stage.TRANSCRIBE
    if _waits_for_consent(record):
        unheard = (offer.consent or record.consent) == Consent.YES
    first = offer.audio is not None and record.audio_sha256 is None
    return unheard and (first or _other_audio(record, offer, secrets))


def _lacks_recording(record: CallRecord) -> bool:
    return record.status == Status.SKIPPED and record.status_reason == NO_RECORDING


def _waits_for_consent(record: CallRecord) -> bool:
    return record.status == Status.SKIPPED and record.status_reason == NO_CONSENT


def phone_of(record: CallRecord, secrets: Secrets) -> str | None:
    """The customer's phone as it was told."""
    if record.customer_phone_enc is None:
        return None
    aad = _aad(record.tenant_id, record.id, "customer_phone")
    return secrets.ring.decrypt_text(record.customer_phone_enc, aad=aad)


def _aad(tenant_id: UUID, id_: UUID, column: str) -> Aad:
    return Aad(str(tenant_id), CallRecord.__tablename__, str(id_), column)


def _digest(offer: CallOffer) -> str:
    body: dict[str, Any] = {
        "kind": offer.kind,
        "direction": offer.direction,
        "phone": normalised(offer.customer_phone),
        "agent": [offer.agent_id, offer.agent_name],
        "disposition": offer.disposition,
        "started": None if offer.started_at is None else to_ms(offer.started_at),
        "ended": None if offer.ended_at is None else to_ms(offer.ended_at),
        "url": offer.audio_url,
        "sha256": None if offer.audio is None else offer.audio.sha256,
        "custom": offer.custom,
    }
    if offer.consent is not None:  # else the digest is that of sources that do not tell of it
        body["consent"] = offer.consent
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
