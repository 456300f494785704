"""The pipeline over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Request

from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRoute, access
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.pipeline import service
from locutory.products.calls.pipeline.schemas import PipelineStatus

router = APIRouter(
    route_class=SecuredRoute, tags=["calls pipeline"], dependencies=[rate_limit("default")]
)


@router.get("/pipeline/{bid}/status")
async def pipeline_status(
    request: Request, reader: Annotated[Access, access("calls:read")]
) -> PipelineStatus:
    """Where the business's calls stand, how fast it goes, and what holds it up."""
    return await service.status(reader.db, request.app.state.services)
