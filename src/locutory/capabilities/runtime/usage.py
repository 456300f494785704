"""What models used, for people who pay for it."""

import csv
import io
from datetime import timedelta

from sqlalchemy import func, select

from locutory.capabilities.runtime.models import LlmCall
from locutory.capabilities.runtime.schemas import UsageAsk
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Database

_DAYS = 30
_BY = (LlmCall.day, LlmCall.purpose, LlmCall.provider, LlmCall.model, LlmCall.outcome)
_HEAD = (
    *("day", "purpose", "provider", "model", "outcome", "calls", "tokens_in", "tokens_out"),
    *("cost_micros", "unpriced_calls", "estimated_calls"),
)


async def as_csv(db: Database, ask: UsageAsk) -> str:
    """Sums by day and model; `cost_micros` in millionths of a dollar, of the priced ones."""
    until = (ask.to or utc_now().date() + timedelta(days=1)).isoformat()
    since = (ask.from_ or utc_now().date() - timedelta(days=_DAYS - 1)).isoformat()
    statement = (
        select(
            *_BY,
            func.count(),
            func.sum(LlmCall.tokens_in),
            func.sum(LlmCall.tokens_out),
            func.coalesce(func.sum(LlmCall.cost_micros), 0),
            func.count() - func.count(LlmCall.cost_micros),
            func.count().filter(LlmCall.estimated),
        )
        .where(LlmCall.day >= since, LlmCall.day < until)
        .group_by(*_BY)
        .order_by(*_BY)
    )
    async with db.read() as session:
        rows = (await session.execute(statement)).all()
    page = io.StringIO()
    writer = csv.writer(page)
    writer.writerow(_HEAD)
    writer.writerows(rows)
    return page.getvalue()
