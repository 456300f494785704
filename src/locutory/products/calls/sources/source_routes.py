"""Sources and backfills over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRouter, access
from locutory.kernel.auth.schemas import PageAsk
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.settings import Settings
from locutory.products.calls.sources import backfilling, keeping, queries
from locutory.products.calls.sources.source_schemas import (
    BackfillCreate,
    BackfillRead,
    SourceCreate,
    SourcePage,
    SourceRead,
    SourceTest,
    SourceUpdate,
    SyncRead,
)
from locutory.products.calls.sources.watching import ask_for_looks

router = SecuredRouter()
Keeper = Annotated[Access, access("calls:manage")]


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


TheSettings = Annotated[Settings, Depends(_settings)]


@router.get("/pipeline/{bid}/sources")
async def list_sources(keeper: Keeper, ask: Annotated[PageAsk, Query()]) -> SourcePage:
    """Where the business's calls come from, and how the last look at each folder went."""
    return await keeping.list_sources(keeper, ask)


@router.post("/pipeline/{bid}/sources", status_code=201, response_model=SourceRead)
async def create_source(
    data: SourceCreate, keeper: Keeper, idempotent: Idempotent, settings: TheSettings
) -> Response:
    """Have a folder watched, or name what pushes calls. There are `folder` and `push` here."""
    await keeping.check(keeper, data, settings)
    actor = keeper.principal.key
    return await idempotent.write(keeper.db, lambda tx: keeping.create(tx, data, actor=actor), 201)


@router.patch("/pipeline/{bid}/sources/{source_id}")
async def update_source(
    source_id: UUID, data: SourceUpdate, keeper: Keeper, settings: TheSettings
) -> SourceRead:
    """Change a source; one that is not enabled is not looked at."""
    return await keeping.update(keeper, source_id, data, settings)


@router.delete("/pipeline/{bid}/sources/{source_id}", status_code=204)
async def delete_source(source_id: UUID, keeper: Keeper) -> None:
    """Forget a source; its calls and files stay."""
    await keeping.remove(keeper, source_id)


@router.post("/pipeline/{bid}/sources/{source_id}/test")
async def test_source(source_id: UUID, keeper: Keeper, settings: TheSettings) -> SourceTest:
    """Try a source; nothing is taken in."""
    return await keeping.test(keeper, source_id, settings)


@router.post("/pipeline/{bid}/sync", status_code=202)
async def sync_now(keeper: Keeper) -> SyncRead:
    """Look at every watched folder now; what is found is taken in as by the round each minute."""
    return SyncRead(looks=await ask_for_looks(keeper.db, actor=keeper.principal.key))


@router.post("/ingest/{bid}/backfill", status_code=202, response_model=BackfillRead)
async def start_backfill(data: BackfillCreate, keeper: Keeper, idempotent: Idempotent) -> Response:
    """Take in a folder's files of a range of time, behind the fresh calls; or count them."""
    actor = keeper.principal.key
    return await idempotent.write(
        keeper.db, lambda tx: backfilling.request(tx, data, actor=actor), 202
    )


@router.get("/ingest/{bid}/backfill/{backfill_id}")
async def get_backfill(backfill_id: UUID, keeper: Keeper) -> BackfillRead:
    """How far a backfill is."""
    async with keeper.db.read() as session:
        return BackfillRead.model_validate(await queries.get_backfill(session, backfill_id))
