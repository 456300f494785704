"""What a talk is about: groups of keywords, and the talk's own words for what no group covers."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Any

from locutory.capabilities.analysis.contract import MAX_RULE_CONFIDENCE, Case, RuleAnswer
from locutory.capabilities.analysis.evidence import check
from locutory.capabilities.analysis.rules.phrases import Phrases
from locutory.capabilities.analysis.rules.phrasing import REMEMBERED, Line, lines_of
from locutory.capabilities.analysis.rules.sentiment import NEGATIVE, POSITIVE, by_turn, mood
from locutory.capabilities.analysis.rules.telling import Stage, agent_rings, stage
from locutory.capabilities.analysis.rules.wordbook import words_of
from locutory.capabilities.analysis.rules.wording import listed, vocabulary
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.words import words

LABELS: Mapping[str, str] = {
    "pricing": "Pricing",
    "billing": "Billing",
    "refund": "Refund",
    "payment": "Payment",
    "delivery": "Delivery",
    "booking": "Booking",
    "cancellation": "Cancellation",
    "complaint": "Complaint",
    "technical_support": "Technical support",
    "account_access": "Account access",
    "product_information": "Product information",
    "availability": "Availability",
    "site_visit": "Site visit",
    "finance_loan": "Finance and loans",
    "documents": "Documents",
    "contract": "Contract",
    "onboarding": "Onboarding",
    "warranty_repair": "Warranty and repair",
    "feedback_praise": "Praise",
    "callback": "Callback",
}
OWN_PREFIX = "term_"


class Said(IntEnum):
    """Where something is said; what is said first is what the customer calls for."""

    OPENING, CUSTOMER, AGENT = range(3)


# Points of a sentence of the vocabulary, and of each word of the word list by its weight: of the
# customer's opening turns, of the customer's other turns, of the agent's. Fitted by a logistic
# regression over the calls of tests/capabilities/analysis/development, one for all topics, so that
# none learns its own calls; then rounded.
_SENTENCE, _FIRST_SENTENCE = 1.2, 1.0
_WORD = {
    Said.OPENING: {3: 2.3, 2: 1.0, 1: 0.3},
    Said.CUSTOMER: {3: 0.9, 2: 0.6, 1: 0.2},
    Said.AGENT: {3: 0.9, 2: 0.6, 1: 0.4},
}
# What both speak of is what the talk is about.
_BOTH = 0.6
# A turn of an aggrieved or a delighted customer, a question that no other topic explains, an agent
# who rings to tell of something.
_GRIEVANCE, _DELIGHT, _PRAISE, _QUESTION, _PITCH = 1.3, 0.6, 2.0, 0.5, 1.2
# What a talk of a sale adds to the topics of one, and takes from those of help; and the reverse.
_LEANT = 1.0
# No kind of evidence counts more often.
_MOST_COUNTED = 3
# What is said first is what the customer calls for.
_OPENING_TURNS = 2
_SHORTEST_OPENING = 12
# A long talk has more words that speak for nothing: points for one of no turns, and of many.
_ENOUGH_SHORT, _ENOUGH_LONG, _LONG_TURNS = 0.5, 2.5, 8
# Every talk is about something; what a summary names beside it must be surer. What it adds by rank,
# from a regression over the written calls.
_BESIDE = (0.0, 1.4, 3.5)
# However much is said, what has so much less said of it than the first is a passing mention.
_LEAST_PART = 0.4
# Whether a topic is one of a sale that is still to be made. A contract's end may be argued away,
# so a cancellation leans to neither side.
_LEANS = dict.fromkeys(
    (
        *("pricing", "product_information", "site_visit", "finance_loan", "contract"),
        *("availability", "onboarding"),
    ),
    True,
) | dict.fromkeys(
    (
        *("technical_support", "warranty_repair", "billing", "delivery", "account_access"),
        *("refund", "complaint", "feedback_praise"),
    ),
    False,
)
_LEAST_LEANING = 3.0
# What is asked and priced after a sale belongs to the help.
_OF_OFFERS = frozenset({"product_information", "pricing", "availability"})
_SOLD_ALREADY = -2.0
# Topics that lean so far to a sale outweigh sentences of help; so little, they tell of help alone.
_DENIES_AFTER, _TELLS_AFTER = 0.7, 0.4
# What else a talk tends to be about, by its first topic; points for such a topic, and against
# another.
_ACCOMPANIES, _ALONE = 0.7, 0.4
_COMPANIONS: Mapping[str, frozenset[str]] = {
    first: frozenset(others.split())
    for first, others in {
        "pricing": "product_information availability booking site_visit contract",
        "billing": "complaint payment refund",
        "refund": "complaint cancellation delivery billing",
        "payment": "billing",
        "delivery": "complaint refund",
        "booking": "availability pricing",
        "cancellation": "refund contract",
        "complaint": "delivery refund billing technical_support warranty_repair callback",
        "technical_support": "complaint account_access callback",
        "account_access": "technical_support",
        "product_information": "pricing availability onboarding",
        "availability": "booking pricing product_information",
        "site_visit": "pricing availability",
        "finance_loan": "documents pricing",
        "documents": "finance_loan onboarding",
        "contract": "pricing cancellation",
        "onboarding": "product_information documents pricing",
        "warranty_repair": "complaint booking pricing",
        "feedback_praise": "booking",
        "callback": "complaint",
    }.items()
}
# These are about what a customer says; an agent says them to everybody.
_OF_CUSTOMERS = frozenset({"feedback_praise", "complaint"})
# A feeling is a topic once the customer comes back to it.
_LEAST_MOVED = 2
_GRIEVED = -0.35
# What is agreed on is agreed on at the end.
_LATE, _LATE_PART = frozenset({"callback", "refund"}), 0.6
_SHORTEST_QUESTION = 4
_LONGEST = 240

_MOST_OWN = 2
_LEAST_COVERED = 0.2
_OWN_TURNS = 3
_SHORTEST_TERM = 4
# A capital inside a sentence: somebody's name is no topic.
_NAME = re.compile(r"(?<=[a-z,] )([A-Z][a-z]+)")

_Group = tuple[Phrases, Phrases | None]


@dataclass(slots=True)
class _Heard:
    """What a talk says for one topic."""

    sentences: Counter[Said] = field(default_factory=Counter)
    words: dict[str, tuple[Said, int]] = field(default_factory=dict)
    line: Line | None = None
    sure: bool = False
    spoken_ms: float = 0.0
    beside: float = 0.0  # points of what is no sentence and no word of it

    def take(self, said: Said, line: Line, found: "_Found", ms: float) -> None:
        """Count one sentence of the talk."""
        self.sentences[said] += found.sentence
        for word, weight in found.words.items():
            if word not in self.words or said < self.words[word][0]:
                self.words[word] = said, weight
        self.spoken_ms += ms if found.tells else 0.0
        if self.line is None or (found.sentence and not self.sure):
            self.line, self.sure = line, found.sentence

    def points(self) -> float:
        """The log-odds of the topic, but for what all topics have in common."""
        by_kind = Counter(self.words.values())
        spoken = sum(_SENTENCE * min(_MOST_COUNTED, n) for n in self.sentences.values())
        spoken += _FIRST_SENTENCE if self.sentences.total() else 0.0
        told = sum(
            _WORD[said][weight] * min(_MOST_COUNTED, n) for (said, weight), n in by_kind.items()
        )
        sides = {said is Said.AGENT for said, weight in by_kind if weight > 1}
        sides |= {said is Said.AGENT for said, n in self.sentences.items() if n}
        return spoken + told + self.beside + (_BOTH if len(sides) > 1 else 0.0)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one sentence has of a topic."""

    sentence: bool
    words: Mapping[str, int]

    @property
    def tells(self) -> bool:
        """Whether more than a word among many speaks for the topic."""
        return self.sentence or any(weight > 1 for weight in self.words.values())

    @property
    def names(self) -> bool:
        """Whether the topic is there beyond doubt."""
        return self.sentence or any(weight > 2 for weight in self.words.values())


