"""What judging calls costs."""

from locutory.kernel.auth.contract import Access
from locutory.products.calls.analytics import queries
from locutory.products.calls.analytics.figures import columns_of
from locutory.products.calls.analytics.queries import KeyRow
from locutory.products.calls.analytics.schemas import (
    Ask,
    CostByRead,
    CostDayRead,
    CostRead,
    JudgeRead,
)
from locutory.products.calls.analytics.service.asking import asked_of, day_of, pair_of

_FIGURES = ("cost_total", "cost_micros", "cost_per_minute", "cached_share", "minutes")
_MOST_AGENTS = 100
_MOST_JUDGES = 100


async def cost(access: Access, ask: Ask) -> CostRead:
    """Cost per call, minute, day, floor agent and analysis agent; what the cache saved."""
    asked = asked_of(access, ask)
    columns = columns_of(("cost_total", "calls"), "cost_micros_n")
    async with access.db.read() as session:
        pair = await pair_of(session, asked, _FIGURES, "calls", "judged", "tokens_in", "tokens_out")
        days = await queries.sums(session, asked.where, columns, ("day",))
        agents = await queries.sums(session, asked.where, columns, ("agent",))
        judges = await queries.keys(session, asked.where, "judge", limit=_MOST_JUDGES)
    read = [_judge(row) for row in judges]
    saved = [one.saved_micros_estimate for one in read if one.saved_micros_estimate is not None]
    priced = pair.now["cost_micros_n"]
    by_agent = sorted(agents, key=lambda row: (-row["cost_micros_sum"], row["agent"]))
    return CostRead(
        scope=asked.scope(),
        currency=access.tenant.currency,
        cost_micros=round(pair.now["cost_micros_sum"]),
        priced_calls=priced,
        unpriced_calls=max(0, pair.now["judged"] - priced),
        figures=[pair.read(key) for key in _FIGURES],
        tokens_in=pair.now["tokens_in"],
        tokens_out=pair.now["tokens_out"],
        saved_micros_estimate=sum(saved) if saved else None,
        by_day=[
            CostDayRead(
                day=day_of(row["day"]),
                calls=row["calls"],
                cost_micros=round(row["cost_micros_sum"]),
            )
            for row in sorted(days, key=lambda row: row["day"])
        ],
        by_floor_agent=[
            CostByRead(
                key=row["agent"],
                label=row["agent_name"] or row["agent"],
                calls=row["calls"],
                cost_micros=round(row["cost_micros_sum"]),
            )
            for row in by_agent[:_MOST_AGENTS]
        ],
        by_agent=read,
    )


def _judge(row: KeyRow) -> JudgeRead:
    """An analysis agent; its columns say who answered: yes a model, partial the cache, no rules."""
    saved = None
    if row.partial and row.yes and row.amount:
        saved = round(row.partial * row.amount / row.yes)
    return JudgeRead(
        key=row.key,
        label=row.label,
        calls=row.calls,
        cost_micros=row.amount,
        answers_model=row.yes,
        answers_cached=row.partial,
        answers_rules=row.no,
        saved_micros_estimate=saved,
    )
