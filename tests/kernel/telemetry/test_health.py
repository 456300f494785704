import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI

from locutory.kernel.errors import StorageUnavailableError
from locutory.kernel.telemetry.health import HealthChecks, router


@pytest.fixture
def checks() -> HealthChecks:
    return HealthChecks(timeout_s=0.05)


@pytest.fixture
async def client(checks: HealthChecks) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    app.state.health = checks
    app.include_router(router)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        yield http


async def fine() -> dict[str, str]:
    return {"engine": "sqlite"}


async def broken() -> None:
    raise StorageUnavailableError


async def crashing() -> None:
    raise RuntimeError("password hunter2")


async def hanging() -> None:
    await asyncio.Event().wait()


async def test_a_server_with_sound_checks_is_ready(
    client: httpx2.AsyncClient, checks: HealthChecks
) -> None:
    checks.add("database", fine)

    ready, health = await client.get("/readyz"), await client.get("/health")

    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert health.json()["status"] == "ok"
    assert health.json()["checks"] == {"database": {"status": "ok", "engine": "sqlite"}}


async def test_a_failing_check_makes_it_unready_and_degraded_but_alive(
    client: httpx2.AsyncClient, checks: HealthChecks
) -> None:
    checks.add("database", fine)
    checks.add("queue", broken)

    ready, health = await client.get("/readyz"), await client.get("/health")

    assert (ready.status_code, ready.json()["failed"]) == (503, ["queue"])
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert health.json()["checks"]["queue"]["error_code"] == "STORAGE_UNAVAILABLE"
    assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_an_optional_check_degrades_without_ending_readiness(
    client: httpx2.AsyncClient, checks: HealthChecks
) -> None:
    checks.add("llm", broken, gates_ready=False)

    assert (await client.get("/readyz")).status_code == 200
    assert (await client.get("/health")).json()["status"] == "degraded"


async def test_a_crashing_check_tells_nothing_of_its_error(
    client: httpx2.AsyncClient, checks: HealthChecks
) -> None:
    checks.add("crm", crashing)

    health = await client.get("/health")

    assert health.json()["checks"]["crm"] == {"status": "failed", "error_code": "INTERNAL"}
    assert "hunter2" not in health.text


async def test_a_hanging_check_is_given_up(
    client: httpx2.AsyncClient, checks: HealthChecks
) -> None:
    checks.add("crm", hanging)

    health = await client.get("/health")

    assert health.json()["checks"]["crm"] == {"status": "failed", "error_code": "TIMEOUT"}


def test_a_name_is_given_once(checks: HealthChecks) -> None:
    checks.add("database", fine)

    with pytest.raises(ValueError):
        checks.add("database", broken)
