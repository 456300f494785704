"""The businesses module with logins, and a business with an administrator."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from tests.conftest import CHEAP

from locutory.kernel import http_errors
from locutory.kernel.auth import Auth, Roles
from locutory.kernel.auth.people import NewUser, create_user
from locutory.kernel.auth.routes import router as auth_router
from locutory.kernel.db import Storage
from locutory.kernel.ratelimit import Limiter
from locutory.kernel.settings import LimitSettings, Settings
from locutory.products.calls.businesses.module import module

PASSWORD = "correct horse"


@dataclass
class Caller:
    """Somebody who is logged in."""

    client: httpx2.AsyncClient
    token: str

    async def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.token}", **headers}
        return await self.client.request(method, path, json=body, headers=headers)


@dataclass
class Town:
    storage: Storage
    auth: Auth
    client: httpx2.AsyncClient

    async def login(self, email: str, password: str = PASSWORD) -> Caller:
        ask = {"email": email, "password": password}
        reply = await self.client.post("/auth/login", json=ask)
        return Caller(self.client, reply.json()["access_token"])

    async def newcomer(self, root: Caller, bid: str, name: str, role: str) -> Caller:
        """Invite somebody and let them set a password of their own."""
        body = {"email": f"{name}@example.org", "name": name, "role": role}
        invited = (await root.ask("POST", f"/businesses/{bid}/users", body)).json()
        first = await self.login(invited["email"], invited["one_time_password"])
        change = {
            "current_password": invited["one_time_password"],
            "new_password": PASSWORD,
        }
        await first.ask("POST", "/auth/password", change)
        return first

    async def together(self, *asks: Awaitable[Any]) -> list[Any]:
        return await asyncio.gather(*asks)


@pytest.fixture
async def town(storage: Storage) -> AsyncIterator[Town]:
    roles = Roles()
    roles.add(module.product, module.roles)
    auth = Auth(storage, Settings(auth=CHEAP), roles, jwt_key=b"k" * 32)
    app = FastAPI()
    app.state.storage, app.state.auth = storage, auth
    app.state.limiter = Limiter(LimitSettings())
    http_errors.install(app)
    app.include_router(auth_router)
    assert module.router is not None
    app.include_router(module.router)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://town.test") as client:
        yield Town(storage, auth, client)
    auth.close()


@pytest.fixture
async def root(town: Town) -> Caller:
    """The platform's administrator; businesses 6004 and 7417 are open."""
    new = NewUser(
        email="root@example.org",
        name="root",
        password_hash=await town.auth.passwords.hash(PASSWORD),
        platform_admin=True,
    )
    await town.storage.database().write(lambda tx: create_user(tx, new, actor="test"))
    root = await town.login("root@example.org")
    for bid in ("6004", "7417"):
        body = {"bid": bid, "name": f"House {bid}", "timezone": "Asia/Kolkata"}
        await root.ask("POST", "/businesses", body)
    return root
