"""What happens, as it happens: one event log per tenant, read by every open page."""

from locutory.kernel.realtime.hub import Hub
from locutory.kernel.realtime.sse import EventStream

__all__ = ["EventStream", "Hub"]
