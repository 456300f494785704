"""The runtime as the composition root makes it: the models, their book of use, and budgets."""

import asyncio
from dataclasses import dataclass

from locutory.capabilities.runtime.budgets import Budgeted
from locutory.capabilities.runtime.ledger import Ledger
from locutory.engines.llm.base import LLM
from locutory.engines.llm.routed import RoutedLLM
from locutory.engines.llm.router import Parameters, Router
from locutory.kernel.db import Storage
from locutory.kernel.errors import ConfigError

__all__ = ["Ledger", "Runtime"]


@dataclass(slots=True)
class Runtime:
    """`routed` is None where no model is configured; `llm` is the same behind its budgets."""

    routed: RoutedLLM | None
    ledger: Ledger
    llm: LLM | None

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
            tasks.append(self.routed.run(stop))
        await asyncio.gather(*tasks)

    async def check(self) -> dict[str, str]:
        """For `/health`. Raises ConfigError while a newer configuration cannot be used."""
        if self.fault is not None:
            raise ConfigError(self.fault)
        return {"engine": "rules" if self.router is None else self.router.name}
