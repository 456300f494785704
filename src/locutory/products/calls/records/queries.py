"""SELECTs on calls, by name. The session adds the tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, ScalarSelect, and_, bindparam, func, literal, select
from sqlalchemy.orm import aliased

from locutory.kernel.db import Session
from locutory.kernel.db.base import table_of
from locutory.kernel.paging import AnySelect, keyset
from locutory.products.calls.records.contract import (
    CallNotFound,
    TranscriptNotFound,
    TranscriptPurged,
)
from locutory.products.calls.records.filters import TOPIC, of_these
from locutory.products.calls.records.filters import CallFilter as CallFilter
from locutory.products.calls.records.models import (
    SORTS,
    CallAnalysis,
    CallBulk,
    CallComment,
    CallMetric,
    CallRecord,
    CallStageRun,
    CallTranscript,
)

_R = CallRecord
_LIST = (
    _R.id,
    _R.callid,
    _R.status,
    _R.status_reason,
    _R.stage,
    _R.stage_state,
    _R.started_at,
    _R.audio_ms,
    _R.direction,
    _R.agent_id,
    _R.agent_name,
    _R.phone_last4,
    _R.overall_score,
    _R.sentiment_score,
    _R.bant_score,
    _R.talk_ratio,
    _R.summary_short,
    _R.has_words,
    _R.degraded,
    _R.partial,
    _R.flags,
    _R.tags,
    _R.updated_at,
)


async def page(
    db: Session,
    where: CallFilter,
    *,
    sort: str,
    descending: bool,
    after: tuple[Any, UUID] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Light rows, one more than `limit` if there are more; the last column is the sort value.

    If one of the conditions leaves few calls (`FEW`), these are fetched and sorted; else the
    sort's index is walked, which then meets enough calls that fit.
    """
    column = SORTS[sort]
    few = await where.few(db, sort)
    if few is None:
        statement = keyset(
            select(*_LIST, column.label("sort_value")).where(*where.conditions(db, sort)),
            column=column,
            id_column=_R.id,
            after=after,
            descending=descending,
            limit=limit,
        )
        return (await db.execute(statement)).all()
    keys = among(db, where, few, column)
    found = sorted(((row[-1], row.id) for row in await db.execute(keys)), reverse=descending)
    if after is not None:
        found = [key for key in found if (key < after if descending else key > after)]
    ids = [id_ for _, id_ in found[: limit + 1]]
    light: AnySelect = select(*_LIST, column.label("sort_value")).where(_R.id.in_(ids))
    by_id = {row.id: row for row in await db.execute(light)}
    return [by_id[id_] for id_ in ids if id_ in by_id]


def among(db: Session, where: CallFilter, few: Sequence[UUID], *columns: Any) -> AnySelect:
    """Id, callid and `columns` of those of a few calls that the filter leaves.

    The callid is asked for as no index has it beside other columns: SQLite would rather walk an
    index of the whole tenant that has all it needs than look up a few rows.
    """
    statement: AnySelect = select(_R.id, _R.callid, *columns)
    return statement.where(_R.id.in_(few), *where.conditions(db))


async def chosen(db: Session, where: CallFilter, *, limit: int) -> Sequence[Row[Any]]:
    """(id, callid) of the calls of a filter, newest first, `limit` at most."""
    few = await where.few(db, "started_at")
    statement: AnySelect
    if few is not None:
        statement = among(db, where, few)
    else:
        statement = select(_R.id, _R.callid).where(*where.conditions(db, "started_at"))
    ordered = statement.order_by(_R.started_at.desc(), _R.id.desc())
    return (await db.execute(ordered.limit(limit))).all()


