"""What a talk is about: groups of keywords, and the talk's own words for what no group covers."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from locutory.capabilities.analysis.contract import MAX_RULE_CONFIDENCE, Case, RuleAnswer
from locutory.capabilities.analysis.evidence import check
from locutory.capabilities.analysis.rules.phrases import Phrases
from locutory.capabilities.analysis.rules.phrasing import Line, lines_of
from locutory.capabilities.analysis.rules.sentiment import NEGATIVE, by_turn, mood
from locutory.capabilities.analysis.rules.telling import Stage, stage
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

# A strong word of the customer makes a topic; one of the agent needs another hint. Keys are
# (strongly, by the customer).
_POINTS = {(True, True): 2.0, (True, False): 1.3, (False, True): 0.7, (False, False): 0.5}
_ENOUGH = 2.0
# What is said first is what the customer calls for.
_OPENING_TURNS = 2
_OPENING = 1.2
# A topic is named in a summary if it has this part of what the first one has.
_RELATIVE = 0.45
# More of the same hardly makes a topic larger.
_SATURATED = 6.0
# An agent who names a price or a free hour talks of it, whoever asked.
_BY_AGENT = {"pricing": 2.0, "booking": 1.6}
# What is asked before something is bought, and what is asked after; each counts this part of its
# points in a talk of the other kind.
_BEFORE_SALES = frozenset(
    {"pricing", "booking", "availability", "product_information", "site_visit", "onboarding"}
)
_AFTER_SALES = frozenset(
    {"technical_support", "warranty_repair", "billing", "payment", "delivery", "account_access"}
)
_MISPLACED_IN = {Stage.AFTER: _BEFORE_SALES, Stage.BEFORE: _AFTER_SALES}
_MISPLACED = 0.6
# These are about what a customer says; an agent says them to everybody.
_OF_CUSTOMERS = frozenset({"feedback_praise", "complaint"})
# A call that is promised counts where the talk ends with it, whoever promises.
_LATE = frozenset({"callback"})
_MOST = 4
# Grievances are a topic once the customer comes back to them.
_LEAST_GRIEVED = 2
_GRIEVED = -0.35
_LONGEST = 240

_MOST_OWN = 2
_LEAST_COVERED = 0.2
_OWN_TURNS = 3
_SHORTEST_TERM = 4
# A capital inside a sentence: somebody's name is no topic.
_NAME = re.compile(r"(?<=[a-z,] )([A-Z][a-z]+)")

_Group = tuple[Phrases, Phrases, Phrases | None]


def judge(case: Case) -> RuleAnswer:
    """The `topics` agent by rules; `share` is of the time in which somebody speaks with words."""
    points: defaultdict[str, float] = defaultdict(float)
    told: dict[str, tuple[bool, Line]] = {}
    spoken_ms: defaultdict[str, float] = defaultdict(float)
    covered_ms = total_ms = 0.0
    opening = _opening(case.transcript)
    late_ms = case.transcript.duration_ms // 2
    for line, sentence_ms, keys in _sentences(case.transcript):
        total_ms += sentence_ms
        covered_ms += sentence_ms if keys else 0.0
        for key, strong in keys.items():
            late = key in _LATE and line.turn.end_ms > late_ms
            customer = line.turn.role is not Role.AGENT
            said = _POINTS[strong, customer or late]
            if strong and not customer:
                said = _BY_AGENT.get(key, said)
            points[key] += said * (_OPENING if line.turn.idx in opening else 1.0)
            if key not in told or (strong and not told[key][0]):
                told[key] = strong, line
            spoken_ms[key] += sentence_ms
    for turn in _grievances(case.transcript):
        points["complaint"] += 1.0
        told.setdefault("complaint", (True, lines_of(turn)[0]))
    misplaced = _MISPLACED_IN.get(stage(case.transcript), frozenset())
    for key in points:
        points[key] = min(_SATURATED, points[key] * (_MISPLACED if key in misplaced else 1.0))
    whole = max(total_ms, 1.0)
    enough = max([_ENOUGH, *(_RELATIVE * value for value in points.values())])
    kept = sorted(
        (key for key, value in points.items() if value >= enough),
        key=lambda key: (-points[key], key),
    )[:_MOST]
    rows = [_row(key, LABELS[key], spoken_ms[key] / whole) for key in kept]
    if not rows and covered_ms < _LEAST_COVERED * total_ms:
        rows += list(_own_terms(case.transcript))
    rows.sort(key=lambda row: (-row["share"], row["key"]))
    sure = MAX_RULE_CONFIDENCE if kept else 0.3
    evidence = [told[key][1] for key in kept]
    return RuleAnswer(
        result={"topics": rows},
        confidence=sure,
        evidence=tuple(
            check(case.transcript, (line.turn.idx,), line.text[:_LONGEST]) for line in evidence
        ),
    )


def _opening(transcript: Transcript) -> frozenset[int]:
    """The numbers of the turns in which a customer says what the call is for."""
    customers = [t.idx for t in transcript.turns if t.role is Role.CUSTOMER and words(t.text)]
    return frozenset(customers[:_OPENING_TURNS])


def _grievances(transcript: Transcript) -> list[Turn]:
    """The turns with which an aggrieved customer makes the service itself a matter of the talk."""
    scored = [one for one in by_turn(transcript) if one.turn.role is Role.CUSTOMER]
    if mood(scored, transcript.duration_ms) > NEGATIVE:
        return []
    grieved = [one.turn for one in scored if one.value < _GRIEVED]
    return grieved if len(grieved) >= _LEAST_GRIEVED else []


def _row(key: str, label: str, share: float) -> dict[str, Any]:
    return {"key": key, "label": label, "share": round(min(1.0, share), 4)}


def _sentences(transcript: Transcript) -> Iterator[tuple[Line, float, dict[str, bool]]]:
    """(sentence, its part of the turn's time in ms, topics and whether strongly)."""
    for turn in transcript.turns:
        if turn.role is Role.IVR or not words(turn.text):
            continue
        lines = lines_of(turn)
        length = sum(len(line.text) for line in lines)
        for line in lines:
            part = max(1, turn.end_ms - turn.start_ms) * len(line.text) / max(1, length)
            yield line, part, _topics_of(line.plain, customer=turn.role is not Role.AGENT)


def _topics_of(plain: str, *, customer: bool) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for key, (strong, weak, unless) in _groups().items():
        if key in _OF_CUSTOMERS and not customer:
            continue
        if unless is not None and unless.search(plain):
            continue
        if strong.search(plain):
            found[key] = True
        elif weak.search(plain):
            found[key] = False
    return found


@lru_cache(maxsize=1)
def _groups() -> Mapping[str, _Group]:
    said = vocabulary("topics")
    return {
        key: (said[f"{key}.strong"], said[f"{key}.weak"], said.get(f"{key}.unless"))
        for key in LABELS
    }


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
