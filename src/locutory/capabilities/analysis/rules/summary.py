"""An extractive summary: what was said, verbatim, never in other words."""

import math
import re
from collections import Counter
from collections.abc import Sequence

from locutory.capabilities.analysis.contract import Case, RuleAnswer
from locutory.capabilities.analysis.evidence import check
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.words import sentences, words

_MOST_TURNS = 5
_LONGEST_QUOTE = 240
_CONFIDENCE = 0.5

_PURPOSE = re.compile(
    r"\b(?:calling (?:about|to|because|for|regarding)|call(?:ed)? (?:about|regarding)"
    r"|(?:want|need|like|looking|trying)(?:ed|ing)? (?:to|for|a|an)|i have (?:a|an)"
    r"|my \w+ (?:is|has)|chahiye|chahta|chahti)\b|चाहिए|चाहता|चाहती|के बारे में|जानकारी",
    re.IGNORECASE,
)
_COMMITMENT = re.compile(
    r"\b(?:i'll|i will|we'll|we will|you'll (?:get|receive)|you will (?:get|receive)|let me (?:send"
    r"|call|check|book|arrange)|going to (?:send|call|book|arrange|follow)|karunga|karungi|karenge"
    r"|bhej (?:dunga|dungi|denge))\b|करूंगा|करूँगा|करूंगी|करेंगे|दूंगा|दूँगा|दूंगी|देंगे",
    re.IGNORECASE,
)


def judge(case: Case) -> RuleAnswer:
    """The `summary` agent by rules: purpose, up to 5 telling customer turns, last commitment."""
    transcript = case.transcript
    purpose = _purpose(transcript)
    commitment = _commitment(transcript)
    chosen = [quote for quote in (purpose, *_telling(transcript), commitment) if quote]
    in_order = sorted(dict.fromkeys(chosen), key=lambda found: found[0])
    bullets = [quote for _, quote in in_order]
    lead = [quote for _, quote in sorted({q for q in (purpose, commitment) if q})]
    return RuleAnswer(
        result={
            "text": " ".join(lead or bullets[:1]),
            "bullets": bullets,
            "language": transcript.language or _script_language(transcript.plain()),
        },
        confidence=_CONFIDENCE,
        evidence=tuple(check(transcript, (idx,), quote) for idx, quote in in_order),
    )


def _purpose(transcript: Transcript) -> tuple[int, str] | None:
    """The first sentence of the customer with a purpose, else of at least five words."""
    said = [(t, s) for t in transcript.turns if t.role is not Role.AGENT for s in sentences(t.text)]
    for turn, sentence in said:
        if _PURPOSE.search(sentence):
            return turn.idx, sentence[:_LONGEST_QUOTE]
    return next(((t.idx, s[:_LONGEST_QUOTE]) for t, s in said if len(words(s)) >= 5), None)


def _commitment(transcript: Transcript) -> tuple[int, str] | None:
    for turn in reversed(transcript.turns):
        for sentence in reversed(sentences(turn.text)):
            if _COMMITMENT.search(sentence):
                return turn.idx, sentence[:_LONGEST_QUOTE]
    return None


def _telling(transcript: Transcript) -> list[tuple[int, str]]:
    """The customer turns whose words are rarest in this talk, as TF-IDF over its turns."""
    spoken = [turn for turn in transcript.turns if words(turn.text)]
    bags = {turn.idx: Counter(words(turn.text)) for turn in spoken}
    df = Counter(word for bag in bags.values() for word in bag)
    candidates = [t for t in spoken if t.role is not Role.AGENT and bags[t.idx].total() >= 4]

    def weight(turn: Turn) -> float:
        bag = bags[turn.idx]
        total = sum(n * math.log(len(bags) / df[word]) for word, n in bag.items())
        return total / math.sqrt(bag.total())

    best = sorted(candidates, key=lambda turn: (-weight(turn), turn.idx))[:_MOST_TURNS]
    return [(turn.idx, _densest(sentences(turn.text))) for turn in best]


def _densest(said: Sequence[str]) -> str:
    return max(said, key=lambda sentence: len(words(sentence)))[:_LONGEST_QUOTE]


def _script_language(text: str) -> str:
    """`hi` where Devanagari prevails, else `und`: Latin letters alone name no language."""
    devanagari = sum("\u0900" <= char <= "\u097f" for char in text)
    return "hi" if devanagari > 0.3 * max(1, len(text)) else "und"
