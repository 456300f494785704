"""Reading calls."""

from collections.abc import Sequence
from typing import Any

from locutory.kernel.auth.contract import Membership, TenantNotFound
from locutory.kernel.db import Database, Storage
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.kernel.realtime.hub import Frame
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import StageState, Status
from locutory.products.calls.records.models import CallAnalysis, CallRecord, CallTranscript
from locutory.products.calls.records.schemas import (
    AcrossPage,
    AcrossQuery,
    AcrossRow,
    CallList,
    CallPage,
    CallRead,
    CallRow,
    StageRead,
    TranscriptRead,
)

_STREAMED = ("call.", "transcript.", "analysis.", "dlq.", "pipeline.")


async def list_calls(db: Database, ask: CallList) -> CallPage:
    """A page of light rows."""
    where = queries.CallFilter(
        from_=ask.from_,
        to=ask.to,
        status=ask.status,
        direction=ask.direction,
        agent=ask.agent,
        min_score=ask.min_score,
        max_score=ask.max_score,
    )
    sort = f"{ask.sort}:{ask.order}"
    after = decode_cursor(ask.cursor, sort) if ask.cursor else None
    async with db.read() as session:
        rows = await queries.page(
            session,
            where,
            sort=ask.sort,
            descending=ask.order == "desc",
            after=after,
            limit=ask.limit,
        )
    rows, more = split_page(rows, ask.limit)
    next_cursor = encode_cursor(sort, rows[-1].sort_value, rows[-1].id) if more else None
    return CallPage(items=[CallRow(**_light(row)) for row in rows], next_cursor=next_cursor)


async def list_across(
    storage: Storage, inside: Sequence[Membership], ask: AcrossQuery
) -> AcrossPage:
    """A page over several businesses: one tenant-bound query each, merged by start.

    Raises TenantNotFound if one that was asked for is not among those that the caller may see.
    """
    chosen = {m.tenant.slug: m.tenant for m in inside}
    if ask.bid:
        if not set(ask.bid) <= chosen.keys():
            raise TenantNotFound
        chosen = {slug: chosen[slug] for slug in ask.bid}
    sort = "started_at:desc"
    after = decode_cursor(ask.cursor, sort) if ask.cursor else None
    where = queries.CallFilter(from_=ask.from_, to=ask.to, status=ask.status, agent=ask.agent)
    found: list[tuple[Any, str]] = []
    for slug, tenant in chosen.items():
        async with storage.database(tenant.id).read() as session:
            rows = await queries.page(
                session, where, sort="started_at", descending=True, after=after, limit=ask.limit
            )
        found += [(row, slug) for row in rows]
    found.sort(key=lambda pair: (pair[0].started_at, pair[0].id), reverse=True)
    page, more = split_page(found, ask.limit)
    next_cursor = None
    if more:
        last = page[-1][0]
        next_cursor = encode_cursor(sort, last.started_at, last.id)
    items = [AcrossRow(**_light(row), bid=slug) for row, slug in page]
    return AcrossPage(items=items, next_cursor=next_cursor)


def streamed(frame: Frame) -> bool:
    """Whether an event belongs into the stream of calls."""
    return frame.type.startswith(_STREAMED)


async def exists(db: Database, callid: str) -> bool:
    """Whether there is a call of that id."""
    async with db.read() as session:
        return await queries.find(session, callid) is not None


async def status_counts(db: Database) -> dict[str, int]:
    """How many calls stand at each milestone."""
    async with db.read() as session:
        return await queries.status_counts(session)


async def settled(db: Database, callid: str) -> bool:
    """Whether a call is there and nothing more will happen to it by itself."""
    async with db.read() as session:
        record = await queries.find(session, callid)
    if record is None:
        return False
    if record.status == Status.DONE:
        return record.stage_state in (StageState.OK, StageState.DEAD)
    return record.status in (Status.FAILED, Status.SKIPPED)


async def get_call(db: Database, callid: str) -> CallRead:
    """A call with its transcript, figures, analysis and stages. Raises CallNotFound."""
    async with db.read() as session:
        record = await queries.get(session, callid)
        transcript = await queries.transcript(session, record.id, record.transcript_version)
        metric = await queries.metric(session, record.id)
        analysis = await queries.latest_analysis(session, record.id)
        runs = await queries.stage_runs(session, record.id)
    return CallRead(
        **_light(record),
        id=str(record.id),
        kind=record.kind,
        ended_at=record.ended_at,
        disposition=record.disposition,
        status_detail=record.status_detail,
        channels=record.channels,
        true_stereo=record.true_stereo,
        language=record.language,
        epoch=record.epoch,
        custom=record.custom,
        created_at=record.created_at,
        done_at=record.done_at,
        transcript=None if transcript is None else _transcript(record, transcript),
        metrics=None if metric is None else {**metric.figures, "basis": metric.basis},
        analysis=None if analysis is None else {**analysis.analysis, "_meta": analysis.meta},
        scores=[] if analysis is None else _scores(analysis),
        stages=[StageRead.model_validate(run) for run in runs],
    )


def _light(row: Any) -> dict[str, Any]:
    return {
        "callid": row.callid,
        "status": row.status,
        "status_reason": row.status_reason,
        "stage": row.stage,
        "stage_state": row.stage_state,
        "started_at": row.started_at,
        "duration_s": None if row.audio_ms is None else row.audio_ms / 1000,
        "direction": row.direction,
        "agent": row.agent_name,
        "agent_id": row.agent_id,
        "customer_masked": None if row.phone_last4 is None else f"•••{row.phone_last4}",
        "score": row.overall_score,
        "sentiment": row.sentiment_score,
        "bant_score": row.bant_score,
        "talk_ratio": row.talk_ratio,
        "summary_short": row.summary_short,
        "has_words": row.has_words,
        "degraded": row.degraded,
        "partial": row.partial,
        "flags": row.flags,
        "updated_at": row.updated_at,
    }


def _transcript(record: CallRecord, transcript: CallTranscript) -> TranscriptRead:
    return TranscriptRead(
        version=transcript.version,
        origin=transcript.origin,
        engine=transcript.engine,
        language=transcript.language,
        duration_ms=transcript.duration_ms,
        word_count=transcript.word_count,
        has_words=record.has_words,
        quality=transcript.quality,
        turns=transcript.turns,
    )


def _scores(analysis: CallAnalysis) -> list[dict[str, Any]]:
    quality = analysis.analysis.get("quality")
    return [quality] if quality else []
