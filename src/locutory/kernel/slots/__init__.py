"""How many calls all processes together have with an outside provider at once."""

from locutory.kernel.slots.slots import ProviderSlots, SlotsTakenError

__all__ = ["ProviderSlots", "SlotsTakenError"]
