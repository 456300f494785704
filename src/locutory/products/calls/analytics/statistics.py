"""Means, spreads, tests and percentiles from counts, sums, sums of squares and bins."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SCORE_BINS = 100
LAG_STEP = 1.05  # the ratio of the bounds of a bin of lags
SIGNIFICANT_N = 20
SIGNIFICANT_P = 0.05
SHRINK_TO = 10  # calls' worth of the business's mean that an agent's mean is mixed with
MOVING = 7
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Sample:
    """What is known of a set of numbers: count, sum, sum of squares."""

    n: int
    total: float
    squares: float

    @property
    def mean(self) -> float | None:
        return self.total / self.n if self.n else None

    @property
    def variance(self) -> float | None:
        """With n - 1 below; None for fewer than two."""
        if self.n < 2:
            return None
        return max(0.0, (self.squares - self.total * self.total / self.n) / (self.n - 1))

    @property
    def sd(self) -> float | None:
        variance = self.variance
        return None if variance is None else math.sqrt(variance)


def welch_p(a: Sample, b: Sample) -> float | None:
    """The two-sided p of Welch's t test; None where a sample has fewer than two numbers.

    Degrees of freedom by Welch and Satterthwaite. Two constant samples give 1 or 0.
    """
    if a.variance is None or b.variance is None:
        return None
    difference = a.total / a.n - b.total / b.n
    va, vb = a.variance / a.n, b.variance / b.n
    if va + vb <= 0:
        return 1.0 if difference == 0 else 0.0
    t2 = difference * difference / (va + vb)
    freedom = (va + vb) ** 2 / (va * va / (a.n - 1) + vb * vb / (b.n - 1))
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t2))


def is_significant(a: Sample, b: Sample) -> bool:
    """Both have 20 numbers or more, and Welch's p is below 0.05."""
    p = welch_p(a, b)
    return p is not None and min(a.n, b.n) >= SIGNIFICANT_N and p < SIGNIFICANT_P


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by Lentz's continued fraction."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _nonzero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 300):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _nonzero(1 + even * d)
        c = _nonzero(1 + even / c)
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / _nonzero(1 + odd * d)
        c = _nonzero(1 + odd / c)
        value *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return value


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def change_pct(now: float | None, before: float | None) -> float | None:
    """By how many percent a value changed; None without a value before, or from 0."""
    if now is None or not before:
        return None
    return 100 * (now - before) / abs(before)


def moving_mean(values: Sequence[float | None], window: int = MOVING) -> list[float | None]:
    """For each place the mean of the known values among it and those before, `window` in all."""
    means: list[float | None] = []
    for place in range(len(values)):
        known = [v for v in values[max(0, place - window + 1) : place + 1] if v is not None]
        means.append(sum(known) / len(known) if known else None)
    return means


def shrunk(sample: Sample, business_mean: float) -> float:
    """(n·x̄ + 10·μ)/(n + 10): few calls move an agent little from the business's mean."""
    return (sample.total + SHRINK_TO * business_mean) / (sample.n + SHRINK_TO)


def percentile(ordered: Sequence[float], q: float) -> float | None:
    """The q-quantile (0-1) of sorted numbers, linear between the two neighbours."""
    if not ordered:
        return None
    place = q * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def score_bin(score: float) -> int:
    """The bin of a score 0-100: one point wide, 100 in the last."""
    return min(SCORE_BINS - 1, max(0, math.floor(score)))


def lag_bin(lag_s: float) -> int:
    """The bin of a lag: 0 below a second, then bounds that grow by 5 %."""
    return 0 if lag_s < 1 else 1 + math.floor(math.log(lag_s) / math.log(LAG_STEP))


def score_bounds(number: int) -> tuple[float, float]:
    """From and to of a bin of scores."""
    return float(number), float(number + 1)


def lag_bounds(number: int) -> tuple[float, float]:
    """From and to of a bin of lags, in seconds."""
    return (0.0, 1.0) if number == 0 else (LAG_STEP ** (number - 1), LAG_STEP**number)


def binned_percentile(
    bins: Mapping[int, int], q: float, *, lags: bool = False
) -> tuple[float, float] | None:
    """The q-quantile from bins, and by how much it may be off: the width of its bin.

    The two numbers next to its rank are each placed within their bin, as if all were spread evenly.
    """
    total = sum(bins.values())
    if not total:
        return None
    rank = q * (total - 1)
    low, low_width = _placed(bins, math.floor(rank), lags)
    high, high_width = _placed(bins, min(math.floor(rank) + 1, total - 1), lags)
    return low + (high - low) * (rank - math.floor(rank)), max(low_width, high_width)


def _placed(bins: Mapping[int, int], rank: int, lags: bool) -> tuple[float, float]:
    """About where the number of that rank (from 0) lies, and how wide its bin is."""
    before = 0
    for number in sorted(bins):
        if rank < before + bins[number]:
            low, high = lag_bounds(number) if lags else score_bounds(number)
            return low + (high - low) * (rank - before + 0.5) / bins[number], high - low
        before += bins[number]
    raise AssertionError("a rank beyond the bins")
