"""How far two people, or a person and the engine, give the same answers.

Cohen (1960) for kinds of answers, Cohen (1968) with quadratic weights for numbers.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of `n` pairs: the percentage (0-100) that are equal, and κ; None where it has no meaning."""

    n: int
    percent: float | None
    kappa: float | None
    weighted: bool


def percent_agreement(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """The share of equal pairs in percent; None without pairs."""
    if not pairs:
        return None
    return 100 * sum(a == b for a, b in pairs) / len(pairs)


def kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """(p_o - p_e) / (1 - p_e); None without pairs, and where both gave one and the same answer.

    p_e is how often both would agree by chance, each keeping to their own shares of answers.
    """
    n = len(pairs)
    if not n:
        return None
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    by_chance = sum(count * second[answer] for answer, count in first.items())
    if by_chance == n * n:
        return None
    agreed = sum(a == b for a, b in pairs)
    return (n * agreed - by_chance) / (n * n - by_chance)


def weighted_kappa(pairs: Sequence[tuple[float, float]]) -> float | None:
    """1 - mean (a-b)² of the pairs / mean (a-b)² of every first with every second.

    For whole numbers this is κ with quadratic weights over all numbers of the scale, used or not.
    None without pairs, and where both gave one and the same number.
    """
    n = len(pairs)
    if not n:
        return None
    middle = sum(a + b for a, b in pairs) / (2 * n)  # moves the sums near 0, where floats are exact
    first, second = [a - middle for a, _ in pairs], [b - middle for _, b in pairs]
    by_chance = (
        sum(a * a for a in first) / n
        + sum(b * b for b in second) / n
        - 2 * (sum(first) / n) * (sum(second) / n)
    )
    spread = max(abs(x) for x in (*first, *second))
    if by_chance <= 1e-12 * spread * spread or spread == 0:
        return None
    apart = sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) / n
    return 1 - apart / by_chance


def agreement(
    pairs: Sequence[tuple[Hashable, Hashable]], *, weighted: bool, not_applicable: Hashable = None
) -> Agreement:
    """Both figures of some pairs.

    Where κ is weighted, pairs with an answer of `not_applicable` count for the percentage only:
    it lies at no distance from a number.
    """
    if weighted:
        numbers = [
            (float(a), float(b))  # type: ignore[arg-type] # what is applicable is a number here
            for a, b in pairs
            if not_applicable not in (a, b)
        ]
        value = weighted_kappa(numbers)
    else:
        value = kappa(pairs)
    return Agreement(n=len(pairs), percent=percent_agreement(pairs), kappa=value, weighted=weighted)
