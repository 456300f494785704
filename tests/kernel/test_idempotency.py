"""One key, one effect: replays, reuse, twins, expiry."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI, File, Form, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import text

from locutory.kernel.audit import audit
from locutory.kernel.db import Session, Storage
from locutory.kernel.errors import ConflictError, LocutoryError
from locutory.kernel.idempotency import Idempotent

pytestmark = pytest.mark.both_databases
TENANT = str(UUID(int=7))
OTHER = str(UUID(int=8))


class Thing(BaseModel):
    name: str


@dataclass
class Shop:
    client: httpx2.AsyncClient
    storage: Storage
    now: datetime

    async def make(
        self, key: str | None, name: str, *, tenant: str = TENANT, **headers: str
    ) -> httpx2.Response:
        headers = {"tenant": tenant, **headers}
        if key is not None:
            headers["idempotency-key"] = key
        return await self.client.post("/things", json={"name": name}, headers=headers)

    async def made(self) -> list[str]:
        async with self.storage.read(None) as session:
            rows = await session.scalars(text("SELECT object FROM kernel_audit ORDER BY id"))
            return list(rows)


def make_app(storage: Storage, shop: Any) -> FastAPI:
    app = FastAPI()
    app.state.auth = SimpleNamespace(clock=lambda: shop.now)

    @app.post("/things", status_code=201, response_model=Thing)
    async def create(
        data: Thing,
        request: Request,
        response: Response,
        idempotent: Idempotent,
        tenant: Annotated[UUID, Header()],
        caller: Annotated[str, Header()] = "user:1",
    ) -> Response:
        request.state.principal_key = caller
        response.headers["ratelimit-remaining"] = "9"

        async def store(tx: Session) -> Thing:
            await audit(tx, actor=caller, action="make", object=data.name)
            if data.name == "bad":
                raise ConflictError
            await tx.execute(text("SELECT 1"), execution_options={"fenced": True})
            return data

        return await idempotent.write(storage.database(tenant), store, 201)

    @app.post("/files", status_code=202)
    async def upload(
        file: Annotated[bytes, File()],
        title: Annotated[str, Form()],
        idempotent: Idempotent,
        tenant: Annotated[UUID, Header()],
    ) -> Response:
        async def store(tx: Session) -> dict[str, int]:
            await audit(tx, actor="user:1", action="upload", object=title)
            return {"bytes": len(file)}

        return await idempotent.write(storage.database(tenant), store, 202)

    @app.exception_handler(LocutoryError)
    async def render(request: Request, error: LocutoryError) -> JSONResponse:
        body = {"error_code": error.error_code, "retry_after": error.retry_after}
        return JSONResponse(body, error.status)

    return app


@pytest.fixture
async def shop(storage: Storage) -> AsyncIterator[Shop]:
    shop = Shop(client=None, storage=storage, now=datetime.now(UTC))  # type: ignore[arg-type]
    transport = httpx2.ASGITransport(make_app(storage, shop))
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        shop.client = client
        yield shop


async def test_the_first_answer_comes_again_and_nothing_is_done_twice(shop: Shop) -> None:
    first = await shop.make("k1", "lamp")
    second = await shop.make("k1", "lamp")

    assert (first.status_code, first.json()) == (201, {"name": "lamp"})
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert first.headers["ratelimit-remaining"] == second.headers["ratelimit-remaining"] == "9"
    assert await shop.made() == ["lamp"]


async def test_without_a_key_every_request_counts(shop: Shop) -> None:
    await shop.make(None, "lamp")
    await shop.make(None, "lamp")

    assert await shop.made() == ["lamp", "lamp"]


async def test_the_same_key_for_another_body_or_caller_is_refused(shop: Shop) -> None:
    await shop.make("k1", "lamp")

    other_body = await shop.make("k1", "chair")
    other_caller = await shop.make("k1", "lamp", caller="user:2")

    for reply in (other_body, other_caller):
        assert reply.status_code == 422
        assert reply.json()["error_code"] == "IDEMPOTENCY_KEY_REUSED"
    assert await shop.made() == ["lamp"]


async def test_tenants_do_not_share_keys(shop: Shop) -> None:
    await shop.make("k1", "lamp")

    reply = await shop.make("k1", "chair", tenant=OTHER)

    assert reply.status_code == 201
    assert await shop.made() == ["lamp", "chair"]


async def test_a_failure_leaves_no_key(shop: Shop) -> None:
    failed = await shop.make("k1", "bad")

    reply = await shop.make("k1", "lamp")

    assert failed.status_code == 409
    assert failed.json()["error_code"] == "CONFLICT"
    assert reply.status_code == 201
    assert await shop.made() == ["lamp"]


async def test_twins_have_one_effect_and_are_told_to_wait(shop: Shop) -> None:
    replies = await asyncio.gather(*(shop.make("k1", "lamp") for _ in range(8)))

    fresh = [r for r in replies if r.status_code == 201 and not replayed(r)]
    waiting = [r for r in replies if r.status_code == 409]
    again = await shop.make("k1", "lamp")

    assert len(fresh) == 1
    assert len(waiting) >= 1
    assert {r.json()["error_code"] for r in waiting} == {"IDEMPOTENCY_IN_PROGRESS"}
    assert {r.json()["retry_after"] for r in waiting} == {1.0}
    assert all(r in fresh or r in waiting or replayed(r) for r in replies)
    assert replayed(again)
    assert await shop.made() == ["lamp"]


async def test_twins_of_different_keys_do_not_wait_for_each_other(shop: Shop) -> None:
    replies = await asyncio.gather(*(shop.make(f"k{n}", f"lamp {n}") for n in range(8)))

    assert {r.status_code for r in replies} == {201}


async def test_a_key_is_forgotten_after_a_day(shop: Shop) -> None:
    await shop.make("k1", "lamp")
    shop.now += timedelta(hours=23, minutes=59)
    within = await shop.make("k1", "lamp")
    shop.now += timedelta(minutes=1)

    after = await shop.make("k1", "chair")

    assert replayed(within)
    assert after.status_code == 201
    assert await shop.made() == ["lamp", "chair"]


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
async def test_an_unusable_key_is_refused(shop: Shop, key: str) -> None:
    reply = await shop.make(key, "lamp")

    assert reply.status_code == 422
    assert await shop.made() == []


async def test_an_upload_is_known_by_its_content_not_by_its_bytes_on_the_wire(shop: Shop) -> None:
    first = await upload(shop, b"abc", "talk")
    again = await upload(shop, b"abc", "talk")
    content = await upload(shop, b"abd", "talk")
    field = await upload(shop, b"abc", "talks")

    assert (first.status_code, first.json()) == (202, {"bytes": 3})
    assert first.request.headers["content-type"] != again.request.headers["content-type"]
    assert replayed(again)
    assert content.status_code == field.status_code == 422
    assert await shop.made() == ["talk"]


async def upload(shop: Shop, data: bytes, title: str) -> httpx2.Response:
    return await shop.client.post(
        "/files",
        files={"file": ("talk.wav", data, "audio/wav")},
        data={"title": title},
        headers={"tenant": TENANT, "idempotency-key": "k1"},
    )


def replayed(reply: httpx2.Response) -> bool:
    return reply.headers.get("idempotency-replayed") == "true"
