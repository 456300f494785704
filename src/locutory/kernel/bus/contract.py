"""What the kernel asks of a broker.

Two ways to use one: topics, whose messages one of the listeners gets each (wake-ups of workers),
and the log of events, which anybody may follow. What is true stands in the database; a broker
carries copies, so a message may be doubled or lost without harm to it.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from locutory.kernel.errors import ErrorClass, LocutoryError

DEAD = ".dlq"
"""What is appended to a topic's name to name the topic of its dead letters."""
EVENTS = "locutory.events"
"""The log of events, as brokers call it."""
GROUP = "locutory"
"""The group of listeners, for brokers that give one of a group each message."""


class BusUnavailable(LocutoryError):
    """The broker does not take messages now."""

    status, code, cls = 503, "BUS_UNAVAILABLE", ErrorClass.TRANSIENT_NETWORK


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`body` is JSON. Messages of one `key` stay in order where the broker keeps one."""

    id: str
    topic: str
    body: bytes
    key: str = ""


Heard = Callable[[str, bytes], None]
"""Told (topic, body) of each message; raises ValueError for one that it cannot read."""


class Bus(Protocol):
    """A broker. Connects at first use and again after a failure; every wait is bounded."""

    name: str

    async def send(self, messages: Sequence[Message]) -> None:
        """Put messages into their topics; back when the broker holds them all.

        A topic that is full drops its messages. Raises BusUnavailable: some may be sent.
        """
        ...

    async def tell(self, messages: Sequence[Message]) -> None:
        """Append messages to the log of events; `topic` is the event's type there.

        Back when the broker holds them all. Raises BusUnavailable: some may be told.
        """
        ...

    async def hear(self, topics: Collection[str], heard: Heard) -> None:
        """Pass on what comes to these topics, until cancelled; one listener gets each message.

        What `heard` cannot read goes to the topic's dead letters. Raises BusUnavailable.
        """
        ...

    async def check(self) -> None:
        """Raises BusUnavailable if the broker cannot be reached."""
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...
