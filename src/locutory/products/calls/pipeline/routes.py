"""The pipeline over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Query, Request, Response

from locutory.kernel.auth.contract import Access, Principal
from locutory.kernel.auth.dependencies import SecuredRouter, access, require
from locutory.kernel.preconditions import IfMatch, etag_of
from locutory.kernel.ratelimit import rate_limit
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline import service
from locutory.products.calls.pipeline.config import Budgets, PipelineConfig, patched
from locutory.products.calls.pipeline.queries import Configured
from locutory.products.calls.pipeline.schemas import (
    Acknowledge,
    AlertPage,
    AlertQuery,
    AlertRead,
    BudgetsRead,
    ConfigRead,
    ControlAsk,
    Controlled,
    CostQuery,
    CostRead,
    Discard,
    LetterDetail,
    LetterPage,
    LetterQuery,
    PageAsk,
    PipelineStatus,
    ProvidersRead,
    RedriveMany,
    Redriven,
    RedriveOne,
    Rollback,
    VersionPage,
    WorkersRead,
)

router = SecuredRouter(tags=["calls pipeline"], dependencies=[rate_limit("default")])
Reader = Annotated[Access, access("calls:read")]
Operator = Annotated[Access, access("calls:ingest")]  # supervisors, not reviewers
Keeper = Annotated[Access, access("calls:manage")]
Manager = Annotated[Principal, require("calls:manage")]


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _told(found: Configured, response: Response) -> ConfigRead:
    response.headers["ETag"] = etag_of(found.version)
    return ConfigRead(version=found.version, config=found.config)


@router.get("/pipeline/workers")
async def list_pipeline_workers(request: Request, _: Manager) -> WorkersRead:
    """The worker processes of this installation, and how many more each stage would want."""
    return await service.list_workers(request.app.state.storage, request.app.state.settings)


@router.get("/pipeline/providers")
async def list_pipeline_providers(request: Request, _: Manager) -> ProvidersRead:
    """The engines that this server asks, and how many questions at once."""
    return service.list_providers(_services(request))


@router.get("/pipeline/{bid}/status")
async def pipeline_status(request: Request, reader: Reader) -> PipelineStatus:
    """Where the business's calls stand, how fast it goes, and what holds it up."""
    return await service.status(reader.db, _services(request))


@router.post("/pipeline/{bid}/control")
async def control_pipeline(operator: Operator, data: ControlAsk) -> Controlled:
    """Start, pause, resume or drain a stage or all; `run_once` works what is ready, then holds."""
    return await service.control(
        operator.db,
        data.action,
        data.stage,
        actor=operator.principal.key,
        reason=data.reason or "",
    )


@router.get("/pipeline/{bid}/config")
async def get_pipeline_config(keeper: Keeper, response: Response) -> ConfigRead:
    """The configuration in force, with its ETag."""
    return _told(await service.read_config(keeper.db), response)


@router.put("/pipeline/{bid}/config")
async def put_pipeline_config(
    request: Request, keeper: Keeper, data: PipelineConfig, response: Response, if_match: IfMatch
) -> ConfigRead:
    """Replace the configuration; running workers follow within seconds."""
    service.require_engines(request.app.state.services, data)
    found = await service.change_config(keeper, lambda _: data, asked=if_match)
    return _told(found, response)


@router.patch("/pipeline/{bid}/config")
async def patch_pipeline_config(
    request: Request,
    keeper: Keeper,
    data: Annotated[dict[str, Any], Body()],
    response: Response,
    if_match: IfMatch,
) -> ConfigRead:
    """Change the parts that are named (RFC 7396); null sets a part back to its default."""
    services = request.app.state.services
    found = await service.change_config(
        keeper,
        lambda config: service.require_engines(services, patched(config, data)),
        asked=if_match,
    )
    return _told(found, response)


