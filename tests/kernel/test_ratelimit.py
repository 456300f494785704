import asyncio
import socket
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from limits import parse
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import storage_from_string
from structlog.testing import capture_logs

from locutory.kernel import http_errors
from locutory.kernel.errors import ConfigError
from locutory.kernel.ratelimit import (
    Limiter,
    MemoryWindows,
    RateExceededError,
    Windows,
    rate_limit,
)
from locutory.kernel.settings import LimitSettings

SETTINGS = LimitSettings(default="5/hour", login="2/hour")


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    app.state.limiter = Limiter(SETTINGS)
    http_errors.install(app)

    @app.middleware("http")
    async def who(request: Request, call_next):
        if "x-user" in request.headers:
            request.state.principal_key = request.headers["x-user"]
        return await call_next(request)

    @app.post("/login", dependencies=[rate_limit("login")])
    async def login() -> str:
        return "in"

    @app.get("/calls", dependencies=[rate_limit("calls")])
    async def calls() -> list[str]:
        return []

    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        yield http


async def test_each_answer_tells_what_is_left(client: httpx2.AsyncClient) -> None:
    first, second = await client.post("/login"), await client.post("/login")

    assert [reply.headers["ratelimit-limit"] for reply in (first, second)] == ["2", "2"]
    assert [reply.headers["ratelimit-remaining"] for reply in (first, second)] == ["1", "0"]
    assert 0 < int(first.headers["ratelimit-reset"]) <= 3600


async def test_one_request_too_many_is_told_when_to_come_back(client: httpx2.AsyncClient) -> None:
    await client.post("/login")
    await client.post("/login")
    reply = await client.post("/login")

    body = reply.json()
    assert (reply.status_code, body["error_code"]) == (429, "RATE_LIMITED")
    assert 0 < body["retry_after"] <= 3600
    assert reply.headers["retry-after"] == str(body["retry_after"])
    assert reply.headers["ratelimit-remaining"] == "0"


async def test_groups_and_principals_are_counted_apart(client: httpx2.AsyncClient) -> None:
    for _ in range(3):
        await client.post("/login")

    other_group = await client.get("/calls")
    other_user = await client.post("/login", headers={"x-user": "ana"})
    same_address = await client.post("/login")

    assert (other_group.status_code, other_group.headers["ratelimit-limit"]) == (200, "5")
    assert other_user.headers["ratelimit-remaining"] == "1"
    assert same_address.status_code == 429


async def test_exactly_the_allowed_number_passes() -> None:
    limiter = Limiter(SETTINGS)
    passed = 0

    for _ in range(9):
        try:
            await limiter.hit("calls", "ana")
        except RateExceededError:
            continue
        passed += 1

    assert passed == 5


@given(st.integers(1, 6), st.lists(st.sampled_from(["ana", "ben"]), max_size=20))
def test_our_windows_count_as_the_librarys_do(amount: int, callers: list[str]) -> None:
    rate = parse(f"{amount}/hour")

    async def told_by(windows: Windows) -> list[tuple[bool, int]]:
        told = []
        for caller in callers:
            passed = await windows.hit(rate, "calls", caller)
            told.append((passed, (await windows.get_window_stats(rate, "calls", caller)).remaining))
        return told

    async def compare() -> None:
        theirs = MovingWindowRateLimiter(storage_from_string("async+memory://"))

        assert await told_by(MemoryWindows()) == await told_by(theirs)

    asyncio.run(compare())


async def test_a_request_frees_its_place_when_the_window_has_moved_past_it() -> None:
    times = [1000.0, 1030.0, 1059.0, 1061.0, 1080.0, 1091.0]
    clock = iter([*times, times[-1]])
    windows, rate = MemoryWindows(clock=lambda: next(clock)), parse("2/minute")

    passed = [await windows.hit(rate, "calls", "ana") for _ in times]
    stats = await windows.get_window_stats(rate, "calls", "ana")

    assert passed == [True, True, False, True, False, True]
    assert (stats.reset_time, stats.remaining) == (1121.0, 0)


async def test_a_lost_store_lets_requests_pass_and_says_so() -> None:
    pytest.importorskip("redis")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    limiter = Limiter(LimitSettings(storage=f"async+redis://127.0.0.1:{port}/0"))

    with capture_logs() as captured:
        headers = await limiter.hit("login", "ana")

    assert headers == {}
    assert [line["event"] for line in captured] == ["rate limits cannot be counted"]


@pytest.mark.parametrize(
    "settings",
    [
        LimitSettings(login="often"),
        LimitSettings(default=""),
        LimitSettings(storage="nowhere://"),
        LimitSettings(storage="memory://"),
    ],
)
def test_an_unreadable_setting_stops_the_start(settings: LimitSettings) -> None:
    with pytest.raises(ConfigError):
        Limiter(settings)
