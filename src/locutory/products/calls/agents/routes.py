"""Agents over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Request, Response

from locutory.capabilities.analysis.api import Analyst, By
from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRouter, SettledPrincipal, access
from locutory.kernel.auth.schemas import PageAsk
from locutory.kernel.crypto import Secrets
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.preconditions import ALWAYS, IfMatch, Precondition
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.agents import service
from locutory.products.calls.agents.contract import TrialState
from locutory.products.calls.agents.schemas import (
    AgentCreate,
    AgentList,
    AgentPage,
    AgentPatch,
    AgentPut,
    AgentRead,
    BacktestAsk,
    BacktestList,
    BacktestPage,
    BacktestRead,
    BacktestStarted,
    JobRead,
    LibraryRead,
    Reanalyze,
    Rollback,
    TestRun,
    TestRunInline,
    TestRunRead,
    Verdict,
    VersionPage,
)

router = SecuredRouter(tags=["agents"], dependencies=[rate_limit("default")])
Reader = Annotated[Access, access("calls:read")]
Author = Annotated[Access, access("calls:write")]  # tries, and judges anew; changes no agent
Keeper = Annotated[Access, access("calls:manage")]
Key = Annotated[str, Path(max_length=64, description="the agent's key")]


def _analyst(request: Request) -> Analyst:
    analyst: Analyst = request.app.state.services.get(Analyst)
    return analyst


def _secrets(request: Request) -> Secrets:
    secrets: Secrets = request.app.state.services.get(Secrets)
    return secrets


TheAnalyst = Annotated[Analyst, Depends(_analyst)]
TheSecrets = Annotated[Secrets, Depends(_secrets)]


def _by(inside: Access, analyst: Analyst, expected: Precondition = ALWAYS) -> By:
    return By(
        actor=inside.principal.key,
        expected=expected,
        providers=analyst.providers,
    )


def _tagged(response: Response, agent: AgentRead) -> AgentRead:
    response.headers["ETag"] = agent.etag
    return agent


@router.get("/agents/library")
async def get_agent_library(_: SettledPrincipal, analyst: TheAnalyst) -> LibraryRead:
    """The agents that come with the program, and the variables of prompts."""
    return service.read_library(analyst)


@router.get("/agents/{bid}")
async def list_agents(reader: Reader, ask: Annotated[AgentList, Query()]) -> AgentPage:
    """A business's agents: its own, and the library's that it left as they are."""
    return await service.read_agents(reader, ask)


@router.post("/agents/{bid}", status_code=201, response_model=AgentRead)
async def create_agent(
    keeper: Keeper, analyst: TheAnalyst, data: AgentCreate, idempotent: Idempotent
) -> Response:
    """Write a new agent, a draft until it is published."""
    by = _by(keeper, analyst)
    return await idempotent.write(keeper.db, lambda tx: service.create(tx, data, by=by), 201)


@router.post("/agents/{bid}/validate")
async def validate_agent(keeper: Keeper, analyst: TheAnalyst, data: AgentCreate) -> Verdict:
    """Everything that saving this agent would complain of; nothing is stored."""
    return await service.validate(keeper, data, analyst)


@router.post(
    "/agents/{bid}/test-run", responses={202: {"model": TestRunRead, "description": "goes on"}}
)
async def test_run_inline(
    author: Author,
    analyst: TheAnalyst,
    secrets: TheSecrets,
    data: TestRunInline,
    response: Response,
) -> TestRunRead:
    """Try an agent that is saved nowhere on one to ten calls; the calls stay as they are."""
    return _accepted(response, await service.test_run_inline(author, analyst, secrets, data))


@router.get("/agents/{bid}/test-runs/{run_id}")
async def get_test_run(author: Author, run_id: UUID) -> TestRunRead:
    """A test run that took longer than its caller waited."""
    return await service.read_test_run(author, run_id)


@router.get("/agents/{bid}/backtests")
async def list_backtests(reader: Reader, ask: Annotated[BacktestList, Query()]) -> BacktestPage:
    """Back-tests, newest first."""
    return await service.read_backtests(reader, ask)


@router.get("/agents/{bid}/backtests/{backtest_id}")
async def get_backtest(reader: Reader, backtest_id: UUID) -> BacktestRead:
    """A back-test with its report."""
    return await service.read_backtest(reader, backtest_id)


@router.get("/agents/{bid}/{key}")
async def get_agent(
    reader: Reader,
    key: Key,
    response: Response,
    version: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> AgentRead:
    """A version of an agent, by default the newest: the draft, else what is in force."""
    return _tagged(response, await service.read_one(reader, key, version))


@router.put("/agents/{bid}/{key}")
async def put_agent(
    keeper: Keeper,
    analyst: TheAnalyst,
    key: Key,
    data: AgentPut,
    response: Response,
    if_match: IfMatch,
) -> AgentRead:
    """Write an agent's draft anew; what is in force stays until the draft is published."""
    by = _by(keeper, analyst, if_match)
    return _tagged(response, await service.put(keeper, key, data, by=by))


