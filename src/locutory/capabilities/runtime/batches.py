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
    BatchNotFound,
    BatchState,
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
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import Claimed, Context, Failure, JobSpec
from locutory.kernel.jobs.queue import enqueue

MOST_TRIES: Final = 3
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
    batch = Batch(
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
        batch = await _batch(session, batch_id)
        counts = await _counts(session, batch_id)
    return BatchRead(
        job_id=batch.id,
        state=BatchState(batch.state),
        total=batch.total,
        done=counts.get(ItemState.DONE, 0),
        failed=counts.get(ItemState.FAILED, 0),
        created_at=batch.created_at,
        finished_at=batch.finished_at,
    )


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
        await ctx.write(lambda tx: _set_state(tx, batch_id, BatchState.RUNNING))
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
    await tx.execute(update(BatchItem).where(BatchItem.id == item_id).values(**values))


async def _set_state(tx: Session, batch_id: UUID, state: BatchState) -> None:
    await tx.execute(update(Batch).where(Batch.id == batch_id).values(state=state))


async def _finish(tx: Session, batch_id: UUID) -> None:
    counts = await _counts(tx, batch_id)
    failed, done = counts.get(ItemState.FAILED, 0), counts.get(ItemState.DONE, 0)
    state = BatchState.COMPLETED if not failed else BatchState.PARTIAL
    await tx.execute(
        update(Batch)
        .where(Batch.id == batch_id)
        .values(state=state if done else BatchState.FAILED, finished_at=utc_now())
    )


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
