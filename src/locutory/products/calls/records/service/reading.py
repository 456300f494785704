"""Reading calls."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from locutory.kernel.auth.contract import Tenant, TenantNotFound
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Database, Storage
from locutory.kernel.errors import InvalidError
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.kernel.realtime.hub import Frame, Narrow
from locutory.products.calls.records import facets, queries
from locutory.products.calls.records.contract import Consent, StageState, Status
from locutory.products.calls.records.models import (
    CallAnalysis,
    CallRecord,
    CallStageRun,
    CallTranscript,
)
from locutory.products.calls.records.narrowing import filter_of
from locutory.products.calls.records.parts import parts
from locutory.products.calls.records.schemas import (
    INTERNAL,
    SECTIONS,
    AcrossPage,
    AcrossQuery,
    AcrossRow,
    AudioRead,
    CallFacets,
    CallList,
    CallNarrowing,
    CallPage,
    CallRead,
    CallRow,
    FacetValue,
    StageRead,
    TranscriptRead,
)
from locutory.products.calls.records.sight import Reader

_STREAMED = ("call.", "transcript.", "analysis.", "dlq.", "pipeline.", "review.", "alert")


@dataclass(frozen=True, slots=True)
class Sight:
    """A business and whose calls there one sees, None for all."""

    tenant: Tenant
    own: tuple[str, ...] | None


async def list_calls(reader: Reader, ask: CallList, secrets: Secrets) -> CallPage:
    """A page of light rows."""
    where = reader.narrowed(filter_of(ask, secrets, tenant=reader.tenant))
    sort = f"{ask.sort}:{ask.order}"
    kind = datetime if ask.sort == "started_at" else float
    after = decode_cursor(ask.cursor, sort, kind) if ask.cursor else None
    async with reader.db.read() as session:
        rows = await queries.page(
            session,
            where,
            sort=ask.sort,
            descending=ask.order == "desc",
            after=after,
            limit=ask.limit,
        )
        rows, more = split_page(rows, ask.limit)
        topics = await queries.topics_of(session, [row.id for row in rows])
    next_cursor = encode_cursor(sort, rows[-1].sort_value, rows[-1].id) if more else None
    items = [CallRow(**_light(row, topics.get(row.id))) for row in rows]
    return CallPage(items=items, next_cursor=next_cursor)


async def list_across(storage: Storage, inside: Sequence[Sight], ask: AcrossQuery) -> AcrossPage:
    """A page over several businesses: one tenant-bound query each, merged by start.

    Raises TenantNotFound if one that was asked for is not among those that the caller may see.
    """
    chosen = {sight.tenant.slug: sight for sight in inside}
    if ask.bid:
        if not set(ask.bid) <= chosen.keys():
            raise TenantNotFound
        chosen = {slug: chosen[slug] for slug in ask.bid}
    sort = "started_at:desc"
    after = decode_cursor(ask.cursor, sort, datetime) if ask.cursor else None
    found: list[tuple[Any, str, list[str] | None]] = []
    for slug, sight in chosen.items():
        where = queries.CallFilter(
            from_=ask.from_,
            to=ask.to,
            status=ask.status,
            agent=ask.agent,
            q=ask.q,
            own=sight.own,
        )
        async with storage.database(sight.tenant.id).read() as session:
            rows = await queries.page(
                session, where, sort="started_at", descending=True, after=after, limit=ask.limit
            )
            topics = await queries.topics_of(session, [row.id for row in rows])
        found += [(row, slug, topics.get(row.id)) for row in rows]
    found.sort(key=lambda pair: (pair[0].started_at, pair[0].id), reverse=True)
    page, more = split_page(found, ask.limit)
    next_cursor = None
    if more:
        last = page[-1][0]
        next_cursor = encode_cursor(sort, last.started_at, last.id)
    items = [AcrossRow(**_light(row, topics), bid=slug) for row, slug, topics in page]
    return AcrossPage(items=items, next_cursor=next_cursor)


async def count_facets(reader: Reader, ask: CallNarrowing, secrets: Secrets) -> CallFacets:
    """How often each value occurs among the calls of a filter."""
    where = reader.narrowed(filter_of(ask, secrets, tenant=reader.tenant))
    async with reader.db.read() as session:
        counted, found = await facets.count(session, where)
    return CallFacets(
        counted=counted,
        counted_up_to=facets.COUNTED if counted >= facets.COUNTED else None,
        facets={
            name: [FacetValue(value=v, label=label, count=n) for v, label, n in values]
            for name, values in found.items()
        },
    )


def streamed(frame: Frame) -> bool:
    """Whether an event belongs into the stream of calls."""
    return frame.type.startswith(_STREAMED)


def narrowed(reader: Reader) -> Narrow | None:
    """Which events of a stream a reader with own calls only is to see; None for all."""
    if reader.own is None:
        return None
    own = reader.own

    async def narrow(frames: list[Frame]) -> list[Frame]:
        callids = {frame.subject for frame in frames if frame.subject is not None}
        async with reader.db.read() as session:
            mine = await queries.owned(session, sorted(callids), own)
        return [frame for frame in frames if frame.subject in mine]

    return narrow


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
    """A call with all its sections, as the local operator sees it. Raises CallNotFound."""
    return (await _read(db, callid, frozenset(SECTIONS)))[1]


async def show_call(
    reader: Reader, callid: str, include: frozenset[str] = frozenset(SECTIONS)
) -> tuple[CallRead, str]:
    """A call with the sections that are asked for, and its ETag. Raises CallNotFound."""
    if reader.fixed is not None:
        include -= INTERNAL
    record, call = await _read(reader.db, callid, include, own=reader.own, fixed=reader.fixed)
    if "audio" in include:
        call.audio = _audio(reader.tenant.slug, record)
    if reader.fixed is not None:
        call.custom, call.status_detail = {}, None  # whatever a source or an engine wrote there
        call.lead_id = None
    return call, etag_of(record)


async def _read(
    db: Database,
    callid: str,
    include: frozenset[str],
    *,
    own: Sequence[str] | None = None,
    fixed: queries.CallFilter | None = None,
) -> tuple[CallRecord, CallRead]:
    runs: Sequence[CallStageRun] = ()
    async with db.read() as session:
        one = await queries.whole(
            session,
            callid,
            own=own,
            fixed=fixed,
            transcript="transcript" in include,
            metric="metrics" in include,
            analysis=not include.isdisjoint({"analysis", "scores"}),
        )
        record, analysis = one.record, one.analysis
        judged = await parts(include, session, record.id)
        if "stages" in include:
            runs = await queries.stage_runs(session, record.id)
    scores = judged.get("scores", [])
    call = CallRead(
        **_light(record, one.topics),
        id=str(record.id),
        kind=record.kind,
        ended_at=record.ended_at,
        disposition=record.disposition,
        status_detail=record.status_detail,
        channels=record.channels,
        true_stereo=record.true_stereo,
        language=record.language,
        epoch=record.epoch,
        transcript_version=record.transcript_version,
        asr_quality=record.asr_quality,
        legal_hold=record.legal_hold,
        consent=Consent(record.consent),
        lead_id=record.lead_id,
        lead_match=record.lead_match,
        audio_purged_at=record.audio_purged_at,
        custom=record.custom,
        created_at=record.created_at,
        done_at=record.done_at,
        transcript=None if one.transcript is None else transcript_read(one.transcript),
        metrics=None if one.metric is None else {**one.metric.figures, "basis": one.metric.basis},
        analysis=(
            {**analysis.analysis, "_meta": analysis.meta}
            if analysis is not None and "analysis" in include
            else None
        ),
        scores=(
            scores or _scores(analysis) if analysis is not None and "scores" in include else scores
        ),
        crm=judged.get("crm", []),
        reviews=judged.get("reviews", []),
        stages=[StageRead.model_validate(run) for run in runs],
        audio=None,
    )
    return record, call


def sections(include: str | None) -> frozenset[str]:
    """The sections that `?include=` names, all without it. Raises InvalidError."""
    if include is None:
        return frozenset(SECTIONS)
    named = frozenset(part.strip() for part in include.split(",") if part.strip())
    if not named <= frozenset(SECTIONS):
        message = f"any of {', '.join(SECTIONS)}, separated by commas"
        fault = {"field": "include", "code": "INCLUDE_UNKNOWN", "message": message}
        raise InvalidError(message, errors=[fault])
    return named


def etag_of(record: CallRecord) -> str:
    """Changes with the fields that people edit, not with what the pipeline does."""
    fields = [
        record.tags,
        record.agent_id,
        record.agent_name,
        record.disposition,
        record.custom,
        record.legal_hold,
        record.consent,
    ]
    body = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    return f'"{hashlib.sha256(body).hexdigest()[:24]}"'


def _audio(bid: str, record: CallRecord) -> AudioRead | None:
    if record.audio_key is None or record.audio_purged_at is not None:
        return None
    path = f"/call-records/{bid}/{record.callid}"
    duration_s = None if record.audio_ms is None else record.audio_ms / 1000
    return AudioRead(url=f"{path}/audio", peaks_url=f"{path}/peaks", duration_s=duration_s)


def _light(row: Any, topics: list[str] | None = None) -> dict[str, Any]:
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
        "topics": topics or [],
        "flags": row.flags,
        "tags": row.tags,
        "updated_at": row.updated_at,
    }


def transcript_read(transcript: CallTranscript) -> TranscriptRead:
    """The wire shape of a version."""
    return TranscriptRead(
        version=transcript.version,
        origin=transcript.origin,
        engine=transcript.engine,
        language=transcript.language,
        duration_ms=transcript.duration_ms,
        word_count=transcript.word_count,
        has_words=transcript.word_count > 0,
        quality=transcript.quality,
        turns=transcript.turns,
    )


def _scores(analysis: CallAnalysis) -> list[dict[str, Any]]:
    """The score of a call that was analysed before scores had rows of their own."""
    quality = analysis.analysis.get("quality")
    return [quality] if quality else []
