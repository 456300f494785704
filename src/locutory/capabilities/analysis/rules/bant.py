"""Budget, authority, need and timeline from cues and recognisers.

Confirmed means that the customer says cue and value in one turn; an answer to the agent's question
is partial (calls seed, 8.6).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from locutory.capabilities.analysis.contract import MAX_RULE_CONFIDENCE, Case, RuleAnswer
from locutory.capabilities.analysis.rules import elements, telling, topics
from locutory.capabilities.analysis.rules.elements import Element
from locutory.capabilities.analysis.rules.matching import cue, says, straight
from locutory.capabilities.analysis.rules.phrasing import sentences_of
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.words import words


class Status(StrEnum):
    """What is known of one element."""

    CONFIRMED = "confirmed"
    PARTIAL = "partial"
    ABSENT = "absent"
    NOT_ASKED = "not_asked"
    UNKNOWN = "unknown"


ELEMENTS = tuple(elements.ELEMENTS)
POINTS: Mapping[str, float] = {Status.CONFIRMED: 1.0, Status.PARTIAL: 0.5}

_CONFIDENCE: Mapping[Status, float] = {
    Status.CONFIRMED: MAX_RULE_CONFIDENCE,
    Status.PARTIAL: 0.4,
    Status.ABSENT: 0.5,
    Status.UNKNOWN: 0.3,
    Status.NOT_ASKED: 0.5,
}
_ASKS = cue(
    r"what|what's|when|who|who's|whose|which|how|do you|are you|is there|have you|will you"
    r"|can you|could you|would you|may i|any|kya|kab|kaun|kaunsa|kitna|kitni|kitne|kis"
    r"|क्या|कब|कौन|कितना|कितनी|कितने|किस"
)
_AGREES = cue(r"yes|yeah|yep|right|correct|exactly|sure|haan|han|ji|bilkul|हां|हाँ|जी|बिल्कुल")
_DISAGREES = cue(r"no|not|nope|never|nahi|nahin|नहीं")
_FIRST_WORDS = 3

Line = tuple[Turn, str]


@dataclass(frozen=True, slots=True)
class _Finding:
    """What a turn says of an element; `shared` where the value is somebody else with a say."""

    status: Status
    value: str = ""
    quotes: tuple[Line, ...] = ()
    shared: bool = False


def judge(case: Case) -> RuleAnswer:
    """The `bant` agent by rules. Only what a known customer says counts; an agent merely asks."""
    after = topics.is_after_sale(case.transcript)
    found = {
        name: _row(_judge(element, case.transcript, after_sales=after))
        for name, element in elements.ELEMENTS.items()
    }
    sure = [row["confidence"] for row in found.values()]
    return RuleAnswer(result={**found, "score": score(found)}, confidence=sum(sure) / len(sure))


def score(found: Mapping[str, Mapping[str, Any]]) -> float:
    """Σ 25 · {confirmed 1, partial 0.5, else 0} (calls seed, 11)."""
    return sum(25 * POINTS.get(found[name]["status"], 0.0) for name in ELEMENTS)


def _row(finding: _Finding) -> dict[str, Any]:
    return {
        "status": finding.status.value,
        "value": finding.value,
        "confidence": _CONFIDENCE[finding.status],
        "evidence": [{"segments": [turn.idx], "quote": quote} for turn, quote in finding.quotes],
    }


def _judge(element: Element, transcript: Transcript, *, after_sales: bool) -> _Finding:
    """The customer's last word on an element: a later value undoes a denial, and a denial it."""
    turns = [t for t in transcript.turns if t.role in (Role.AGENT, Role.CUSTOMER) and words(t.text)]
    held: _Finding | None = None
    for at, turn in enumerate(turns):
        if turn.role is not Role.CUSTOMER:
            continue
        said = _said(element, turn, _question(element, turns[:at]))
        if after_sales and element.name in telling.BEFORE_SALES and not _is_firm(said):
            continue
        said = said or _told(element, turn)
        if said and (held is None or _replaces(said, held, latest=element.latest)):
            held = said
    return held or _silent(element, transcript)


def _replaces(later: _Finding, held: _Finding, *, latest: bool) -> bool:
    if not later.value and later.status is not Status.ABSENT:
        return False
    if later.shared or Status.ABSENT in (later.status, held.status) or not held.value:
        return True
    mine, theirs = POINTS[later.status], POINTS[held.status]
    return mine > theirs or (mine == theirs and latest)