def judge(case: Case) -> RuleAnswer:
    """The `topics` agent by rules; `share` is of the time in which somebody speaks with words."""
    heard, covered_ms, total_ms = _heard(case.transcript)
    leans = _leaning({key: one.points() for key, one in heard.items()})
    points = _points(heard, after_sale=_is_after_sale(case.transcript, leans))
    spoken = sum(bool(words(turn.text)) for turn in case.transcript.turns)
    length = min(1.0, spoken / _LONG_TURNS)
    enough = _ENOUGH_SHORT + (_ENOUGH_LONG - _ENOUGH_SHORT) * length
    ranked = sorted(points, key=lambda key: (-points[key], key))[: len(_BESIDE)]
    least = _LEAST_PART * points[ranked[0]] if ranked else 0.0
    kept = [
        key
        for beside, key in zip(_BESIDE, ranked, strict=False)
        if points[key] >= max(enough + beside, least)
    ]
    whole = max(total_ms, 1.0)
    rows = [_row(key, LABELS[key], heard[key].spoken_ms / whole) for key in kept]
    if not rows and covered_ms < _LEAST_COVERED * total_ms:
        rows += list(_own_terms(case.transcript))
    rows.sort(key=lambda row: (-row["share"], row["key"]))
    evidence = [line for key in kept if (line := heard[key].line) is not None]
    return RuleAnswer(
        result={"topics": rows},
        confidence=MAX_RULE_CONFIDENCE if kept else 0.3,
        evidence=tuple(
            check(case.transcript, (line.turn.idx,), line.text[:_LONGEST]) for line in evidence
        ),
    )


