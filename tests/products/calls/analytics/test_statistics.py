"""Our own statistics against scipy's, and the bins against exact percentiles."""

import math
import statistics
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locutory.products.calls.analytics.statistics import (
    LAG_STEP,
    Sample,
    binned_percentile,
    change_pct,
    incomplete_beta,
    is_significant,
    lag_bin,
    lag_bounds,
    moving_mean,
    percentile,
    score_bin,
    shrunk,
    welch_p,
)

numbers = st.lists(st.floats(0, 100).map(lambda x: round(x, 2)), min_size=2, max_size=40)


def sample(values: list[float]) -> Sample:
    return Sample(len(values), math.fsum(values), math.fsum(v * v for v in values))


@settings(deadline=None)  # scipy loads slowly
@given(numbers, numbers)
def test_welchs_p_is_that_of_scipy(a: list[float], b: list[float]) -> None:
    from scipy import stats  # noqa: PLC0415 - loads slowly

    if min(statistics.pvariance(a), statistics.pvariance(b)) < 1e-3:
        return  # scipy warns of a loss of precision, and rightly

    theirs = stats.ttest_ind(a, b, equal_var=False).pvalue

    assert welch_p(sample(a), sample(b)) == pytest.approx(theirs, rel=1e-6, abs=1e-12)


@settings(deadline=None)
@given(st.floats(0.05, 300), st.floats(0.05, 300), st.floats(0, 1))
def test_the_incomplete_beta_is_that_of_scipy(a: float, b: float, x: float) -> None:
    from scipy import special  # noqa: PLC0415 - loads slowly

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = special.betainc(a, b, x)

    assert incomplete_beta(a, b, x) == pytest.approx(theirs, rel=1e-7, abs=1e-10)


def test_constant_samples_differ_surely_or_not_at_all() -> None:
    assert welch_p(sample([5, 5]), sample([5, 5])) == 1
    assert welch_p(sample([5, 5]), sample([6, 6])) == 0
    assert welch_p(sample([5]), sample([6, 7])) is None


def test_twenty_are_needed_on_both_sides() -> None:
    low, high = [1.0, 2.0] * 10, [11.0, 12.0] * 10

    assert is_significant(sample(low), sample(high))
    assert not is_significant(sample(low[:19]), sample(high))
    assert not is_significant(sample(low), sample(high[:19]))
    assert not is_significant(sample(low), sample(low))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200), st.sampled_from([0.1, 0.5, 0.9]))
def test_a_percentile_from_bins_is_off_by_a_bin_at_most(values: list[float], q: float) -> None:
    bins: dict[int, int] = {}
    for value in values:
        bins[score_bin(value)] = bins.get(score_bin(value), 0) + 1

    found = binned_percentile(bins, q)

    assert found is not None
    assert found[1] == 1
    assert found[0] == pytest.approx(percentile(sorted(values), q), abs=1 + 1e-9)


@given(st.floats(0, 1e7))
def test_a_lag_lies_in_its_bin(lag_s: float) -> None:
    low, high = lag_bounds(lag_bin(lag_s))

    assert low * (1 - 1e-9) <= lag_s <= high * (1 + 1e-9)
    assert low == 0 or high / low == pytest.approx(LAG_STEP)


def test_small_ones_by_hand() -> None:
    assert percentile([], 0.5) is None
    assert percentile([1.0, 3.0], 0.5) == 2
    assert moving_mean([1, None, 3], 2) == [1, 1, 3]
    assert change_pct(3, 2) == 50
    assert change_pct(-1, -2) == 50
    assert change_pct(1, 0) is None
    assert shrunk(Sample(10, 800, 0), 60) == 70
