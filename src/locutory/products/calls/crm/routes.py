"""Connections to CRMs over HTTP."""

from typing import Annotated

from fastapi import Depends, File, Path, Request, Response, UploadFile

from locutory.engines.blobs import BlobStore
from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRouter, access
from locutory.kernel.crypto import Secrets
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.ratelimit import rate_limit
from locutory.kernel.services import Services
from locutory.products.calls.crm import importing, service, syncing, writeback
from locutory.products.calls.crm.schemas import (
    CrmConfig,
    CrmRead,
    CrmStatus,
    CrmTest,
    ImportTaken,
    SyncTaken,
    WritebackRead,
)

router = SecuredRouter(tags=["calls crm"], dependencies=[rate_limit("default")])
Keeper = Annotated[Access, access("calls:manage")]
Operator = Annotated[Access, access("calls:ingest")]  # supervisors, not reviewers
CallId = Annotated[str, Path(min_length=1, max_length=128)]


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


TheServices = Annotated[Services, Depends(_services)]


@router.get("/crm/{bid}/config")
async def get_crm_config(keeper: Keeper, services: TheServices) -> CrmRead:
    """Which CRM is connected, and how; its credentials never come back."""
    return await service.read_config(keeper, services.get(Secrets))


@router.put("/crm/{bid}/config")
async def put_crm_config(keeper: Keeper, data: CrmConfig, services: TheServices) -> CrmRead:
    """Connect a CRM or change how; credentials that are left out stay as they are."""
    return await service.write_config(keeper, data, services)


@router.post("/crm/{bid}/test")
async def test_crm(keeper: Keeper, services: TheServices) -> CrmTest:
    """Try the connection; nothing is changed there. Success lets work go on that was refused."""
    return await service.test(keeper, services)


@router.post("/crm/{bid}/sync", status_code=202)
async def sync_crm(operator: Operator) -> SyncTaken:
    """Read leads now, without waiting for the next sync."""
    await syncing.sync_now(operator)
    return SyncTaken()


@router.get("/crm/{bid}/status")
async def crm_status(operator: Operator) -> CrmStatus:
    """How far leads were read, what holds that up, and what was written and imported."""
    return await service.status(operator)


@router.post("/crm/{bid}/leads/import", status_code=202, response_model=ImportTaken)
async def import_leads(
    keeper: Keeper,
    file: Annotated[UploadFile, File(description="CSV with a heading, or JSON")],
    services: TheServices,
    idempotent: Idempotent,
) -> Response:
    """Take leads from a file, up to 100,000 rows; a job reads it, the status tells how far."""
    ring, blobs = services.get(Secrets).ring, services.get(BlobStore)
    import_id, key = await importing.kept_file(keeper, file.file, blobs=blobs, ring=ring)
    actor = keeper.principal.key
    return await idempotent.write(
        keeper.db, lambda tx: importing.begin(tx, import_id, key, actor=actor), 202
    )


@router.post("/crm/{bid}/writeback/{callid}", status_code=202)
async def write_call_back(
    operator: Operator, callid: CallId, services: TheServices
) -> WritebackRead:
    """Write a call's score, summary and next steps to its lead, once; asked again, tell of that."""
    return await writeback.ask(operator, callid, services)
