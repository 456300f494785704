"""Facts, told with the data that made them true and delivered as durable jobs."""

from locutory.kernel.events.contract import Event, Subscription, subscribe
from locutory.kernel.events.outbox import emit

__all__ = ["Event", "Subscription", "emit", "subscribe"]
