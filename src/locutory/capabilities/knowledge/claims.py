"""Whether a sentence is supported by what was said (the evidence rule, calls seed 8.3)."""

from collections.abc import Sequence

from locutory.capabilities.knowledge.contract import Hit, Line
from locutory.capabilities.knowledge.terms import (
    content_stems,
    figures,
    negations,
    normalised,
    share_found,
)
from locutory.kernel.words import sentences

ENOUGH = 0.85  # of the claim's content words
_REACH = 1  # lines before and after the closest one


def supporting_line(claim: str, lines: Sequence[Line]) -> Line | None:
    """The line closest to a claim, None when it and its neighbours do not support the claim.

    They do when they contain it word by word, or have 85 % of its content words, each of its
    figures, and deny where it denies. Case, punctuation and the spelling of numbers do not count.
    """
    wanted = content_stems(claim)
    if not wanted or not lines:
        return None
    shares = [share_found(wanted, content_stems(line.text)) for line in lines]
    at = shares.index(max(shares))
    near = "\n".join(line.text for line in lines[max(0, at - _REACH) : at + _REACH + 1])
    if f" {normalised(claim)} " in f" {normalised(near)} ":
        return lines[at]
    supported = (
        share_found(wanted, content_stems(near)) >= ENOUGH
        and figures(claim) <= figures(near)
        and bool(negations(claim)) == bool(negations(closest_sentence(claim, near)))
    )
    return lines[at] if supported else None


def closest_line(hit: Hit, query: str) -> Line:
    """The line of a hit that has most of a query's content words, the first of equals."""
    wanted = content_stems(query)
    return max(hit.lines, key=lambda line: share_found(wanted, content_stems(line.text)))


def closest_sentence(claim: str, text: str) -> str:
    """The sentence of a text, verbatim, that has most of a claim's content words."""
    wanted = content_stems(claim)
    return max(
        sentences(text), key=lambda one: share_found(wanted, content_stems(one)), default=text
    )