def is_after_sale(transcript: Transcript) -> bool:
    """Whether a talk is about what was bought: its sentences tell, unless its topics deny it."""
    return _is_after_sale(transcript, leaning(transcript))


def _is_after_sale(transcript: Transcript, leans: float | None) -> bool:
    known = stage(transcript)
    if leans is None or known is Stage.BEFORE:
        return known is Stage.AFTER
    if known is Stage.AFTER:
        return leans < _DENIES_AFTER
    long = sum(bool(words(turn.text)) for turn in transcript.turns) >= _LONG_TURNS
    return long and leans < _TELLS_AFTER


def leaning(transcript: Transcript) -> float | None:
    """How far a talk is about what may be bought rather than about what was bought, 0-1.

    None where it has hardly a topic of either kind.
    """
    heard, _, _ = _heard(transcript)
    return _leaning({key: one.points() for key, one in heard.items()})


def _leaning(points: Mapping[str, float]) -> float | None:
    sides = {True: 0.0, False: 0.0}
    for key in points.keys() & _LEANS.keys():
        sides[_LEANS[key]] += points[key]
    whole = sum(sides.values())
    return sides[True] / whole if whole >= _LEAST_LEANING else None


def _points(heard: Mapping[str, _Heard], *, after_sale: bool) -> Mapping[str, float]:
    """The points of each topic, those more that fit what the whole talk is about."""
    points = {
        key: one.points() + (_SOLD_ALREADY if after_sale and key in _OF_OFFERS else 0.0)
        for key, one in heard.items()
    }
    leans = _leaning(points)
    towards = 0.0 if leans is None else _LEANT * (leans - 0.5)
    for key in points.keys() & _LEANS.keys():
        points[key] += towards if _LEANS[key] else -towards
    if points:
        first = max(points, key=lambda key: (points[key], key))
        for key in points.keys() - {first}:
            points[key] += _ACCOMPANIES if key in _COMPANIONS[first] else -_ALONE
    return points


def _heard(transcript: Transcript) -> tuple[Mapping[str, _Heard], float, float]:
    """(what is said for each topic, ms of the sentences that have one, ms of all)."""
    heard: defaultdict[str, _Heard] = defaultdict(_Heard)
    covered_ms = total_ms = 0.0
    opening = _opening(transcript)
    late_ms = transcript.duration_ms * _LATE_PART
    asked: list[Line] = []
    for line, ms in _sentences(transcript):
        total_ms += ms
        agent = line.turn.role is Role.AGENT
        if agent and line.turn.idx == 0 and len(words(line.turn.text)) < _SHORTEST_OPENING:
            continue  # a greeting, and the firm's name
        said = Said.AGENT if agent else Said.OPENING if line.turn.idx in opening else Said.CUSTOMER
        found = _topics_of(line.plain, customer=not agent)
        for key, one in found.items():
            late = key in _LATE and line.turn.end_ms > late_ms
            heard[key].take(Said.OPENING if late else said, line, one, ms)
        tells = any(one.tells for one in found.values())
        covered_ms += ms if any(one.names for one in found.values()) else 0.0
        if not agent and not tells and line.asks and len(words(line.plain)) >= _SHORTEST_QUESTION:
            asked.append(line)
    if agent_rings(transcript):
        heard["product_information"].beside += _PITCH
    grieved, delighted = _moved(transcript)
    # Who is delighted with an offer praises nothing that was done.
    delighted = [] if stage(transcript) is Stage.BEFORE else delighted
    for key, each, moments in (
        ("complaint", _GRIEVANCE, [lines_of(turn)[0] for turn in grieved]),
        # Who is pleased at the end is helped; who begins so calls to say it.
        ("feedback_praise", _DELIGHT, [lines_of(t)[0] for t in delighted if t.idx not in opening]),
        ("feedback_praise", _PRAISE, [lines_of(t)[0] for t in delighted if t.idx in opening]),
        ("product_information", _QUESTION, asked),
    ):
        if moments:
            heard[key].beside += each * min(_MOST_COUNTED, len(moments))
            heard[key].line = heard[key].line or moments[0]
    return heard, covered_ms, total_ms


