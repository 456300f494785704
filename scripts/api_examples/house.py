"""The furnished server that is asked: the demo's two businesses, some of its calls, its people."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
from aiohttp import web
from fastapi import FastAPI

from locutory.app import Server, compose, create_app
from locutory.capabilities.runtime.api import Runtime
from locutory.cli import demo_house
from locutory.cli.demo import FLOOR, LOGINS, SUPERVISOR
from locutory.engines.blobs import BlobStore
from locutory.engines.llm.places import Place
from locutory.engines.llm.router import Router
from locutory.engines.llm.scripted import ScriptedLLM
from locutory.kernel.auth import people
from locutory.kernel.auth.contract import Tenant
from locutory.kernel.db import Session
from locutory.kernel.jobs import Worker, housekeeping, queue
from locutory.kernel.settings import AuthSettings, LimitSettings, Settings
from locutory.products.calls.analytics.upkeep import refresh
from locutory.products.calls.demo import DemoCall, manifest, path
from locutory.products.calls.pipeline.disk import StoreLook
from locutory.products.calls.pipeline.service.watch import watch_one
from locutory.products.calls.records.contract import Direction
from locutory.products.calls.sources import operator
from locutory.products.calls.sources.folder import Recording

MONDAY = datetime(2026, 5, 18, tzinfo=UTC)  # "today" of the demo's calls
WORKER = "calls-1-41-5b0c9a1e"
PASSWORD = "correct horse battery staple"
PLATFORM = "operator@locutory.example"
CALLS = (
    *(f"hc-{n:04}" for n in (1, 3, 5, 9, 10, 12, 18, 20)),
    *("nl-0001", "nl-0009"),
)
_WEAK = AuthSettings(argon2_memory_kib=64, argon2_passes=1)  # logins are hashed for minutes else
_UNLIMITED = LimitSettings(default="1000000/minute", login="1000000/minute")


@dataclass(slots=True, kw_only=True)
class House:
    """A server that is asked in process, and what its answers have named so far."""

    server: Server
    app: FastAPI
    client: httpx2.AsyncClient
    outside: str  # where recordings are fetched and webhooks are sent
    tenants: dict[str, Tenant]
    names: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    async def log_in(self, who: str) -> None:
        """Open the session in whose name somebody asks; `who` is an e-mail address."""
        ask = {"email": who, "password": PASSWORD}
        reply = await self.client.post("/auth/login", json=ask)
        if reply.status_code != 200:
            raise RuntimeError(f"{who} cannot log in: {reply.text}")
        self.tokens[who] = reply.json()["access_token"]

    async def ask(self, method: str, path: str, *, who: str, **rest: Any) -> httpx2.Response:
        """A request by somebody who has logged in; by nobody for ""."""
        headers = dict(rest.pop("headers", {}))
        if who:
            headers["authorization"] = f"Bearer {self.tokens[who]}"
        return await self.client.request(method, path, headers=headers, **rest)

    async def work(self) -> None:
        """Run all jobs one after the other, then bring the figures up to date."""
        await self._worker().drain(skip_delays=True)
        await self._sign_on()
        for tenant in self.tenants.values():
            db = self.server.storage.database(tenant.id)
            while await refresh(db, ZoneInfo(tenant.timezone)):
                pass
            store = StoreLook(self.server.services.get(BlobStore))
            await watch_one(db, self.server.settings, store)

    async def _sign_on(self) -> None:
        """Say that a worker lives, as one does that runs all the time."""
        slots = self.server.slots()

        async def store(tx: Session) -> None:
            await housekeeping.sign_on(tx, WORKER, slots, await queue.clock_ms(tx))

        await self.server.storage.database().write(store)

    def _worker(self) -> Worker:
        server = self.server
        return Worker(
            server.storage,
            server.registry,
            dict.fromkeys(sorted(server.registry.queues), 1),
            server.settings.jobs,
            services=server.services,
        )

    @asynccontextmanager
    async def manned(self) -> AsyncIterator[None]:
        """Jobs are worked at once."""
        stop = asyncio.Event()
        working = asyncio.create_task(self._worker().run(stop))
        try:
            yield
        finally:
            stop.set()
            await working

    async def heard(self, path: str, *, until: int) -> str:
        """The first `until` bytes or more of an endless stream."""
        told, enough = bytearray(), asyncio.Event()
        route, _, query = path.partition("?")

        async def receive() -> dict[str, Any]:
            await enough.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            told.extend(message.get("body", b""))
            if len(told) >= until:
                enough.set()

        bearer = f"Bearer {self.tokens[LOGINS[0].email]}"
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": route,
            "raw_path": route.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(b"authorization", bearer.encode())],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        async with asyncio.timeout(60):
            await self.app(scope, receive, send)
        return told.decode()


def _speak(server: Server) -> None:
    """Put a model behind the paths to models; calls are judged by rules all the same."""
    answers = ScriptedLLM(lambda _: "It is open from nine to six.", model="large")
    router = Router(places=[Place(name="house", llm=answers, models={"main": "large"})])
    ledger = server.services.get(Runtime).ledger
    router.watch = ledger.note
    server.services.add(Runtime, Runtime.of(router, ledger, server.storage))


@asynccontextmanager
async def furnished(folder: Path) -> AsyncIterator[House]:
    """A server in an empty folder with people, calls that were judged, and reviews."""
    async with AsyncExitStack() as stack:
        outside = await stack.enter_async_context(_outside())
        settings = Settings(_env_file=None, data_dir=folder / "data", auth=_WEAK, limits=_UNLIMITED)
        settings.http.allow_private_hosts = (outside.removeprefix("http://"),)
        settings.intake.folders = (folder / "recordings",)
        settings.intake.settle_s = 0
        settings.intake.database_hosts = ("telephony.example.com",)
        settings.pipeline.dead_s = 0
        settings.pipeline.disk_warn = settings.pipeline.disk_stop = 0  # whatever this machine has
        composed = compose(settings)
        _speak(composed)
        server = await stack.enter_async_context(composed.running(work=False))
        app = create_app(server, work=False)
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="https://calls.example.org"
        )
        await stack.enter_async_context(client)
        tenants = await _settle(server)
        house = House(server=server, app=app, client=client, outside=outside, tenants=tenants)
        for who in (PLATFORM, *(login.email for login in LOGINS)):
            await house.log_in(who)
        _fill(folder / "recordings" / "demo" / "dialler")
        calls = [call for call in manifest().calls if call.callid in CALLS]
        for bid, tenant in tenants.items():
            keeper = next(login.email for login in LOGINS if login.bid == bid)
            own = [call for call in manifest().calls if call.bid == bid]
            floor = FLOOR if bid == "demo" else None
            await demo_house.furnish(server, tenant, own, keeper=keeper, floor=floor)
        for call in calls:  # one at a time: what ends first is then no matter of chance
            await _offer(server, tenants[call.bid], call)
            await house.work()
        await demo_house.review(server, tenants["demo"], reviewer=SUPERVISOR)
        await house.work()
        yield house


def _fill(folder: Path) -> None:
    """A dialler has left a recording and its transcript some days ago."""
    folder.mkdir(parents=True)
    for source, name in (
        ("audio/hc-0025.ogg", "2001.ogg"),
        ("transcripts/hc-0025.srt", "2001.srt"),
    ):
        shutil.copyfile(path(source), folder / name)
        moment = (MONDAY - timedelta(days=4)).timestamp()
        os.utime(folder / name, (moment, moment))


async def _settle(server: Server) -> dict[str, Tenant]:
    """Make the businesses and their people."""
    password_hash = await server.auth.passwords.hash(PASSWORD)

    async def make(tx: Session) -> dict[str, Tenant]:
        tenants = {}
        for one in manifest().businesses:
            new = people.NewTenant(
                slug=one.bid,
                name=one.name,
                timezone=one.timezone,
                country_code=one.country_code,
                currency=one.currency,
            )
            tenants[one.bid] = await people.create_tenant(tx, new, actor=operator.OPERATOR)
        for login in LOGINS:
            user = people.NewUser(email=login.email, name=login.name, password_hash=password_hash)
            user_id = await people.create_user(tx, user, actor=operator.OPERATOR)
            tenant_id = tenants[login.bid].id
            await people.add_member(tx, tenant_id, user_id, [login.role], actor=operator.OPERATOR)
        boss = people.NewUser(
            email=PLATFORM, name="Operator", password_hash=password_hash, platform_admin=True
        )
        await people.create_user(tx, boss, actor=operator.OPERATOR)
        return tenants

    return await server.storage.database().write(make)


async def _offer(server: Server, tenant: Tenant, call: DemoCall) -> None:
    began = MONDAY - timedelta(days=call.days_ago) + timedelta(seconds=call.seconds_of_day)
    await operator.offer(
        server.storage.database(tenant.id),
        server.services,
        Recording(
            callid=call.callid,
            path=path(call.audio),
            sidecar=path(call.transcript) if call.transcript else None,
        ),
        scratch=server.settings.data_dir / "tmp",
        direction=Direction(call.direction),
        started_at=began,
        agent_id=call.agent_id,
        agent_name=call.agent_name,
        customer_phone=call.customer_phone,
        disposition=call.disposition,
    )


@asynccontextmanager
async def _outside() -> AsyncIterator[str]:
    """Somebody else's server: it has one good recording and one broken, and takes webhooks."""

    async def recording(request: web.Request) -> web.StreamResponse:
        if request.match_info["name"] == "1002.wav":
            return web.Response(body=b"<html>not found</html>", content_type="text/html")
        return web.FileResponse(path("audio/hc-0006.ogg"))

    async def hook(request: web.Request) -> web.Response:
        return web.Response(status=204)

    outside = web.Application()
    outside.router.add_get("/r/{name}", recording)
    outside.router.add_post("/locutory", hook)
    runner = web.AppRunner(outside, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
