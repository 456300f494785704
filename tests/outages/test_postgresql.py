"""PostgreSQL away, in every way: requests say so, nothing is lost, and it comes back by itself."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
from sqlalchemy.engine import URL, make_url
from tests.conftest import CHEAP, settle_down
from tests.faults import Fault, FaultProxy, proxied
from tests.outages.watching import recovers, responsive

from locutory import app
from locutory.kernel.errors import StorageUnavailableError
from locutory.kernel.settings import DatabaseSettings, JobSettings, LimitSettings, Settings

if TYPE_CHECKING:
    from tests.conftest import Resident

ANSWER_S = 1.0
CALL = {"calls": [{"callid": "c1", "audio_url": "https://recordings.example/c1.wav"}]}
AWAY = [Fault.DIES, Fault.HANGS, Fault.LIES]


@pytest.fixture
def proxy(postgresql_url: str) -> Iterator[FaultProxy]:
    with proxied(postgresql_url) as proxy:
        yield proxy


@pytest.fixture
def url(postgresql_url: str, proxy: FaultProxy) -> URL:
    return make_url(postgresql_url).set(host="127.0.0.1", port=proxy.port)


@pytest.fixture
def settings(tmp_path: Path, url: URL) -> Settings:
    return settings_of(tmp_path, url)


def settings_of(folder: Path, url: URL) -> Settings:
    whole = url.render_as_string(hide_password=False)
    return Settings(
        data_dir=folder / "data",
        database=DatabaseSettings(url=whole, answer_s=ANSWER_S),
        auth=CHEAP,
        limits=LimitSettings(default="1000000/minute", login="1000000/minute"),
        jobs=JobSettings(poll_s=0.2),
    )


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[app.Server]:
    async with app.compose(settings).running() as server:
        yield server


@pytest.fixture
async def client(server: app.Server) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app.create_app(server))
    async with httpx2.AsyncClient(transport=transport, base_url="http://locutory.test") as client:
        yield client


@pytest.fixture
async def ours(server: app.Server, client: httpx2.AsyncClient, password_hash: str) -> "Resident":
    return await settle_down(server, client, "6004", password_hash)


async def push(ours: "Resident") -> httpx2.Response:
    return await ours.ask("POST", "/ingest/6004/calls", json=CALL)


async def is_stored(ours: "Resident") -> bool:
    reply = await ours.ask("GET", "/call-records/6004/c1")
    return reply.status_code == 200


async def test_a_server_that_is_absent_at_the_start_is_named(
    settings: Settings, proxy: FaultProxy
) -> None:
    proxy.be(Fault.ABSENT)

    with pytest.raises(StorageUnavailableError) as refused:
        async with app.compose(settings).running():
            pass

    assert "connect" in refused.value.detail


async def test_a_password_that_is_refused_at_the_start_is_named(tmp_path: Path, url: URL) -> None:
    wrong = url.set(username="nobody", password="s3cret-words")

    with pytest.raises(StorageUnavailableError) as refused:
        async with app.compose(settings_of(tmp_path, wrong)).running():
            pass

    assert "nobody" in refused.value.detail
    assert "s3cret" not in refused.value.detail


@pytest.mark.parametrize("fault", AWAY)
async def test_requests_say_that_it_is_away_and_succeed_when_it_is_back(
    ours: "Resident", proxy: FaultProxy, fault: Fault
) -> None:
    proxy.be(fault)
    async with responsive():
        refused = await push(ours)
        alive, ready = await asyncio.gather(ours.client.get("/healthz"), ours.client.get("/readyz"))
    proxy.be(Fault.NONE)
    taken = await recovers(lambda: push(ours), lambda reply: reply.status_code == 200)

    assert refused.status_code == 503
    assert refused.json()["error_code"] == "STORAGE_UNAVAILABLE"
    assert refused.headers["retry-after"]
    assert alive.status_code == 200
    assert ready.status_code == 503
    assert taken.json()["items"][0]["result"] == "created"  # what was refused had left nothing
    assert (await ours.client.get("/readyz")).status_code == 200


async def test_a_slow_server_only_takes_longer(ours: "Resident", proxy: FaultProxy) -> None:
    proxy.be(Fault.SLOW)
    async with responsive():
        taken = await push(ours)

    assert taken.status_code == 200
    assert await is_stored(ours)


async def test_what_a_flapping_server_took_is_there_and_what_it_refused_may_be_sent_again(
    ours: "Resident", proxy: FaultProxy
) -> None:
    proxy.be(Fault.FLAPS)
    async with responsive():
        replies = [await push(ours) for _ in range(10)]
    proxy.be(Fault.NONE)
    taken = await recovers(lambda: push(ours), lambda reply: reply.status_code == 200)

    assert {reply.status_code for reply in replies} <= {200, 503}
    assert taken.json()["items"][0]["result"] in ("created", "duplicate")
    assert await is_stored(ours)


@pytest.mark.parametrize("fault", AWAY)
async def test_jobs_wait_for_it_and_go_on(
    ours: "Resident", server: app.Server, proxy: FaultProxy, fault: Fault
) -> None:
    """A job whose row is in a database that is away is neither lost nor run to death."""
    proxy.be(fault)
    await asyncio.sleep(0)
    await push(ours)
    proxy.be(Fault.NONE)
    await recovers(lambda: push(ours), lambda reply: reply.status_code == 200)

    async def tried() -> int:
        queues = (await ours.ask("GET", "/pipeline/6004/status")).json()["queues"]
        return int(queues["transcribe"]["retry"] + queues["transcribe"]["dead"])

    # nobody resolves recordings.example here: that it waits to be tried again shows a worker
    await recovers(tried, bool)