@router.get("/pipeline/{bid}/config/versions")
async def list_pipeline_config_versions(
    keeper: Keeper, ask: Annotated[PageAsk, Query()]
) -> VersionPage:
    """Every configuration that was in force, newest first."""
    return await service.list_versions(keeper.db, cursor=ask.cursor, limit=ask.limit)


@router.post("/pipeline/{bid}/config/rollback")
async def roll_pipeline_config_back(
    keeper: Keeper, data: Rollback, response: Response, if_match: IfMatch
) -> ConfigRead:
    """Put an earlier version in force again, as a new version."""
    found = await service.rollback(keeper, data.version, asked=if_match)
    return _told(found, response)


@router.get("/pipeline/{bid}/budgets")
async def get_pipeline_budgets(reader: Reader, response: Response) -> BudgetsRead:
    """The day's budgets and what is used of them, with the configuration's ETag."""
    found = await service.read_budgets(reader.db)
    response.headers["ETag"] = etag_of(found.version)
    return found


@router.put("/pipeline/{bid}/budgets")
async def put_pipeline_budgets(
    keeper: Keeper, data: Budgets, response: Response, if_match: IfMatch
) -> BudgetsRead:
    """Replace the budgets: the same as that part of the configuration."""
    await service.change_config(
        keeper,
        lambda config: config.model_copy(update={"budgets": data}),
        asked=if_match,
    )
    found = await service.read_budgets(keeper.db)
    response.headers["ETag"] = etag_of(found.version)
    return found


@router.get("/pipeline/{bid}/cost")
async def get_pipeline_cost(
    request: Request, reader: Reader, ask: Annotated[CostQuery, Query()]
) -> CostRead:
    """What each stage used and cost, by day."""
    settings: Settings = request.app.state.settings
    return await service.read_cost(reader.db, ask, settings.prices)


@router.get("/dlq/{bid}")
async def list_dead_letters(operator: Operator, ask: Annotated[LetterQuery, Query()]) -> LetterPage:
    """Jobs that will not run again without a person, the latest first."""
    return await service.list_letters(operator.db, ask)


@router.post("/dlq/{bid}/redrive")
async def redrive_dead_letters(request: Request, operator: Operator, data: RedriveMany) -> Redriven:
    """Let all jobs that the filter names run again, 50 a second."""
    return await service.redrive_many(
        operator.db,
        _services(request),
        data.filter,
        data.overrides,
        actor=operator.principal.key,
    )


@router.get("/dlq/{bid}/{job_id}")
async def get_dead_letter(operator: Operator, job_id: UUID) -> LetterDetail:
    """One dead letter with every attempt and its payload, masked."""
    return await service.get_letter(operator.db, job_id)


@router.post("/dlq/{bid}/{job_id}/redrive")
async def redrive_dead_letter(
    request: Request, operator: Operator, job_id: UUID, data: RedriveOne | None = None
) -> Redriven:
    """Let one job run again, perhaps by another provider."""
    asked = data or RedriveOne()
    return await service.redrive_one(
        operator.db,
        _services(request),
        job_id,
        asked.overrides,
        actor=operator.principal.key,
    )


@router.delete("/dlq/{bid}/{job_id}", status_code=204)
async def discard_dead_letter(keeper: Keeper, job_id: UUID, data: Discard) -> None:
    """Give a job up for good; the reason is kept in the audit log."""
    await service.discard(keeper.db, job_id, data.reason, actor=keeper.principal.key)


@router.get("/alerts/{bid}")
async def list_alerts(reader: Reader, ask: Annotated[AlertQuery, Query()]) -> AlertPage:
    """Alerts that fire and alerts that have ended, newest first."""
    return await service.list_alerts(reader.db, ask)


@router.post("/alerts/{bid}/{alert_id}/ack")
async def acknowledge_alert(
    operator: Operator, alert_id: UUID, data: Acknowledge | None = None
) -> AlertRead:
    """Say that somebody looks after an alert; it ends by itself when its cause does."""
    note = None if data is None else data.note
    return await service.acknowledge(operator.db, alert_id, note, actor=operator.principal.key)
