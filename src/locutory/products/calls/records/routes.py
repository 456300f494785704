"""Calls over HTTP: lists, one call, its stream. What is done to a call is in `deeds`."""

from typing import Annotated

from fastapi import Header, Query, Request, Response

from locutory.kernel.auth.dependencies import SecuredRouter, SettledPrincipal, TheAuth
from locutory.kernel.auth.service import businesses_of
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Storage
from locutory.kernel.ratelimit import rate_limit
from locutory.kernel.realtime import EventStream, Hub
from locutory.products.calls.businesses.roster import own_agents
from locutory.products.calls.records import deeds, service
from locutory.products.calls.records.schemas import (
    AcrossPage,
    AcrossQuery,
    CallFacets,
    CallList,
    CallNarrowing,
    CallPage,
    CallRead,
)
from locutory.products.calls.records.sight import OWN, READ, CallStreamReader, PageReader

router = SecuredRouter(tags=["calls"], dependencies=[rate_limit("default")])


def _secrets(request: Request) -> Secrets:
    secrets: Secrets = request.app.state.services.get(Secrets)
    return secrets


@router.get("/call-records/{bid}/stream", response_class=EventStream, status_code=200)
async def stream_calls(
    request: Request,
    reader: CallStreamReader,
    since: Annotated[int | None, Query(ge=0, description="the last event that you have")] = None,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
) -> EventStream:
    """What happens to this business's calls, as it happens (server-sent events)."""
    hub: Hub = request.app.state.hub
    position = since if last_event_id is None else last_event_id
    return EventStream(
        hub,
        reader.tenant.id,
        since=position,
        accept=service.streamed,
        narrow=service.narrowed(reader),
    )


@router.get("/call-records/{bid}/facets")
async def count_call_facets(
    request: Request, reader: PageReader, ask: Annotated[CallNarrowing, Query()]
) -> CallFacets:
    """How often each value occurs among the calls of a filter."""
    return await service.count_facets(reader, ask, _secrets(request))


router.include_router(deeds.bulk_router)


@router.get("/call-records/{bid}")
async def list_call_records(
    request: Request, reader: PageReader, ask: Annotated[CallList, Query()]
) -> CallPage:
    """A page of a business's calls."""
    return await service.list_calls(reader, ask, _secrets(request))


@router.get("/call-records/{bid}/{callid}")
async def get_call_record(
    response: Response,
    reader: PageReader,
    callid: str,
    include: Annotated[
        str | None, Query(max_length=200, description="sections, separated by commas")
    ] = None,
) -> CallRead:
    """A call with its transcript, figures, analysis, scores, stages and recording."""
    call, etag = await service.show_call(reader, callid, service.sections(include))
    response.headers["etag"] = etag
    return call


router.include_router(deeds.router)


async def list_calls(
    request: Request,
    auth: TheAuth,
    principal: SettledPrincipal,
    ask: Annotated[AcrossQuery, Query()],
) -> AcrossPage:
    """Calls across the businesses that you may see, newest first."""
    storage: Storage = request.app.state.storage
    inside = []
    for membership in await businesses_of(auth, principal):
        if READ in membership.scopes:
            inside.append(service.Sight(membership.tenant, None))
        elif OWN in membership.scopes:
            db = storage.database(membership.tenant.id)
            inside.append(service.Sight(membership.tenant, await own_agents(db, principal.id)))
    return await service.list_across(storage, inside, ask)


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
