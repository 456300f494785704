"""Dead letters of calls: looking at them, letting them run again, giving them up."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from locutory.engines.llm.base import LLM
from locutory.kernel.audit import audit
from locutory.kernel.clock import from_ms, to_ms, utc_now
from locutory.kernel.db import Database, Session
from locutory.kernel.errors import ConfigError, ErrorClass
from locutory.kernel.events import Event, emit
from locutory.kernel.jobs import admin, letters
from locutory.kernel.jobs.letters import DeadLetter, LetterFilter
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.kernel.services import Services
from locutory.kernel.telemetry.masking import mask_field, mask_text
from locutory.products.calls.pipeline import queries
from locutory.products.calls.pipeline.contract import (
    DeadLetterDiscarded,
    DeadLettersRedriven,
    OverrideUnknown,
)
from locutory.products.calls.pipeline.schemas import (
    AttemptRead,
    LetterDetail,
    LetterPage,
    LetterQuery,
    LetterRow,
    LetterSelect,
    Overrides,
    Redriven,
    Refused,
)
from locutory.products.calls.pipeline.suggestions import suggestion
from locutory.products.calls.records.contract import (
    CallStatusChanged,
    Stage,
    StageState,
    Status,
)
from locutory.products.calls.records.speech import speech_engine

PER_SECOND = 50
_BATCH = 200
_SORT = "died:desc"
_RULES = "rules"


async def list_letters(db: Database, ask: LetterQuery) -> LetterPage:
    """A page of dead letters, the latest death first."""
    after = None
    if ask.cursor:
        died, id_ = decode_cursor(ask.cursor, _SORT, float)
        after = (int(max(0.0, min(died, 2.0**52))), id_)
    async with db.read() as session:
        found = await letters.dead_letters(
            session, session.tenant_id, _where(ask), after=after, limit=ask.limit + 1
        )
    page, more = split_page(found, ask.limit)
    next_cursor = encode_cursor(_SORT, page[-1].died_ms, page[-1].id) if more else None
    return LetterPage(items=[LetterRow(**_row(one)) for one in page], next_cursor=next_cursor)


async def get_letter(db: Database, job_id: UUID) -> LetterDetail:
    """One dead letter with its attempts and its payload, masked. Raises JobNotFound."""
    async with db.read() as session:
        letter = await letters.dead_letter(session, session.tenant_id, job_id)
    return LetterDetail(
        **_row(letter),
        payload={name: mask_field(name, value) for name, value in letter.payload.items()},
        attempts=[
            AttemptRead(
                ended_at=from_ms(attempt["ended_ms"]),
                worker=attempt["worker"],
                error_class=attempt["error_class"],
                code=attempt["error_code"],
                message=mask_text(attempt["error_detail"]),
            )
            for attempt in letter.attempts
        ],
    )


async def redrive_one(
    db: Database, services: Services, job_id: UUID, overrides: Overrides, *, actor: str
) -> Redriven:
    """Let one job run again. Raises JobNotFound, JobNotDead, NotRedrivable, OverrideUnknown."""

    async def store(tx: Session) -> None:
        job = await admin.dead_job(tx, tx.tenant_id, job_id)
        changed = overrides.given()
        check_overrides(services, job.queue, changed)
        if job.error_class == ErrorClass.PERMANENT_INPUT and not changed:
            raise admin.NotRedrivable
        events = await _revive(tx, [job], changed, delays=[0.0])
        await _note(tx, [job], events, changed, actor=actor)

    await db.write(store)
    return Redriven(queued=1, refused=[])


async def redrive_many(
    db: Database, services: Services, select: LetterSelect, overrides: Overrides, *, actor: str
) -> Redriven:
    """Let every job that the filter names run again, at 50 a second, in commits of 200."""
    changed = overrides.given()
    queued = 0
    refused: list[Refused] = []
    after: tuple[int, UUID] | None = None
    newest = to_ms(utc_now()) + 60_000  # what dies anew meanwhile is left for the next time
    where = _where(select)
    while True:
        async with db.read() as session:
            found = await letters.dead_letters(
                session, session.tenant_id, where, after=after, limit=_BATCH
            )
        if not found:
            return Redriven(queued=queued, refused=refused)
        after = (found[-1].died_ms, found[-1].id)
        good: list[DeadLetter] = []
        for letter in found:
            if letter.died_ms > newest:
                continue
            why = _refusal(services, letter, changed)
            if why is None:
                good.append(letter)
            else:
                refused.append(Refused(id=str(letter.id), why=why))
        start = queued

        async def store(
            tx: Session, good: Sequence[DeadLetter] = tuple(good), start: int = start
        ) -> int:
            jobs = await admin.dead_jobs(tx, tx.tenant_id, [letter.id for letter in good])
            delays = [(start + n) / PER_SECOND for n in range(len(jobs))]
            events = await _revive(tx, jobs, changed, delays=delays)
            await _note(tx, jobs, events, changed, actor=actor)
            return len(jobs)

        if good:
            queued += await db.write(store)


async def discard(db: Database, job_id: UUID, reason: str, *, actor: str) -> None:
    """Give a dead job up; its call stays failed. Raises JobNotFound, JobNotDead."""

    async def store(tx: Session) -> None:
        await admin.discard(tx, tx.tenant_id, job_id, actor=actor, reason=reason)
        await emit(tx, DeadLetterDiscarded(job_id=str(job_id), reason=reason))

    await db.write(store)


def check_overrides(services: Services, stage: str, overrides: Mapping[str, Any]) -> None:
    """Raises OverrideUnknown with every override that the stage cannot follow."""
    faults = []
    for name, value in overrides.items():
        why = _unknown(services, stage, name, value)
        if why is not None:
            faults.append({"field": name, "code": OverrideUnknown.code, "message": why})
    if faults:
        raise OverrideUnknown(faults[0]["message"], errors=faults)


def _unknown(services: Services, stage: str, name: str, value: str) -> str | None:
    if stage == Stage.TRANSCRIBE and name == "language":
        return None
    if name == "provider" and stage == Stage.TRANSCRIBE:
        try:
            speech_engine(services, value)
        except ConfigError as error:
            return error.detail
        return None
    if name == "provider" and stage == Stage.ANALYZE:
        model = services.find(LLM)
        known = [_RULES, *([] if model is None else [model.name])]
        return None if value in known else f"no such model provider; known: {', '.join(known)}"
    return f"{name} cannot be overridden for {stage}"


def _refusal(services: Services, letter: DeadLetter, changed: Mapping[str, Any]) -> str | None:
    try:
        check_overrides(services, letter.queue, changed)
    except OverrideUnknown as error:
        return error.detail
    if not letter.redrivable and not changed:
        return admin.NotRedrivable.__doc__
    return None


async def _revive(
    tx: Session,
    jobs: Sequence[Any],
    overrides: Mapping[str, Any],
    *,
    delays: Sequence[float],
) -> list[Event]:
    """Queue the jobs anew and put their calls back to where these begin."""
    calls = [UUID(job.payload["call_id"]) for job in jobs if "call_id" in job.payload]
    records = await queries.records(tx, calls)
    events: list[Event] = []
    for job, delay_s in zip(jobs, delays, strict=True):
        payload = {**job.payload, "run_no": int(job.payload.get("run_no", 1)) + 1}
        if overrides:
            payload["overrides"] = {**payload.get("overrides", {}), **overrides}
        await admin.requeue(tx, job, payload=payload, delay_s=delay_s)
        record = records.get(UUID(payload["call_id"])) if "call_id" in payload else None
        if record is None or record.stage_state != StageState.DEAD or record.stage != job.queue:
            continue  # something else has happened to the call since
        record.stage_state = StageState.QUEUED
        if record.status == Status.FAILED:
            fresh = record.stage == Stage.TRANSCRIBE
            record.status = Status.PENDING if fresh else Status.TRANSCRIBED
            record.status_reason = record.status_detail = None
        events.append(
            CallStatusChanged(
                callid=record.callid,
                status=record.status,
                stage=record.stage,
                stage_state=record.stage_state,
            )
        )
    await tx.flush()
    return events


async def _note(
    tx: Session,
    jobs: Sequence[Any],
    events: Sequence[Event],
    overrides: Mapping[str, Any],
    *,
    actor: str,
) -> None:
    ids = [str(job.id) for job in jobs]
    await audit(
        tx,
        actor=actor,
        action="dlq.redrive",
        object=ids[0] if len(ids) == 1 else f"{len(ids)} jobs",
        job_ids=ids,
        overrides=dict(overrides),
    )
    await emit(tx, DeadLettersRedriven(job_ids=ids), *events)


def _where(select: LetterSelect) -> LetterFilter:
    now = to_ms(utc_now())
    older, newer = select.min_age_s, select.max_age_s
    return LetterFilter(
        queue=select.stage,
        error_class=select.error_class,
        error_code=select.code,
        died_before_ms=None if older is None else now - int(older * 1000),
        died_after_ms=None if newer is None else now - int(newer * 1000),
    )


def _row(letter: DeadLetter) -> dict[str, Any]:
    return {
        "job_id": str(letter.id),
        "callid": letter.subject,
        "stage": letter.queue,
        "kind": letter.kind,
        "error_class": letter.error_class,
        "code": letter.error_code,
        "message": mask_text(letter.error_detail),
        "created_at": from_ms(letter.created_ms),
        "died_at": from_ms(letter.died_ms),
        "redrives": letter.redrives,
        "redrivable": letter.redrivable,
        "suggestion": suggestion(letter.error_class, letter.error_code),
    }
