"""What people note on a call, and what the pipeline did with it."""

from types import NoneType

from locutory.kernel.audit import audit
from locutory.kernel.clock import from_ms, utc_now
from locutory.kernel.db import Session
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import admin, letters
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.kernel.redact import redact
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import Stage
from locutory.products.calls.records.models import CallComment
from locutory.products.calls.records.schemas import (
    AttemptRead,
    CommentCreate,
    CommentPage,
    CommentRead,
    StageRead,
    Timeline,
    TimelineJob,
)
from locutory.products.calls.records.sight import Reader

_SORT = "comments"
_STAGES = {stage.job: stage for stage in Stage}


async def list_comments(
    reader: Reader, callid: str, *, cursor: str | None, limit: int
) -> CommentPage:
    """A call's comments in order of writing. Raises CallNotFound."""
    after = decode_cursor(cursor, _SORT, NoneType)[1] if cursor else None
    async with reader.db.read() as session:
        record = await queries.get(session, callid, own=reader.own)
        found = await queries.comments(session, record.id, after=after, limit=limit)
    rows, more = split_page(found, limit)
    return CommentPage(
        items=[_read(row) for row in rows],
        next_cursor=encode_cursor(_SORT, None, rows[-1].id) if more else None,
    )


async def add_comment(tx: Session, reader: Reader, callid: str, data: CommentCreate) -> CommentRead:
    """Note something on a call, redacted. Raises CallNotFound."""
    record = await queries.get(tx, callid, own=reader.own)
    row = CallComment(
        id=new_id(),
        created_at=utc_now(),
        call_id=record.id,
        author=reader.actor,
        author_name=reader.principal.name,
        at_ms=data.at_ms,
        text=redact(data.text).text,
    )
    tx.add(row)
    await audit(tx, actor=reader.actor, action="call.comment", object=f"call:{callid}")
    return _read(row)


async def timeline(reader: Reader, callid: str) -> Timeline:
    """The stages' runs and the jobs behind them, with every failure. Raises CallNotFound."""
    async with reader.db.read() as session:
        record = await queries.get(session, callid, own=reader.own)
        runs = await queries.stage_runs(session, record.id)
        mine = str(record.id)
        jobs = [
            job
            for job in await admin.jobs_of(session, session.tenant_id, callid)
            if job.kind in _STAGES and job.payload.get("call_id") == mine
        ]
        attempts = await letters.attempts_of(session, [job.id for job in jobs])
    return Timeline(
        callid=record.callid,
        status=record.status,
        stage=record.stage,
        stage_state=record.stage_state,
        runs=[StageRead.model_validate(run) for run in runs],
        jobs=[
            TimelineJob(
                id=job.id,
                stage=_STAGES[job.kind],
                run_no=int(job.payload.get("run_no", 1)),
                state=job.state,
                attempts=job.attempts,
                queued_at=from_ms(job.created_ms),
                due_at=from_ms(job.run_at_ms),
                started_at=None if job.started_ms is None else from_ms(job.started_ms),
                finished_at=None if job.finished_ms is None else from_ms(job.finished_ms),
                failures=[
                    AttemptRead(
                        at=from_ms(attempt.ended_ms),
                        error_class=attempt.error_class,
                        error_code=attempt.error_code,
                        error_detail=attempt.error_detail,
                    )
                    for attempt in attempts
                    if attempt.job_id == job.id
                ],
            )
            for job in reversed(jobs)
        ],
    )


def _read(row: CallComment) -> CommentRead:
    return CommentRead(
        id=row.id,
        author=row.author_name,
        text=row.text,
        at_ms=row.at_ms,
        created_at=row.created_at,
    )