def _opening(transcript: Transcript) -> frozenset[int]:
    """The numbers of the turns in which a customer says what the call is for."""
    customers = [t.idx for t in transcript.turns if t.role is Role.CUSTOMER and words(t.text)]
    return frozenset(customers[:_OPENING_TURNS])


def _moved(transcript: Transcript) -> tuple[list[Turn], list[Turn]]:
    """The turns with which a customer comes back to a grievance, and to a pleasure."""
    scored = [one for one in by_turn(transcript) if one.turn.role is Role.CUSTOMER]
    whole = mood(scored, transcript)
    grieved = [one.turn for one in scored if one.value < _GRIEVED] if whole <= NEGATIVE else []
    delighted = [one.turn for one in scored if one.value > -_GRIEVED] if whole > POSITIVE else []
    return (
        grieved if len(grieved) >= _LEAST_MOVED else [],
        delighted if len(delighted) >= _LEAST_MOVED else [],
    )


def _row(key: str, label: str, share: float) -> dict[str, Any]:
    return {"key": key, "label": label, "share": round(min(1.0, share), 4)}


def _sentences(transcript: Transcript) -> Iterator[tuple[Line, float]]:
    """(sentence, its part of the turn's time in ms)."""
    for turn in transcript.turns:
        if turn.role is Role.IVR or not words(turn.text):
            continue
        lines = lines_of(turn)
        length = sum(len(line.text) for line in lines)
        for line in lines:
            yield line, max(1, turn.end_ms - turn.start_ms) * len(line.text) / max(1, length)


@lru_cache(maxsize=REMEMBERED)
def _topics_of(plain: str, *, customer: bool) -> Mapping[str, _Found]:
    by_words = words_of("topic_words", plain)
    found: dict[str, _Found] = {}
    for key, (phrases, unless) in _groups().items():
        if key in _OF_CUSTOMERS and not customer:
            continue
        kept = unless is None or unless.search(plain) is None
        sentence = kept and phrases.search(plain) is not None
        if sentence or key in by_words:
            found[key] = _Found(sentence, by_words.get(key, {}))
    return found


@lru_cache(maxsize=1)
def _groups() -> Mapping[str, _Group]:
    said = vocabulary("topics")
    return {key: (said[f"{key}.says"], said.get(f"{key}.unless")) for key in LABELS}


def _own_terms(transcript: Transcript) -> Iterator[dict[str, Any]]:
    """The words that mark the talk, by TF-IDF over its turns, each in at least three of them."""
    spoken = [t for t in transcript.turns if t.role is not Role.IVR and words(t.text)]
    bags = [Counter(_terms(turn.text)) for turn in spoken]
    lengths = [max(1, turn.end_ms - turn.start_ms) for turn in spoken]
    df = Counter(term for bag in bags for term in bag)
    tf = Counter[str]()
    for bag in bags:
        tf.update(bag)
    weights = {
        term: tf[term] * math.log(1 + len(bags) / count)
        for term, count in df.items()
        if count >= _OWN_TURNS
    }
    best = sorted(weights, key=lambda term: (-weights[term], term))[:_MOST_OWN]
    for term in best:
        said_ms = sum(ms for bag, ms in zip(bags, lengths, strict=True) if term in bag)
        yield _row(OWN_PREFIX + term, term.capitalize(), said_ms / sum(lengths))


def _terms(text: str) -> list[str]:
    names = {found.group(1).casefold() for found in _NAME.finditer(text)}
    return [
        word
        for word in words(text)
        if len(word) >= _SHORTEST_TERM
        and word not in listed("stop_words")
        and not word[0].isdigit()
        and word not in names
    ]
