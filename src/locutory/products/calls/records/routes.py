"""Calls over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request

from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import (
    SecuredRoute,
    SettledPrincipal,
    TheAuth,
    access,
    stream_access,
)
from locutory.kernel.auth.service import businesses_of
from locutory.kernel.ratelimit import rate_limit
from locutory.kernel.realtime import EventStream, Hub
from locutory.products.calls.records import service
from locutory.products.calls.records.schemas import (
    AcrossPage,
    AcrossQuery,
    CallList,
    CallPage,
    CallRead,
)

router = APIRouter(route_class=SecuredRoute, tags=["calls"], dependencies=[rate_limit("default")])
Reader = Annotated[Access, access("calls:read")]


@router.get("/call-records/{bid}/stream", response_class=EventStream, status_code=200)
async def stream_calls(
    request: Request,
    reader: Annotated[Access, stream_access("calls:read")],
    since: Annotated[int | None, Query(ge=0, description="the last event that you have")] = None,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
) -> EventStream:
    """What happens to this business's calls, as it happens (server-sent events)."""
    hub: Hub = request.app.state.hub
    position = since if last_event_id is None else last_event_id
    return EventStream(hub, reader.tenant.id, since=position, accept=service.streamed)


@router.get("/call-records/{bid}")
async def list_call_records(reader: Reader, ask: Annotated[CallList, Query()]) -> CallPage:
    """A page of a business's calls."""
    return await service.list_calls(reader.db, ask)


@router.get("/call-records/{bid}/{callid}")
async def get_call_record(reader: Reader, callid: str) -> CallRead:
    """A call with its transcript, figures, analysis and stages."""
    return await service.get_call(reader.db, callid)


async def list_calls(
    request: Request,
    auth: TheAuth,
    principal: SettledPrincipal,
    ask: Annotated[AcrossQuery, Query()],
) -> AcrossPage:
    """Calls across the businesses that you may see, newest first."""
    inside = [m for m in await businesses_of(auth, principal) if "calls:read" in m.scopes]
    return await service.list_across(request.app.state.storage, inside, ask)


router.add_api_route("/calls", list_calls, methods=["GET"])
router.add_api_route(
    "/call-records", list_calls, methods=["GET"], operation_id="list_calls_call_records"
)
router.add_api_route(
    "/calls/{bid}", list_call_records, methods=["GET"], operation_id="list_call_records_calls"
)
router.add_api_route(
    "/calls/{bid}/{callid}", get_call_record, methods=["GET"], operation_id="get_call_record_calls"
)
