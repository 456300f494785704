"""What stands over all models of a server: a router, of the settings or of a file."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from locutory.engines.llm.base import StreamingLLM

if TYPE_CHECKING:
    from locutory.engines.llm.router import Router


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetTerms:
    """How much each business may spend in a `day` or `month` (UTC), in millionths of a dollar.

    `on_limit` is `cheaper_model`, `rules` or `deny`.
    """

    period: str
    limit_micros: int
    warn_at: float
    on_limit: str


class RoutedLLM(StreamingLLM, Protocol):
    """A model that is a router of many."""

    @property
    def router(self) -> "Router":
        """The router that is in force now."""
        ...

    @property
    def fault(self) -> str | None:
        """What is wrong with a newer configuration that is not in force."""
        ...

    @property
    def budgets(self) -> Sequence[BudgetTerms]:
        """What businesses may spend."""
        ...

    async def run(self, stop: asyncio.Event) -> None:
        """Look for a newer configuration until stopped."""
        ...
