"""Privacy over HTTP: requests for erasure, and what goes by itself."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRouter, access
from locutory.kernel.auth.schemas import PageAsk
from locutory.kernel.crypto import Secrets
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.privacy.schemas import (
    ErasureCreate,
    ErasurePage,
    ErasureRead,
    ErasureTaken,
    RetentionRead,
)
from locutory.products.calls.privacy.service import erasing, retention

router = SecuredRouter(tags=["calls privacy"], dependencies=[rate_limit("privacy")])
Keeper = Annotated[Access, access("calls:manage")]


@router.post("/privacy/{bid}/erase", status_code=202, response_model=ErasureTaken)
async def erase(
    request: Request, inside: Keeper, data: ErasureCreate, idempotent: Idempotent
) -> Response:
    """Erase all calls of a phone, a lead or a call id, and the lead as it is known here.

    With the answer they are in no list, no search and no chat; files and traces follow by a job.
    Calls under legal hold stay and are named; 409 `LEGAL_HOLD` where all are held.
    """
    secrets: Secrets = request.app.state.services.get(Secrets)
    asked = await erasing.look_up(inside, data, secrets)
    actor, tenant = inside.principal.key, inside.tenant
    answer = await idempotent.write(
        inside.db,
        lambda tx: erasing.begin(tx, asked, secrets, tenant=tenant, actor=actor),
        202,
    )
    await erasing.take_rest(inside.db, asked.id, secrets.ring)
    return answer


@router.get("/privacy/{bid}/requests")
async def list_erasures(inside: Keeper, ask: Annotated[PageAsk, Query()]) -> ErasurePage:
    """All requests for erasure, newest first."""
    return await erasing.list_all(inside, cursor=ask.cursor, limit=ask.limit)


@router.get("/privacy/{bid}/requests/{request_id}")
async def get_erasure(inside: Keeper, request_id: UUID) -> ErasureRead:
    """How far a request is; when it is done, the receipt."""
    return await erasing.get_one(inside, request_id)


@router.get("/privacy/{bid}/retention")
async def get_retention(inside: Keeper) -> RetentionRead:
    """What tonight's round would let go: how many calls lose what, and the oldest of them."""
    return await retention.preview(inside)
