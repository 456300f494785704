"""The runtime as the composition root makes it: the models, their book of use, and budgets."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from locutory.capabilities.runtime.budgets import Budgeted
from locutory.capabilities.runtime.contract import ProviderClosed
from locutory.capabilities.runtime.ledger import Ledger
from locutory.engines.llm.base import LLM
from locutory.engines.llm.probing import Access, Probed
from locutory.engines.llm.routed import RoutedLLM
from locutory.engines.llm.router import Parameters, Router
from locutory.kernel.db import Storage
from locutory.kernel.errors import ConfigError
from locutory.kernel.telemetry.logs import get_logger

__all__ = ["Ledger", "Runtime"]

PROBE_EVERY_S: Final = 300.0


@dataclass(slots=True)
class Runtime:
    """`routed` is None where no model is configured; `llm` is the same behind its budgets.

    `probed` is how each provider answered when it was last asked whether it lets us in.
    """

    routed: RoutedLLM | None
    ledger: Ledger
    llm: LLM | None
    probed: dict[str, Probed] = field(default_factory=dict)

    @classmethod
    def of(cls, routed: RoutedLLM | None, ledger: Ledger, storage: Storage) -> "Runtime":
        """The runtime over a router."""
        if routed is None:
            return cls(None, ledger, None)
        return cls(routed, ledger, Budgeted(routed, ledger, storage))

    @property
    def router(self) -> Router | None:
        """The router that is in force now."""
        return None if self.routed is None else self.routed.router

    @property
    def fault(self) -> str | None:
        """What is wrong with a newer configuration that is not in force."""
        return None if self.routed is None else self.routed.fault

    @property
    def defaults(self) -> Parameters | None:
        """What requests have that do not say otherwise."""
        return None if self.router is None else self.router.purposes.get("defaults")

    async def run(self, stop: asyncio.Event) -> None:
        """Write the book and look at the configuration until stopped."""
        tasks = [self.ledger.run(stop)]
        if self.routed is not None:
            tasks += [self.routed.run(stop), self._keep_probing(stop)]
        await asyncio.gather(*tasks)

    async def probe(self) -> None:
        """Ask the providers of the router in force whether they let us in."""
        places = [] if self.router is None else list(self.router.places)
        asked = {place.name: place.probe for place in places if place.probe is not None}
        answers = await asyncio.gather(*(ask() for ask in asked.values()))
        self.probed = dict(zip(asked, answers, strict=True))
        for name, answer in self.probed.items():
            if answer.access is not Access.OK:
                reason = answer.access.value
                get_logger().warning("a model cannot be used", provider=name, reason=reason)

    async def _keep_probing(self, stop: asyncio.Event) -> None:
        """At the start, which does not wait for it, and every five minutes."""
        while not stop.is_set():
            await self.probe()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PROBE_EVERY_S)

    async def check(self) -> dict[str, Any]:
        """For `/health`: how each provider answered.

        Raises ConfigError while a newer configuration cannot be used, ProviderClosed for a key
        that was refused or a model that is not there.
        """
        if self.fault is not None:
            raise ConfigError(self.fault)
        access = {name: one.access for name, one in self.probed.items()}
        closed = {Access.REFUSED, Access.NO_MODEL}
        if shut := sorted(name for name, one in access.items() if one in closed):
            raise ProviderClosed(f"{', '.join(shut)}: see `locutory doctor`")
        engine = "rules" if self.router is None else self.router.name
        return {"engine": engine, "providers": {name: one.value for name, one in access.items()}}
