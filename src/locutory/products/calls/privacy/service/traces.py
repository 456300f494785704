"""The job of an erasure: rows, files, and every trace that calls leave elsewhere.

Each step finds what is left, so the job may die anywhere and begin again. What still works with
a call is waited for: it could write after it was looked for.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from locutory.capabilities.analysis.api import Analyst, forget_answers
from locutory.capabilities.knowledge.api import (
    Knowledge,
    forget_questions,
    purge_copies,
    purge_words,
)
from locutory.engines.blobs import BlobStore
from locutory.kernel import idempotency
from locutory.kernel.audit import audit
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import KeyRing, Secrets
from locutory.kernel.db import Session
from locutory.kernel.events import erasing as event_log
from locutory.kernel.jobs import Claimed, Context, Failure
from locutory.kernel.jobs import erasing as job_queue
from locutory.products.calls.agents.contract import TrialState
from locutory.products.calls.agents.models import AgentTrial
from locutory.products.calls.exchange.contract import State
from locutory.products.calls.notices.models import Delivery, Notice
from locutory.products.calls.privacy import queries
from locutory.products.calls.privacy.contract import ErasureState, NotYetQuiet
from locutory.products.calls.privacy.models import Erasure
from locutory.products.calls.privacy.plan import Plan, opened, sealed
from locutory.products.calls.privacy.service.erasing import add_counts, take_some
from locutory.products.calls.records import queries as calls
from locutory.products.calls.records.contract import CallDeleted
from locutory.products.calls.records.service.deleting import clear_rows, remove_files

_AT_ONCE = 20
_EXPORT_GONE = "removed: calls that it may hold were erased since; make it again"


async def erase_traces(ctx: Context) -> None:
    """Finish one erasure.

    Raises NotYetQuiet while something works with its calls, and what `purge_copies` raises.
    """
    erasure_id, ring = UUID(ctx.payload["erasure_id"]), ctx.services.get(Secrets).ring
    while await ctx.write(lambda tx: take_some(tx, erasure_id, ring)):
        pass
    async with ctx.db.read() as session:
        row = await queries.find_erasure(session, erasure_id)
    if row is None or row.state == ErasureState.DONE:
        return
    plan = opened(row.plan_enc, ring, row.tenant_id, row.id)
    await _clear_calls(ctx, row.id, plan, ring)
    await _clear_news(ctx, row.id, plan.callids)
    if plan.callids:
        await _clear_exports(ctx, row, plan)
        await _clear_trials(ctx, row, plan)
        await _clear_answers(ctx, row.id, plan)
    await purge_words(ctx.db)
    await purge_copies(ctx.services.get(Knowledge), ctx.db)
    if not await ctx.db.storage.empty_log():
        raise NotYetQuiet("the database's log is being read")

    async def finish(tx: Session) -> None:
        current = await queries.get_erasure(tx, row.id, lock=True)
        current.state, current.plan_enc, current.error = ErasureState.DONE, None, None
        current.finished_at = utc_now()
        await audit(
            tx,
            actor=current.requested_by,
            action="privacy.erased",
            object=f"erasure:{row.id}",
            counts=current.counts,
        )

    await ctx.finish(finish)


async def give_up(tx: Session, job: Claimed, failure: Failure) -> None:
    """Say why an erasure has not ended; its dead letter can be redriven."""
    row = await queries.find_erasure(tx, UUID(job.payload["erasure_id"]), lock=True)
    if row is not None and row.state != ErasureState.DONE:
        row.state, row.error = ErasureState.FAILED, failure.code


async def _clear_calls(ctx: Context, erasure_id: UUID, plan: Plan, ring: KeyRing) -> None:
    blobs, cleared = ctx.services.get(BlobStore), set(plan.cleared)
    left = [pair for pair in plan.calls.items() if pair[0] not in cleared]
    for start in range(0, len(left), _AT_ONCE):
        portion = left[start : start + _AT_ONCE]
        files = 0
        for id_, callid in portion:
            files += await remove_files(ctx.db, blobs, UUID(id_), callid)
        plan.cleared += [id_ for id_, _ in portion]

        async def clear(
            tx: Session, portion: Sequence[tuple[str, str]] = portion, files: int = files
        ) -> None:
            counts = Counter(files=files)
            for id_, callid in portion:
                counts += await clear_rows(tx, UUID(id_), callid)
            row = await queries.get_erasure(tx, erasure_id, lock=True)
            row.done, row.plan_enc = (
                len(plan.cleared),
                sealed(plan, ring, tx.tenant_id, erasure_id),
            )
            add_counts(row, counts)

        await ctx.write(clear)
        ctx.progress(len(plan.cleared), len(plan.calls))


async def _clear_news(ctx: Context, erasure_id: UUID, callids: Sequence[str]) -> None:
    """Jobs, events, deliveries and notices about each call; not those of a later call's id."""
    for callid in callids:

        async def clear(tx: Session, callid: str = callid) -> Counter[str]:
            successor = await calls.find(tx, callid)
            before = None if successor is None else successor.created_at
            if await job_queue.running_about(tx, callid, before=before):
                raise NotYetQuiet
            if successor is None and await event_log.unsealed_of(tx, callid):
                raise NotYetQuiet
            counts = Counter[str]()
            spared = [f"on:{CallDeleted.type}:"]
            counts["jobs"] = await job_queue.forget_about(tx, callid, spared=spared, before=before)
            counts["events"] = await event_log.blank(
                tx, callid, {"callid": callid}, spared=[CallDeleted.type], before=before
            )
            for name, model in (("deliveries", Delivery), ("notices", Notice)):
                about = [model.callid == callid]
                if before is not None:
                    about.append(model.created_at < before)
                done = await tx.execute(delete(model).where(*about))
                counts[name] += done.rowcount  # type: ignore[attr-defined] # a DELETE has it
            return counts

        await _counted(ctx, erasure_id, clear)


