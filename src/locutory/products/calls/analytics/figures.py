"""From sums to figures: one value with its count, its spread and what changed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from locutory.products.calls.analytics.measures import METRICS, Metric
from locutory.products.calls.analytics.statistics import (
    Sample,
    change_pct,
    is_significant,
    welch_p,
)

Sums = Mapping[str, Any]  # columns of the day table by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A metric of some calls. `sample` is None where no test applies."""

    metric: Metric
    n: int
    value: float | None
    sample: Sample | None

    @property
    def sd(self) -> float | None:
        return None if self.sample is None or self.metric.binary else self.sample.sd


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How a figure stands against the same figure of the period before."""

    delta_pct: float | None
    p_value: float | None
    significant: bool


def columns_of(keys: Iterable[str], *more: str) -> list[str]:
    """The columns that these metrics are computed from."""
    return list(dict.fromkeys([*(c for key in keys for c in METRICS[key].columns), *more]))


def total(rows: Iterable[Sums], columns: Collection[str]) -> dict[str, Any]:
    """The rows added up."""
    sums: dict[str, Any] = dict.fromkeys(columns, 0)
    for row in rows:
        for column in columns:
            sums[column] += row[column]
    return sums


def figure(key: str, sums: Sums) -> Figure:
    """A metric from sums; its value is None where there is nothing to divide by."""
    metric = METRICS[key]
    if metric.measure is not None:
        name = metric.measure
        sample = Sample(int(sums[f"{name}_n"]), sums[f"{name}_sum"], sums[f"{name}_sq"])
        value = sample.mean
        if metric.complement and value is not None:
            value = 1 - value
        return Figure(metric=metric, n=sample.n, value=value, sample=sample)
    over = sum(sums[column] for column in metric.over)
    if not metric.under:
        n = int(over) if metric.unit == "count" else 0
        return Figure(metric=metric, n=n, value=over * metric.factor, sample=None)
    under = sum(sums[column] for column in metric.under)
    return Figure(
        metric=metric,
        n=int(under),
        value=metric.factor * over / under if under else None,
        sample=Sample(int(under), over, over) if metric.binary else None,
    )


def change(now: Figure, before: Figure) -> Change:
    """The change in percent, and whether Welch's test takes it for more than chance."""
    if now.sample is None or before.sample is None:
        return Change(
            delta_pct=change_pct(now.value, before.value), p_value=None, significant=False
        )
    return Change(
        delta_pct=change_pct(now.value, before.value),
        p_value=welch_p(now.sample, before.sample),
        significant=is_significant(now.sample, before.sample),
    )


def share_pct(part: float, whole: float) -> float | None:
    """100 · part / whole."""
    return 100 * part / whole if whole else None


def first_or_zero(rows: Sequence[Sums], columns: Collection[str]) -> Sums:
    """The one row of a sum without dimensions."""
    return rows[0] if rows else dict.fromkeys(columns, 0)
