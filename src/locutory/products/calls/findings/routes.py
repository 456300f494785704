"""Objections and moments over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRouter, access
from locutory.kernel.auth.schemas import PageAsk
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.preconditions import IfMatch, etag_of
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.findings import service
from locutory.products.calls.findings.schemas import (
    MomentCreate,
    MomentPage,
    MomentRead,
    MomentTest,
    MomentTestRead,
    MomentUpdate,
    ObjectionList,
    ObjectionPage,
    ReclassifyAsk,
    ReclassifyRead,
    SummaryAsk,
    SummaryRead,
    TypeCreate,
    TypePage,
    TypeRead,
    TypeUpdate,
)

router = SecuredRouter(tags=["calls findings"], dependencies=[rate_limit("default")])
Reader = Annotated[Access, access("calls:read")]
Keeper = Annotated[Access, access("calls:manage")]


def _tag(response: Response, version: int) -> None:
    response.headers["ETag"] = etag_of(version)


@router.get("/objections/{bid}/types")
async def list_objection_types(reader: Reader, ask: Annotated[PageAsk, Query()]) -> TypePage:
    """The types of objections that are looked for, built-in ones included."""
    return await service.list_types(reader, ask)


@router.post("/objections/{bid}/types", status_code=201, response_model=TypeRead)
async def create_objection_type(
    data: TypeCreate, keeper: Keeper, idempotent: Idempotent
) -> Response:
    """Keep a type of your own; calls are searched for it from now on."""
    actor = keeper.principal.key
    return await idempotent.write(
        keeper.db, lambda tx: service.create_type(tx, data, actor=actor), 201
    )


@router.patch("/objections/{bid}/types/{type_key}")
async def update_objection_type(
    type_key: str, data: TypeUpdate, keeper: Keeper, response: Response, if_match: IfMatch
) -> TypeRead:
    """Change a type; a built-in one gets a form of your own."""
    changed = await service.update_type(keeper, type_key, data, if_match)
    _tag(response, changed.version)
    return changed


@router.delete("/objections/{bid}/types/{type_key}", status_code=204)
async def delete_objection_type(type_key: str, keeper: Keeper, if_match: IfMatch) -> None:
    """Delete a type of your own; a built-in one gets its first form back."""
    await service.delete_type(keeper, type_key, if_match)


@router.get("/objections/{bid}")
async def list_objections(reader: Reader, ask: Annotated[ObjectionList, Query()]) -> ObjectionPage:
    """What customers objected, with their words and where they said them."""
    return await service.list_objections(reader, ask)


@router.get("/objections/{bid}/summary")
async def summarise_objections(reader: Reader, ask: Annotated[SummaryAsk, Query()]) -> SummaryRead:
    """How often each type occurs and how often it is handled, with examples."""
    return await service.summary(reader, ask)


@router.post("/objections/{bid}/reclassify", status_code=202, response_model=ReclassifyRead)
async def reclassify_objections(
    data: ReclassifyAsk, keeper: Keeper, idempotent: Idempotent
) -> Response:
    """Look again for objections and moments in calls that were analysed before."""
    actor = keeper.principal.key
    return await idempotent.write(
        keeper.db, lambda tx: service.request_run(tx, data, actor=actor), 202
    )


@router.get("/objections/{bid}/reclassify/{reclassification_id}")
async def get_reclassification(reclassification_id: UUID, keeper: Keeper) -> ReclassifyRead:
    """How far a run is."""
    return await service.get_run(keeper, reclassification_id)


@router.get("/moments/{bid}")
async def list_moments(reader: Reader, ask: Annotated[PageAsk, Query()]) -> MomentPage:
    """The rules that make moments."""
    return await service.list_moments(reader, ask)


@router.post("/moments/{bid}", status_code=201, response_model=MomentRead)
async def create_moment(data: MomentCreate, keeper: Keeper, idempotent: Idempotent) -> Response:
    """Keep a rule; calls are searched for it from now on."""
    actor = keeper.principal.key
    return await idempotent.write(
        keeper.db, lambda tx: service.create_moment(tx, data, actor=actor), 201
    )


@router.post("/moments/{bid}/{moment_id}/test")
async def test_moment(moment_id: UUID, data: MomentTest, keeper: Keeper) -> MomentTestRead:
    """Try a rule, or a draft of it, on calls; nothing is written."""
    return await service.try_moment(keeper, moment_id, data)


@router.patch("/moments/{bid}/{moment_id}")
async def update_moment(
    moment_id: UUID,
    data: MomentUpdate,
    keeper: Keeper,
    response: Response,
    if_match: IfMatch,
) -> MomentRead:
    """Change a rule."""
    changed = await service.update_moment(keeper, moment_id, data, if_match)
    _tag(response, changed.version)
    return changed


@router.delete("/moments/{bid}/{moment_id}", status_code=204)
async def delete_moment(moment_id: UUID, keeper: Keeper, if_match: IfMatch) -> None:
    """Forget a rule; what it matched stays with a call until that is analysed again."""
    await service.delete_moment(keeper, moment_id, if_match)
