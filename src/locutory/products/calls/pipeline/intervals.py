"""Arithmetic on stretches of time: half-open `(start_ms, end_ms)` pairs."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

Interval = tuple[int, int]


def union(intervals: Iterable[Interval], *, close_ms: int = 0) -> list[Interval]:
    """Return the union, sorted and disjoint; gaps shorter than `close_ms` are closed.

    Stretches that touch become one. Empty and reversed ones vanish.
    """
    merged: list[Interval] = []
    for start, end in sorted(i for i in intervals if i[0] < i[1]):
        if merged and start - merged[-1][1] < max(close_ms, 1):
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def clip(intervals: Iterable[Interval], low: int, high: int) -> list[Interval]:
    """Return what lies inside `[low, high)`; empty rests vanish."""
    cut = ((max(start, low), min(end, high)) for start, end in intervals)
    return [(start, end) for start, end in cut if start < end]


def length(disjoint: Iterable[Interval]) -> int:
    """Return the summed milliseconds of disjoint stretches."""
    return sum(end - start for start, end in disjoint)


def intersection(left: Sequence[Interval], right: Sequence[Interval]) -> list[Interval]:
    """Return where both are; each side sorted and disjoint, and so is the result."""
    common: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            common.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return common


def gaps(disjoint: Sequence[Interval]) -> list[Interval]:
    """Return what lies between neighbours; the input is sorted and disjoint."""
    return [(a[1], b[0]) for a, b in pairwise(disjoint)]


def difference(left: Sequence[Interval], right: Sequence[Interval]) -> list[Interval]:
    """Return `left` without `right`; each side sorted and disjoint, and so is the result."""
    rest: list[Interval] = []
    for start, end in left:
        inner = clip(right, start, end)
        edges = [(start, start), *inner, (end, end)]
        rest.extend(gap for gap in gaps(edges) if gap[0] < gap[1])
    return rest


def at(disjoint: Sequence[Interval], time_ms: int) -> Interval | None:
    """Return the stretch that holds `time_ms`, or None; the input is sorted and disjoint."""
    index = bisect_right(disjoint, time_ms, key=lambda interval: interval[0]) - 1
    if index >= 0 and time_ms < disjoint[index][1]:
        return disjoint[index]
    return None


def touches(disjoint: Sequence[Interval], low: int, high: int) -> bool:
    """Whether any stretch reaches into `[low, high)`; the input is sorted and disjoint."""
    index = bisect_left(disjoint, high, key=lambda interval: interval[0]) - 1
    return index >= 0 and disjoint[index][1] > low
