"""Businesses and their people over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import (
    PlatformAdmin,
    SecuredRoute,
    SettledPrincipal,
    TheAuth,
    access,
)
from locutory.kernel.auth.schemas import PageAsk
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.businesses import service
from locutory.products.calls.businesses.schemas import (
    BusinessCreate,
    BusinessPage,
    BusinessRead,
    BusinessUpdate,
    MemberCreate,
    MemberCreated,
    MemberPage,
    MemberRead,
    MemberUpdate,
)

router = APIRouter(
    route_class=SecuredRoute, tags=["calls businesses"], dependencies=[rate_limit("businesses")]
)
Reader = Annotated[Access, access("calls:read")]
Keeper = Annotated[Access, access("calls:manage")]
Host = Annotated[Access, access("calls:users")]


@router.get("/businesses")
async def list_businesses(
    principal: SettledPrincipal, auth: TheAuth, ask: Annotated[PageAsk, Query()]
) -> BusinessPage:
    """One's own businesses; all of them for platform administrators."""
    return await service.list_businesses(auth, principal, cursor=ask.cursor, limit=ask.limit)


@router.post("/businesses", status_code=201, response_model=BusinessRead)
async def create_business(
    data: BusinessCreate, principal: PlatformAdmin, auth: TheAuth, idempotent: Idempotent
) -> Response:
    """Open a business; platform administrators only."""
    return await idempotent.write(
        auth.db, lambda tx: service.create_business(tx, data, actor=principal.key), 201
    )


@router.get("/businesses/{bid}")
async def get_business(inside: Reader) -> BusinessRead:
    """One business."""
    return service.read_business(inside.tenant)


@router.patch("/businesses/{bid}")
async def update_business(data: BusinessUpdate, inside: Keeper) -> BusinessRead:
    """Change a business."""
    return await service.update_business(inside, data)


@router.get("/businesses/{bid}/users")
async def list_business_users(inside: Host, ask: Annotated[PageAsk, Query()]) -> MemberPage:
    """Who has a role here."""
    return await service.list_members(inside, cursor=ask.cursor, limit=ask.limit)


@router.post("/businesses/{bid}/users", status_code=201)
async def invite_business_user(data: MemberCreate, inside: Host, auth: TheAuth) -> MemberCreated:
    """Take somebody in. A new user gets a one-time password, which is shown this once."""
    return await service.invite(auth, inside, data)


@router.patch("/businesses/{bid}/users/{user_id}")
async def change_business_user(user_id: UUID, data: MemberUpdate, inside: Host) -> MemberRead:
    """Give somebody another role; the last administrator stays one."""
    return await service.change_role(inside, user_id, data.role)


@router.delete("/businesses/{bid}/users/{user_id}", status_code=204)
async def remove_business_user(user_id: UUID, inside: Host) -> None:
    """Let somebody go; the last administrator stays."""
    await service.remove_member(inside, user_id)