async def topics_of(db: Session, ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """The topics of each of these calls, the largest share first."""
    statement = select(TOPIC.c.call_id, TOPIC.c.topic_key).where(of_these(db, TOPIC, ids))
    rows = await db.execute(
        statement.order_by(TOPIC.c.share.desc(), TOPIC.c.topic_key),
        execution_options={"fenced": True},
    )
    topics: dict[UUID, list[str]] = {}
    for call_id, key in rows:
        topics.setdefault(call_id, []).append(key)
    return topics


async def find(db: Session, callid: str) -> CallRecord | None:
    """The call with the source system's id."""
    return await db.scalar(select(_R).where(_R.callid == callid))


_table = table_of(_R)
_IS_KNOWN = select(_table.c.id).where(
    _table.c.tenant_id == bindparam("tenant"), _table.c.callid == bindparam("callid")
)


async def is_known(db: Session, callid: str) -> bool:
    """Whether the source system's id is taken, without the cost of loading the call."""
    found = await db.execute(
        _IS_KNOWN,
        {"tenant": db.tenant_id, "callid": callid},
        execution_options={"fenced": True},
    )
    return found.first() is not None


async def get(
    db: Session,
    callid: str,
    *,
    own: Sequence[str] | None = None,
    fixed: CallFilter | None = None,
    lock: bool = False,
) -> CallRecord:
    """The call with the source system's id. Raises CallNotFound.

    `own` are the agents whose calls the reader may see, None for all, and `fixed` is what their
    key is narrowed to; `lock` holds the row for this transaction.
    """
    statement = select(_R).where(_R.callid == callid)
    if fixed is not None:
        statement = statement.where(*fixed.conditions(db))
    record = await db.scalar(statement.with_for_update() if lock else statement)
    if record is None or (own is not None and record.agent_id not in own):
        raise CallNotFound()
    return record


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A call with what there is one of; None where there is none, or it was not asked for."""

    record: CallRecord
    topics: list[str]
    transcript: CallTranscript | None
    metric: CallMetric | None
    analysis: CallAnalysis | None


async def whole(
    db: Session,
    callid: str,
    *,
    own: Sequence[str] | None = None,
    fixed: CallFilter | None = None,
    transcript: bool = True,
    metric: bool = True,
    analysis: bool = True,
) -> Whole:
    """A call with its current transcript, figures and newest analysis, in one statement.

    Raises CallNotFound; `own` and `fixed` are as in `get`.
    """
    text, figures, found = CallTranscript, CallMetric, CallAnalysis
    any_ = aliased(found)
    newest = select(func.max(any_.version)).where(any_.call_id == _R.id).scalar_subquery()
    statement: AnySelect = (
        select(_R, _topics(db), text, figures, found)
        .outerjoin(
            text,
            and_(
                text.call_id == _R.id,
                text.version == _R.transcript_version,
                text.purged_at.is_(None),
                literal(transcript),
            ),
        )
        .outerjoin(figures, and_(figures.call_id == _R.id, literal(metric)))
        .outerjoin(found, and_(found.call_id == _R.id, found.version == newest, literal(analysis)))
        .where(_R.callid == callid)
    )
    if fixed is not None:
        statement = statement.where(*fixed.conditions(db))
    row = (await db.execute(statement)).one_or_none()
    if row is None or (own is not None and row[0].agent_id not in own):
        raise CallNotFound()
    topics = row[1].split(_BETWEEN) if row[1] else []
    return Whole(record=row[0], topics=topics, transcript=row[2], metric=row[3], analysis=row[4])


_BETWEEN = "\x1f"  # the unit separator, which no key has


def _topics(db: Session) -> ScalarSelect[str]:
    """The keys of a call's topics in one text, the largest share first."""
    mine = (
        select(TOPIC.c.topic_key)
        .where(TOPIC.c.tenant_id == db.tenant_id, TOPIC.c.call_id == _R.id)
        .order_by(TOPIC.c.share.desc(), TOPIC.c.topic_key)
        .correlate(_R)
        .subquery()
    )
    return select(func.aggregate_strings(mine.c.topic_key, _BETWEEN)).scalar_subquery()


async def find_by_id(db: Session, call_id: UUID) -> CallRecord | None:
    """The call with our id."""
    return await db.scalar(select(_R).where(_R.id == call_id))


async def get_by_id(db: Session, call_id: UUID) -> CallRecord:
    """The call with our id. Raises CallNotFound."""
    record = await find_by_id(db, call_id)
    if record is None:
        raise CallNotFound()
    return record


async def transcript(db: Session, call_id: UUID, version: int) -> CallTranscript | None:
    """One version of a call's transcript; None also where its words were let go."""
    return await db.scalar(
        select(CallTranscript).where(
            CallTranscript.call_id == call_id,
            CallTranscript.version == version,
            CallTranscript.purged_at.is_(None),
        )
    )


async def get_transcript(db: Session, call_id: UUID, version: int) -> CallTranscript:
    """One version of a call's transcript. Raises TranscriptNotFound, TranscriptPurged."""
    row = await whole_or_emptied(db, call_id, version)
    if row is None:
        raise TranscriptNotFound
    if row.purged_at is not None:
        raise TranscriptPurged
    return row


async def whole_or_emptied(db: Session, call_id: UUID, version: int) -> CallTranscript | None:
    """One version of a call's transcript, also where its words were let go."""
    return await db.scalar(
        select(CallTranscript).where(
            CallTranscript.call_id == call_id, CallTranscript.version == version
        )
    )


async def latest_analysis(db: Session, call_id: UUID) -> CallAnalysis | None:
    """The newest analysis of a call."""
    return await db.scalar(
        select(CallAnalysis)
        .where(CallAnalysis.call_id == call_id)
        .order_by(CallAnalysis.version.desc())
        .limit(1)
    )


async def metric(db: Session, call_id: UUID) -> CallMetric | None:
    """A call's figures."""
    return await db.scalar(select(CallMetric).where(CallMetric.call_id == call_id))


async def stage_runs(db: Session, call_id: UUID) -> Sequence[CallStageRun]:
    """A call's stages in order of their start."""
    statement = select(CallStageRun).where(CallStageRun.call_id == call_id)
    return (await db.scalars(statement.order_by(CallStageRun.started_at, CallStageRun.id))).all()


async def same_audio(db: Session, sha256: str, except_id: UUID) -> str | None:
    """The id of another call with the same audio."""
    return await db.scalar(
        select(_R.callid).where(_R.audio_sha256 == sha256, _R.id != except_id).limit(1)
    )


async def status_counts(db: Session) -> dict[str, int]:
    """How many calls stand at each milestone."""
    rows = await db.execute(select(_R.status, func.count()).group_by(_R.status))
    return dict(rows.all())


async def transcript_versions(db: Session, call_id: UUID) -> Sequence[Row[Any]]:
    """(version, epoch, origin, engine, created_at) of a call's transcripts, newest first."""
    statement: AnySelect = select(
        CallTranscript.version,
        CallTranscript.epoch,
        CallTranscript.origin,
        CallTranscript.engine,
        CallTranscript.created_at,
    ).where(CallTranscript.call_id == call_id)
    return (await db.execute(statement.order_by(CallTranscript.version.desc()))).all()


async def next_run_no(db: Session, call_id: UUID) -> int:
    """The number that the call's next run through the pipeline gets, from 1."""
    statement = select(func.max(CallStageRun.run_no)).where(CallStageRun.call_id == call_id)
    return (await db.scalar(statement) or 0) + 1


async def comments(
    db: Session, call_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[CallComment]:
    """A call's comments in order of writing, one more than `limit` if there are more."""
    statement = select(CallComment).where(CallComment.call_id == call_id)
    if after is not None:
        statement = statement.where(CallComment.id > after)
    return (await db.scalars(statement.order_by(CallComment.id).limit(limit + 1))).all()


async def bulk(db: Session, bulk_id: UUID) -> CallBulk | None:
    """One deed on many calls."""
    return await db.scalar(select(CallBulk).where(CallBulk.id == bulk_id))


async def existing(db: Session, callids: Sequence[str]) -> set[str]:
    """Which of these calls there are."""
    return set((await db.scalars(select(_R.callid).where(_R.callid.in_(callids)))).all())


async def last_told(db: Session, callids: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    """What a source last said of these calls, as a hash, with the calls' flags; by call id."""
    statement = select(_R.callid, _R.source_hash, _R.flags).where(_R.callid.in_(callids))
    return {row.callid: (row.source_hash, row.flags) for row in await db.execute(statement)}


async def owned(db: Session, callids: Sequence[str], own: Sequence[str]) -> set[str]:
    """Which of these calls are those of the agents."""
    statement = select(_R.callid).where(_R.callid.in_(callids), _R.agent_id.in_(own))
    return set((await db.scalars(statement)).all())
