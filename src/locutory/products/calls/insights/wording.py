"""Counts as sentences."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from locutory.products.calls.insights.contract import Count


def calls(count: Count, number: int) -> str:
    """Such as: 3 failed inbound calls, last week (2026-03-02 to 2026-03-08)."""
    return f"{_calls(count, number)}{_when(count)}."


def by_status(count: Count, numbers: Mapping[str, int]) -> str:
    """Such as: 12 calls: 9 done, 3 failed."""
    total = sum(numbers.values())
    listed = ", ".join(f"{number} {status}" for status, number in numbers.items())
    return f"{_calls(count, total)}{_when(count)}{': ' if listed else ''}{listed}."


def mentions(count: Count, number: int) -> str:
    """Such as: 4 calls contain "price", today (2026-03-04)."""
    verb = "contains" if number == 1 else "contain"
    return f"{_calls(count, number)} {verb} {_phrases(count)}{_when(count)}."


def share(count: Count, part: int, whole: int) -> str:
    """Such as: 33.3 % of the calls (4 of 12) contain "price"."""
    if not whole:
        return f"There are no calls{_when(count)}."
    what = f"contain {_phrases(count)}" if count.phrases else f"are {count.status}"
    return f"{100 * part / whole:.1f} % of the calls ({part} of {whole}) {what}{_when(count)}."


def average_score(count: Count, mean: float | None, number: int) -> str:
    """Such as: The average score is 71.3 of 100, over 9 scored calls."""
    if mean is None:
        return f"No call has a score{_when(count)}."
    noun = "call" if number == 1 else "calls"
    return f"The average score is {mean:.1f} of 100, over {number} scored {noun}{_when(count)}."


def busiest_agent(count: Count, ranked: Sequence[tuple[str, int]]) -> str:
    """Such as: Priya has the most calls: 14. All who share the first place."""
    if not ranked:
        return f"No call has a known agent{_when(count)}."
    most = ranked[0][1]
    first = [name for name, number in ranked if number == most]
    if len(first) == 1:
        return f"{first[0]} has the most calls: {most}{_when(count)}."
    return (
        f"{', '.join(first[:-1])} and {first[-1]} have the most calls: {most} each{_when(count)}."
    )


def _calls(count: Count, number: int) -> str:
    kinds = [kind for kind in (count.status, count.direction) if kind is not None]
    return " ".join([str(number), *kinds, "call" if number == 1 else "calls"])


def _phrases(count: Count) -> str:
    return " or ".join(f'"{phrase}"' for phrase in count.phrases)


def _when(count: Count) -> str:
    if count.period is None:
        return ""
    first = count.period.since.date()
    last = count.period.until.date() - timedelta(days=1)
    days = f"{first}" if first == last else f"{first} to {last}"
    return f", {count.period.name} ({days})"
