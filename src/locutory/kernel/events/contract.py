"""Events: small facts in the past tense."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import UUID

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from locutory.kernel.jobs import Context

E = TypeVar("E", bound="Event")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact. Subclasses set `type` (`call.status`) and hold ids and what readers need."""

    type: ClassVar[str] = ""

    @property
    def subject(self) -> str | None:
        """The thing it is about, for filters; subclasses may say."""
        return None

    def payload(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return {k: str(v) if isinstance(v, UUID) else v for k, v in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One subscriber of one event type; each delivery is a job of kind `on:<type>:<name>`."""

    event: type[Event]
    name: str
    handler: Callable[[Context, Any], Awaitable[None]]

    @property
    def kind(self) -> str:
        """The job kind of its deliveries."""
        return f"on:{self.event.type}:{self.name}"

    async def deliver(self, context: Context) -> None:
        """Rebuild the event from the job and hand it over."""
        event = TypeAdapter(self.event).validate_python(context.payload["event"])
        await self.handler(context, event)


def subscribe(event: type[E], handler: Callable[[Context, E], Awaitable[None]]) -> Subscription:
    """Deliver every such event to `handler(context, event)`: at least once, so be idempotent."""
    name = f"{handler.__module__.removeprefix('locutory.')}.{handler.__name__}"
    return Subscription(event=event, name=name, handler=handler)
