"""Logins, people and keys over HTTP: one handler each, mounted at every seed's path."""

from collections.abc import Callable
from types import NoneType
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response, UploadFile

from locutory.kernel.auth import avatars, embedding, keys, people, service
from locutory.kernel.auth.contract import (
    BlobPutter,
    ImageTooLarge,
    Membership,
    Principal,
    PrincipalKind,
    Scopes,
)
from locutory.kernel.auth.dependencies import (
    CurrentPrincipal,
    Db,
    SecuredRouter,
    SettledPrincipal,
    TheAuth,
    require,
)
from locutory.kernel.auth.gate import Auth
from locutory.kernel.auth.queries import PersonRow
from locutory.kernel.auth.schemas import (
    AvatarRead,
    BusinessRole,
    ClaimsRead,
    EmbedAsk,
    EmbedRead,
    KeyCreate,
    KeyCreated,
    KeyPage,
    LoginAsk,
    LoginRead,
    MeRead,
    PageAsk,
    PasswordAsk,
    PersonPage,
    PersonRead,
    RefreshAsk,
    TicketAsk,
    TicketRead,
    UserBrief,
)
from locutory.kernel.auth.tokens import EMBED_LIFE, split_api_key
from locutory.kernel.bodies import answers_with
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.kernel.ratelimit import rate_limit

router = SecuredRouter(tags=["auth"], dependencies=[rate_limit("auth")])
_LOGIN_RATE = [rate_limit("login")]
_BODY_BYTES = avatars.MOST_BYTES + 64 * 1024  # the picture and what multipart wraps around it


def _mount(handler: Callable[..., Any], method: str, path: str, *aliases: str, **rest: Any) -> None:
    """One handler at several paths; operation ids stay unique."""
    router.add_api_route(path, handler, methods=[method], **rest)
    for alias in aliases:
        name = f"{handler.__name__}{alias.replace('/', '_').replace('-', '_')}"
        router.add_api_route(alias, handler, methods=[method], operation_id=name, **rest)


async def login(data: LoginAsk, request: Request, auth: TheAuth) -> LoginRead:
    """Log in with e-mail and password."""
    opened = await service.login(
        auth, data.email, data.password, address=_address(request), slug=data.tenant
    )
    return _login_read(auth, opened)


async def refresh(data: RefreshAsk, auth: TheAuth) -> LoginRead:
    """Exchange a refresh token for new tokens; each is good once."""
    return _login_read(auth, await service.refresh(auth, data.refresh_token, slug=data.tenant))


async def logout(principal: CurrentPrincipal, auth: TheAuth) -> None:
    """End this session: its refresh token and its access tokens."""
    await service.logout(auth, principal)


async def me(principal: CurrentPrincipal, auth: TheAuth) -> MeRead:
    """Who is calling, and what they may do in the current tenant."""
    current = principal.current
    roles = [] if current is None else list(current.roles)
    scopes = auth.roles.scopes if principal.platform_admin else current and current.scopes
    return MeRead(
        id=principal.id,
        user_id=principal.id,
        kind=principal.kind,
        email=principal.email,
        name=principal.name,
        full_name=principal.name,
        platform_admin=principal.platform_admin,
        tenant=None if current is None else current.tenant.slug,
        role=_short_role(roles, principal.platform_admin),
        roles=roles,
        permissions=sorted(scopes or ()),
        businesses=_businesses(await service.businesses_of(auth, principal)),
        avatar_url=await avatars.find_avatar(auth, principal),
        password_change_required=principal.password_temporary,
    )


_mount(login, "POST", "/api/auth/login", "/auth", "/auth/login", dependencies=_LOGIN_RATE)
_mount(refresh, "POST", "/api/auth/refresh", "/auth/refresh", dependencies=_LOGIN_RATE)
_mount(logout, "POST", "/api/auth/logout", "/auth/logout", status_code=204)
_mount(me, "GET", "/api/auth/me", "/auth/me")


@router.post("/auth/embed")
async def open_embed(data: EmbedAsk, request: Request, auth: TheAuth) -> EmbedRead:
    """Exchange an embed key for a token, from a page of one of its origins."""
    opened = await embedding.open_page(auth, request, data.embed_key)
    scopes = opened.principal.current and opened.principal.current.scopes
    return EmbedRead(
        access_token=opened.access_token,
        token_type="bearer",
        expires_in=int(EMBED_LIFE.total_seconds()),
        bid=opened.principal.tenant.slug,
        scopes=sorted(scope.partition("@")[0] for scope in scopes or ()),
        filters=dict(opened.terms.filters),
    )


@router.get("/auth/validate")
async def validate_token(
    request: Request, principal: CurrentPrincipal, auth: TheAuth
) -> ClaimsRead:
    """What the token says, if it is valid."""
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    lasting = principal.kind != PrincipalKind.USER or split_api_key(token) is not None
    exp = None if lasting else int(auth.tokens.verify(token).expires_at.timestamp())
    current = principal.current
    return ClaimsRead(
        valid=True,
        sub=str(principal.id),
        roles=[] if current is None else list(current.roles),
        scopes=[] if current is None else sorted(current.scopes),
        bids=[m.tenant.slug for m in await service.businesses_of(auth, principal)],
        exp=exp,
    )


