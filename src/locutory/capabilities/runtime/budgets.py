"""How much a business may spend on models in a day or month, and what happens then."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from locutory.capabilities.runtime.contract import BudgetExceeded, BudgetNear, Period
from locutory.capabilities.runtime.ledger import Ledger
from locutory.capabilities.runtime.models import LlmCall
from locutory.engines.llm.base import Events, LLMReply, LLMRequest
from locutory.engines.llm.routed import BudgetTerms, RoutedLLM
from locutory.engines.llm.streams import events_of
from locutory.kernel.caller import caller_tenant
from locutory.kernel.clock import Clock, utc_now
from locutory.kernel.db import Session, Storage
from locutory.kernel.errors import EngineError, ErrorClass
from locutory.kernel.events.outbox import emit

FRESH_S: Final = 5.0
CHEAPER: Final = "fast"


def began(period: str, now: datetime) -> str:
    """The first day of the period that this moment is in."""
    return (now.replace(day=1) if period == Period.MONTH else now).date().isoformat()


def left_s(period: str, now: datetime) -> float:
    """Seconds to the next period."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == Period.DAY:
        return (midnight + timedelta(days=1) - now).total_seconds()
    following = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return (following - now).total_seconds()


class BudgetSpent(EngineError):
    """The budget for language models is spent; rules answer until the next period."""

    status, code, cls = 429, BudgetExceeded.code, ErrorClass.THROTTLED


@dataclass(slots=True)
class _Known:
    read_at: datetime
    micros: int


class Budgeted:
    """A model that asks first whether there is money left.

    What is spent is read every few seconds, and what this process has booked since is added: a
    budget is overrun by no more than the requests under way and those of other processes.
    """

    def __init__(
        self,
        llm: RoutedLLM,
        ledger: Ledger,
        storage: Storage,
        clock: Clock = utc_now,
    ) -> None:
        self.llm = llm
        self._ledger, self._storage, self._clock = ledger, storage, clock
        self._known: dict[tuple[UUID, str], _Known] = {}
        self._warned: set[tuple[UUID, str, str]] = set()

    @property
    def name(self) -> str:
        return self.llm.name

    @property
    def model(self) -> str:
        return self.llm.model

    async def complete(self, request: LLMRequest) -> LLMReply:
        """As the model. Raises BudgetSpent."""
        return await self.llm.complete(await self._allowed(request))

    async def stream(self, request: LLMRequest) -> Events:
        """As the model. Raises BudgetSpent."""
        async for event in events_of(self.llm, await self._allowed(request)):
            yield event

    async def _allowed(self, request: LLMRequest) -> LLMRequest:
        """The request, for the cheaper models where that is left. Raises BudgetSpent."""
        tenant_id, now = caller_tenant.get(), self._clock()
        if tenant_id is None:
            return request
        for budget in self.llm.budgets:
            since = began(budget.period, now)
            spent = await self._spent(tenant_id, since, now)
            if spent >= budget.warn_at * budget.limit_micros:
                await self._warn(tenant_id, budget, since, spent)
            if spent < budget.limit_micros:
                continue
            if budget.on_limit != "cheaper_model":
                detail = f"the budget of this {budget.period} for language models is spent"
                wait_s = left_s(budget.period, now)
                raise BudgetSpent(detail, engine=self.name, retry_after=wait_s)
            request = _cheaper(request)
        return request

    async def _spent(self, tenant_id: UUID, since: str, now: datetime) -> int:
        """Micros spent since a day, also by what is not written yet."""
        known = self._known.get((tenant_id, since))
        if known is None or (now - known.read_at).total_seconds() >= FRESH_S:
            await self._ledger.flush()
            total = select(func.sum(LlmCall.cost_micros)).where(LlmCall.day >= since)
            async with self._storage.read(tenant_id) as session:
                micros = int(await session.scalar(total) or 0)
            known = self._known[(tenant_id, since)] = _Known(now, micros)
        return known.micros + self._ledger.booked_micros(tenant_id, known.read_at)

    async def _warn(self, tenant_id: UUID, budget: BudgetTerms, since: str, spent: int) -> None:
        """Tell once a period; of several processes each may."""
        key = (tenant_id, budget.period, since)
        if key in self._warned:
            return
        self._warned.add(key)
        event = BudgetNear(
            period=budget.period,
            began=since,
            spent_micros=spent,
            limit_micros=budget.limit_micros,
        )

        async def tell(tx: Session) -> None:
            await emit(tx, event)

        await self._storage.database(tenant_id).write(tell)


def _cheaper(request: LLMRequest) -> LLMRequest:
    return replace(request, tier=CHEAPER, provider=None, model=None)
