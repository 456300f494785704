"""A server of logins alone, with a clock that tests move."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from tests.conftest import CHEAP

from locutory.kernel.auth import Access, Auth, BlobPutter, Principal, Roles, Tenant, queries
from locutory.kernel.auth.dependencies import Db, SecuredRouter, access, require, stream_access
from locutory.kernel.auth.people import (
    NewTenant,
    NewUser,
    add_member,
    create_tenant,
    create_user,
    set_active,
    update_tenant,
)
from locutory.kernel.auth.routes import router as auth_router
from locutory.kernel.db import Storage
from locutory.kernel.errors import LocutoryError, NotFoundError
from locutory.kernel.ratelimit import Limiter
from locutory.kernel.services import Services
from locutory.kernel.settings import LimitSettings, Settings

PASSWORD = "correct horse"
KEY = b"k" * 32


@dataclass
class MovingClock:
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


class MemoryBlobs:
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def put(self, key: str, data: bytes) -> None:
        self.files[key] = data

    async def get(self, key: str) -> bytes:
        if key not in self.files:
            raise NotFoundError
        return self.files[key]


class Sample(BaseModel):
    number: int


def sample_router() -> SecuredRouter:
    router = SecuredRouter()

    @router.get("/in/{bid}")
    async def inside(access: Annotated[Access, access("calls:read")]) -> dict[str, Any]:
        return {"tenant": access.tenant.slug, "bound": str(access.db.tenant_id)}

    @router.get("/watch/{bid}")
    async def watch(access: Annotated[Access, stream_access("calls:read")]) -> dict[str, Any]:
        return {"tenant": access.tenant.slug, "admin": access.principal.platform_admin}

    @router.get("/current")
    async def current(
        request: Request, principal: Annotated[Principal, require("calls:read")], db: Db
    ) -> dict[str, Any]:
        return {"bound": str(db.tenant_id), "key": request.state.principal_key}

    @router.post("/numbers")
    async def numbers(
        data: Sample, principal: Annotated[Principal, require("calls:manage")]
    ) -> int:
        return data.number

    return router


@dataclass
class House:
    """Makes tenants and people, logs them in, asks on their behalf."""

    storage: Storage
    auth: Auth
    app: FastAPI
    client: httpx2.AsyncClient
    clock: MovingClock
    password_hash: str

    async def tenant(self, slug: str) -> Tenant:
        new = NewTenant(slug=slug, name=f"House {slug}")
        return await self.storage.database().write(lambda tx: create_tenant(tx, new, actor="test"))

    async def user(
        self, email: str, *, platform_admin: bool = False, temporary: bool = False
    ) -> UUID:
        new = NewUser(
            email=email,
            name=email.partition("@")[0],
            password_hash=self.password_hash,
            password_temporary=temporary,
            platform_admin=platform_admin,
        )
        return await self.storage.database().write(lambda tx: create_user(tx, new, actor="test"))

    async def member(self, email: str, tenant: Tenant, *roles: str) -> UUID:
        user_id = await self.user(email)
        await self.join(user_id, tenant, *roles)
        return user_id

    async def join(self, user_id: UUID, tenant: Tenant, *roles: str) -> None:
        await self.storage.database().write(
            lambda tx: add_member(tx, tenant.id, user_id, list(roles), actor="test")
        )

    async def newcomer(self, name: str) -> str:
        await self.user(f"{name}@example.org")
        return f"{name}@example.org"

    async def join_by_slug(self, email: str, slug: str, *roles: str) -> None:
        async with self.storage.read(None) as session:
            tenant = await queries.find_tenant(session, slug)
            user = await queries.find_user_by_email(session, email)
        assert tenant is not None
        assert user is not None
        await self.join(user.id, tenant, *roles)

    async def suspend(self, slug: str) -> None:
        async with self.storage.read(None) as session:
            tenant = await queries.find_tenant(session, slug)
        assert tenant is not None
        changes = {"status": "suspended"}
        await self.storage.database().write(
            lambda tx: update_tenant(tx, tenant.id, changes, actor="test")
        )

    def open_app(self, settings: Settings) -> FastAPI:
        return make_app(self.storage, Auth(self.storage, settings, self.auth.roles, jwt_key=KEY))

    async def login(self, email: str, password: str = PASSWORD, **rest: Any) -> httpx2.Response:
        ask = {"email": email, "password": password, **rest}
        return await self.client.post("/api/auth/login", json=ask)

    async def refresh(
        self, token: str, *, path: str = "/api/auth/refresh", **rest: Any
    ) -> httpx2.Response:
        return await self.client.post(path, json={"refresh_token": token, **rest})

    async def get(self, path: str, tokens: dict[str, Any], **rest: Any) -> httpx2.Response:
        return await self.client.get(path, headers=_headers(tokens), **rest)

    async def post(
        self, path: str, tokens: dict[str, Any], body: Any = None, **rest: Any
    ) -> httpx2.Response:
        return await self.client.post(path, json=body, headers=_headers(tokens), **rest)

    async def delete(self, path: str, tokens: dict[str, Any]) -> httpx2.Response:
        return await self.client.delete(path, headers=_headers(tokens))

    async def shut_out(self, user_id: UUID) -> None:
        await self.storage.database().write(lambda tx: set_active(tx, user_id, False, actor="test"))

    async def together(self, *asks: Awaitable[Any]) -> list[Any]:
        return await asyncio.gather(*asks)


def _headers(tokens: dict[str, Any]) -> dict[str, str]:
    """For a login's answer, or for the answer that made an API key."""
    return {"authorization": f"Bearer {tokens.get('access_token') or tokens['key']}"}


def make_app(storage: Storage, auth: Auth) -> FastAPI:
    app = FastAPI()
    app.include_router(auth_router)
    app.include_router(sample_router())
    app.state.storage, app.state.auth, app.state.services = storage, auth, Services()
    app.state.limiter = Limiter(LimitSettings())
    app.state.services.add(BlobPutter, MemoryBlobs())

    @app.exception_handler(LocutoryError)
    async def render(request: Request, error: LocutoryError) -> JSONResponse:
        body = {"detail": error.detail, "error_code": error.error_code, **error.extra}
        return JSONResponse({**body, "retry_after": error.retry_after}, error.status)

    return app


def roles_for_tests() -> Roles:
    roles = Roles()
    viewer = frozenset({"calls:read", "users:read"})
    roles.add("calls", {"viewer": viewer})
    roles.add("calls", {"admin": viewer | {"calls:manage", "keys:manage"}})
    return roles


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
async def house(storage: Storage, clock: MovingClock) -> AsyncIterator[House]:
    auth = Auth(
        storage,
        Settings(auth=CHEAP),
        roles_for_tests(),
        jwt_key=KEY,
        clock=clock,
        monotonic=clock.monotonic,
    )
    app = make_app(storage, auth)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://locutory.test"
    ) as client:
        yield House(storage, auth, app, client, clock, await auth.passwords.hash(PASSWORD))
    auth.close()
