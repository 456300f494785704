"""Budget, authority, need and timeline from cues and recognisers."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from locutory.capabilities.analysis.contract import MAX_RULE_CONFIDENCE, Case, RuleAnswer
from locutory.capabilities.analysis.rules.recognisers import find_date, find_money, find_role
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.words import sentences, words

ELEMENTS = ("budget", "authority", "need", "timeline")
POINTS: Mapping[str, float] = {"confirmed": 1.0, "partial": 0.5}

_CONFIDENCE: Mapping[str, float] = {
    "confirmed": MAX_RULE_CONFIDENCE,
    "partial": 0.4,
    "absent": 0.5,
    "unknown": 0.3,
    "not_asked": 0.5,
}
_NEED = re.compile(
    r"\b(?:i|we)(?:'m| am|'re| are)? (?:really |just )?(?:need|want|require|looking for"
    r"|interested in|searching for)\s+"
    r"(?!to (?:think|talk|ask|check|see|know|speak|go)\b)(?P<what>[^.!?।\n]{4,120})"
    r"|(?P<hindi>[^.!?।\n]{3,100}?)\s(?:chahiye|ki zaroorat hai|चाहिए|की ज़रूरत है|की जरूरत है)",
    re.IGNORECASE,
)


def find_need(text: str) -> str | None:
    """What a customer says to need, in the words that were said."""
    found = _NEED.search(text)
    what = (found.group("what") or found.group("hindi")).strip() if found else ""
    return what if len(words(what)) >= 2 else None


@dataclass(frozen=True, slots=True)
class _Element:
    """`cue` is what brings it up, `refusal` what denies it, `find` what gives its value.

    A value said with `deferral` ("ask my wife") is known, yet nothing is settled by it.
    """

    cue: re.Pattern[str]
    refusal: re.Pattern[str]
    find: Callable[[str], str | None]
    deferral: re.Pattern[str] | None = None


def _element(
    cue: str, refusal: str, find: Callable[[str], str | None], deferral: str | None = None
) -> _Element:
    return _Element(
        re.compile(cue, re.IGNORECASE),
        re.compile(refusal, re.IGNORECASE),
        find,
        None if deferral is None else re.compile(deferral, re.IGNORECASE),
    )


_ELEMENTS: Mapping[str, _Element] = {
    "budget": _element(
        r"\b(?:budget|afford|spend(?:ing)?|price range|invest|pay(?:ing)? up to|kharch\w*)\b"
        r"|बजट|खर्च",
        r"\b(?:no budget|(?:don't|do not|haven't) (?:have )?(?:a |any |got a )?budget"
        r"|can(?:'t|not) afford|budget nahi)\b|बजट नहीं",
        find_money,
    ),
    "authority": _element(
        r"\b(?:decid\w+|decision|approv\w+|sign(?:s|ed)? off|authori[sz]\w+|final say|faisla"
        r"|(?:ask|check with|talk to|discuss with) (?:my|our|the))\b|फैसला|फ़ैसला|निर्णय|पूछना",
        r"\b(?:not my decision|i (?:don't|do not|can't|cannot) decide)\b",
        find_role,
        r"\b(?:ask|check with|talk to|speak to|discuss with)\b|पूछना|puchna",
    ),
    "need": _element(
        r"\b(?:need|want|require\w*|looking for|interested in|searching for|chahiye|zaroorat)\b"
        r"|चाहिए|ज़रूरत|जरूरत",
        r"\b(?:not interested|don't need|do not need|no need|zaroorat nahi)\b|ज़रूरत नहीं|जरूरत नहीं",
        find_need,
    ),
    "timeline": _element(
        r"\b(?:when|timeline|by when|deadline|how soon|start(?:ing)?|move in|plan(?:ning)?|buy|join"
        r"|deliver\w*|decide|kab tak|kab)\b|कब|शुरू",
        r"\b(?:no (?:rush|hurry|timeline)|not (?:any time|anytime) soon|just (?:looking|browsing))"
        r"\b",
        find_date,
    ),
}


def judge(case: Case) -> RuleAnswer:
    """The `bant` agent by rules."""
    elements = {name: _judge(case.transcript, _ELEMENTS[name]) for name in ELEMENTS}
    sure = [e["confidence"] for e in elements.values()]
    return RuleAnswer(
        result={**elements, "score": score(elements)}, confidence=sum(sure) / len(sure)
    )


def score(elements: Mapping[str, Mapping[str, Any]]) -> float:
    """Σ 25 · {confirmed 1, partial 0.5, else 0} (calls seed, 11)."""
    return sum(25 * POINTS.get(elements[name]["status"], 0.0) for name in ELEMENTS)


def _judge(transcript: Transcript, element: _Element) -> dict[str, Any]:
    """The strongest finding: a refusal, a value with its cue, a value after the agent's question.

    Only what the customer says counts; an agent's turn can merely ask. What is said later undoes
    an earlier refusal.
    """
    asked = False
    weak: dict[str, Any] | None = None
    for turn in transcript.turns:
        cued = bool(element.cue.search(turn.text))
        if turn.role is Role.AGENT:
            asked = asked or cued
        if turn.role is not Role.CUSTOMER:
            continue
        if element.refusal.search(turn.text):
            weak = _found("absent", "", turn, _sentence(turn, element.refusal))
            continue
        value = element.find(turn.text) if cued or asked else None
        deferred = bool(element.deferral and element.deferral.search(turn.text))
        if value and cued and not deferred:
            return _found("confirmed", value, turn, _sentence(turn, element.cue, value))
        if value and (weak is None or not weak["value"]):
            weak = _found("partial", value, turn, _sentence(turn, None, value))
        elif weak is None and cued:
            weak = _found("partial", "", turn, _sentence(turn, element.cue))
    if weak:
        return weak
    return _found("unknown" if asked else "not_asked", "", None, "")


def _found(status: str, value: str, turn: Turn | None, quote: str) -> dict[str, Any]:
    evidence = [{"segments": [turn.idx], "quote": quote}] if turn and quote else []
    return {
        "status": status,
        "value": value,
        "confidence": _CONFIDENCE[status],
        "evidence": evidence,
    }


def _sentence(turn: Turn, cue: re.Pattern[str] | None, value: str = "") -> str:
    """The sentence with the cue and the value, or from the one to the other."""
    said = sentences(turn.text)
    with_value = [s for s in said if value and value in " ".join(s.split())]
    with_cue = [s for s in said if cue and cue.search(s)]
    both = [s for s in with_value if s in with_cue]
    if both:
        return both[0]
    if with_value and with_cue:
        first, last = sorted([said.index(with_value[0]), said.index(with_cue[0])])
        return " ".join(said[first : last + 1])
    return (with_value or with_cue or [turn.text])[0]
