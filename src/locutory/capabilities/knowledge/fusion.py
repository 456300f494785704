"""Joining ranked lists into one (reciprocal-rank fusion, Cormack et al. 2009)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

Id = TypeVar("Id")

RANK_OFFSET = 60
LIST_LENGTH = 40  # how much of each list is fused
MOST_PER_SOURCE = 3
MOST_HITS = 8


def fuse(lists: Sequence[Sequence[Id]]) -> list[tuple[Id, float]]:
    """Ids with the sum over lists of 1 / (60 + rank), ranks from 1, best first, equals by id."""
    scores: dict[Id, float] = {}
    for ranked in lists:
        for rank, one in enumerate(ranked, start=1):
            scores[one] = scores.get(one, 0.0) + 1 / (RANK_OFFSET + rank)
    return sorted(scores.items(), key=lambda found: (-found[1], str(found[0])))


def spread(
    ranked: Sequence[tuple[Id, float]],
    source_of: Mapping[Id, str],
    *,
    per_source: int = MOST_PER_SOURCE,
    limit: int = MOST_HITS,
) -> list[tuple[Id, float]]:
    """The best `limit`, at most `per_source` of one source; ids without a source are gone."""
    taken: Counter[str] = Counter()
    kept: list[tuple[Id, float]] = []
    for one, score in ranked:
        source = source_of.get(one)
        if source is None or taken[source] == per_source:
            continue
        taken[source] += 1
        kept.append((one, score))
        if len(kept) == limit:
            break
    return kept
