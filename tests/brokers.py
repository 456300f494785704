"""Brokers for tests: RabbitMQ and Redis of this machine, and librdkafka's mock cluster for Kafka.

Where a server is not there its tests skip and say so. Every test has names of its own.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import aio_pika
import pytest
import redis

from locutory.engines.bus.rabbitmq import DEAD_LETTERS
from locutory.kernel.bus.contract import DEAD, EVENTS

RABBITMQ = "amqp://guest:guest@127.0.0.1:5672/"
REDIS = "redis://127.0.0.1:6379/0"

# a cluster lives as long as the process that made it; it ends with its standard input
_MOCK = """
import sys
from confluent_kafka import Producer
producer = Producer({"test.mock.num.brokers": 1, "log_level": 2})
broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
print(f"{broker.host}:{broker.port}", flush=True)
for line in sys.stdin:
    producer.list_topics(line.strip(), timeout=5)
    print("made", flush=True)
"""


class MockKafka:
    """A cluster whose topics are made on demand: `ensure` them before use."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert process.stdout is not None
        self.url = f"kafka://{process.stdout.readline().strip()}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def ensure(self, *topics: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for topic in topics:
            print(topic, file=self._process.stdin, flush=True)
            assert self._process.stdout.readline() == "made\n"


@contextmanager
def kafka_cluster() -> Iterator[MockKafka]:
    process = subprocess.Popen(
        [sys.executable, "-c", _MOCK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield MockKafka(process)
        assert process.stdin is not None
        process.stdin.close()


def need_rabbitmq() -> str:
    try:
        asyncio.run(_touch())
    except OSError:
        pytest.skip("no RabbitMQ answers on 127.0.0.1:5672")
    return RABBITMQ


async def _touch() -> None:
    async with await aio_pika.connect(RABBITMQ):
        pass


def need_redis() -> str:
    with redis.Redis.from_url(REDIS) as client:
        try:
            client.ping()
        except redis.ConnectionError:
            pytest.skip("no Redis answers on 127.0.0.1:6379")
    return REDIS


def new_prefix() -> str:
    return f"t{uuid4().hex[:10]}."


async def forget_rabbitmq(prefix: str, *topics: str) -> None:
    """Delete what a test made, so that the broker does not fill with it."""
    async with await aio_pika.connect(RABBITMQ) as connection:
        channel = await connection.channel()
        for topic in topics:
            await channel.queue_delete(prefix + topic)
            await channel.queue_delete(prefix + topic + DEAD)
        for exchange in (EVENTS, DEAD_LETTERS):
            await channel.exchange_delete(prefix + exchange)


def forget_redis(prefix: str) -> None:
    with redis.Redis.from_url(REDIS) as client:
        for name in client.scan_iter(f"{prefix}*"):
            client.delete(name)
