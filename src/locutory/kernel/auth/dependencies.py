"""What routes ask for: a caller, a scope, a tenant's rows.

```python
router = SecuredRouter()

@router.get("/call-records/{bid}")
async def list_calls(access: Annotated[Access, access("calls:read")]) -> CallPage: ...

@router.get("/dashboard/summary")
async def summary(principal: Annotated[Principal, require("calls:read")], db: Db) -> Summary: ...
```

`SecuredRoute` asks for the caller before the body is read: FastAPI would parse it first, and
a stranger would be told of a syntax error, or upload half a gigabyte, before being refused.
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import cache
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Path, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIRouter, iter_route_contexts
from fastapi.security import HTTPBearer
from starlette.routing import Match
from starlette.types import Scope
from structlog.contextvars import bind_contextvars

from locutory.kernel.auth import embedding, service
from locutory.kernel.auth.contract import (
    Access,
    EmbedForbidden,
    NoTenant,
    PasswordChangeRequired,
    Principal,
    ScopeMissing,
)
from locutory.kernel.auth.gate import Auth, is_loopback
from locutory.kernel.caller import caller_tenant
from locutory.kernel.db import Database, Storage
from locutory.kernel.errors import ForbiddenError, UnauthenticatedError

_bearer = HTTPBearer(auto_error=False, description="an access token or an API key")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


def auth_of(request: Request) -> Auth:
    """The server's gate."""
    auth: Auth = request.app.state.auth
    return auth


TheAuth = Annotated[Auth, Depends(auth_of)]


async def _authenticate(request: Request) -> Principal:
    """The caller by `Authorization: Bearer`. Raises UnauthenticatedError."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is not None:
        return known
    auth = auth_of(request)
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token:
        return _admit(request, await auth.principal_of(token.strip()))
    if auth.open_loopback and _is_local(request):
        return _admit(request, await auth.loopback())
    raise UnauthenticatedError


async def _authenticate_stream(request: Request) -> Principal:
    """The same, or by `?ticket=`, which EventSource needs as it sends no headers."""
    known: Principal | None = getattr(request.state, "principal", None)
    ticket = request.query_params.get("ticket")
    if known is not None or ticket is None or "authorization" in request.headers:
        return await _authenticate(request)
    return _admit(request, await service.redeem_ticket(auth_of(request), ticket))


async def _authenticate_own(request: Request) -> Principal:
    """As `_authenticate`, for routes that no page of another site may use."""
    principal = await _authenticate(request)
    if principal.embed is not None:
        raise EmbedForbidden
    return principal


def _admit(request: Request, principal: Principal) -> Principal:
    request.state.principal_key = principal.key
    if principal.embed is not None:
        embedding.check_origin(request, principal.embed)
    request.state.principal = principal
    bind_contextvars(user_id=str(principal.id))
    if principal.current is not None:
        bind_contextvars(tenant=principal.current.tenant.slug)
    return principal


def _is_local(request: Request) -> bool:
    """Whether a program of this machine asks, not a page of another site or a proxy's client."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    origin = request.headers.get("origin")
    if origin is not None and not is_loopback(urlsplit(origin).hostname):
        return False
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname  # else DNS rebinding gets in
    return is_loopback(host) and request.client is not None and is_loopback(request.client.host)


async def current_principal(
    request: Request, _: Annotated[object, Depends(_bearer)] = None
) -> Principal:
    """Whoever calls, by access token or API key. Raises EmbedForbidden for embedded pages."""
    return await _authenticate_own(request)


async def any_principal(
    request: Request, _: Annotated[object, Depends(_bearer)] = None
) -> Principal:
    """Whoever calls, also an embedded page: for routes that ask for a scope in a `{bid}`."""
    return await _authenticate(request)


async def stream_principal(
    request: Request,
    ticket: Annotated[str | None, Query(description="from POST /auth/stream-ticket")] = None,
    _: Annotated[object, Depends(_bearer)] = None,
) -> Principal:
    """Whoever calls, by access token, API key or ticket."""
    principal = await _authenticate_stream(request)
    if principal.embed is not None:
        raise EmbedForbidden
    return principal


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
StreamPrincipal = Annotated[Principal, Depends(stream_principal)]


def _ready(principal: Principal) -> Principal:
    if principal.password_temporary:
        raise PasswordChangeRequired
    return principal


