"""Sentiment of turns from word lists, with negation and intensifiers.

A turn is s / sqrt(s² + 15), s being the sum of its words' weights: the normalisation of VADER
(Hutto and Gilbert 2014). A call is the duration-weighted mean of its turns (calls seed, 11).
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from locutory.capabilities.analysis.contract import MAX_RULE_CONFIDENCE, Case, RuleAnswer
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.words import sentences, words

LEXICONS = ("english", "hindi", "hindi_latin")
POSITIVE, NEGATIVE = 0.2, -0.2

_ALPHA = 15.0
_NEGATED = -0.74
_REACH = 3
_LONGEST_PHRASE = 3
_MOST_EVIDENCE = 3

# English negates before the word, Hindi mostly after it ("अच्छा नहीं है").
_NEGATES_AFTER_IT = frozenset(["not", "no", "never", "without", "hardly", "cannot", "neither"])
_NEGATES_BEFORE_IT = frozenset(["नहीं", "नही", "nahi", "nahin", "nai", "mat", "मत"])
_INTENSIFIERS: Mapping[str, float] = {
    "very": 1.3, "really": 1.3, "so": 1.2, "too": 1.2, "extremely": 1.5, "absolutely": 1.5,
    "totally": 1.4, "completely": 1.4, "highly": 1.4, "quite": 1.1, "slightly": 0.6,
    "somewhat": 0.7, "little": 0.7, "bit": 0.7, "बहुत": 1.4, "बड़ा": 1.2, "काफी": 1.2, "थोड़ा": 0.7,
    "bahut": 1.4, "bohot": 1.4, "kaafi": 1.2, "thoda": 0.7, "ekdum": 1.4, "एकदम": 1.4,
}  # fmt: skip


_CLAUSE_END = re.compile(r"[,;:.!?।]+(?=\s|$)")
_KNOWN_LANGUAGES = ("en", "hi", "und")  # those of the word lists; `und` is a transcript's own doubt


@dataclass(frozen=True, slots=True)
class TurnSentiment:
    """`value` is -1 to 1; `hits` counts the words that it rests on."""

    turn: Turn
    value: float
    hits: int


@lru_cache(maxsize=1)
def lexicon() -> Mapping[tuple[str, ...], float]:
    """All word lists together: the words of an entry and its weight."""
    entries: dict[tuple[str, ...], float] = {}
    folder = files("locutory.capabilities.analysis.rules") / "lexicons"
    for name in LEXICONS:
        for line in (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                phrase, _, weight = line.rpartition(" ")
                entries[tuple(words(phrase))] = float(weight)
    return entries


def text_sentiment(text: str) -> tuple[float, int]:
    """(-1 to 1, how many words spoke) of a text; (0, 0) where none did."""
    total, hits = 0.0, 0
    for clause in _CLAUSE_END.split(text):  # a negation reaches no further than its clause
        tokens, at = words(clause), 0
        while at < len(tokens):
            size, weight = _entry_at(tokens, at)
            if size:
                total += weight * _modifier(tokens, at, at + size)
                hits += 1
            at += max(1, size)
    return (total / math.sqrt(total * total + _ALPHA) if hits else 0.0), hits


def _entry_at(tokens: Sequence[str], at: int) -> tuple[int, float]:
    for size in range(_LONGEST_PHRASE, 0, -1):
        weight = lexicon().get(tuple(tokens[at : at + size]))
        if weight is not None:
            return min(size, len(tokens) - at), weight
    return 0, 0.0


def _modifier(tokens: Sequence[str], start: int, end: int) -> float:
    before = tokens[max(0, start - _REACH) : start]
    factor = math.prod(_INTENSIFIERS.get(word, 1.0) for word in before[-2:])
    negated = any(word in _NEGATES_AFTER_IT or word.endswith("n't") for word in before)
    negated ^= any(word in _NEGATES_BEFORE_IT for word in tokens[end : end + 2])
    return factor * _NEGATED if negated else factor


def by_turn(transcript: Transcript) -> list[TurnSentiment]:
    """The sentiment of each turn that has words."""
    spoken = [turn for turn in transcript.turns if words(turn.text)]
    return [TurnSentiment(turn, *text_sentiment(turn.text)) for turn in spoken]


def label(value: float) -> str:
    """positive, negative or neutral."""
    if value > POSITIVE:
        return "positive"
    return "negative" if value < NEGATIVE else "neutral"


def weighted_mean(scored: Iterable[TurnSentiment]) -> float | None:
    """The duration-weighted mean; None without turns."""
    pairs = [(max(1, s.turn.end_ms - s.turn.start_ms), s.value) for s in scored]
    weight = sum(duration for duration, _ in pairs)
    return sum(duration * value for duration, value in pairs) / weight if weight else None


def judge(case: Case) -> RuleAnswer:
    """The `sentiment` agent by rules; a quarter or role without words is None, never 0.

    A language without a word list is neutral: our lists would find false friends in it.
    """
    scored = by_turn(case.transcript) if _is_known(case.transcript.language) else []
    overall = weighted_mean(scored) or 0.0
    quarters = _quarters(scored, case.transcript.duration_ms)
    first, last = quarters[0], quarters[-1]
    hits = sum(s.hits for s in scored)
    strongest = sorted((s for s in scored if s.hits), key=lambda s: -abs(s.value))
    result: dict[str, Any] = {
        "overall": round(overall, 4),
        "label": label(overall),
        "customer": _rounded(weighted_mean(s for s in scored if s.turn.role is Role.CUSTOMER)),
        "agent": _rounded(weighted_mean(s for s in scored if s.turn.role is Role.AGENT)),
        "trend": None if first is None or last is None else round(last - first, 4),
        "per_quarter": [_rounded(value) for value in quarters],
        "evidence": [
            {"segments": [s.turn.idx], "quote": _telling_sentence(s.turn)}
            for s in strongest[:_MOST_EVIDENCE]
        ],
    }
    return RuleAnswer(result=result, confidence=min(MAX_RULE_CONFIDENCE, 0.2 + 0.05 * hits))


def _is_known(language: str | None) -> bool:
    return language is None or language.lower().split("-")[0] in _KNOWN_LANGUAGES


def _quarters(scored: Sequence[TurnSentiment], duration_ms: int) -> list[float | None]:
    """The mean of the turns whose middle falls into each quarter of the call."""
    whole = max([duration_ms, 1, *(s.turn.end_ms for s in scored)])
    groups: list[list[TurnSentiment]] = [[], [], [], []]
    for one in scored:
        middle = (one.turn.start_ms + one.turn.end_ms) / 2
        groups[min(3, max(0, int(4 * middle / whole)))].append(one)
    return [weighted_mean(group) for group in groups]


def _telling_sentence(turn: Turn) -> str:
    return max(sentences(turn.text), key=lambda s: abs(text_sentiment(s)[0]))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
