"""What happened to calls, as news."""

from typing import Any
from uuid import UUID

from locutory.kernel.db import Database
from locutory.kernel.jobs import Context, JobKind
from locutory.products.calls.findings.contract import MomentMatched
from locutory.products.calls.notices import queries, service
from locutory.products.calls.notices.contract import DELIVER, QUEUE, News
from locutory.products.calls.notices.service import Told
from locutory.products.calls.records import queries as calls
from locutory.products.calls.records.contract import (
    CallStatusChanged,
    DeadLetterAdded,
    Stage,
    StageState,
    Status,
)
from locutory.products.calls.records.models import CallAnalysis, CallRecord
from locutory.products.calls.reviews.contract import ReviewDisputed

# the moments at which a transcript and an analysis were stored
_JUDGED_NEXT = (Stage.ANALYZE, StageState.QUEUED)
_FOUND_NEXT = (Stage.INDEX, StageState.QUEUED)


async def tell_of_status(ctx: Context, event: CallStatusChanged) -> None:
    """A call reached a milestone; finished ones also by their score."""
    match event.status:
        case Status.TRANSCRIBED if (event.stage, event.stage_state) == _JUDGED_NEXT:
            news = News.CALL_TRANSCRIBED
        case Status.DONE if (event.stage, event.stage_state) == _FOUND_NEXT:
            news = News.CALL_DONE
        case Status.FAILED:
            news = News.CALL_FAILED
        case _:
            return
    async with ctx.db.read() as session:
        record = await calls.find(session, event.callid)
        if record is None:
            return
        analysis = await calls.latest_analysis(session, record.id)
    items = [_of_call(news, record, analysis)]
    if news is News.CALL_DONE:
        items += await _of_score(ctx.db, record, analysis)
    await service.tell(ctx, _event_id(ctx), items)


async def tell_of_dead_letter(ctx: Context, event: DeadLetterAdded) -> None:
    """A stage gave up on a call."""
    data = {
        "callid": event.callid,
        "stage": event.stage,
        "error_class": event.error_class,
        "error_code": event.error_code,
        "detail": event.detail,
    }
    text = f"{event.callid}: {event.stage} gave up with {event.error_code}"
    item = Told(news=News.DLQ_ADDED, callid=event.callid, data=data, text=text)
    await service.tell(ctx, _event_id(ctx), [item])


async def tell_of_dispute(ctx: Context, event: ReviewDisputed) -> None:
    """An agent does not accept a score."""
    data = {"callid": event.callid, "review_id": str(event.review_id), "kind": event.kind}
    text = f"The score of {event.callid} is disputed"
    item = Told(news=News.REVIEW_DISPUTED, callid=event.callid, data=data, text=text)
    await service.tell(ctx, _event_id(ctx), [item])


async def tell_of_moment(ctx: Context, event: MomentMatched) -> None:
    """A rule matched a call that it did not match before."""
    data = {
        "callid": event.callid,
        "rule": event.rule_key,
        "name": event.name,
        "start_ms": event.start_ms,
        "end_ms": event.end_ms,
    }
    text = f"{event.callid}: {event.name}"
    item = Told(news=News.MOMENT_MATCHED, callid=event.callid, data=data, text=text)
    await service.tell(ctx, _event_id(ctx), [item])


def _of_call(news: News, record: CallRecord, analysis: CallAnalysis | None) -> Told:
    verb = {
        News.CALL_TRANSCRIBED: "was transcribed",
        News.CALL_DONE: "is done",
        News.CALL_FAILED: f"failed: {record.status_reason}",
    }[news]
    return Told(
        news=news,
        callid=record.callid,
        data=_data(record, analysis),
        text=f"{record.callid} {verb}",
    )


async def _of_score(db: Database, record: CallRecord, analysis: CallAnalysis | None) -> list[Told]:
    items: list[Told] = []
    data = _data(record, analysis)
    quality = (analysis.analysis.get("quality") if analysis else None) or {}
    if quality.get("auto_fail"):
        text = f"{record.callid} failed a critical question"
        items.append(Told(news=News.SCORE_AUTO_FAIL, callid=record.callid, data=data, text=text))
    async with db.read() as session:
        bound = (await queries.setting(session)).score_below
    if record.overall_score is not None and record.overall_score < bound:
        text = f"{record.callid} scored {record.overall_score:g} of 100"
        items.append(Told(news=News.SCORE_LOW, callid=record.callid, data=data, text=text))
    return items


def _data(record: CallRecord, analysis: CallAnalysis | None) -> dict[str, Any]:
    """What receivers get of a call: redacted words and figures, no phone, no address."""
    blob = analysis.analysis if analysis else {}
    return {
        "callid": record.callid,
        "status": record.status,
        "reason": record.status_reason,
        "direction": record.direction,
        "agent": record.agent_id,
        "started_at": record.started_at.isoformat().replace("+00:00", "Z"),
        "duration_s": None if record.audio_ms is None else record.audio_ms / 1000,
        "score": record.overall_score,
        "sentiment": record.sentiment_score,
        "bant_score": record.bant_score,
        "summary": (blob.get("summary") or {}).get("text"),
        "next_steps": blob.get("next_steps"),
        "degraded": record.degraded,
        "partial": record.partial,
    }


def _event_id(ctx: Context) -> UUID:
    return UUID(ctx.payload["event_id"])


JOBS = (
    JobKind(
        kind=DELIVER,
        queue=QUEUE,
        handler=service.deliver,
        max_attempts=10,
        timeout_s=60,
        on_dead=service.give_up,
    ),
)
