"""Doing something to many calls, by a job that says how far it is."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import ScopeMissing
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.kernel.errors import InvalidError, LocutoryError
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import Context, JobSpec, enqueue
from locutory.products.calls.records import queries
from locutory.products.calls.records.bulk import (
    BulkAction,
    checked_params,
    get_action,
)
from locutory.products.calls.records.contract import BULK, BulkNotFound, CountMismatch
from locutory.products.calls.records.models import CallBulk, CallRecord
from locutory.products.calls.records.narrowing import filter_of
from locutory.products.calls.records.schemas import BulkAsk, BulkRead, BulkRefusal, Tag
from locutory.products.calls.records.service import deleting, editing, runs
from locutory.products.calls.records.sight import Reader

MOST_CALLS = 10_000
_BATCH = 20
_MOST_REFUSALS = 100


class TagParams(BaseModel):
    """Tags to give and to take away."""

    model_config = ConfigDict(extra="forbid")

    add: list[Tag] = Field(default=[], max_length=editing.MOST_TAGS)
    remove: list[Tag] = Field(default=[], max_length=editing.MOST_TAGS)


async def _retranscribe(tx: Session, record: CallRecord, _: Any, actor: str) -> None:
    await runs.retranscribe(tx, record, actor=actor)


async def _retry(tx: Session, record: CallRecord, _: Any, actor: str) -> None:
    await runs.retry(tx, record, actor=actor)


async def _cancel(tx: Session, record: CallRecord, _: Any, actor: str) -> None:
    await runs.cancel(tx, record, actor=actor)


async def _delete(tx: Session, record: CallRecord, _: Any, actor: str) -> None:
    await deleting.delete_call(tx, record, actor=actor)


async def _tag(tx: Session, record: CallRecord, params: Any, actor: str) -> None:
    await editing.tag(tx, record, add=params["add"], remove=params["remove"], actor=actor)


ACTIONS = (
    BulkAction(name="retranscribe", run=_retranscribe),
    BulkAction(name="retry", run=_retry),
    BulkAction(name="cancel", run=_cancel),
    BulkAction(name="delete", run=_delete, scope="calls:manage"),
    BulkAction(name="tag", run=_tag, params=TagParams),
)


async def start(reader: Reader, ask: BulkAsk, secrets: Secrets) -> BulkRead:
    """Choose the calls and queue the work.

    Raises InvalidError for an unknown action or too many calls, ScopeMissing, CountMismatch.
    """
    action = get_action(ask.action)
    if not reader.principal.allows(action.scope):
        raise ScopeMissing
    params = checked_params(action, ask.params)
    callids = await _chosen(reader, ask, secrets)
    if len(callids) > MOST_CALLS:
        fault = {
            "field": "filter",
            "code": "TOO_MANY",
            "message": f"at most {MOST_CALLS} calls at once: narrow the filter",
        }
        raise InvalidError(fault["message"], errors=[fault])
    if len(callids) != ask.confirm_count:
        raise CountMismatch(count=len(callids))

    async def store(tx: Session) -> BulkRead:
        row = CallBulk(
            id=new_id(),
            created_at=utc_now(),
            action=action.name,
            params=params,
            actor=reader.actor,
            callids=callids,
            total=len(callids),
            position=0,
            refused_count=0,
            refused=[],
        )
        tx.add(row)
        await tx.flush()
        await enqueue(tx, JobSpec(kind=BULK, payload={"bulk_id": str(row.id)}))
        await audit(
            tx,
            actor=reader.actor,
            action="calls.bulk",
            object=f"bulk:{row.id}",
            deed=action.name,
            calls=len(callids),
        )
        return _read(row)

    return await reader.db.write(store)


async def progress(reader: Reader, bulk_id: UUID) -> BulkRead:
    """How far a run is. Raises BulkNotFound."""
    async with reader.db.read() as session:
        row = await queries.bulk(session, bulk_id)
    if row is None:
        raise BulkNotFound
    return _read(row)


async def work(ctx: Context) -> None:
    """Do it, some calls a transaction; each is counted in the one that changes it."""
    bulk_id = UUID(ctx.payload["bulk_id"])
    done = False
    while not done:
        done = await ctx.write(lambda tx: _batch(tx, bulk_id))


async def _batch(tx: Session, bulk_id: UUID) -> bool:
    """Do the next calls; return whether none are left."""
    row = await queries.bulk(tx, bulk_id)
    if row is None or row.finished_at is not None:
        return True
    action = get_action(row.action)
    refused: list[dict[str, str]] = []
    for callid in row.callids[row.position : row.position + _BATCH]:
        try:
            async with tx.begin_nested():  # a refusal takes back what was begun, for this call only
                record = await queries.get(tx, callid, lock=True)
                await action.run(tx, record, row.params, row.actor)
        except LocutoryError as error:
            refused.append({"callid": callid, "code": error.error_code, "detail": error.detail})
    row.position = min(row.total, row.position + _BATCH)
    row.refused_count += len(refused)
    row.refused = [*row.refused, *refused][:_MOST_REFUSALS]
    if row.position >= row.total:
        row.finished_at = utc_now()
        if action.end is not None:
            await action.end(tx, row.callids, row.params, row.actor)
    await tx.flush()
    return row.finished_at is not None


async def _chosen(reader: Reader, ask: BulkAsk, secrets: Secrets) -> list[str]:
    """The calls that are meant, each once, one more than allowed if there are more."""
    if ask.callids is not None:
        wanted: Sequence[str] = list(dict.fromkeys(ask.callids))
        async with reader.db.read() as session:
            there = await queries.existing(session, wanted)
        return [callid for callid in wanted if callid in there]
    assert ask.filter is not None
    where = filter_of(ask.filter, secrets, tenant=reader.tenant)
    async with reader.db.read() as session:
        rows = await queries.chosen(session, where, limit=MOST_CALLS + 1)
    return [row.callid for row in rows]


def _read(row: CallBulk) -> BulkRead:
    return BulkRead(
        job_id=row.id,
        action=row.action,
        total=row.total,
        done=row.position - row.refused_count,
        refused=row.refused_count,
        refusals=[BulkRefusal(**refusal) for refusal in row.refused],
        state="done" if row.finished_at else ("running" if row.position else "queued"),
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