async def _clear_exports(ctx: Context, row: Erasure, plan: Plan) -> None:
    async with ctx.db.read() as session:
        exports = await queries.exports_between(session, plan.since, row.taken_at)
    if any(export.state == State.QUEUED for export in exports):
        raise NotYetQuiet("an export that may hold the calls is being written")
    blobs = ctx.services.get(BlobStore)
    for export in exports:
        assert export.key is not None
        await blobs.delete(export.key)

    async def clear(tx: Session) -> Counter[str]:
        for export in exports:
            current = await tx.merge(export)
            current.state, current.error = State.FAILED, _EXPORT_GONE
            current.key = current.size_bytes = None
        return Counter(exports=len(exports))

    await _counted(ctx, row.id, clear)


async def _clear_trials(ctx: Context, row: Erasure, plan: Plan) -> None:
    """Test runs keep what an agent was shown and said, back-tests which calls differ."""
    gone = set(plan.callids)

    async def clear(tx: Session) -> Counter[str]:
        statement = select(AgentTrial).where(AgentTrial.created_at <= row.taken_at)
        if plan.since is not None:
            statement = statement.where(AgentTrial.created_at >= plan.since)
        counts = Counter[str]()
        for trial in await tx.scalars(statement):
            if trial.state == TrialState.QUEUED:
                raise NotYetQuiet("a trial that may hold the calls is under way")
            items = (trial.report or {}).get("items", [])
            kept = [item for item in items if item.get("callid") not in gone]
            if len(kept) < len(items):
                trial.report = {**(trial.report or {}), "items": kept}
                counts["trial_items"] += len(items) - len(kept)
        return counts

    await _counted(ctx, row.id, clear)


async def _clear_answers(ctx: Context, erasure_id: UUID, plan: Plan) -> None:
    """What models answered, what requests were answered, what was asked in chats."""
    ctx.services.get(Analyst).forget(ctx.job.tenant_id)
    names = {*plan.callids, *plan.calls, *plan.answers}
    replies = await idempotency.forget_answers(ctx.db, names)

    async def clear(tx: Session) -> Counter[str]:
        return Counter(
            model_answers=await forget_answers(tx, plan.since),
            replies=replies,
            questions=await forget_questions(tx, plan.words),
        )

    await _counted(ctx, erasure_id, clear)


async def _counted(ctx: Context, erasure_id: UUID, clear: Callable[[Session], Any]) -> None:
    """Run a step in one transaction with its part of the receipt."""

    async def step(tx: Session) -> None:
        counts = await clear(tx)
        add_counts(await queries.get_erasure(tx, erasure_id, lock=True), counts)

    await ctx.write(step)
