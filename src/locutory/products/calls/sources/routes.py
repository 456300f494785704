"""Taking calls in over HTTP. Everything heavy is a job: the answer comes at once."""

from typing import Annotated

from fastapi import APIRouter

from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRoute, access
from locutory.kernel.ratelimit import rate_limit

router = APIRouter(
    route_class=SecuredRoute, tags=["calls ingest"], dependencies=[rate_limit("ingest")]
)
Feeder = Annotated[Access, access("calls:ingest")]