async def _platform_admin(principal: CurrentPrincipal) -> Principal:
    if not _ready(principal).platform_admin:
        raise ForbiddenError("only the platform's administrators may do this")
    return principal


async def _settled(principal: CurrentPrincipal) -> Principal:
    return _ready(principal)


PlatformAdmin = Annotated[Principal, Depends(_platform_admin)]
SettledPrincipal = Annotated[Principal, Depends(_settled)]  # has a password of their own


def _current_database(request: Request, principal: SettledPrincipal) -> Database:
    storage: Storage = request.app.state.storage
    return storage.database(principal.tenant.id)


Db = Annotated[Database, Depends(_current_database)]


@cache
def _requirement(scope: str) -> Callable[..., Awaitable[Principal]]:
    async def required(principal: SettledPrincipal) -> Principal:
        if principal.current is None:
            raise NoTenant
        if not principal.allows(scope):
            raise ScopeMissing
        caller_tenant.set(principal.current.tenant.id)
        return principal

    return required


def require(scope: str) -> Any:
    """A `Principal` with this scope in the current tenant. Raises NoTenant, ScopeMissing."""
    return Depends(_requirement(scope))


async def _enter(
    request: Request, principal: Principal, bid: str, scopes: tuple[str, ...]
) -> Access:
    inside = await auth_of(request).enter(_ready(principal), bid)
    bind_contextvars(tenant=bid)
    if not any(inside.allows(scope) for scope in scopes):
        raise ScopeMissing
    storage: Storage = request.app.state.storage
    tenant = inside.tenant
    caller_tenant.set(tenant.id)
    return Access(principal=inside, tenant=tenant, db=storage.database(tenant.id))


_Bid = Annotated[str, Path(description="the business, by its slug")]


@cache
def _entrance(scopes: tuple[str, ...]) -> Callable[..., Awaitable[Access]]:
    async def entered(
        request: Request, principal: Annotated[Principal, Depends(any_principal)], bid: _Bid
    ) -> Access:
        return await _enter(request, principal, bid, scopes)

    return entered


@cache
def _stream_entrance(scopes: tuple[str, ...]) -> Callable[..., Awaitable[Access]]:
    async def entered(request: Request, principal: StreamPrincipal, bid: _Bid) -> Access:
        return await _enter(request, principal, bid, scopes)

    return entered


def access(*scopes: str) -> Any:
    """An `Access` to the tenant `{bid}` by any of the scopes.

    Raises TenantNotFound, ScopeMissing.
    """
    return Depends(_entrance(scopes))


def stream_access(*scopes: str) -> Any:
    """The same for streams, which may also come with a ticket."""
    return Depends(_stream_entrance(scopes))


_WAYS_IN: dict[Any, Callable[[Request], Awaitable[Principal]]] = {
    current_principal: _authenticate_own,
    any_principal: _authenticate,
    stream_principal: _authenticate_stream,
}


class SecuredRoute(APIRoute):
    """A route that refuses strangers before it looks at anything else."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        way_in = _way_in(self.dependant)
        if way_in is None:
            return handle

        async def refuse_strangers_first(request: Request) -> Response:
            await way_in(request)
            return await handle(request)

        return refuse_strangers_first


class SecuredRouter(APIRouter):
    """A router of secured routes, which are all known before the first request comes.

    It tries them only for a path whose first segment one of them has: FastAPI tries every route of
    every router in turn, which cost a seventh of a request with 190 routes.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"route_class": SecuredRoute, **options})
        self._heads: frozenset[str] | None = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if self._heads is None:
            paths = [context.path_format or "" for context in iter_route_contexts(self.routes)]
            self._heads = frozenset(_head(path) for path in paths)
        if self._heads.isdisjoint(
            (_head(scope["path"].removeprefix(scope.get("root_path", ""))), _ANY)
        ):
            return Match.NONE, {}
        return super().matches(scope)


_ANY = "{"


def _head(path: str) -> str:
    """The first segment of a path, `_ANY` where that is a parameter."""
    head = path.split("/", 2)[1] if "/" in path else ""
    return _ANY if head.startswith(_ANY) else head


def _way_in(dependant: Dependant) -> Callable[[Request], Awaitable[Principal]] | None:
    for dependency in dependant.dependencies:
        found = _WAYS_IN.get(dependency.call) or _way_in(dependency)
        if found is not None:
            return found
    return None
