"""Letting go what is past its days: recordings, then words, then judgements.

A call stays listed and its figures stay what they are. Every portion is a transaction of its own
that finds what is left, so a round may die anywhere and be gone again.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from locutory.capabilities.knowledge.api import forget, purge_words
from locutory.engines.blobs import BlobStore
from locutory.kernel.audit import audit
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import Access, Tenant
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.kernel.jobs import Context, JobSpec, enqueue
from locutory.kernel.paging import split_page
from locutory.products.calls.findings.models import CallObjection
from locutory.products.calls.leads.keeping import drop_unchanged
from locutory.products.calls.pipeline.config import Retention
from locutory.products.calls.pipeline.queries import configured
from locutory.products.calls.privacy import queries
from locutory.products.calls.privacy.contract import RETAIN, Matter
from locutory.products.calls.privacy.schemas import DueRead, RetentionRead
from locutory.products.calls.privacy.words import without_quotes, without_words
from locutory.products.calls.records.contract import COLLECTION
from locutory.products.calls.records.files import call_prefix
from locutory.products.calls.records.models import CallAnalysis, CallRecord, CallTranscript
from locutory.products.calls.reviews.contract import ScoreSource
from locutory.products.calls.reviews.models import CallScore

_TENANTS = 200
_CALLS = 100
_PORTIONS = 200  # in one job; the rest is the next one's
_ACTOR = "privacy:retention"
_SIDECAR = "sidecar-"
_UNSEEN = {"updated_at": CallRecord.updated_at}
"""Nothing that lists or figures show changes: read models need not be made anew."""


async def preview(access: Access) -> RetentionRead:
    """What a round would let go now."""
    items = []
    async with access.db.read() as session:
        config = (await configured(session)).config.retention
        for matter in Matter:
            days = days_of(config, matter)
            calls, oldest, held = 0, None, 0
            if days is not None:
                before = utc_now() - timedelta(days=days)
                calls, oldest = await queries.count_due(session, matter, before)
                held = await queries.count_held(session, matter, before)
            items.append(DueRead(matter=matter, days=days, calls=calls, oldest=oldest, held=held))
    return RetentionRead(items=items)


def days_of(config: Retention, matter: Matter) -> int | None:
    """How long a business keeps this; None: for good."""
    days: int | None = getattr(config, f"{matter}_days")
    return days


async def go_round(ctx: Context) -> None:
    """Give each business that keeps something for so many days only its job for tonight."""
    after: tuple[str, UUID] | None = None
    while True:
        async with ctx.db.read() as session:
            found = await tenants.list_tenants(session, after=after, limit=_TENANTS)
        for tenant in found[:_TENANTS]:
            own = ctx.db.bound_to(tenant.id)
            async with own.read() as session:
                config = (await configured(session)).config.retention
            if config != Retention():
                await own.write(lambda tx: enqueue(tx, JobSpec(kind=RETAIN)))
        if len(found) <= _TENANTS:
            return
        last: Tenant = found[_TENANTS - 1]
        after = (last.slug, last.id)


async def retain(ctx: Context) -> JobSpec | None:
    """Let go what one business keeps no longer; what is too much for one job follows in another."""
    async with ctx.db.read() as session:
        config = (await configured(session)).config.retention
    removed, portions = Counter[str](), 0
    for matter, purge in _PURGES.items():
        days = days_of(config, matter)
        if days is None:
            continue
        async for ids in _due(ctx, matter, utc_now() - timedelta(days=days)):
            removed[matter] += await purge(ctx, ids)
            portions += 1
            ctx.progress(removed.total(), 0, f"{removed[matter]} calls: {matter}")
            if portions >= _PORTIONS:
                return JobSpec(kind=RETAIN)
    if config.leads_days is not None:
        before = utc_now() - timedelta(days=config.leads_days)
        while dropped := await ctx.write(lambda tx: drop_unchanged(tx, before, limit=_CALLS)):
            removed["leads"] += dropped
    if removed[Matter.TRANSCRIPT]:
        await purge_words(ctx.db)
    if removed.total():
        await ctx.db.storage.empty_log()  # where somebody reads by it, the next round does
    return None


async def _due(ctx: Context, matter: Matter, before: datetime) -> AsyncIterator[list[UUID]]:
    after: tuple[datetime, UUID] | None = None
    while True:
        async with ctx.db.read() as session:
            found = await queries.due_page(session, matter, before, after=after, limit=_CALLS)
        rows, more = split_page(found, _CALLS)
        if rows:
            yield [row.id for row in rows]
        if not more:
            return
        after = (rows[-1].started_at, rows[-1].id)


async def _purge_audio(ctx: Context, ids: Sequence[UUID]) -> int:
    """Refuse the recordings to everybody, then remove the files, then forget where they were."""
    held_back = await ctx.write(lambda tx: _refuse_audio(tx, ids))
    blobs = ctx.services.get(BlobStore)
    for record in held_back:
        async for key in blobs.keys(call_prefix(record.tenant_id, record.callid)):
            if not key.rpartition("/")[2].startswith(_SIDECAR):
                await blobs.delete(key)

    async def forget_places(tx: Session) -> None:
        gone = [record.id for record in held_back]
        values: dict[str, Any] = {"audio_key": None, "audio_url_enc": None, **_UNSEEN}
        await tx.execute(update(CallRecord).where(CallRecord.id.in_(gone)).values(values))

    await ctx.write(forget_places)
    return len(held_back)


async def _refuse_audio(tx: Session, ids: Sequence[UUID]) -> Sequence[CallRecord]:
    records = await _free(tx, ids)
    values = {"audio_purged_at": utc_now(), **_UNSEEN}
    free = [record.id for record in records]
    await tx.execute(update(CallRecord).where(CallRecord.id.in_(free)).values(values))
    await _note(tx, Matter.AUDIO, records)
    return records


async def _purge_transcripts(ctx: Context, ids: Sequence[UUID]) -> int:
    """Empty the versions, take the passages out of search and the quotes out of what was found."""
    records = await ctx.write(lambda tx: _empty_transcripts(tx, ids))
    blobs = ctx.services.get(BlobStore)
    for record in records:
        if record.sidecar_key is not None:
            await blobs.delete(record.sidecar_key)

    async def forget_places(tx: Session) -> None:
        gone = [record.id for record in records]
        values: dict[str, Any] = {"sidecar_key": None, **_UNSEEN}
        await tx.execute(update(CallRecord).where(CallRecord.id.in_(gone)).values(values))

    await ctx.write(forget_places)
    return len(records)


async def _empty_transcripts(tx: Session, ids: Sequence[UUID]) -> Sequence[CallRecord]:
    records = await _free(tx, ids)
    free = [record.id for record in records]
    emptied: dict[str, Any] = {"turns": [], "raw_enc": None, "purged_at": utc_now()}
    await tx.execute(
        update(CallTranscript)
        .where(CallTranscript.call_id.in_(free), CallTranscript.purged_at.is_(None))
        .values(emptied)
    )
    await tx.execute(
        update(CallObjection).where(CallObjection.call_id.in_(free)).values({"quote": ""})
    )
    for analysis in await tx.scalars(select(CallAnalysis).where(CallAnalysis.call_id.in_(free))):
        analysis.analysis = without_quotes(analysis.analysis)
    for score in await tx.scalars(select(CallScore).where(CallScore.call_id.in_(free))):
        score.answers = without_quotes(score.answers)
    for record in records:
        await forget(tx, COLLECTION, record.callid)
    await _note(tx, Matter.TRANSCRIPT, records)
    return records


async def _purge_analyses(ctx: Context, ids: Sequence[UUID]) -> int:
    """Leave the figures of what engines judged; what people wrote in reviews is theirs."""
    return len(await ctx.write(lambda tx: _empty_analyses(tx, ids)))


async def _empty_analyses(tx: Session, ids: Sequence[UUID]) -> Sequence[CallRecord]:
    records = await _free(tx, ids)
    free, now = [record.id for record in records], utc_now()
    mine = (CallAnalysis.call_id.in_(free), CallAnalysis.purged_at.is_(None))
    for analysis in await tx.scalars(select(CallAnalysis).where(*mine)):
        analysis.analysis, analysis.purged_at = without_words(analysis.analysis), now
        analysis.meta = {key: {**one, "unsupported": []} for key, one in analysis.meta.items()}
    for score in await tx.scalars(select(CallScore).where(CallScore.call_id.in_(free))):
        score.answers = [
            one if one.get("source") == ScoreSource.HUMAN else {**one, "reason": "", "evidence": []}
            for one in score.answers
        ]
    values: dict[str, Any] = {"summary_short": None, **_UNSEEN}
    await tx.execute(update(CallRecord).where(CallRecord.id.in_(free)).values(values))
    for record in records:
        await forget(tx, COLLECTION, record.callid, kind="analysis")
    await _note(tx, Matter.ANALYSIS, records)
    return records


async def _free(tx: Session, ids: Sequence[UUID]) -> list[CallRecord]:
    """Those of the calls that are there and that nobody has put under legal hold, locked."""
    records = await queries.still_there(tx, ids)
    return [record for record in records if not record.legal_hold]


async def _note(tx: Session, matter: Matter, records: Sequence[CallRecord]) -> None:
    if records:
        await audit(
            tx,
            actor=_ACTOR,
            action=f"retention.{matter}",
            object=f"{len(records)} calls",
            callids=[record.callid for record in records],
        )


_Purge = Callable[[Context, Sequence[UUID]], Awaitable[int]]
_PURGES: dict[Matter, _Purge] = {
    Matter.AUDIO: _purge_audio,
    Matter.TRANSCRIPT: _purge_transcripts,
    Matter.ANALYSIS: _purge_analyses,
}