def _silent(element: Element, transcript: Transcript) -> _Finding:
    """Unknown where the agent asked; not asked only where every word that could ask is there."""
    spoken = [t for t in transcript.turns if words(t.text)]
    asked = [
        (turn, line)
        for turn in spoken
        if turn.role is Role.AGENT
        for line in sentences_of(turn.text)
        if says(element.cue, line) and _is_question(line)
    ]
    heard = any(t.role is Role.CUSTOMER for t in spoken)
    unclear = any(
        t.role is Role.UNKNOWN or (t.role is Role.AGENT and not words(t.text))
        for t in transcript.turns
    )
    if asked or unclear or not heard:
        return _Finding(Status.UNKNOWN, quotes=tuple(asked[:1]))
    return _Finding(Status.NOT_ASKED)


def _question(element: Element, before: Sequence[Turn]) -> Line | None:
    """The agent's question about the element that the next turn of the customer answers."""
    agents = next((t for t in reversed(before) if t.role is Role.AGENT), None)
    if agents is None:
        return None
    lines = [s for s in sentences_of(agents.text) if says(element.cue, s) and _is_question(s)]
    return (agents, lines[-1]) if lines else None


def _is_question(sentence: str) -> bool:
    return sentence.endswith("?") or says(_ASKS, sentence)


def _said(element: Element, turn: Turn, asked: Line | None) -> _Finding | None:
    """What one turn of the customer says; `asked` is the question that it may answer."""
    lines = [s for s in sentences_of(turn.text) if not _is_unrelated(element, s)]
    denials = [n for n, line in enumerate(lines) if says(element.denial, line)]
    if not denials:
        return _stated(element, turn, lines, asked)
    last = denials[-1]
    denied = lines[last]
    after = [_after(element, denied), *lines[last + 1 :]]
    corrected = _stated(element, turn, [line for line in after if words(line)], None)
    if corrected and corrected.value:
        return corrected
    return _Finding(Status.ABSENT, quotes=((turn, denied),))


def _after(element: Element, sentence: str) -> str:
    """The rest of a sentence after its last denial."""
    *_, last = element.denial.finditer(straight(sentence))
    return sentence[last.end() :].strip()


def _stated(
    element: Element, turn: Turn, lines: Sequence[str], asked: Line | None
) -> _Finding | None:
    cued = [line for line in lines if says(element.cue, line)]
    valued = _first_value(lines, lambda line: element.value(line, asked is not None))
    if valued and cued:
        line, value = valued
        quotes = dict.fromkeys([line, line if line in cued else cued[0]])
        return _Finding(Status.CONFIRMED, value, tuple((turn, quote) for quote in quotes))
    if valued and asked:
        return _Finding(Status.PARTIAL, valued[1], (asked, (turn, valued[0])))
    hinted = _first_value(lines, element.hint)
    if hinted and (cued or asked):
        return _Finding(Status.PARTIAL, hinted[1], ((turn, hinted[0]),), shared=True)
    bare = next((s for s in lines if says(element.bare, s) and not _is_question(s)), None)
    if bare:
        return _Finding(Status.PARTIAL, quotes=((turn, bare),))
    return _agreed(element, turn, lines, asked)


def _is_firm(said: _Finding | None) -> bool:
    """Whether a finding stands also where help with a thing bought is what the talk is about."""
    return said is not None and said.status is Status.ABSENT


def _told(element: Element, turn: Turn) -> _Finding | None:
    """What the turn tells without naming the element."""
    found = _first_value(sentences_of(turn.text), lambda line: telling.find(element.name, line))
    return None if found is None else _Finding(Status.PARTIAL, found[1], ((turn, found[0]),))


def _agreed(
    element: Element, turn: Turn, lines: Sequence[str], asked: Line | None
) -> _Finding | None:
    """A value of the agent's question to which the customer says yes."""
    if asked is None or not lines:
        return None
    opening = " ".join(words(lines[0])[:_FIRST_WORDS])
    value = element.value(asked[1], False)
    if not value or not says(_AGREES, opening) or says(_DISAGREES, opening):
        return None
    return _Finding(Status.PARTIAL, value, (asked, (turn, lines[0])))


def _is_unrelated(element: Element, sentence: str) -> bool:
    return element.unrelated is not None and says(element.unrelated, sentence)


def _first_value(
    lines: Sequence[str], value: Callable[[str], str | None]
) -> tuple[str, str] | None:
    return next(((line, found) for line in lines if (found := value(line))), None)
