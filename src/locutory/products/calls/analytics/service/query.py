"""Free questions from a fixed catalogue of metrics and dimensions."""

from collections.abc import Mapping
from datetime import date
from typing import Any, get_args
from zoneinfo import ZoneInfo

from locutory.kernel.auth.contract import Access
from locutory.kernel.clock import utc_now
from locutory.products.calls.analytics import queries
from locutory.products.calls.analytics.contract import Basis
from locutory.products.calls.analytics.figures import columns_of, figure
from locutory.products.calls.analytics.measures import METRICS
from locutory.products.calls.analytics.periods import month_name, span_of
from locutory.products.calls.analytics.queries import IN_ROLLUP, Slice
from locutory.products.calls.analytics.schemas import (
    CatalogRead,
    Dimension,
    DimensionRead,
    MetricRead,
    QueryAsk,
    QueryFilters,
    QueryRead,
    QueryRow,
)
from locutory.products.calls.analytics.service.asking import Asked

_TIMES = ("day", "week", "month", "hour", "weekday")
_NARROWING = ("direction", "template", "status", "language", "disposition", "kind", "has_text")


async def query(access: Access, ask: QueryAsk) -> QueryRead:
    """Metrics per value of the dimensions."""
    asked = Asked(tenant=access.tenant, where=_slice(access, ask.filters), compare=False)
    keys = list(dict.fromkeys(ask.metrics))
    dimensions = list(dict.fromkeys(ask.dimensions))
    async with access.db.read() as session:
        found = await queries.sums(session, asked.where, columns_of(keys), dimensions)
    times = [name for name in dimensions if name in _TIMES]
    rows = [(row, {key: figure(key, row) for key in keys}) for row in found]
    if times:
        rows.sort(key=lambda one: tuple(str(one[0][n]).rjust(12) for n in (*times, *dimensions)))
    else:
        first = keys[0]
        rows.sort(key=lambda one: (one[1][first].value is None, -(one[1][first].value or 0.0)))
    rolled = asked.where.in_rollup and IN_ROLLUP.issuperset(dimensions)
    return QueryRead(
        scope=asked.scope(Basis.ROLLUP if rolled else Basis.CALLS),
        rows=[
            QueryRow(
                dimensions={name: _shown(name, row) for name in dimensions},
                n={key: one.n for key, one in figures.items()},
                values={key: one.value for key, one in figures.items()},
            )
            for row, figures in rows[: ask.limit]
        ],
        truncated=len(rows) > ask.limit,
    )


def catalog() -> CatalogRead:
    """All metrics, dimensions and filters of a query."""
    return CatalogRead(
        metrics=[
            MetricRead(key=m.key, label=m.label, unit=m.unit, kind=m.kind, better=m.better)
            for m in METRICS.values()
        ],
        dimensions=[
            DimensionRead(key=name, rolled_up=name in IN_ROLLUP) for name in get_args(Dimension)
        ],
        filters=[field.alias or name for name, field in sorted(QueryFilters.model_fields.items())],
    )


def _slice(access: Access, filters: QueryFilters) -> Slice:
    zone = ZoneInfo(access.tenant.timezone)
    values = filters.model_dump(include=set(_NARROWING))
    return Slice(
        span=span_of(filters.from_, filters.to, utc_now(), zone),
        agents=tuple(dict.fromkeys(filters.agents)),
        engines=() if filters.engine is None else (filters.engine.value,),
        min_score=filters.min_score,
        max_score=filters.max_score,
        **{name: value if value is None else _text(value) for name, value in values.items()},
    )


def _text(value: Any) -> Any:
    return value if isinstance(value, bool) else str(value)


def _shown(name: str, row: Mapping[str, Any]) -> Any:
    """A dimension's value as people read it."""
    value = row[name]
    if name == "day":
        return date.fromordinal(value).isoformat()
    if name == "week":
        return date.fromordinal(7 * value + 1).isoformat()
    return month_name(value) if name == "month" else value
