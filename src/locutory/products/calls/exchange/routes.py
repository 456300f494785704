"""Exports over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse

from locutory.engines.blobs import BlobStore
from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRouter, access
from locutory.kernel.bodies import answers_with
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.exchange import service
from locutory.products.calls.exchange.contract import Format
from locutory.products.calls.exchange.schemas import (
    ExportCreate,
    ExportList,
    ExportPage,
    ExportRead,
)

router = SecuredRouter(tags=["calls exports"], dependencies=[rate_limit("exports")])
Exporter = Annotated[Access, access("calls:export")]


@router.post("/exports/{bid}", status_code=202, response_model=ExportRead)
async def create_export(inside: Exporter, data: ExportCreate, idempotent: Idempotent) -> Response:
    """Ask for a file of calls, segments, scores, objections or the audit log."""
    service.may_export(inside, data.kind)
    actor = inside.principal.key
    return await idempotent.write(inside.db, lambda tx: service.create(tx, data, actor=actor), 202)


@router.get("/exports/{bid}")
async def list_exports(inside: Exporter, ask: Annotated[ExportList, Query()]) -> ExportPage:
    """The exports of the last seven days, newest first."""
    return await service.list_exports(inside, ask)


@router.get("/exports/{bid}/{export_id}")
async def get_export(inside: Exporter, export_id: UUID) -> ExportRead:
    """How an export is coming along."""
    return ExportRead.model_validate(await service.get(inside, export_id))


@router.get(
    "/exports/{bid}/{export_id}/download",
    response_class=StreamingResponse,
    responses=answers_with(*(format_.media_type for format_ in Format)),
)
async def download_export(request: Request, inside: Exporter, export_id: UUID) -> StreamingResponse:
    """The file. CSV cells that a spreadsheet would compute have a quote before them."""
    blobs = request.app.state.services.get(BlobStore)
    row, size, content = await service.download(inside, export_id, blobs)
    name = f"{inside.tenant.slug}-{row.kind}-{row.created_at:%Y%m%d-%H%M}"
    format_ = Format(row.format)
    headers = {
        "content-disposition": f'attachment; filename="{name}.{format_.suffix}"',
        "content-length": str(size),
        "cache-control": "no-store",
    }
    return StreamingResponse(content, media_type=format_.media_type, headers=headers)
