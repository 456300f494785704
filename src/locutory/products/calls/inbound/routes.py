"""Inbound webhooks over HTTP: secrets in the hands of the business, deliveries in those of others.

Deliveries come without a login: what proves them is looked at before what they say is read.
"""

import time
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl

import orjson
from fastapi import Depends, Path, Query, Request, Response
from starlette.datastructures import UploadFile

from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRouter, access
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Storage
from locutory.kernel.errors import InvalidError
from locutory.kernel.ratelimit import Limiter, principal_key, rate_limit
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.inbound import service
from locutory.products.calls.inbound.contract import BadSignature, Deed, Provider, provider_of
from locutory.products.calls.inbound.schemas import DeliveryRead, HookList, HookSet, HookShown
from locutory.products.calls.inbound.service import Proven
from locutory.products.calls.inbound.signatures import Fields, Sent
from locutory.products.calls.records.contract import Direction
from locutory.products.calls.records.counting import CallCounters

router = SecuredRouter(tags=["calls ingest"])
Keeper = Annotated[Access, access("calls:manage")]
_DELIVERY_BYTES = 1024 * 1024
_MOST_FIELDS = 500
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_LIMITED = [rate_limit("ingest")]
# the body is read by hand, since its signature is over its bytes
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "As the provider sends it: JSON, or a form.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


def _provider(provider: Annotated[str, Path(description="twilio, exotel, …")]) -> Provider:
    return provider_of(provider)


def _public_url(request: Request) -> str | None:
    settings: Settings = request.app.state.settings
    return settings.server.public_url


Named = Annotated[Provider, Depends(_provider)]
PublicUrl = Annotated[str | None, Depends(_public_url)]


@router.get("/pipeline/{bid}/webhooks-in", dependencies=_LIMITED)
async def list_inbound_webhooks(keeper: Keeper, public_url: PublicUrl) -> HookList:
    """The providers that may tell of calls by webhooks of their own, and where they deliver."""
    return HookList(items=await service.list_hooks(keeper, public_url))


@router.put("/pipeline/{bid}/webhooks-in/{provider}", dependencies=_LIMITED)
async def set_inbound_webhook(
    request: Request, keeper: Keeper, provider: Named, data: HookSet, public_url: PublicUrl
) -> HookShown:
    """Let a provider tell of calls, or give it another secret; what is made is shown this once."""
    services: Services = request.app.state.services
    secrets = services.get(Secrets)
    return await service.set_hook(keeper, provider, data, secrets=secrets, public_url=public_url)


@router.delete("/pipeline/{bid}/webhooks-in/{provider}", status_code=204, dependencies=_LIMITED)
async def delete_inbound_webhook(keeper: Keeper, provider: Named) -> None:
    """Let a provider tell of calls no longer; the calls stay."""
    await service.remove_hook(keeper, provider)


async def _by_path(
    request: Request, response: Response, bid: str, provider: Named, token: str
) -> Proven:
    return await _proven(request, response, bid, provider, token)


async def _by_query(
    request: Request,
    response: Response,
    bid: str,
    provider: Named,
    token: Annotated[str | None, Query(max_length=200)] = None,
) -> Proven:
    return await _proven(request, response, bid, provider, token)


Way = Annotated[
    Direction, Query(description="which way calls go, for a provider that does not say it")
]


@router.post(
    "/ingest/{bid}/webhooks/{provider}",
    max_body_size=_DELIVERY_BYTES,
    openapi_extra=_BODY,
)
async def receive_webhook(
    request: Request,
    proven: Annotated[Proven, Depends(_by_query)],
    direction: Way = Direction.UNKNOWN,
) -> DeliveryRead:
    """Tell of a call in a provider's own words: signed, or with its token as `?token=`."""
    return await _received(request, proven, direction)


@router.post(
    "/ingest/{bid}/webhooks/{provider}/{token}",
    max_body_size=_DELIVERY_BYTES,
    openapi_extra=_BODY,
)
async def receive_webhook_by_token(
    request: Request,
    proven: Annotated[Proven, Depends(_by_path)],
    direction: Way = Direction.UNKNOWN,
) -> DeliveryRead:
    """The same for providers that cannot sign: the token is part of the address."""
    return await _received(request, proven, direction)


async def _proven(
    request: Request, response: Response, bid: str, provider: Provider, token: str | None
) -> Proven:
    """Whose the delivery is; the one that proves nothing is counted for its address."""
    services: Services = request.app.state.services
    storage: Storage = request.app.state.storage
    limiter: Limiter = request.app.state.limiter
    sent = Sent(
        url=_address(request),
        headers=request.headers,
        body=await request.body(),
        form=await _form(request),
        now=int(time.time()),
    )
    try:
        proven = await service.prove(
            storage, services.get(Secrets), sent, bid=bid, provider=provider, token=token
        )
    except BadSignature:
        services.get(CallCounters).delivery(provider, Deed.UNSIGNED)
        await limiter.hit("ingest", principal_key(request))
        raise
    response.headers.update(await limiter.hit("ingest", proven.actor))
    return proven


def _address(request: Request) -> str:
    """The address as the provider knows it: behind a proxy only the operator can tell."""
    public_url = _public_url(request)
    if public_url is None:
        return str(request.url)
    path = request.scope.get("raw_path") or request.url.path.encode()
    query = request.scope.get("query_string", b"")
    target = path.split(b"?", 1)[0] + (b"?" + query if query else b"")
    return public_url.rstrip("/") + target.decode("latin-1")


async def _form(request: Request) -> Fields | None:
    """The fields of a plain form in order; None for anything else."""
    if not request.headers.get("content-type", "").startswith(_FORM):
        return None
    text = (await request.body()).decode(errors="replace")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None


async def _received(request: Request, proven: Proven, direction: Direction) -> DeliveryRead:
    services: Services = request.app.state.services
    return await service.receive(proven, await _said(request), services, direction)


async def _said(request: Request) -> Mapping[str, Any]:
    """The fields of a delivery. Raises InvalidError for what is neither a form nor an object."""
    media_type = request.headers.get("content-type", "")
    if media_type.startswith(_MULTIPART):
        form = await request.form(max_fields=_MOST_FIELDS)
        return {name: part for name, part in form.items() if not isinstance(part, UploadFile)}
    fields = await _form(request)
    if fields is not None:
        return dict(fields)
    try:
        said = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise _unreadable(f"this is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise _unreadable("a delivery is a form or a JSON object")
    return said


def _unreadable(message: str) -> InvalidError:
    fault = {"field": "body", "code": "PAYLOAD_INVALID", "message": message}
    return InvalidError(message, code="PAYLOAD_INVALID", errors=[fault])
