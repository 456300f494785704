"""What every broker promises: what is sent is heard by one, what cannot be read is kept apart."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from tests.brokers import (
    MockKafka,
    forget_rabbitmq,
    forget_redis,
    kafka_cluster,
    need_rabbitmq,
    need_redis,
    new_prefix,
)

from locutory.engines.bus import get_bus
from locutory.kernel.bus import Bus, BusUnavailable, Message
from locutory.kernel.bus.contract import DEAD
from locutory.kernel.errors import ConfigError

TOPICS = ("transcribe.demo", "analyze.demo")
WITHIN_S = 30.0


@dataclass(frozen=True)
class Broker:
    """A broker of the machine, with names of the test's own."""

    url: str
    prefix: str

    def connect(self) -> Bus:
        return get_bus(self.url, self.prefix)


@pytest.fixture(scope="module")
def kafka() -> Iterator[MockKafka]:
    with kafka_cluster() as cluster:
        yield cluster


@pytest.fixture(params=["rabbitmq", "redis", "kafka"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    prefix = new_prefix()
    if request.param == "rabbitmq":
        yield Broker(await asyncio.to_thread(need_rabbitmq), prefix)
        await forget_rabbitmq(prefix, *TOPICS)
    elif request.param == "redis":
        yield Broker(need_redis(), prefix)
        forget_redis(prefix)
    else:
        cluster: MockKafka = request.getfixturevalue("kafka")
        cluster.ensure(*(prefix + t + end for t in TOPICS for end in ("", DEAD)))
        cluster.ensure(prefix + "locutory.events")
        yield Broker(cluster.url, prefix)


class Ear:
    """Hears in a task; `heard` are the bodies, `told` is set with each."""

    def __init__(self, bus: Bus, *topics: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(bus.hear(topics, self._note))

    def _note(self, topic: str, body: bytes) -> None:
        if body == b"nonsense":
            raise ValueError("not ours")
        self.heard.append((topic, body))
        self._changed.set()

    async def until(self, count: int) -> list[bytes]:
        async with asyncio.timeout(WITHIN_S):
            while len(self.heard) < count:
                if self._task.done():
                    self._task.result()
                self._changed.clear()
                await self._changed.wait()
        return sorted(body for _, body in self.heard)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def message(topic: str, body: bytes) -> Message:
    return Message(id=f"{topic}-{body.decode()}", topic=topic, body=body, key="demo")


async def test_what_is_sent_is_heard_also_by_who_comes_later(broker: Broker) -> None:
    bus = broker.connect()
    await bus.send([message(topic, b"%d" % n) for n in range(20) for topic in TOPICS])
    ear = Ear(bus, *TOPICS)

    heard = await ear.until(40)
    await bus.send([message(TOPICS[0], b"later")])
    await ear.until(41)

    await ear.close()
    await bus.close()
    assert heard == sorted(b"%d" % n for n in range(20) for _ in TOPICS)


async def test_a_topic_is_heard_by_those_who_ask_for_it(broker: Broker) -> None:
    bus = broker.connect()
    await bus.send([message(TOPICS[0], b"one"), message(TOPICS[1], b"two")])
    ear = Ear(bus, TOPICS[1])

    assert await ear.until(1) == [b"two"]
    await ear.close()
    await bus.close()


async def test_what_cannot_be_read_goes_to_the_dead_letters(broker: Broker) -> None:
    bus = broker.connect()
    await bus.send([message(TOPICS[0], b"nonsense"), message(TOPICS[0], b"sense")])
    ear = Ear(bus, TOPICS[0])
    await ear.until(1)
    if broker.url.startswith("kafka"):  # a new member of the group would wait for this one
        await ear.close()

    graves: list[bytes] = []
    found = asyncio.Event()

    def bury(topic: str, body: bytes) -> None:
        graves.append(body)
        found.set()

    digging = asyncio.create_task(bus.hear([TOPICS[0] + DEAD], bury))
    async with asyncio.timeout(WITHIN_S):
        await found.wait()
    digging.cancel()
    await asyncio.gather(digging, return_exceptions=True)
    await ear.close()
    await bus.close()

    assert graves == [b"nonsense"]


async def test_two_listeners_share_a_topic(broker: Broker) -> None:
    if broker.url.startswith("kafka"):
        pytest.skip("the mock cluster's groups rebalance too slowly for a test")
    bus, other = broker.connect(), broker.connect()
    ears = [Ear(bus, TOPICS[0]), Ear(other, TOPICS[0])]
    await bus.send([message(TOPICS[0], b"%d" % n) for n in range(200)])

    async with asyncio.timeout(WITHIN_S):
        while sum(len(ear.heard) for ear in ears) < 200:
            await asyncio.wait([ear._task for ear in ears], timeout=0.02)

    for ear in ears:
        await ear.close()
    await bus.close()
    await other.close()
    assert sorted(b for ear in ears for _, b in ear.heard) == sorted(b"%d" % n for n in range(200))


async def test_a_broker_that_is_away_is_told_of_within_bounds() -> None:
    for url in ("amqp://guest:guest@127.0.0.1:1/", "redis://127.0.0.1:1/0"):
        bus = get_bus(url)
        with pytest.raises(BusUnavailable):
            await bus.send([message(TOPICS[0], b"x")])
        with pytest.raises(BusUnavailable):
            await bus.hear(TOPICS, lambda topic, body: None)
        with pytest.raises(BusUnavailable):
            await bus.check()
        await bus.close()


async def test_wrong_credentials_are_told_of() -> None:
    await asyncio.to_thread(need_rabbitmq)
    bus = get_bus("amqp://nobody:pl4nted@127.0.0.1:5672/")

    with pytest.raises(BusUnavailable) as told:
        await bus.check()

    assert "pl4nted" not in told.value.detail


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="LOCUTORY_BUS__URL"):
        get_bus("http://127.0.0.1:80")
