"""Sources and backfills over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Request, Response

from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRouter, access
from locutory.kernel.auth.schemas import PageAsk
from locutory.kernel.crypto import Secrets
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline.schemas import WatermarkList, WatermarkRead
from locutory.products.calls.sources import backfilling, keeping, queries, watermarking
from locutory.products.calls.sources.rounds import ask_for_looks
from locutory.products.calls.sources.source_schemas import (
    BackfillCreate,
    BackfillRead,
    SourceCreate,
    SourcePage,
    SourceRead,
    SourceTest,
    SourceUpdate,
    SyncRead,
    WatermarkMove,
)

router = SecuredRouter()
MarkName = Annotated[str, Path(max_length=100, pattern=r"^[A-Za-z0-9_:.-]+$")]
Keeper = Annotated[Access, access("calls:manage")]


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


TheSettings = Annotated[Settings, Depends(_settings)]
TheServices = Annotated[Services, Depends(_services)]


@router.get("/pipeline/{bid}/sources")
async def list_sources(
    keeper: Keeper, ask: Annotated[PageAsk, Query()], services: TheServices
) -> SourcePage:
    """Where the business's calls come from, and how the last look at each of them went."""
    return await keeping.list_sources(keeper, ask, services.get(Secrets))


@router.post("/pipeline/{bid}/sources", status_code=201, response_model=SourceRead)
async def create_source(
    data: SourceCreate,
    keeper: Keeper,
    idempotent: Idempotent,
    settings: TheSettings,
    services: TheServices,
) -> Response:
    """Have a folder watched or a database read, or name what pushes calls.

    `folder`, `push`, `mysql` and `postgresql` are the kinds. Hosts of databases that the operator
    does not list are for the platform's administrators to name.
    """
    await keeping.check(keeper, data, settings)
    tenant, actor, secrets = keeper.tenant, keeper.principal.key, services.get(Secrets)
    return await idempotent.write(
        keeper.db,
        lambda tx: keeping.create(tx, data, tenant=tenant, secrets=secrets, actor=actor),
        201,
    )


@router.patch("/pipeline/{bid}/sources/{source_id}")
async def update_source(
    source_id: UUID,
    data: SourceUpdate,
    keeper: Keeper,
    settings: TheSettings,
    services: TheServices,
) -> SourceRead:
    """Change a source; one that is not enabled is not looked at.

    A database with another host, table, `updated_at` or `row_id` is read from the beginning.
    """
    return await keeping.update(keeper, source_id, data, settings, services.get(Secrets))


@router.delete("/pipeline/{bid}/sources/{source_id}", status_code=204)
async def delete_source(source_id: UUID, keeper: Keeper) -> None:
    """Forget a source; its calls and files stay."""
    await keeping.remove(keeper, source_id)


@router.post("/pipeline/{bid}/sources/{source_id}/test")
async def test_source(source_id: UUID, keeper: Keeper, services: TheServices) -> SourceTest:
    """Try a source; nothing is taken in."""
    return await keeping.test(keeper, source_id, services)


@router.get("/pipeline/{bid}/watermarks")
async def list_watermarks(keeper: Keeper) -> WatermarkList:
    """How far each source database was read."""
    return await watermarking.list_watermarks(keeper)


@router.put("/pipeline/{bid}/watermarks/{name}")
async def move_watermark(name: MarkName, data: WatermarkMove, keeper: Keeper) -> WatermarkRead:
    """Have a source read on from another place; rows that are read again change nothing."""
    return await watermarking.move(keeper, name, data)


@router.post("/pipeline/{bid}/sync", status_code=202)
async def sync_now(keeper: Keeper) -> SyncRead:
    """Look at every folder and database now; what is found is taken in as at any other time."""
    return SyncRead(looks=await ask_for_looks(keeper.db, actor=keeper.principal.key))


@router.post("/ingest/{bid}/backfill", status_code=202, response_model=BackfillRead)
async def start_backfill(data: BackfillCreate, keeper: Keeper, idempotent: Idempotent) -> Response:
    """Take in a source's calls of a range of time, behind the fresh ones; or count them."""
    actor = keeper.principal.key
    return await idempotent.write(
        keeper.db, lambda tx: backfilling.request(tx, data, actor=actor), 202
    )


@router.get("/ingest/{bid}/backfill/{backfill_id}")
async def get_backfill(backfill_id: UUID, keeper: Keeper) -> BackfillRead:
    """How far a backfill is."""
    async with keeper.db.read() as session:
        return BackfillRead.model_validate(await queries.get_backfill(session, backfill_id))
