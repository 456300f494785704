"""Taking calls in over HTTP. Everything heavy is a job: the answer comes at once."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, UploadFile

from locutory.engines.blobs import BlobStore
from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRoute, SettledPrincipal, TheAuth, access
from locutory.kernel.crypto import Secrets
from locutory.kernel.errors import ForbiddenError
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.records.contract import Direction
from locutory.products.calls.sources import service
from locutory.products.calls.sources.schemas import (
    AudioTaken,
    CallsPush,
    PushResult,
    UpdateCall,
    UpdateCallTaken,
)

router = APIRouter(
    route_class=SecuredRoute, tags=["calls ingest"], dependencies=[rate_limit("ingest")]
)
Feeder = Annotated[Access, access("calls:ingest")]
