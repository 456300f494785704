"""What a process does with its broker: announces, hears, relays."""

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from typing import Any
from uuid import UUID

from locutory.kernel.auth.slugs import Slugs
from locutory.kernel.bus.contract import Bus
from locutory.kernel.bus.wakeups import SIGNAL, Announcer, Topics, Wakened
from locutory.kernel.db.database import Storage
from locutory.kernel.events.relay import Relay
from locutory.kernel.settings import BusSettings
from locutory.kernel.telemetry.metrics import Metrics


class BusLink:
    """The parts around one broker."""

    def __init__(
        self,
        bus: Bus,
        storage: Storage,
        settings: BusSettings,
        metrics: Metrics,
        by_business: Mapping[str, str],
    ) -> None:
        """`by_business` maps queues of businesses' own work to the names of their topics."""
        self.bus = bus
        self._storage = storage
        self._settings = settings
        slugs = Slugs(storage)
        self._topics = Topics(slugs, by_business)
        self._announcer = Announcer(bus, self._topics, metrics)
        self._relay = Relay(storage, bus, slugs, metrics)
        if settings.wakeups:
            storage.shared["announcer"] = self._announcer
            storage.quiet.add(SIGNAL)

    def tasks(self, stop: asyncio.Event) -> list[Coroutine[Any, Any, None]]:
        """What runs in every process."""
        found = []
        if self._settings.wakeups:
            found.append(self._announcer.run(stop))
        if self._settings.events:
            found.append(self._relay.run(stop))
        return found

    async def hear(
        self,
        stop: asyncio.Event,
        queues: Collection[str],
        tenants: Collection[UUID] | None,
    ) -> None:
        """Wake this process's worker of these queues until `stop`."""
        if self._settings.wakeups:
            await Wakened(self.bus, self._topics, self._storage, queues, tenants).run(stop)

    async def check(self) -> dict[str, str]:
        """For `/health`. Raises BusUnavailable."""
        await self.bus.check()
        return {"kind": self.bus.name}
