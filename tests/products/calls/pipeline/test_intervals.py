"""Stretches of time against a model that counts milliseconds one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.products.calls.pipeline.intervals import (
    Interval,
    at,
    clip,
    difference,
    gaps,
    intersection,
    length,
    touches,
    union,
)

moments = st.integers(0, 60)
stretches = st.lists(st.tuples(moments, moments), max_size=8)


def cells(intervals: list[Interval]) -> set[int]:
    return {ms for start, end in intervals for ms in range(start, end)}


def is_sorted_and_disjoint(intervals: list[Interval]) -> bool:
    edges = [edge for interval in intervals for edge in interval]
    return edges == sorted(edges) and all(start < end for start, end in intervals)


@pytest.mark.parametrize(
    ("close_ms", "expected"),
    [
        (0, [(0, 100), (399, 500), (800, 900)]),
        (300, [(0, 500), (800, 900)]),
        (301, [(0, 900)]),
    ],
)
def test_only_gaps_below_the_limit_are_closed(close_ms: int, expected: list[Interval]) -> None:
    assert union([(800, 900), (0, 100), (399, 500), (50, 50)], close_ms=close_ms) == expected


@given(stretches)
def test_a_union_covers_the_same_milliseconds(intervals: list[Interval]) -> None:
    merged = union(intervals)

    assert cells(merged) == cells(intervals)
    assert is_sorted_and_disjoint(merged)
    assert length(merged) == len(cells(intervals))
    assert length(merged) <= sum(max(end - start, 0) for start, end in intervals)


@given(stretches, st.integers(1, 20))
def test_after_closing_every_gap_is_at_least_the_limit(
    intervals: list[Interval], close_ms: int
) -> None:
    closed = union(intervals, close_ms=close_ms)

    assert cells(closed) >= cells(intervals)
    assert all(end - start >= close_ms for start, end in gaps(closed))


@given(stretches, stretches)
def test_intersection_and_difference_are_those_of_sets(
    left: list[Interval], right: list[Interval]
) -> None:
    a, b = union(left), union(right)

    both, rest = intersection(a, b), difference(a, b)

    assert cells(both) == cells(a) & cells(b)
    assert cells(rest) == cells(a) - cells(b)
    assert is_sorted_and_disjoint(both)
    assert is_sorted_and_disjoint(rest)


@given(stretches, moments, moments)
def test_looking_into_stretches_agrees_with_their_milliseconds(
    intervals: list[Interval], low: int, high: int
) -> None:
    merged = union(intervals)
    inside = cells(merged) & set(range(low, high))

    found = at(merged, low)

    assert (found is not None) == (low in cells(merged))
    assert found is None or found[0] <= low < found[1]
    assert cells(clip(merged, low, high)) == inside
    if low < high:
        assert touches(merged, low, high) == bool(inside)
