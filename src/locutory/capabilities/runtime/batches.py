"""Batches: requests that nobody waits for, each answered once, also across restarts."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, update

from locutory.capabilities.runtime import service
from locutory.capabilities.runtime.api import Runtime
from locutory.capabilities.runtime.contract import (
    BATCH,
    CALLBACK,
    BatchNotFound,
    BatchOver,
    BatchState,
    CallbackState,
    ItemState,
    LlmUnavailable,
    NotConfigured,
)
from locutory.capabilities.runtime.models import Batch, BatchItem
from locutory.capabilities.runtime.schemas import (
    BatchAsk,
    BatchItemAsk,
    BatchMade,
    BatchRead,
    ChatBody,
    ChatRead,
    ResultLine,
    ResultsAsk,
)
from locutory.kernel.audit import audit
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import Aad, Secrets
from locutory.kernel.db import Database, Session
from locutory.kernel.errors import ErrorClass, LocutoryError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import Claimed, Context, Failure, JobSpec
from locutory.kernel.jobs.queue import enqueue

MOST_TRIES: Final = 3
EVENT_ID: Final = "X-Locutory-Batch-Id"
_PAGE: Final = 64
_PASSING: Final = frozenset(
    {
        ErrorClass.TRANSIENT_NETWORK,
        ErrorClass.THROTTLED,
        ErrorClass.PROVIDER_OUTAGE,
        ErrorClass.PROVIDER_TIMEOUT,
    }
)


def require_model(runtime: Runtime) -> None:
    """Raise NotConfigured where no model would ever answer."""
    if runtime.llm is None:
        raise NotConfigured


async def create(tx: Session, ask: BatchAsk, *, secrets: Secrets, actor: str) -> BatchMade:
    """Store a batch; the job that answers it starts with the commit."""
    id_, sealed = new_id(), None
    if ask.callback_url is not None:
        aad = Aad(tx.tenant_id, Batch.__tablename__, id_, "callback")
        sealed = secrets.ring.encrypt(ask.callback_url, aad=aad)
    batch = Batch(
        id=id_,
        callback_enc=sealed,
        callback_state=None if sealed is None else CallbackState.WAITING,
        state=BatchState.QUEUED,
        total=len(ask.items),
        max_concurrency=ask.max_concurrency,
        created_by=actor,
    )
    tx.add(batch)
    await tx.flush()
    for number, item in enumerate(ask.items, 1):
        tx.add(_item(tx.tenant_id, batch.id, number, item, secrets))
    await enqueue(tx, JobSpec(kind=BATCH, payload={"batch_id": str(batch.id)}))
    await audit(
        tx, actor=actor, action="llm.batch", object=f"batch:{batch.id}", items=len(ask.items)
    )
    return BatchMade(job_id=batch.id, state=BatchState.QUEUED, total=batch.total)


def _item(
    tenant_id: UUID, batch_id: UUID, number: int, ask: BatchItemAsk, secrets: Secrets
) -> BatchItem:
    row_id = new_id()
    body = ask.model_dump_json(exclude={"id"}).encode()
    return BatchItem(
        id=row_id,
        batch_id=batch_id,
        no=number,
        item_id=ask.id,
        state=ItemState.QUEUED,
        tries=0,
        request_enc=secrets.ring.encrypt(body, aad=_aad(tenant_id, row_id, "request")),
    )


async def get(db: Database, batch_id: UUID) -> BatchRead:
    """How far a batch is. Raises BatchNotFound."""
    async with db.read() as session:
        return await _read(session, batch_id)


async def _read(session: Session, batch_id: UUID) -> BatchRead:
    batch = await _batch(session, batch_id)
    counts = await _counts(session, batch_id)
    return BatchRead(
        job_id=batch.id,
        state=BatchState(batch.state),
        total=batch.total,
        done=counts.get(ItemState.DONE, 0),
        failed=counts.get(ItemState.FAILED, 0),
        cancelled=counts.get(ItemState.CANCELLED, 0),
        created_at=batch.created_at,
        finished_at=batch.finished_at,
        callback=batch.callback_state,
    )


async def cancel(tx: Session, batch_id: UUID, *, actor: str) -> BatchRead:
    """Ask nothing more of a batch; what is answered stays. Raises BatchNotFound, BatchOver.

    A request under way ends, and its answer is not kept.
    """
    batch = await _batch(tx, batch_id)
    if batch.state == BatchState.CANCELLED:
        return await _read(tx, batch_id)
    if batch.finished_at is not None:
        raise BatchOver
    await tx.execute(
        update(BatchItem)
        .where(BatchItem.batch_id == batch_id, BatchItem.state == ItemState.QUEUED)
        .values(state=ItemState.CANCELLED)
    )
    await audit(tx, actor=actor, action="llm.batch.cancel", object=f"batch:{batch_id}")
    await _end(tx, batch_id, BatchState.CANCELLED)
    return await _read(tx, batch_id)


async def results(
    db: Database, batch_id: UUID, ask: ResultsAsk, *, secrets: Secrets
) -> tuple[bytes, int | None]:
    """A page as lines of JSON, and the number after which the next begins. Raises BatchNotFound."""
    async with db.read() as session:
        batch = await _batch(session, batch_id)
        page = (
            select(BatchItem)
            .where(BatchItem.batch_id == batch_id, BatchItem.no > ask.after)
            .order_by(BatchItem.no)
            .limit(ask.limit)
        )
        rows = (await session.scalars(page)).all()
    lines = b"".join(_line(row, secrets).model_dump_json().encode() + b"\n" for row in rows)
    last = rows[-1].no if rows else batch.total
    return lines, last if last < batch.total else None


async def answer(ctx: Context) -> None:
    """Answer what is still open, several at once. Running it again goes on where it stopped.

    Each answer is its own commit. What fails in a way that passes is tried three times in all,
    over as many runs of the job. Raises LlmUnavailable while some of it is open.
    """
    batch_id, db = UUID(ctx.payload["batch_id"]), ctx.db
    runtime, secrets = ctx.services.get(Runtime), ctx.services.get(Secrets)
    async with db.read() as session:
        batch = await session.scalar(select(Batch).where(Batch.id == batch_id))
    if batch is None or batch.finished_at is not None:
        return
    if batch.state == BatchState.QUEUED:
        await ctx.write(lambda tx: _begin(tx, batch_id))
    after, open_wait_s = 0, None
    while rows := await _open(db, batch_id, after):
        gate = asyncio.Semaphore(batch.max_concurrency)

        async def one(row: BatchItem, gate: asyncio.Semaphore = gate) -> float | None:
            async with gate:
                return await _answer_one(ctx, row, runtime, secrets)

        waits = await asyncio.gather(*(one(row) for row in rows))
        still = [wait for wait in waits if wait is not None]
        open_wait_s = max(still, default=open_wait_s)
        after = rows[-1].no
        ctx.progress(after, batch.total)
    if open_wait_s is not None:
        raise LlmUnavailable("some requests of the batch are still open", retry_after=open_wait_s)
    await ctx.finish(lambda tx: _finish(tx, batch_id))


async def give_up(tx: Session, job: Claimed, failure: Failure) -> None:
    """Fail what is still open, in the transaction that gives the job up."""
    batch_id = UUID(job.payload["batch_id"])
    await tx.execute(
        update(BatchItem)
        .where(BatchItem.batch_id == batch_id, BatchItem.state == ItemState.QUEUED)
        .values(state=ItemState.FAILED, error_code=failure.code, error_detail=failure.detail)
    )
    await _finish(tx, batch_id)


async def _answer_one(
    ctx: Context, row: BatchItem, runtime: Runtime, secrets: Secrets
) -> float | None:
    """Answer one item; seconds to wait before it is tried again, None when it is settled."""
    async with ctx.db.read() as session:
        state = await session.scalar(select(BatchItem.state).where(BatchItem.id == row.id))
    if state != ItemState.QUEUED:  # cancelled since its page was read
        return None
    body = secrets.ring.decrypt(row.request_enc, aad=_aad(row.tenant_id, row.id, "request"))
    values: dict[str, Any] = {"tries": row.tries + 1}
    wait_s = None
    try:
        read = await service.chat(runtime, ChatBody.model_validate_json(body), batch=True)
    except LocutoryError as error:
        values |= {"error_code": error.error_code, "error_detail": error.detail[:500]}
        if error.cls in _PASSING and row.tries + 1 < MOST_TRIES:
            wait_s = error.retry_after or 0.0
        else:
            values["state"] = ItemState.FAILED
    else:
        sealed = secrets.ring.encrypt(
            read.model_dump_json(), aad=_aad(row.tenant_id, row.id, "answer")
        )
        values |= {
            "state": ItemState.DONE,
            "answer_enc": sealed,
            "error_code": None,
            "error_detail": None,
        }
    await ctx.write(lambda tx: _settle(tx, row.id, values))
    return wait_s


async def _settle(tx: Session, item_id: UUID, values: dict[str, Any]) -> None:
    """Keep what became of an item, unless it was cancelled meanwhile."""
    mine = (BatchItem.id == item_id, BatchItem.state == ItemState.QUEUED)
    await tx.execute(update(BatchItem).where(*mine).values(**values))


async def _begin(tx: Session, batch_id: UUID) -> None:
    queued = (Batch.id == batch_id, Batch.state == BatchState.QUEUED)
    await tx.execute(update(Batch).where(*queued).values(state=BatchState.RUNNING))


async def _finish(tx: Session, batch_id: UUID) -> None:
    """End a batch by what became of its items; one that was cancelled has ended already."""
    counts = await _counts(tx, batch_id)
    failed, done = counts.get(ItemState.FAILED, 0), counts.get(ItemState.DONE, 0)
    state = BatchState.COMPLETED if not failed else BatchState.PARTIAL
    await _end(tx, batch_id, state if done else BatchState.FAILED)


async def _end(tx: Session, batch_id: UUID, state: BatchState) -> None:
    """End a batch once, and have whoever waits told of it."""
    ended = await tx.execute(
        update(Batch)
        .where(Batch.id == batch_id, Batch.finished_at.is_(None))
        .values(state=state, finished_at=utc_now())
        .returning(Batch.callback_state)
    )
    row = ended.first()
    if row is not None and row.callback_state is not None:
        await enqueue(tx, JobSpec(kind=CALLBACK, payload={"batch_id": str(batch_id)}))


async def call_back(ctx: Context) -> None:
    """Tell the caller's address how its batch ended. Raises what the address failed with."""
    batch_id, secrets = UUID(ctx.payload["batch_id"]), ctx.services.get(Secrets)
    async with ctx.db.read() as session:
        batch = await session.scalar(select(Batch).where(Batch.id == batch_id))
        if batch is None or batch.callback_enc is None:
            return
        read = await _read(session, batch_id)
    aad = Aad(batch.tenant_id, Batch.__tablename__, batch.id, "callback")
    url = secrets.ring.decrypt_text(batch.callback_enc, aad=aad)
    body = read.model_dump_json(exclude={"callback"}).encode()
    headers = {"Content-Type": "application/json", EVENT_ID: str(batch_id)}
    await ctx.services.get(HttpClient).deliver(url, body, headers=headers)
    await ctx.finish(lambda tx: _note_callback(tx, batch_id, CallbackState.TOLD))


