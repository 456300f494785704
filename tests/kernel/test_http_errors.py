import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

import httpx2
import pytest
from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from locutory.kernel import http_errors
from locutory.kernel.errors import ConflictError, EngineThrottled, NotFoundError
from locutory.kernel.telemetry.metrics import Metrics
from locutory.kernel.telemetry.middleware import TelemetryMiddleware

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEYS = {"detail", "error_code", "timestamp", "correlation_id", "retry_after"}


class Line(BaseModel):
    text: str
    start_ms: int


class Upload(BaseModel):
    lines: list[Line]


def build() -> FastAPI:
    app = FastAPI()

    @app.get("/missing")
    async def missing() -> None:
        raise NotFoundError

    @app.get("/clash")
    async def clash() -> None:
        raise ConflictError("two of them", code="CALLID_TAKEN", call_id="c1", detail_url="/x")

    @app.get("/busy")
    async def busy() -> None:
        raise EngineThrottled(engine="stt", retry_after=2.5)

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError("secret internals hunter2")

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "short and stout", headers={"X-Pot": "tea"})

    @app.post("/upload")
    async def upload(data: Upload, limit: Annotated[int, Query(le=200)] = 10) -> None:
        raise AssertionError

    @app.get("/storage")
    async def storage(text: str) -> None:
        raise OperationalError("INSERT", {}, sqlite3.OperationalError(text))

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"begun"
            raise RuntimeError("midway")

        return StreamingResponse(parts())

    http_errors.install(app, clock=lambda: NOW)
    app.add_middleware(TelemetryMiddleware, metrics=Metrics())
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=build())
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://test", headers={"X-Correlation-Id": "c-1"}
    ) as http:
        yield http


async def test_an_expected_failure_has_the_one_body(client: httpx2.AsyncClient) -> None:
    reply = await client.get("/missing")

    assert reply.status_code == 404
    assert reply.json() == {
        "detail": "There is no such thing here.",
        "error_code": "NOT_FOUND",
        "timestamp": "2026-01-02T03:04:05.000Z",
        "correlation_id": "c-1",
        "retry_after": None,
    }
    assert reply.headers["content-type"] == "application/json"


async def test_an_unknown_path_and_a_wrong_method_have_it_too(client: httpx2.AsyncClient) -> None:
    unknown, wrong = await client.get("/nowhere"), await client.post("/missing")

    assert (unknown.status_code, unknown.json()["error_code"]) == (404, "NOT_FOUND")
    assert (wrong.status_code, wrong.json()["error_code"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(unknown.json()) == set(wrong.json()) == KEYS


async def test_extra_keys_join_the_body(client: httpx2.AsyncClient) -> None:
    body = (await client.get("/clash")).json()

    assert (body["detail"], body["error_code"]) == ("two of them", "CALLID_TAKEN")
    assert set(body) == KEYS | {"call_id", "detail_url"}


async def test_a_wait_is_told_in_body_and_header(client: httpx2.AsyncClient) -> None:
    reply = await client.get("/busy")

    assert reply.json()["retry_after"] == 2.5
    assert reply.headers["retry-after"] == "3"


async def test_a_frameworks_error_keeps_its_words_and_headers(client: httpx2.AsyncClient) -> None:
    reply = await client.get("/teapot")

    assert reply.json()["detail"] == "short and stout"
    assert reply.json()["error_code"] == "IM_A_TEAPOT"
    assert reply.headers["x-pot"] == "tea"


async def test_a_malformed_request_is_told_all_its_faults(client: httpx2.AsyncClient) -> None:
    reply = await client.post(
        "/upload?limit=999",
        json={"lines": [{"text": "hi", "start_ms": 1}, {"start_ms": "9800000000x"}]},
    )

    body = reply.json()
    assert (reply.status_code, body["error_code"]) == (422, "INVALID")
    assert {(fault["field"], fault["code"]) for fault in body["errors"]} == {
        ("limit", "less_than_equal"),
        ("lines.1.text", "missing"),
        ("lines.1.start_ms", "int_parsing"),
    }
    assert all(set(fault) == {"field", "code", "message"} for fault in body["errors"])
    assert "9800000000x" not in reply.text


async def test_a_body_that_is_no_json_is_a_fault_as_well(client: httpx2.AsyncClient) -> None:
    reply = await client.post("/upload", content=b"{", headers={"Content-Type": "application/json"})

    assert reply.status_code == 422
    assert reply.json()["errors"][0]["code"] == "json_invalid"


async def test_a_bug_answers_500_and_tells_nothing_of_itself(client: httpx2.AsyncClient) -> None:
    with capture_logs() as captured:
        reply = await client.get("/bug")

    assert (reply.status_code, reply.json()["error_code"]) == (500, "INTERNAL")
    assert reply.headers["x-correlation-id"] == reply.json()["correlation_id"] == "c-1"
    assert "hunter2" not in reply.text
    assert [line["event"] for line in captured] == ["unexpected error", "request"]


async def test_a_bug_after_the_answer_began_ends_the_connection(client: httpx2.AsyncClient) -> None:
    with capture_logs() as captured, pytest.raises(RuntimeError, match="midway"):
        await client.get("/stream")

    assert captured[0]["event"] == "unexpected error"


@pytest.mark.parametrize("text", ["database is locked", "database or disk is full"])
async def test_a_database_that_cannot_write_says_try_again(
    client: httpx2.AsyncClient, text: str
) -> None:
    reply = await client.get("/storage", params={"text": text})

    assert (reply.status_code, reply.json()["error_code"]) == (503, "STORAGE_UNAVAILABLE")
    assert reply.headers["retry-after"] == "2"


async def test_a_faulty_statement_is_a_bug_and_no_outage(client: httpx2.AsyncClient) -> None:
    reply = await client.get("/storage", params={"text": "no such table: x"})

    assert (reply.status_code, reply.json()["error_code"]) == (500, "INTERNAL")
    assert "no such table" not in reply.text


def test_extra_keys_never_replace_the_bodys_own() -> None:
    response = http_errors.respond(400, code="X", detail="d", extra={"error_code": "Y", "more": 1})

    body = json.loads(bytes(response.body))
    assert (body["error_code"], body["more"]) == ("X", 1)
