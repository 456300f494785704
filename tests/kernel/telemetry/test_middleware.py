import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, Request, WebSocket
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from locutory.kernel.telemetry.logs import correlation_id, get_logger
from locutory.kernel.telemetry.metrics import Metrics
from locutory.kernel.telemetry.middleware import TelemetryMiddleware


def build(metrics: Metrics) -> FastAPI:
    app = FastAPI()
    router = APIRouter(prefix="/calls")

    @router.get("/{bid}/{callid}")
    async def read(request: Request) -> dict[str, str | None]:
        get_logger().info("reading")
        return {"bound": correlation_id(), "state": request.state.correlation_id}

    @app.get("/boom")
    async def boom() -> None:
        raise RuntimeError("boom")

    @app.websocket("/socket")
    async def socket(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(str(correlation_id()))
        await ws.close()

    app.include_router(router)
    app.add_middleware(TelemetryMiddleware, metrics=metrics)
    return app


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def client(metrics: Metrics) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=build(metrics), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        yield http


async def test_a_callers_correlation_id_goes_all_the_way(client: httpx2.AsyncClient) -> None:
    reply = await client.get("/calls/acme/1", headers={"X-Correlation-Id": "abc-1"})

    assert reply.headers["x-correlation-id"] == "abc-1"
    assert reply.json() == {"bound": "abc-1", "state": "abc-1"}
    assert correlation_id() is None


@pytest.mark.parametrize("given", [None, "", "a b", 'x"', "x" * 129])
async def test_an_absent_or_odd_id_is_replaced(
    client: httpx2.AsyncClient, given: str | None
) -> None:
    headers = {} if given is None else {"X-Correlation-Id": given}

    reply = await client.get("/calls/acme/1", headers=headers)

    assert len(reply.headers["x-correlation-id"]) == 36
    assert reply.json()["bound"] == reply.headers["x-correlation-id"]


async def test_requests_are_counted_by_template_and_not_by_id(
    client: httpx2.AsyncClient, metrics: Metrics
) -> None:
    for path in ("/calls/acme/1", "/calls/acme/2", "/calls/other/3", "/none", "/none/2"):
        await client.get(path)

    text = metrics.render().decode()
    assert (
        'http_requests_total{method="GET",route="/calls/{bid}/{callid}",status="200"} 3.0' in text
    )
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 2.0' in text
    assert 'seconds_count{method="GET",route="/calls/{bid}/{callid}"} 3.0' in text


async def test_an_invented_method_makes_no_label_of_its_own(
    client: httpx2.AsyncClient, metrics: Metrics
) -> None:
    await client.request("BREW", "/calls/acme/1")

    assert 'method="other"' in metrics.render().decode()
    assert "BREW" not in metrics.render().decode()


async def test_each_request_leaves_one_access_line(client: httpx2.AsyncClient) -> None:
    with capture_logs() as captured:
        await client.get("/calls/acme/9800000000?token=abc")

    (line,) = [line for line in captured if line["event"] == "request"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/calls/{bid}/{callid}", 200)
    assert line["duration_ms"] >= 0
    assert "9800000000" not in json.dumps(captured)


async def test_a_crash_is_counted_as_500(client: httpx2.AsyncClient, metrics: Metrics) -> None:
    await client.get("/boom")

    assert 'route="/boom",status="500"} 1.0' in metrics.render().decode()


def test_a_socket_has_a_correlation_id_too(metrics: Metrics) -> None:
    with (
        TestClient(build(metrics)) as client,
        client.websocket_connect("/socket", headers={"X-Correlation-Id": "ws-1"}) as socket,
    ):
        assert socket.receive_text() == "ws-1"