async def give_up_callback(tx: Session, job: Claimed, failure: Failure) -> None:
    """Say that nobody was told."""
    await _note_callback(tx, UUID(job.payload["batch_id"]), CallbackState.FAILED)


async def _note_callback(tx: Session, batch_id: UUID, state: CallbackState) -> None:
    await tx.execute(update(Batch).where(Batch.id == batch_id).values(callback_state=state))


async def _open(db: Database, batch_id: UUID, after: int) -> Sequence[BatchItem]:
    async with db.read() as session:
        page = (
            select(BatchItem)
            .where(
                BatchItem.batch_id == batch_id,
                BatchItem.state == ItemState.QUEUED,
                BatchItem.no > after,
            )
            .order_by(BatchItem.no)
            .limit(_PAGE)
        )
        return (await session.scalars(page)).all()


async def _batch(session: Session, batch_id: UUID) -> Batch:
    batch = await session.scalar(select(Batch).where(Batch.id == batch_id))
    if batch is None:
        raise BatchNotFound
    return batch


async def _counts(session: Session, batch_id: UUID) -> dict[str, int]:
    counted = (
        select(BatchItem.state, func.count())
        .where(BatchItem.batch_id == batch_id)
        .group_by(BatchItem.state)
    )
    return {row[0]: row[1] for row in await session.execute(counted)}


def _line(row: BatchItem, secrets: Secrets) -> ResultLine:
    read = None
    if row.answer_enc is not None:
        body = secrets.ring.decrypt(row.answer_enc, aad=_aad(row.tenant_id, row.id, "answer"))
        read = ChatRead.model_validate_json(body)
    return ResultLine(
        id=row.item_id,
        no=row.no,
        state=ItemState(row.state),
        tries=row.tries,
        answer=read,
        error_code=row.error_code,
        error=row.error_detail,
    )


def _aad(tenant_id: UUID, row_id: UUID, column: str) -> Aad:
    return Aad(tenant_id, BatchItem.__tablename__, row_id, column)
