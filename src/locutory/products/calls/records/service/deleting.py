"""Deleting calls: gone from lists and search at once, from every table and the store by a job."""

from collections import Counter
from typing import Any
from uuid import UUID

from locutory.capabilities.knowledge.api import forget
from locutory.engines.blobs import BlobStore
from locutory.kernel.audit import audit
from locutory.kernel.db import Database, Session
from locutory.kernel.db.tenants import delete_where, tables_of
from locutory.kernel.errors import ErrorClass, LocutoryError
from locutory.kernel.events import emit
from locutory.kernel.jobs import Context, JobSpec, JobState, admin, enqueue
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import (
    COLLECTION,
    ERASE,
    CallDeleted,
    LegalHold,
    Stage,
)
from locutory.products.calls.records.files import call_prefix
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.models import CallRecord, StaleCall
from locutory.products.calls.records.service import runs
from locutory.products.calls.records.sight import Reader

_SPARED = frozenset({StaleCall.__tablename__})
"""The mark tells read models that the call is gone; who reads it removes it."""


async def delete_call(tx: Session, record: CallRecord, *, actor: str) -> None:
    """Delete a call in this transaction; its other rows and its files follow by a job.

    Every table with a `call_id` is emptied of it. Who keeps something of calls elsewhere
    subscribes to `CallDeleted`. Raises LegalHold.
    """
    await take_away(tx, record, actor=actor)
    await enqueue(
        tx,
        JobSpec(
            kind=ERASE,
            payload={"call_id": str(record.id), "callid": record.callid},
            dedupe_key=f"erase:{record.id}",
        ),
    )


async def take_away(tx: Session, record: CallRecord, *, actor: str) -> int:
    """Delete the call's row and passages; the caller's own job does what `erase` does.

    Returns the number of passages. Raises LegalHold.
    """
    if record.legal_hold:
        raise LegalHold
    await runs.stop_jobs(tx, record, actor=actor)
    passages = await forget(tx, COLLECTION, record.callid)
    await mark_stale(tx, record.id)
    await emit(tx, CallDeleted(callid=record.callid, call_id=str(record.id)))
    await audit(tx, actor=actor, action="call.delete", object=f"call:{record.callid}")
    await tx.delete(record)
    await tx.flush()
    return passages


async def delete_one(reader: Reader, callid: str) -> None:
    """Delete a call. Raises CallNotFound, LegalHold."""

    async def store(tx: Session) -> None:
        record = await queries.get(tx, callid, own=reader.own, lock=True)
        await delete_call(tx, record, actor=reader.actor)

    await reader.db.write(store)


class StillWorkedOn(LocutoryError):
    """A stage of the deleted call still runs and may store a file; it was told to stop."""

    status, code, cls = 503, "CALL_STILL_WORKED_ON", ErrorClass.TRANSIENT_NETWORK


async def erase(ctx: Context) -> None:
    """Remove what a deleted call has left behind. Running it again changes nothing.

    Raises StillWorkedOn: a later attempt finds the stage's end.
    """
    call_id, callid = UUID(ctx.payload["call_id"]), ctx.payload["callid"]
    await remove_files(ctx.db, ctx.services.get(BlobStore), call_id, callid)
    await ctx.finish(lambda tx: clear_rows(tx, call_id, callid))


async def drop_files(ctx: Context) -> None:
    """Remove what lies in a call's folder and is no recording or transcript of the call.

    So go files that came for a call that may not be worked, or is past keeping them.
    """
    async with ctx.db.read() as session:
        record = await queries.find_by_id(session, UUID(ctx.payload["call_id"]))
    if record is not None and not record.legal_hold:
        await remove_files(ctx.db, ctx.services.get(BlobStore), record.id, record.callid)


async def remove_files(db: Database, blobs: BlobStore, call_id: UUID, callid: str) -> int:
    """Remove a deleted call's files; return how many. Raises StillWorkedOn."""
    async with db.read() as session:
        if any(job.state == JobState.RUNNING for job in await _jobs(session, callid, call_id)):
            raise StillWorkedOn
        prefix = call_prefix(session.tenant_id, callid)
        successor = await queries.find(session, callid)
    kept, removed = _kept_files(successor), 0
    async for key in blobs.keys(prefix):
        if key.rpartition("-")[2] not in kept:
            await blobs.delete(key)
            removed += 1
    return removed


async def clear_rows(tx: Session, call_id: UUID, callid: str) -> Counter[str]:
    """Remove a deleted call's rows from every table with a `call_id`; return how many of each."""
    removed = Counter[str]()
    for table in tables_of("call_id"):
        if table.name not in _SPARED:
            removed[str(table.name)] += await delete_where(tx, table, "call_id", call_id)
    await _clear_jobs(tx, callid, call_id)
    return +removed


def _kept_files(successor: CallRecord | None) -> set[str]:
    """The content of a call that was taken in since under the same id: its files are the same."""
    if successor is None:
        return set()
    keys = (successor.audio_key, successor.sidecar_key)
    return {key.rpartition("-")[2] for key in keys if key is not None}


async def _clear_jobs(tx: Session, callid: str, call_id: UUID) -> None:
    for job in await _jobs(tx, callid, call_id):
        if job.state == JobState.DEAD:
            await admin.discard(
                tx, tx.tenant_id, job.id, actor="records:erase", reason="the call was deleted"
            )


async def _jobs(session: Session, callid: str, call_id: UUID) -> list[Any]:
    """The stages' jobs of the call itself, not of a later one with the same id."""
    jobs = await admin.jobs_of(session, session.tenant_id, callid)
    stages = {stage.job for stage in Stage}
    mine = str(call_id)
    return [job for job in jobs if job.kind in stages and job.payload.get("call_id") == mine]
