"""Looking again for objections and moments in calls that were analysed before."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from locutory.capabilities.analysis.api import BUILT_IN, Analyst, Judged
from locutory.capabilities.interactions.contract import Transcript
from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access
from locutory.kernel.clock import rfc3339, utc_now
from locutory.kernel.db import Session
from locutory.kernel.jobs import Claimed, Context, Failure, JobSpec, enqueue
from locutory.products.calls.findings import queries
from locutory.products.calls.findings.contract import RECLASSIFY, AlreadyRunning, RunNotFound
from locutory.products.calls.findings.models import Reclassification
from locutory.products.calls.findings.moments import Matched, match_all
from locutory.products.calls.findings.schemas import ReclassifyAsk, ReclassifyRead
from locutory.products.calls.findings.service.found import Findings, store_findings
from locutory.products.calls.findings.service.watched import Vocabulary, vocabulary
from locutory.products.calls.records import queries as records
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.transcripts import transcript_of

# Calls of one commit: short enough to let others write, long enough to be worth it.
_BATCH = 25
_AGENT = "objections"
_SPECS = tuple(spec for spec in BUILT_IN if spec.key == _AGENT)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found in one call, and the analysis that it belongs to."""

    call_id: UUID
    analysis_id: UUID
    transcript: Transcript
    judged: Judged
    moments: list[Matched]


async def request_run(tx: Session, data: ReclassifyAsk, *, actor: str) -> ReclassifyRead:
    """Enqueue a run. Raises AlreadyRunning."""
    under_way = await queries.running(tx)
    if under_way is not None:
        raise AlreadyRunning(run_id=str(under_way.id))
    where = queries.CallRange(from_=data.from_, to=data.to)
    run = Reclassification(
        state="running",
        from_=data.from_,
        to=data.to,
        total=await queries.count_judged(tx, where),
        done=0,
        changed=0,
        requested_by=actor,
    )
    tx.add(run)
    await tx.flush()
    await enqueue(tx, _job(run.id, None))
    limits = {"from": _time(data.from_), "to": _time(data.to)}
    await audit(tx, actor=actor, action="objections.reclassify", object=f"run:{run.id}", **limits)
    return _read(run)


async def get_run(access: Access, id_: UUID) -> ReclassifyRead:
    """How far a run is. Raises RunNotFound."""
    async with access.db.read() as session:
        run = await queries.find_run(session, id_)
    if run is None:
        raise RunNotFound
    return _read(run)


async def reclassify(ctx: Context) -> None:
    """Look through the next calls of a run, and enqueue the rest; a crash repeats one batch."""
    run_id = UUID(ctx.payload["run_id"])
    after = ctx.payload.get("after")
    async with ctx.db.read() as session:
        run = await queries.find_run(session, run_id)
        if run is None or run.state != "running":
            return
        where = queries.CallRange(from_=run.from_, to=run.to)
        ids = await queries.judged_after(session, where, UUID(after) if after else None, _BATCH)
        known = await vocabulary(session)
    ctx.progress(run.done, run.total)
    looked = [one for call_id in ids if (one := await _look(ctx, call_id, known)) is not None]
    following = _job(run_id, ids[-1]) if len(ids) == _BATCH else None
    await ctx.finish(
        lambda tx: _save(tx, run_id, looked, len(ids), last=following is None), following
    )


async def fail(tx: Session, job: Claimed, failure: Failure) -> None:
    """Say in the run that it was given up."""
    run = await queries.find_run(tx, UUID(job.payload["run_id"]))
    if run is not None:
        run.state, run.detail = "failed", f"{failure.code}: {failure.detail}"
        run.finished_at = utc_now()


def _job(run_id: UUID, after: UUID | None) -> JobSpec:
    payload = {"run_id": str(run_id), "after": None if after is None else str(after)}
    return JobSpec(kind=RECLASSIFY, payload=payload, subject=str(run_id))


async def _look(ctx: Context, call_id: UUID, known: Vocabulary) -> _Looked | None:
    async with ctx.db.read() as session:
        record = await records.get_by_id(session, call_id)
        row = await records.transcript(session, call_id, record.transcript_version)
        analysis = await records.latest_analysis(session, call_id)
    if row is None or analysis is None:
        return None
    transcript = transcript_of(row)
    judged = await ctx.services.get(Analyst).judge(
        transcript,
        db=ctx.db,
        metrics={},
        variables={"objection_types": known.prompt_types},
        specs=_SPECS,
    )
    moments = match_all(known.moments, transcript)
    return _Looked(call_id, analysis.id, transcript, judged, moments)


async def _save(
    tx: Session, run_id: UUID, looked: list[_Looked], count: int, *, last: bool
) -> None:
    changed = 0
    for one in looked:
        changed += await _replace(tx, one)
    run = await queries.find_run(tx, run_id)
    if run is None:
        raise RunNotFound
    run.done += count
    run.changed += changed
    if last:
        run.state, run.finished_at = "done", utc_now()


async def _replace(tx: Session, one: _Looked) -> bool:
    """Whether something is another now. A call that was analysed anew meanwhile is left alone."""
    analysis = await records.latest_analysis(tx, one.call_id)
    if analysis is None or analysis.id != one.analysis_id:
        return False
    found = one.judged.blob.get(_AGENT)
    if found is None:
        return False
    record = await records.get_by_id(tx, one.call_id)
    moments = {(m.watched.key, span.start_ms) for m in one.moments for span in m.spans}
    same = found == analysis.analysis.get(_AGENT)
    if same and moments == await queries.matched_spans(tx, one.call_id):
        return False
    analysis.analysis = {**analysis.analysis, _AGENT: found}
    analysis.meta = {**analysis.meta, **one.judged.meta}
    of_call = Findings.of(analysis.analysis, analysis.meta, one.moments)
    await store_findings(tx, record, one.transcript, of_call)
    await mark_stale(tx, one.call_id)
    return True


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _read(run: Any) -> ReclassifyRead:
    return ReclassifyRead(
        id=run.id,
        state=run.state,
        total=run.total,
        done=run.done,
        changed=run.changed,
        detail=run.detail,
        created_at=run.created_at,
        finished_at=run.finished_at,
    )
