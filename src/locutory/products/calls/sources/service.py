"""Taking calls in: one transaction writes the call, its first job and its event."""

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from locutory.kernel.audit import audit
from locutory.kernel.clock import to_ms, utc_now
from locutory.kernel.crypto import Aad, Secrets, phone_hash
from locutory.kernel.db import Database, Session
from locutory.kernel.events import emit
from locutory.kernel.failpoints import failpoint
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import JobSpec, enqueue
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import CallUpserted, Stage, StageState, Status
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.sources.contract import CallOffer, Outcome, Taken, checked_callid
from locutory.products.calls.sources.phones import normalised

_FUTURE = timedelta(hours=24)
_DAWN = 631_152_000_000  # 1990: a recorded call from before is a broken clock


async def take(
    db: Database, offers: Iterable[CallOffer], *, actor: str, secrets: Secrets
) -> list[Taken]:
    """Register offered calls, all or none; repeat an offer as often as you like.

    The same metadata changes nothing, other metadata updates the call, other audio flags it
    `source_changed`. Raises CallidInvalid.
    """
    offered = [(checked_callid(offer.callid), offer) for offer in offers]

    async def store(tx: Session) -> list[Taken]:
        taken = [await _take_one(tx, offer, secrets) for _, offer in offered]
        await audit(
            tx,
            actor=actor,
            action="calls.ingest",
            object=f"{len(taken)} calls",
            callids=[t.callid for t in taken[:50]],
        )
        failpoint("calls.ingest.before_commit")
        return taken

    taken = await db.write(store)
    failpoint("calls.ingest.committed")
    return taken


async def _take_one(tx: Session, offer: CallOffer, secrets: Secrets) -> Taken:
    digest = _digest(offer)
    record = await queries.find(tx, offer.callid)
    if record is None:
        return await _create(tx, offer, digest, secrets)
    if record.source_hash == digest:
        return Taken(callid=record.callid, id=str(record.id), outcome=Outcome.DUPLICATE)
    outcome = Outcome.UPDATED
    if _other_audio(record, offer, secrets):
        outcome = Outcome.SOURCE_CHANGED
        record.flags = sorted({*record.flags, "source_changed"})
    else:
        _describe(record, offer, secrets)
        record.source_hash = digest
    await tx.flush()
    await emit(tx, CallUpserted(callid=record.callid, status=record.status, created=False))
    return Taken(callid=record.callid, id=str(record.id), outcome=outcome)


async def _create(tx: Session, offer: CallOffer, digest: str, secrets: Secrets) -> Taken:
    record = CallRecord(
        id=new_id(),
        tenant_id=tx.tenant_id,
        callid=offer.callid,
        kind=offer.kind,
        source_hash=digest,
        started_at=utc_now(),
        custom={},
        flags=[],
        epoch=1,
        transcript_version=0,
    )
    _describe(record, offer, secrets)
    has_audio = offer.audio is not None or offer.audio_url is not None
    if offer.audio is not None:
        record.audio_key, record.audio_sha256 = offer.audio.key, offer.audio.sha256
    elif offer.audio_url is not None:
        record.audio_url_enc = secrets.ring.encrypt(offer.audio_url, aad=_aad(record, "audio_url"))
    record.sidecar_key, record.sidecar_name = offer.sidecar_key, offer.sidecar_name
    if has_audio or offer.sidecar_key is not None:
        record.status, record.stage, record.stage_state = (
            Status.PENDING,
            Stage.TRANSCRIBE,
            StageState.QUEUED,
        )
        await enqueue(tx, first_job(record.id, record.callid))
    else:
        record.status, record.status_reason = Status.SKIPPED, "no_recording"
        record.stage, record.stage_state = Stage.TRANSCRIBE, StageState.SKIPPED
    tx.add(record)
    await tx.flush()
    await emit(tx, CallUpserted(callid=record.callid, status=record.status, created=True))
    return Taken(callid=record.callid, id=str(record.id), outcome=Outcome.CREATED)


def first_job(call_id: UUID, callid: str, run_no: int = 1) -> JobSpec:
    """The job that a new call, or a call that is run again, begins with."""
    return JobSpec(
        kind="calls.transcribe",
        payload={"call_id": str(call_id), "run_no": run_no},
        subject=callid,
    )


def _describe(record: CallRecord, offer: CallOffer, secrets: Secrets) -> None:
    phone = normalised(offer.customer_phone)
    record.kind = offer.kind
    record.direction = offer.direction
    record.agent_id, record.agent_name = offer.agent_id, offer.agent_name
    record.disposition = offer.disposition
    record.customer_phone_enc = (
        None if phone is None else secrets.ring.encrypt(phone, aad=_aad(record, "customer_phone"))
    )
    record.customer_phone_hash = (
        None if phone is None else phone_hash(phone, tenant=record.tenant_id, key=secrets.phone_key)
    )
    record.phone_last4 = None if phone is None else phone[-4:]
    record.custom = offer.custom
    if offer.started_at is not None:
        record.started_at = offer.started_at
    record.ended_at = offer.ended_at
    flags = set(record.flags) - {"time_suspect"}
    if _suspect(offer):
        flags.add("time_suspect")
    record.flags = sorted(flags)


def _suspect(offer: CallOffer) -> bool:
    started, ended = offer.started_at, offer.ended_at
    if started is not None and (to_ms(started) < _DAWN or started > utc_now() + _FUTURE):
        return True
    return started is not None and ended is not None and ended < started


def _other_audio(record: CallRecord, offer: CallOffer, secrets: Secrets) -> bool:
    if offer.audio is not None and record.audio_sha256 is not None:
        return offer.audio.sha256 != record.audio_sha256
    if offer.audio_url is not None and record.audio_url_enc is not None:
        return offer.audio_url != audio_url(record, secrets)
    return False


def audio_url(record: CallRecord, secrets: Secrets) -> str:
    """The address that the source gave. The record must have one."""
    assert record.audio_url_enc is not None
    return secrets.ring.decrypt(record.audio_url_enc, aad=_aad(record, "audio_url")).decode()


def _aad(record: CallRecord, column: str) -> Aad:
    return Aad(str(record.tenant_id), CallRecord.__tablename__, str(record.id), column)


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
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
