"""Kafka: a topic per topic, one group of listeners, a topic of events keyed by tenant."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from locutory.kernel.bus.contract import DEAD, EVENTS, GROUP, BusUnavailable, Heard, Message

T = TypeVar("T")

_COUNT = 200
_LOOK_S = 0.2  # how soon a listener sees that it shall end
_WAIT_S = 10.0
_NO_MATTER = (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART)


class Kafka:
    """Brokers at `host:port[,host:port]`. The client blocks, so it runs in a thread of its own."""

    name = "kafka"

    def __init__(self, servers: str, prefix: str = "") -> None:
        """`prefix` is put before every name, for clusters that several installations share."""
        self._servers = servers
        self._prefix = prefix
        self._thread = ThreadPoolExecutor(1, "kafka")
        self._producer: Producer | None = None

    async def send(self, messages: Sequence[Message]) -> None:
        """Produce to the topics; back when all replicas in sync have them."""
        await self._run(lambda: self._produce([(m.topic, m) for m in messages]))

    async def tell(self, messages: Sequence[Message]) -> None:
        """Produce to `locutory.events`; header `type` is the event's."""
        await self._run(lambda: self._produce([(EVENTS, m) for m in messages]))

    async def hear(self, topics: Collection[str], heard: Heard) -> None:
        """Consume the topics as one of the group `locutory`, in a thread until cancelled."""
        stop = Event()
        loop = asyncio.get_running_loop()

        def on_loop(topic: str, body: bytes) -> None:
            asyncio.run_coroutine_threadsafe(_told(heard, topic, body), loop).result(_WAIT_S)

        task = loop.run_in_executor(
            None, self._consume, [self._prefix + t for t in topics], on_loop, stop
        )
        try:
            await asyncio.shield(task)
        except (KafkaException, TimeoutError) as error:
            raise _unavailable(error) from error
        finally:
            stop.set()
            await asyncio.gather(task, return_exceptions=True)

    async def check(self) -> None:
        """Ask for the list of brokers."""
        await self._run(lambda: self._open().list_topics(timeout=_WAIT_S / 2))

    async def close(self) -> None:
        """Send what waits, and end the thread."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._run(lambda: producer.flush(_WAIT_S))
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (KafkaException, BufferError) as error:
            raise _unavailable(error) from error

    def _open(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(
                {
                    "bootstrap.servers": self._servers,
                    "enable.idempotence": True,
                    "linger.ms": 0,
                    "message.timeout.ms": int(_WAIT_S * 1000),
                    "log_level": 2,
                }
            )
        return self._producer

    def _produce(self, messages: Sequence[tuple[str, Message]]) -> None:
        producer = self._open()
        faults: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: object) -> None:
            if error is not None:
                faults.append(error)

        for topic, message in messages:
            producer.produce(
                self._prefix + topic,
                message.body,
                message.key or message.id,
                headers={"id": message.id, "type": message.topic},
                on_delivery=delivered,
            )
        left = producer.flush(_WAIT_S)
        if faults:
            raise KafkaException(faults[0])
        if left:
            raise BufferError(f"{left} messages are not confirmed after {_WAIT_S:.0f} s")

    def _consume(self, topics: list[str], heard: Heard, stop: Event) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._servers,
                "group.id": self._prefix + GROUP,
                "auto.offset.reset": "earliest",
                "session.timeout.ms": 10_000,  # a listener that died costs its topics so long
                "heartbeat.interval.ms": 3_000,
                "allow.auto.create.topics": True,
                "log_level": 2,
            }
        )
        try:
            consumer.subscribe(topics)
            while not stop.is_set():
                for message in consumer.consume(_COUNT, _LOOK_S):
                    fault = message.error()
                    if fault is not None:
                        if fault.code() in _NO_MATTER:
                            continue
                        raise KafkaException(fault)
                    topic = (message.topic() or "").removeprefix(self._prefix)
                    body = message.value() or b""
                    try:
                        heard(topic, body)
                    except ValueError:
                        dead = Message(id="", topic=topic + DEAD, body=body)
                        self._thread.submit(self._produce, [(dead.topic, dead)]).result()
        finally:
            consumer.close()


async def _told(heard: Heard, topic: str, body: bytes) -> None:
    heard(topic, body)


def _unavailable(error: BaseException) -> BusUnavailable:
    words = error.args[0].str() if isinstance(error, KafkaException) else str(error)
    return BusUnavailable(f"Kafka: {words}")
