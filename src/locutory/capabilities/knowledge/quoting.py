"""Answers that only quote: the best sentences of the best chunks, verbatim."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from locutory.capabilities.knowledge.contract import SPOKEN, Hit, Line
from locutory.capabilities.knowledge.terms import content_stems, normalised, share_found
from locutory.kernel.words import sentences

SUPPORT = 0.6  # of the question's content words in one chunk; below, there is no answer
_NEAR_BEST = 0.6
_MOST_ANSWERS = 3
_MOST_SUMMARY = 5
_OF_A_REPLY = 2  # sentences of the turn that replies to what is quoted
_NAME_WEIGHT = 0.25
_QUESTION_WEIGHT = 0.8  # a statement with the same words says more


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of a line of a hit, verbatim."""

    hit: Hit
    line: Line
    text: str

    @property
    def key(self) -> tuple[str, str, int, str]:
        """Overlapping chunks hold the same sentence."""
        return self.hit.place, self.hit.source_id, self.line.idx, normalised(self.text)


def supported(question: str, hits: Sequence[Hit]) -> list[Hit]:
    """The hits that hold enough of what the question is about."""
    wanted = content_stems(question)
    return [hit for hit in hits if share_found(wanted, content_stems(hit.text)) >= SUPPORT]


def answer(question: str, hits: Sequence[Hit]) -> list[Quote]:
    """The sentences that say most of what is asked, each with what goes on from it.

    A sentence weighs more in a chunk that has more of the question: the caller's name is said
    once, what the question wants of the caller elsewhere.
    """
    weights = _weights(question, hits)
    wanted = weights.keys()
    scored = [
        (_score(quote.text, weights) * fit, quote)
        for hit in hits
        for fit in (share_found(wanted, content_stems(hit.text)) ** 2,)
        for quote in _quotes([hit])
    ]
    best = max((score for score, _ in scored), default=0.0)
    if not best:
        return []
    near = [pair for pair in scored if pair[0] >= _NEAR_BEST * best]
    ordered = [quote for _, quote in sorted(near, key=lambda pair: -pair[0])]  # stable: by rank
    chosen = _unique(ordered)[:_MOST_ANSWERS]
    return _unique([said for quote in chosen for said in (quote, *_goes_on(quote))])


def summary(question: str, hits: Sequence[Hit]) -> list[Quote]:
    """A sentence a hit, the one that says most; what was written of a source goes first."""
    wanted = content_stems(question)
    ordered = sorted(hits, key=lambda hit: hit.kind == SPOKEN)
    quotes = [_fullest(hit, wanted) for hit in ordered]
    return _unique([quote for quote in quotes if quote is not None])[:_MOST_SUMMARY]


def _quotes(hits: Sequence[Hit]) -> list[Quote]:
    return [
        Quote(hit, line, sentence)
        for hit in hits
        for line in hit.lines
        for sentence in sentences(line.text)
    ]


def _weights(question: str, hits: Sequence[Hit]) -> dict[str, float]:
    """A weight for each content stem: the fewer hits have it, the more it tells.

    A name (capitalised inside the question) tells which conversation, seldom what was said in it.
    """
    names = content_stems(" ".join(word for word in question.split()[1:] if word[:1].isupper()))
    texts = [content_stems(hit.text) for hit in hits]
    return {
        one: math.log1p(len(texts) / max(1, sum(one in stems for stems in texts)))
        * (_NAME_WEIGHT if one in names else 1.0)
        for one in content_stems(question)
    }


def _score(sentence: str, weights: dict[str, float]) -> float:
    stems = content_stems(sentence)
    score = sum(weight for one, weight in weights.items() if one in stems)
    return score * _QUESTION_WEIGHT if sentence.endswith("?") else score


def _goes_on(quote: Quote) -> list[Quote]:
    """The next sentence of the same turn; after its end, or a question, what the other replies."""
    said = sentences(quote.line.text)
    rest = said[said.index(quote.text) + 1 :][:1]
    if rest and not quote.text.endswith("?"):
        return [Quote(quote.hit, quote.line, rest[0])]
    lines = quote.hit.lines
    after = lines[lines.index(quote.line) + 1 :][:1]
    others = [line for line in after if line.role != quote.line.role]
    replies = [(line, s) for line in others for s in sentences(line.text)[:_OF_A_REPLY]]
    return [Quote(quote.hit, line, text) for line, text in replies]


def _fullest(hit: Hit, wanted: frozenset[str]) -> Quote | None:
    def fullness(quote: Quote) -> tuple[int, int]:
        stems = content_stems(quote.text)
        return len(stems & wanted), len(stems)

    return max(_quotes([hit]), key=fullness, default=None)


def _unique(quotes: Sequence[Quote]) -> list[Quote]:
    return list({quote.key: quote for quote in reversed(quotes)}.values())[::-1]
