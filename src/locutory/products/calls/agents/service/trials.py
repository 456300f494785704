"""Test runs and back-tests: taken on, run, read."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from locutory.capabilities.analysis.api import (
    AgentInvalid,
    AgentNotFound,
    Analyst,
    NoDraft,
    agent_faults,
    draft_agent,
    get_agent,
    published_agent,
)
from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access
from locutory.kernel.clock import rfc3339, utc_now
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Database, Session
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import Claimed, Context, Failure, JobSpec, enqueue
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.products.calls.agents import queries
from locutory.products.calls.agents.comparing import stratified
from locutory.products.calls.agents.contract import (
    TRIAL,
    BacktestNotFound,
    HumanAnswers,
    TestRunNotFound,
    TrialKind,
    TrialState,
)
from locutory.products.calls.agents.material import find_material
from locutory.products.calls.agents.models import AgentTrial
from locutory.products.calls.agents.people import Graded
from locutory.products.calls.agents.reports import Pair, report_of
from locutory.products.calls.agents.schemas import (
    BacktestAsk,
    BacktestList,
    BacktestPage,
    BacktestRead,
    BacktestRow,
    BacktestStarted,
    TestRun,
    TestRunInline,
    TestRunItem,
    TestRunRead,
)
from locutory.products.calls.agents.service.attempt import Pairing, both, read_item
from locutory.products.calls.agents.shapes import spec_from
from locutory.products.calls.records.contract import CallNotFound
from locutory.products.calls.records.models import CallRecord

_AT_ONCE = 4
_NO_TRANSCRIPT = "skipped: no_transcript"
_DETAILS = ("fields", "items")


# --- test runs --------------------------------------------------------------------------------


async def test_run(
    inside: Access, analyst: Analyst, secrets: Secrets, key: str, data: TestRun
) -> TestRunRead:
    """Try an agent's draft, or what is in force where there is none.

    Raises AgentNotFound, CallNotFound.
    """
    async with inside.db.read() as session:
        await get_agent(session, key)
        published = await published_agent(session, key)
        tried = await draft_agent(session, key) or published
    if tried is None:
        raise AgentNotFound("this agent is archived; save a draft first")
    pairing = Pairing(
        tried=tried.spec,
        published=None if published is None else published.spec,
        force=data.force,
    )
    return await _test(inside, analyst, secrets, pairing, data)


async def test_run_inline(
    inside: Access, analyst: Analyst, secrets: Secrets, data: TestRunInline
) -> TestRunRead:
    """Try an agent that is saved nowhere; it must be one that could be.

    Raises AgentInvalid, CallNotFound.
    """
    async with inside.db.read() as session:
        published = await published_agent(session, data.agent.key)
    spec = spec_from(data.agent, data.agent.key)
    faults = agent_faults(spec, providers=analyst.providers)
    if faults:
        raise AgentInvalid(errors=faults)
    pairing = Pairing(
        tried=spec,
        published=None if published is None else published.spec,
        force=data.force,
    )
    return await _test(inside, analyst, secrets, pairing, data)


async def _test(
    inside: Access, analyst: Analyst, secrets: Secrets, pairing: Pairing, data: TestRun
) -> TestRunRead:
    async with inside.db.read() as session:
        records = await queries.records_of(session, data.callids)
    if not records.keys() >= set(data.callids):
        raise CallNotFound
    chosen = [records[callid] for callid in dict.fromkeys(data.callids)]
    if data.wait_s > 0:
        try:
            async with asyncio.timeout(data.wait_s):
                items = await _items(analyst, secrets, inside.db, chosen, pairing)
            return _test_read(pairing, state=TrialState.DONE, items=items)
        except TimeoutError:
            pass  # what the model has answered by then is in its cache
    ask = {**pairing.as_json(), "callids": [record.callid for record in chosen]}
    key, actor = pairing.tried.key, inside.principal.key
    trial_id, job_id = await inside.db.write(
        lambda tx: _take_on(tx, TrialKind.TEST_RUN, key, ask, actor=actor)
    )
    return _test_read(pairing, state=TrialState.QUEUED, id_=trial_id, job_id=job_id)


async def read_test_run(inside: Access, trial_id: UUID) -> TestRunRead:
    """A test run that goes on, or went on, as a job. Raises TestRunNotFound."""
    async with inside.db.read() as session:
        row = await queries.find_trial(session, TrialKind.TEST_RUN, trial_id)
    if row is None:
        raise TestRunNotFound
    return _test_read(
        Pairing.from_json(row.agent_key, row.ask),
        state=TrialState(row.state),
        id_=row.id,
        items=[TestRunItem(**item) for item in (row.report or {}).get("items", [])],
        error=row.error,
    )


async def _items(
    analyst: Analyst,
    secrets: Secrets,
    db: Database,
    records: Sequence[CallRecord],
    pairing: Pairing,
) -> list[TestRunItem]:
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(record: CallRecord) -> TestRunItem:
        async with slots:
            material = await find_material(db, record, secrets)
            if material is None:
                return _unheard(record.callid)
            return read_item(record.callid, *await both(analyst, db, material, pairing))

    return await asyncio.gather(*map(one, records))


def _unheard(callid: str) -> TestRunItem:
    return TestRunItem(
        callid=callid,
        prompt=None,
        raw=[],
        parsed=None,
        schema_errors=[],
        evidence_ok=None,
        unsupported=[],
        source=None,
        engine=None,
        cached=False,
        error=_NO_TRANSCRIPT,
        tokens_in=0,
        tokens_out=0,
        cost_micros=None,
        latency_ms=0,
        published=None,
        differences=[],
    )


def _test_read(
    pairing: Pairing,
    *,
    state: TrialState,
    id_: UUID | None = None,
    job_id: UUID | None = None,
    items: Sequence[TestRunItem] = (),
    error: str | None = None,
) -> TestRunRead:
    return TestRunRead(
        id=id_,
        job_id=job_id,
        state=state,
        agent=pairing.tried.key,
        version=pairing.tried.version,
        published_version=None if pairing.published is None else pairing.published.version,
        items=list(items),
        error=error,
    )


# --- back-tests -------------------------------------------------------------------------------


async def start_backtest(
    tx: Session, key: str, data: BacktestAsk, *, actor: str
) -> BacktestStarted:
    """Compare the draft with the version in force on past calls. Raises AgentNotFound, NoDraft."""
    await get_agent(tx, key)
    draft = await draft_agent(tx, key)
    published = await published_agent(tx, key)
    if draft is None:
        raise NoDraft
    pairing = Pairing(tried=draft.spec, published=None if published is None else published.spec)
    sample = {
        "calls": data.calls,
        "from": None if data.from_ is None else rfc3339(data.from_),
        "to": None if data.to is None else rfc3339(data.to),
        "seed": data.seed,
    }
    ask = {**pairing.as_json(), **sample}
    trial_id, job_id = await _take_on(tx, TrialKind.BACKTEST, key, ask, actor=actor)
    return BacktestStarted(id=trial_id, job_id=job_id)


async def read_backtests(inside: Access, ask: BacktestList) -> BacktestPage:
    """A page of back-tests, newest first."""
    after = decode_cursor(ask.cursor, "backtests", datetime) if ask.cursor else None
    async with inside.db.read() as session:
        rows = await queries.trials(
            session, TrialKind.BACKTEST, agent=ask.agent, after=after, limit=ask.limit
        )
    page, more = split_page(rows, ask.limit)
    last = page[-1] if more else None
    return BacktestPage(
        items=[BacktestRow(**_backtest(row)) for row in page],
        next_cursor=encode_cursor("backtests", last.created_at, last.id) if last else None,
    )


async def read_backtest(inside: Access, trial_id: UUID) -> BacktestRead:
    """A back-test with its report. Raises BacktestNotFound."""
    async with inside.db.read() as session:
        row = await queries.find_trial(session, TrialKind.BACKTEST, trial_id)
    if row is None:
        raise BacktestNotFound
    return BacktestRead(**_backtest(row), report=row.report)


def _backtest(row: AgentTrial) -> dict[str, Any]:
    report, published = row.report, row.ask["published"]
    return {
        "id": row.id,
        "agent": row.agent_key,
        "version": row.ask["tried"]["version"],
        "published_version": None if published is None else published["version"],
        "state": row.state,
        "created_by": row.created_by,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
        "error": row.error,
        "summary": None
        if report is None
        else {name: value for name, value in report.items() if name not in _DETAILS},
    }


# --- the job ----------------------------------------------------------------------------------


async def run_trial(ctx: Context) -> None:
    """Run a trial that was taken on; one that has ended stays as it is."""
    kind, trial_id = TrialKind(ctx.payload["kind"]), UUID(ctx.payload["trial_id"])
    async with ctx.db.read() as session:
        row = await queries.find_trial(session, kind, trial_id)
    if row is None or row.state != TrialState.QUEUED:
        return
    analyst, secrets = ctx.services.get(Analyst), ctx.services.get(Secrets)
    if kind is TrialKind.TEST_RUN:
        async with ctx.db.read() as session:
            records = await queries.records_of(session, row.ask["callids"])
        chosen = [records[callid] for callid in row.ask["callids"] if callid in records]
        pairing = Pairing.from_json(row.agent_key, row.ask)
        items = await _items(analyst, secrets, ctx.db, chosen, pairing)
        report: dict[str, Any] = {"items": [item.model_dump(mode="json") for item in items]}
    else:
        report = report_of(await _pairs(ctx, analyst, row))

    async def store(tx: Session) -> None:
        current = await queries.find_trial(tx, kind, trial_id)
        if current is not None:
            current.state, current.report = TrialState.DONE, report
            current.finished_at = utc_now()

    await ctx.finish(store)


async def _pairs(ctx: Context, analyst: Analyst, row: AgentTrial) -> list[Pair]:
    pairing, strata = Pairing.from_json(row.agent_key, row.ask), {}
    async with ctx.db.read() as session:
        found = await queries.candidates(
            session, from_=_moment(row.ask["from"]), to=_moment(row.ask["to"])
        )
        strata = {one.callid: _stratum(one.direction, one.overall_score) for one in found}
        sample = stratified(strata, row.ask["calls"], seed=row.ask["seed"])
        records = await queries.records_of(session, sample)
        people = ctx.services.find(HumanAnswers) or Graded()
        ids = [record.id for record in records.values()]
        human = await people.of(session, row.agent_key, ids)
    slots, done = asyncio.Semaphore(_AT_ONCE), 0

    async def one(record: CallRecord) -> Pair | None:
        nonlocal done
        async with slots:
            material = await find_material(ctx.db, record, ctx.services.get(Secrets))
            if material is None:
                return None
            draft, published = await both(analyst, ctx.db, material, pairing)
            done += 1
            ctx.progress(done, len(sample))
        return Pair(
            callid=record.callid,
            stratum=strata[record.callid],
            draft=draft,
            published=published,
            human=human.get(record.id, {}),
        )

    pairs = await asyncio.gather(*(one(records[callid]) for callid in sample if callid in records))
    return [pair for pair in pairs if pair is not None]


def _stratum(direction: str, score: float | None) -> str:
    """Direction and fifth of the score: what decides most about how an agent answers."""
    if score is None:
        return f"{direction}, unscored"
    low = min(int(score // 20), 4) * 20
    return f"{direction}, {low}-{low + 20}"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


async def give_up_trial(tx: Session, job: Claimed, failure: Failure) -> None:
    """Say why a trial has no report."""
    kind, trial_id = TrialKind(job.payload["kind"]), UUID(job.payload["trial_id"])
    row = await queries.find_trial(tx, kind, trial_id)
    if row is not None:
        row.state, row.error = TrialState.FAILED, f"{failure.code}: {failure.detail}"
        row.finished_at = utc_now()


async def _take_on(
    tx: Session, kind: TrialKind, key: str, ask: dict[str, Any], *, actor: str
) -> tuple[UUID, UUID]:
    """Keep what is asked and enqueue it: the trial's id and its job's."""
    trial = AgentTrial(
        id=new_id(),
        kind=kind,
        agent_key=key,
        state=TrialState.QUEUED,
        ask=ask,
        created_by=actor,
    )
    tx.add(trial)
    payload = {"kind": kind, "trial_id": str(trial.id)}
    [job_id] = await enqueue(tx, JobSpec(kind=TRIAL, payload=payload, subject=key))
    await audit(tx, actor=actor, action=f"agent.{kind}", object=key, trial=str(trial.id))
    return trial.id, job_id
