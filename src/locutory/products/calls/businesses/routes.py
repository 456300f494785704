"""Businesses and their people over HTTP."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response, UploadFile

from locutory.kernel.auth import keys
from locutory.kernel.auth.contract import Access, Scopes
from locutory.kernel.auth.dependencies import (
    PlatformAdmin,
    SecuredRouter,
    SettledPrincipal,
    TheAuth,
    access,
)
from locutory.kernel.auth.schemas import KeyCreate, KeyCreated, KeyPage, PageAsk
from locutory.kernel.crypto import KeyRing, Secrets
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.businesses import roster, service
from locutory.products.calls.businesses.contract import SCOPE_GROUPS
from locutory.products.calls.businesses.schemas import (
    BusinessCreate,
    BusinessPage,
    BusinessRead,
    BusinessUpdate,
    FloorAgentPage,
    ImportRead,
    MemberCreate,
    MemberCreated,
    MemberPage,
    MemberRead,
    MemberUpdate,
    PurgeRead,
    RosterAsk,
    RosterWrite,
)

router = SecuredRouter(tags=["calls businesses"], dependencies=[rate_limit("businesses")])
Reader = Annotated[Access, access("calls:read")]
Keeper = Annotated[Access, access("calls:manage")]
Host = Annotated[Access, access("calls:users")]
Feeder = Annotated[Access, access("calls:ingest")]
KeyKeeper = Annotated[Access, access(Scopes.KEYS_MANAGE)]
_IMPORT_BYTES = 8 * 1024 * 1024


def _ring(request: Request) -> KeyRing:
    ring: KeyRing = request.app.state.services.get(Secrets).ring
    return ring


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


@router.delete("/businesses/{bid}", status_code=202)
async def delete_business(
    inside: Keeper, confirm: Annotated[str, Query(description="the bid once more")] = ""
) -> PurgeRead:
    """Close a business for good: all its calls, files, members and keys are removed."""
    return await service.delete_business(inside, confirm)


@router.get("/businesses/{bid}/floor-agents")
async def list_floor_agents(
    request: Request, inside: Reader, ask: Annotated[RosterAsk, Query()]
) -> FloorAgentPage:
    """Who talks with customers."""
    return await roster.list_agents(
        inside, _ring(request), cursor=ask.cursor, limit=ask.limit, active=ask.active
    )


@router.put("/businesses/{bid}/floor-agents")
async def replace_floor_agents(request: Request, inside: Feeder, data: RosterWrite) -> ImportRead:
    """Make this the roster; who is missing becomes inactive."""
    return await roster.replace(inside, _ring(request), data.items)


@router.post("/businesses/{bid}/floor-agents/import", max_body_size=_IMPORT_BYTES)
async def import_floor_agents(request: Request, inside: Feeder, file: UploadFile) -> ImportRead:
    """Add and change floor agents from a CSV: `external_id,name,phones,team,active`.

    Several phones are separated by `|`. Lines that do not fit are told with their numbers, the
    others are taken.
    """
    parsed = await asyncio.to_thread(roster.parse, await file.read())
    return await roster.take_in(inside, _ring(request), parsed)


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
    """Give somebody another role or name on calls; the last administrator stays one."""
    return await service.change_member(inside, user_id, data)


@router.delete("/businesses/{bid}/users/{user_id}", status_code=204)
async def remove_business_user(user_id: UUID, inside: Host) -> None:
    """Let somebody go; the last administrator stays."""
    await service.remove_member(inside, user_id)


@router.get("/businesses/{bid}/api-keys")
async def list_business_keys(
    inside: KeyKeeper, auth: TheAuth, ask: Annotated[PageAsk, Query()]
) -> KeyPage:
    """The live API keys of a business, newest first."""
    return await keys.key_page(auth, inside.principal, ask)


@router.post("/businesses/{bid}/api-keys", status_code=201)
async def create_business_key(data: KeyCreate, inside: KeyKeeper, auth: TheAuth) -> KeyCreated:
    """Make an API key; its text is shown this once.

    Beside scopes, the groups `read`, `ingest` and `manage` are taken.
    """
    return await keys.make_key(auth, inside.principal, data, groups=SCOPE_GROUPS)


@router.delete("/businesses/{bid}/api-keys/{api_key_id}", status_code=204)
async def revoke_business_key(api_key_id: UUID, inside: KeyKeeper, auth: TheAuth) -> None:
    """Make an API key useless at once."""
    await keys.revoke_key(auth, inside.principal, api_key_id)
