"""Messages to other processes over a broker; which broker is an engine's matter (ADR 0024)."""

from locutory.kernel.bus.contract import Bus, BusUnavailable, Heard, Message

__all__ = ["Bus", "BusUnavailable", "Heard", "Message"]
