"""RabbitMQ: a quorum queue per topic, a dead-letter exchange, a topic exchange for events."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import aio_pika
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractQueue,
)
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, AMQPError, DeliveryError

from locutory.kernel.bus.contract import DEAD, EVENTS, BusUnavailable, Heard, Message
from locutory.kernel.errors import first_line

DEAD_LETTERS: Final = "locutory.dead"
_MOST = 100_000  # messages in a queue; beyond, new ones are refused and old dead letters go
_PREFETCH = 200
_WAIT_S = 10.0
_DECLARE_S = 1.0  # more for each queue that a listener asks for
_FAILURES = (*CONNECTION_EXCEPTIONS, AMQPError, OSError, TimeoutError, asyncio.InvalidStateError)


class RabbitMq:
    """A RabbitMQ server at `amqp[s]://user:password@host:port/vhost`."""

    name = "rabbitmq"

    def __init__(self, url: str, prefix: str = "") -> None:
        """`prefix` is put before every name, for brokers that several installations share."""
        self._url = url
        self._prefix = prefix
        self._connecting = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._events: AbstractExchange | None = None
        self._declared: set[str] = set()

    async def send(self, messages: Sequence[Message]) -> None:
        """Publish to the topics' queues, with confirms."""
        async with self._bounded():
            channel = await self._open()
            for topic in {message.topic for message in messages} - self._declared:
                await self._declare(channel, topic)
                self._declared.add(topic)
            await _publish(channel.default_exchange, messages, self._prefix, tolerant=True)

    async def tell(self, messages: Sequence[Message]) -> None:
        """Publish to the exchange of events; the routing key is the event's type."""
        async with self._bounded():
            channel = await self._open()
            if self._events is None:
                self._events = await channel.declare_exchange(
                    self._prefix + EVENTS, "topic", durable=True
                )
            await _publish(self._events, messages, tolerant=False)

    async def hear(self, topics: Collection[str], heard: Heard) -> None:
        """Consume the topics' queues on a connection of their own."""

        async def on_message(incoming: AbstractIncomingMessage) -> None:
            topic = (incoming.routing_key or "").removeprefix(self._prefix)
            try:
                heard(topic, incoming.body)
            except ValueError:
                await self._declare_dead(channel, topic + DEAD)
                await incoming.reject(requeue=False)
            else:
                await incoming.ack()

        try:
            async with asyncio.timeout(_WAIT_S):
                connection = await aio_pika.connect(self._url, heartbeat=15)
        except _FAILURES as error:
            raise _unavailable(error) from error
        async with connection:
            lost = asyncio.Event()
            connection.close_callbacks.add(lambda *_: lost.set())
            try:
                async with asyncio.timeout(_WAIT_S + _DECLARE_S * len(topics)):
                    channel = await connection.channel()
                    await channel.set_qos(prefetch_count=_PREFETCH)
                    for topic in topics:
                        queue = await self._declare(channel, topic)
                        await queue.consume(on_message)
            except _FAILURES as error:
                raise _unavailable(error) from error
            await lost.wait()
        raise BusUnavailable("the broker closed the connection")

    async def check(self) -> None:
        """Ask for something that changes nothing: an open channel may have a silent broker."""
        async with self._bounded():
            await (await self._open()).set_qos()

    async def close(self) -> None:
        """Close the publishing connection."""
        connection, self._connection, self._channel = self._connection, None, None
        self._events = None
        self._declared.clear()
        if connection is not None:
            with suppress(*_FAILURES):
                async with asyncio.timeout(_WAIT_S):
                    await connection.close()

    async def _open(self) -> AbstractChannel:
        async with self._connecting:
            if self._channel is not None and not self._channel.is_closed:
                return self._channel
            await self.close()
            self._connection = await aio_pika.connect(self._url, heartbeat=15)
            self._channel = await self._connection.channel(publisher_confirms=True)
            return self._channel

    async def _declare(self, channel: AbstractChannel, topic: str) -> AbstractQueue:
        if topic.endswith(DEAD):
            return await self._declare_dead(channel, topic)
        return await channel.declare_queue(
            self._prefix + topic,
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-dead-letter-exchange": self._prefix + DEAD_LETTERS,
                "x-dead-letter-routing-key": self._prefix + topic + DEAD,
                "x-max-length": _MOST,
                "x-overflow": "reject-publish",
            },
        )

    async def _declare_dead(self, channel: AbstractChannel, dead: str) -> AbstractQueue:
        """The queue of a topic's dead letters, made with the first of them."""
        letters = await channel.declare_exchange(
            self._prefix + DEAD_LETTERS, "direct", durable=True
        )
        queue = await channel.declare_queue(
            self._prefix + dead,
            durable=True,
            arguments={"x-queue-type": "quorum", "x-max-length": _MOST},
        )
        await queue.bind(letters, self._prefix + dead)
        return queue

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(_WAIT_S):
                yield
        except _FAILURES as error:
            await self.close()
            raise _unavailable(error) from error


async def _publish(
    exchange: AbstractExchange, messages: Sequence[Message], prefix: str = "", *, tolerant: bool
) -> None:
    done = await asyncio.gather(
        *(
            exchange.publish(
                aio_pika.Message(
                    message.body,
                    message_id=message.id,
                    content_type="application/json",
                    delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                    headers={"key": message.key},
                ),
                routing_key=prefix + message.topic,
                mandatory=False,
            )
            for message in messages
        ),
        return_exceptions=True,
    )
    for outcome in done:
        if isinstance(outcome, BaseException) and not (
            tolerant and isinstance(outcome, DeliveryError)
        ):
            raise outcome


def _unavailable(error: BaseException) -> BusUnavailable:
    return BusUnavailable(f"RabbitMQ: {first_line(error)}")
