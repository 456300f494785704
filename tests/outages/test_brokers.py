"""A broker away, in every way: calls come in all the same, and events are told when it is back.

Kafka names its own address to clients, so that no proxy stays between: its server is stopped.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from tests.brokers import (
    MockKafka,
    forget_rabbitmq,
    forget_redis,
    kafka_cluster,
    need_rabbitmq,
    need_redis,
    new_prefix,
)
from tests.conftest import CHEAP, settle_down
from tests.faults import Fault, FaultProxy, proxied
from tests.outages.watching import recovers, responsive

from locutory import app
from locutory.kernel.settings import (
    BusSettings,
    DatabaseSettings,
    JobSettings,
    LimitSettings,
    Settings,
)

if TYPE_CHECKING:
    from tests.conftest import Resident

AWAY = [Fault.DIES, Fault.HANGS, Fault.LIES]


@dataclass(slots=True)
class House:
    """A business on a server whose broker is behind a proxy."""

    server: app.Server
    ours: "Resident"

    async def push(self, callid: str) -> httpx2.Response:
        call = {"callid": callid, "audio_url": f"https://recordings.example/{callid}.wav"}
        return await self.ours.ask("POST", "/ingest/6004/calls", json={"calls": [call]})

    async def health(self) -> dict[str, dict[str, str]]:
        checks: dict[str, dict[str, str]] = (await self.ours.client.get("/health")).json()["checks"]
        return checks

    async def told(self) -> float:
        """How many events the broker has confirmed."""
        found = self.server.metrics.registry.get_sample_value("bus_events_total")
        return found or 0.0

    async def is_ready(self) -> bool:
        return (await self.ours.client.get("/readyz")).status_code == 200


def settings_of(folder: Path, database_url: str, url: str, prefix: str) -> Settings:
    return Settings(
        data_dir=folder / "data",
        database=DatabaseSettings(url=database_url),
        auth=CHEAP,
        limits=LimitSettings(default="1000000/minute", login="1000000/minute"),
        jobs=JobSettings(poll_s=0.2),
        bus=BusSettings(url=SecretStr(url), prefix=prefix),
    )


@pytest.fixture
def prefix() -> str:
    return new_prefix()


@pytest.fixture(params=["redis", "rabbitmq"])
async def direct(request: pytest.FixtureRequest, prefix: str) -> AsyncIterator[str]:
    """The broker's own address."""
    if request.param == "redis":
        yield need_redis()
        forget_redis(prefix)
    else:
        yield await asyncio.to_thread(need_rabbitmq)
        await forget_rabbitmq(prefix, *(f"{name}.6004" for name in ("transcribe", "sync")))


@pytest.fixture
def proxy(direct: str) -> Iterator[FaultProxy]:
    with proxied(direct) as proxy:
        yield proxy


def behind(proxy: FaultProxy, direct: str) -> str:
    head, _, tail = direct.rpartition("/")
    return f"{head.rpartition(':')[0]}:{proxy.port}/{tail}"


@pytest.fixture
async def house(
    tmp_path: Path,
    sqlite_url: str,
    direct: str,
    proxy: FaultProxy,
    prefix: str,
    password_hash: str,
) -> AsyncIterator[House]:
    settings = settings_of(tmp_path, sqlite_url, behind(proxy, direct), prefix)
    async with lived_in(settings, password_hash) as house:
        yield house


class lived_in:  # noqa: N801
    """The server of these settings, alive, with its business."""

    def __init__(self, settings: Settings, password_hash: str) -> None:
        self._settings, self._hash = settings, password_hash

    async def __aenter__(self) -> House:
        self._running = app.compose(self._settings).running()
        server = await self._running.__aenter__()
        transport = httpx2.ASGITransport(app.create_app(server))
        self._client = httpx2.AsyncClient(transport=transport, base_url="http://locutory.test")
        return House(server, await settle_down(server, self._client, "6004", self._hash))

    async def __aexit__(self, *error: object) -> None:
        await self._client.aclose()
        await self._running.__aexit__(None, None, None)


async def all_is_told(house: House) -> None:
    """Every event that happened reaches the broker."""
    async with house.server.storage.read(None) as session:
        count = text("SELECT count(*) FROM kernel_event")
        happened = (await session.execute(count, execution_options={"fenced": True})).scalar_one()
    assert happened
    await recovers(house.told, lambda told: told >= happened)


@pytest.mark.parametrize("fault", AWAY)
async def test_calls_come_in_and_their_events_wait(
    house: House, proxy: FaultProxy, fault: Fault
) -> None:
    proxy.be(fault)
    async with responsive():
        replies = [await house.push(f"c{n}") for n in range(3)]
        health, ready = await house.health(), await house.is_ready()
    proxy.be(Fault.NONE)

    assert {reply.status_code for reply in replies} == {200}
    assert health["bus"]["status"] == "failed"
    assert ready  # work goes on by the database alone
    await recovers(house.health, lambda checks: checks["bus"]["status"] == "ok")
    await all_is_told(house)


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.FLAPS])
async def test_a_poor_broker_costs_time_and_no_event(
    house: House, proxy: FaultProxy, fault: Fault
) -> None:
    proxy.be(fault)
    async with responsive():
        replies = [await house.push(f"c{n}") for n in range(3)]
    proxy.be(Fault.NONE)

    assert {reply.status_code for reply in replies} == {200}
    await all_is_told(house)


async def test_a_broker_that_is_absent_at_the_start_is_found_when_it_comes(
    tmp_path: Path,
    sqlite_url: str,
    direct: str,
    proxy: FaultProxy,
    prefix: str,
    password_hash: str,
) -> None:
    proxy.be(Fault.ABSENT)
    settings = settings_of(tmp_path, sqlite_url, behind(proxy, direct), prefix)
    async with lived_in(settings, password_hash) as house:
        reply = await house.push("c1")
        health = await house.health()
        proxy.be(Fault.NONE)

        assert reply.status_code == 200
        assert health["bus"] == {"status": "failed", "error_code": "BUS_UNAVAILABLE"}
        await all_is_told(house)


async def test_a_refused_password_is_told_and_costs_no_call(
    tmp_path: Path, sqlite_url: str, prefix: str, password_hash: str
) -> None:
    await asyncio.to_thread(need_rabbitmq)
    wrong = "amqp://guest:s3cret-words@127.0.0.1:5672/"
    async with lived_in(settings_of(tmp_path, sqlite_url, wrong, prefix), password_hash) as house:
        reply = await house.push("c1")
        health = await house.health()

    assert reply.status_code == 200
    assert health["bus"] == {"status": "failed", "error_code": "BUS_UNAVAILABLE"}


@pytest.fixture
def kafka(prefix: str) -> Iterator[MockKafka]:
    with kafka_cluster() as cluster:
        cluster.ensure(prefix + "locutory.events")
        yield cluster


async def test_a_kafka_that_stands_still_is_told_of_when_it_goes_on(
    kafka: MockKafka, tmp_path: Path, sqlite_url: str, prefix: str, password_hash: str
) -> None:
    settings = settings_of(tmp_path, sqlite_url, kafka.url, prefix)
    settings.bus.wakeups = False
    async with lived_in(settings, password_hash) as house:
        await house.push("c0")
        await all_is_told(house)
        os.kill(kafka.pid, signal.SIGSTOP)
        async with responsive():
            replies = [await house.push(f"c{n}") for n in (1, 2, 3)]
        os.kill(kafka.pid, signal.SIGCONT)

        assert {reply.status_code for reply in replies} == {200}
        await all_is_told(house)