@router.post("/auth/password", status_code=204)
async def change_password(
    data: PasswordAsk, request: Request, principal: CurrentPrincipal, auth: TheAuth
) -> None:
    """Set one's own password; other sessions of the user end."""
    await service.change_password(
        auth,
        principal,
        current=data.current_password,
        new=data.new_password,
        address=_address(request),
    )


@router.post("/auth/stream-ticket")
async def create_stream_ticket(
    principal: SettledPrincipal, auth: TheAuth, data: TicketAsk | None = None
) -> TicketRead:
    """A ticket that opens one stream within 60 s."""
    if data is not None and data.bid is not None:
        principal = await auth.enter(principal, data.bid)
    ticket = await service.issue_ticket(auth, principal)
    return TicketRead(ticket=ticket, expires_in=int(service.TICKET_LIFE.total_seconds()))


@router.get("/api/auth/users")
async def list_users(
    principal: Annotated[Principal, require(Scopes.USERS_READ)],
    db: Db,
    ask: Annotated[PageAsk, Query()],
) -> PersonPage:
    """The active users of the current tenant."""
    after = decode_cursor(ask.cursor, "users", NoneType)[1] if ask.cursor else None
    found = await people.list_members(db, principal.tenant.id, after=after, limit=ask.limit)
    rows, more = split_page(found, ask.limit)
    return PersonPage(
        items=[_person(row) for row in rows],
        next_cursor=encode_cursor("users", None, rows[-1].id) if more else None,
    )


@router.post("/api/auth/profile/avatar", max_body_size=_BODY_BYTES)
async def upload_avatar(
    file: UploadFile, request: Request, principal: SettledPrincipal, auth: TheAuth
) -> AvatarRead:
    """Set one's own picture: PNG, JPEG, WebP or GIF, at most 2 MB."""
    if file.size is not None and file.size > avatars.MOST_BYTES:
        raise ImageTooLarge
    data = await file.read()
    url = await avatars.put_avatar(auth, _blobs(request), principal, data)
    return AvatarRead(avatar_url=url)


@router.get(
    "/api/auth/users/{user_id}/avatar",
    response_class=Response,
    responses=answers_with("image/png", "image/jpeg", "image/webp", "image/gif"),
)
async def get_avatar(
    user_id: UUID, request: Request, principal: SettledPrincipal, auth: TheAuth
) -> Response:
    """The picture of a user of the current tenant."""
    data, media_type = await avatars.get_avatar(auth, _blobs(request), principal, user_id)
    headers = {"cache-control": "private, max-age=60", "x-content-type-options": "nosniff"}
    return Response(data, media_type=media_type, headers=headers)


@router.get("/api/auth/keys")
async def list_keys(
    principal: Annotated[Principal, require(Scopes.KEYS_MANAGE)],
    auth: TheAuth,
    ask: Annotated[PageAsk, Query()],
) -> KeyPage:
    """The live API keys of the current tenant, newest first."""
    return await keys.key_page(auth, principal, ask)


@router.post("/api/auth/keys", status_code=201)
async def create_key(
    data: KeyCreate, principal: Annotated[Principal, require(Scopes.KEYS_MANAGE)], auth: TheAuth
) -> KeyCreated:
    """Make an API key; its text is shown this once."""
    return await keys.make_key(auth, principal, data)


@router.delete("/api/auth/keys/{key_id}", status_code=204)
async def revoke_key(
    key_id: UUID, principal: Annotated[Principal, require(Scopes.KEYS_MANAGE)], auth: TheAuth
) -> None:
    """Make an API key useless."""
    await keys.revoke_key(auth, principal, key_id)


def _address(request: Request) -> str:
    return "" if request.client is None else request.client.host


def _blobs(request: Request) -> BlobPutter:
    blobs: BlobPutter = request.app.state.services.get(BlobPutter)
    return blobs


def _login_read(auth: Auth, opened: service.Opened) -> LoginRead:
    user = opened.user
    return LoginRead(
        access_token=opened.access_token,
        refresh_token=opened.refresh_token,
        token_type="bearer",
        expires_in=int(auth.tokens.lifetime.total_seconds()),
        user=UserBrief(id=user.id, name=user.name, email=user.email),
        businesses=_businesses(opened.memberships),
        password_change_required=user.password_temporary,
    )


def _businesses(memberships: tuple[Membership, ...]) -> list[BusinessRole]:
    return [
        BusinessRole(
            bid=m.tenant.slug,
            name=m.tenant.name,
            role=_short_role(m.roles, True) or "",
            roles=list(m.roles),
        )
        for m in memberships
    ]


def _short_role(roles: list[str] | tuple[str, ...], platform_admin: bool) -> str | None:
    """`calls:supervisor` as the seeds write it, `supervisor`."""
    if roles:
        return roles[0].partition(":")[2]
    return "platform_admin" if platform_admin else None


def _person(row: PersonRow) -> PersonRead:
    return PersonRead(
        id=row.id,
        email=row.email,
        name=row.name,
        roles=row.roles,
        avatar_url=avatars.address_of(row.id, row.avatar_key),
        joined_at=row.created_at,
    )
