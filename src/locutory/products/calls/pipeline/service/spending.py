"""Budgets of a day: how much is spent, and what that holds up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from locutory.engines.stt import STTResult
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Database, Session
from locutory.kernel.settings import PriceSettings
from locutory.products.calls.pipeline import queries
from locutory.products.calls.pipeline.config import Budgets
from locutory.products.calls.pipeline.contract import BudgetSpent
from locutory.products.calls.pipeline.models import CallUsage
from locutory.products.calls.pipeline.queries import Spent
from locutory.products.calls.pipeline.schemas import (
    BudgetsRead,
    BudgetUse,
    CostQuery,
    CostRead,
    CostRow,
)
from locutory.products.calls.records.contract import Stage

_MILLION = 1_000_000
_MINUTE_MS = 60_000
_DEFAULT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Use:
    """One budget, its use, and the stages that its end holds up."""

    name: str
    limit: int | None
    used: float
    stages: tuple[Stage, ...]

    @property
    def share(self) -> float | None:
        """Used of the limit; None without one."""
        if self.limit is None:
            return None
        return self.used / self.limit if self.limit else 1.0

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.share is not None and self.share >= 1.0


def uses(budgets: Budgets, spent: Spent) -> tuple[Use, ...]:
    """Every budget beside its use."""
    both = (Stage.TRANSCRIBE, Stage.ANALYZE)
    minutes = spent.audio_ms / _MINUTE_MS
    return (
        Use("audio_minutes", budgets.audio_minutes, minutes, (Stage.TRANSCRIBE,)),
        Use("tokens", budgets.tokens, spent.tokens, (Stage.ANALYZE,)),
        Use("money_micros", budgets.money_micros, spent.cost_micros, both),
    )


async def require_budget(db: Session, budgets: Budgets, stage: Stage) -> None:
    """Raises BudgetSpent, which blocks the stage until there is money again."""
    if budgets == Budgets():
        return
    for use in uses(budgets, await queries.spent(db, today())):
        if use.spent and stage in use.stages:
            raise BudgetSpent(f"{use.name}: {use.used:.0f} of {use.limit} used today (UTC)")


async def read_budgets(db: Database) -> BudgetsRead:
    """The budgets and what is used of them today."""
    async with db.read() as session:
        found = await queries.configured(session)
        spent = await queries.spent(session, today())
    budgets = found.config.budgets
    return BudgetsRead(
        version=found.version,
        budgets=budgets,
        day=today(),
        used={
            use.name: BudgetUse(limit=use.limit, used=round(use.used, 3), share=use.share)
            for use in uses(budgets, spent)
        },
    )


async def read_cost(db: Database, ask: CostQuery, prices: PriceSettings) -> CostRead:
    """Use and cost by day and stage; without a range the last 30 days."""
    last = ask.to or datetime.now(UTC).date()
    first = ask.from_ or last - timedelta(days=min(_DEFAULT_DAYS - 1, (last - date.min).days))
    async with db.read() as session:
        rows = await queries.costs(session, first.isoformat(), last.isoformat())
    items = [
        CostRow(
            day=row.day,
            stage=row.stage,
            runs=int(row.runs),
            audio_minutes=round(int(row.audio_ms) / _MINUTE_MS, 3),
            tokens_in=int(row.tokens_in),
            tokens_out=int(row.tokens_out),
            cost_micros=int(row.cost_micros),
        )
        for row in rows
    ]
    return CostRead(
        currency=prices.currency,
        items=items,
        total_cost_micros=sum(item.cost_micros for item in items),
    )


def today() -> str:
    """The day in UTC that use is booked on now."""
    return utc_now().date().isoformat()


def speech_use(
    call_id: UUID,
    run_no: int,
    result: STTResult,
    *,
    heard_ms: int,
    paid: bool,
    prices: PriceSettings,
) -> CallUsage:
    """What a transcription used; only an engine that was `paid` for costs.

    Providers count channels that are sent apart one by one, so the engine's own figure is priced.
    """
    cost = 0
    if paid:
        billed_ms = result.usage.audio_ms or heard_ms
        by_minute = round(billed_ms * prices.stt_minute_micros / _MINUTE_MS)
        cost = result.usage.cost_micros or by_minute
    return _use(
        call_id,
        Stage.TRANSCRIBE,
        run_no,
        engine=f"{result.provider}/{result.model}",
        audio_ms=heard_ms,
        cost_micros=cost,
    )


def agents_use(
    call_id: UUID,
    run_no: int,
    meta: Mapping[str, Mapping[str, Any]],
    *,
    engine: str,
    degraded: bool,
    prices: PriceSettings,
) -> CallUsage:
    """What the agents used; answers of rules and of the cache cost nothing."""
    tokens_in = sum(agent.get("tokens_in") or 0 for agent in meta.values())
    tokens_out = sum(agent.get("tokens_out") or 0 for agent in meta.values())
    by_token = (
        tokens_in * prices.llm_million_in_micros + tokens_out * prices.llm_million_out_micros
    ) // _MILLION
    checked = [agent["evidence_ok"] for agent in meta.values() if "evidence_ok" in agent]
    results = [ok for ok in checked if ok is not None]
    return _use(
        call_id,
        Stage.ANALYZE,
        run_no,
        engine=engine,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_micros=sum(agent.get("cost_micros") or 0 for agent in meta.values()) or by_token,
        degraded=degraded,
        results=len(results),
        unsupported=results.count(False),
    )


def _use(call_id: UUID, stage: Stage, run_no: int, *, engine: str, **figures: Any) -> CallUsage:
    none = dict.fromkeys(
        ("audio_ms", "tokens_in", "tokens_out", "cost_micros", "results", "unsupported"), 0
    )
    return CallUsage(
        call_id=call_id,
        stage=stage,
        run_no=run_no,
        day=today(),
        engine=engine,
        **{**none, "degraded": False, **figures},
    )