@router.patch("/agents/{bid}/{key}")
async def patch_agent(
    keeper: Keeper,
    analyst: TheAnalyst,
    key: Key,
    data: AgentPatch,
    response: Response,
    if_match: IfMatch,
) -> AgentRead:
    """Write a draft that differs from the newest version in what is named."""
    by = _by(keeper, analyst, if_match)
    return _tagged(response, await service.patch(keeper, key, data, by=by))


@router.delete("/agents/{bid}/{key}", status_code=204)
async def archive_agent(keeper: Keeper, analyst: TheAnalyst, key: Key, if_match: IfMatch) -> None:
    """Take an agent out of use; its versions and results stay."""
    await service.archive(keeper, key, by=_by(keeper, analyst, if_match))


@router.get("/agents/{bid}/{key}/versions")
async def list_agent_versions(
    reader: Reader, key: Key, ask: Annotated[PageAsk, Query()]
) -> VersionPage:
    """An agent's versions, newest first: who wrote them, who put them in force, and when."""
    return await service.read_versions(reader, key, cursor=ask.cursor, limit=ask.limit)


@router.post("/agents/{bid}/{key}/publish")
async def publish_agent(
    keeper: Keeper,
    analyst: TheAnalyst,
    key: Key,
    response: Response,
    if_match: IfMatch,
) -> AgentRead:
    """Let the draft judge from now on; calls that were judged keep their results."""
    by = _by(keeper, analyst, if_match)
    return _tagged(response, await service.publish(keeper, key, by=by))


@router.post("/agents/{bid}/{key}/rollback")
async def roll_agent_back(
    keeper: Keeper,
    analyst: TheAnalyst,
    key: Key,
    response: Response,
    if_match: IfMatch,
    data: Rollback | None = None,
) -> AgentRead:
    """Let an earlier version judge again, by default the one before."""
    by = _by(keeper, analyst, if_match)
    version = None if data is None else data.version
    return _tagged(response, await service.rollback(keeper, key, version, by=by))


@router.post(
    "/agents/{bid}/{key}/test-run",
    responses={202: {"model": TestRunRead, "description": "goes on"}},
)
async def test_run(
    author: Author,
    analyst: TheAnalyst,
    secrets: TheSecrets,
    key: Key,
    data: TestRun,
    response: Response,
) -> TestRunRead:
    """Try an agent's draft on one to ten calls; the calls stay as they are."""
    return _accepted(response, await service.test_run(author, analyst, secrets, key, data))


@router.post("/agents/{bid}/{key}/backtest", status_code=202, response_model=BacktestStarted)
async def start_backtest(
    keeper: Keeper, key: Key, data: BacktestAsk, idempotent: Idempotent
) -> Response:
    """Compare the draft with the version in force on a sample of past calls."""
    actor = keeper.principal.key
    return await idempotent.write(
        keeper.db, lambda tx: service.start_backtest(tx, key, data, actor=actor), 202
    )


@router.post(
    "/call-records/{bid}/{callid}/reanalyze",
    status_code=202,
    response_model=JobRead,
    tags=["calls"],
)
async def reanalyze_call(
    author: Author, callid: str, idempotent: Idempotent, data: Reanalyze | None = None
) -> Response:
    """Judge a call anew; its present analysis stays as an earlier version."""
    ask, actor = data or Reanalyze(), author.principal.key
    return await idempotent.write(
        author.db, lambda tx: service.reanalyze(tx, callid, ask, actor=actor), 202
    )


def _accepted(response: Response, run: TestRunRead) -> TestRunRead:
    if run.state is TrialState.QUEUED:
        response.status_code = 202
    return run
