"""How customers tell of budget, authority, need and timeline without the words for them."""

from enum import StrEnum

from locutory.capabilities.analysis.rules.matching import spaced
from locutory.capabilities.analysis.rules.phrasing import heard, is_question, lines, lines_of
from locutory.capabilities.analysis.rules.recognisers import find_date, find_money, find_role
from locutory.capabilities.analysis.rules.wording import vocabulary
from locutory.capabilities.interactions.contract import Role, Transcript
from locutory.kernel.words import words

_LONGEST = 120
# Of somebody who has bought already, a wish is a request for help, a day that of the help, and
# a boss somebody to be told.
BEFORE_SALES = frozenset({"authority", "need", "timeline"})
_LEAST = 2
_LONG_OPENING = 12
_VALUES = {"budget": find_money, "authority": find_role, "timeline": find_date}
# A wish is often put as a question: "have you a room for the third?"
_ASKABLE = frozenset({"need"})


def find(element: str, text: str) -> str | None:
    """What a customer's sentence tells of the element, in the words that were said."""
    plain = heard(text)
    said = vocabulary("bant")
    match = said[f"{element}.says"].search(plain)
    if match is None or _is_beside(element, plain):
        return None
    recognise = _VALUES.get(element)
    value = recognise(text) if recognise else None
    return value or spaced(match.group())[:_LONGEST]


class Stage(StrEnum):
    """Whether a talk is about what may be bought, or about what was bought already."""

    BEFORE = "before"
    AFTER = "after"
    UNCLEAR = "unclear"


def stage(transcript: Transcript) -> Stage:
    """The stage of which more sentences speak, and at least two."""
    said = vocabulary("bant")
    plain = [line.plain for line in lines(transcript)]
    after = sum(said["talk.after"].search(one) is not None for one in plain)
    before = sum(said["talk.before"].search(one) is not None for one in plain)
    if after >= _LEAST and after > before:
        return Stage.AFTER
    return Stage.BEFORE if before >= _LEAST and before > after else Stage.UNCLEAR


def agent_rings(transcript: Transcript) -> bool:
    """Whether the agent is the one who calls: says so, or begins at length, not with a name."""
    first = next((turn for turn in transcript.turns if turn.role is Role.AGENT), None)
    if first is None:
        return False
    rings = vocabulary("hints")["agent.rings"]
    return len(words(first.text)) >= _LONG_OPENING or any(
        rings.search(line.plain) for line in lines_of(first)
    )


def _is_beside(element: str, plain: str) -> bool:
    """Whether a sentence speaks of something else, or merely asks."""
    said = vocabulary("bant")
    unless = said.get(f"{element}.unless")
    if unless is not None and unless.search(plain):
        return True
    if element in _ASKABLE or not is_question(plain):
        return False
    wish = said.get(f"{element}.wish")
    return wish is None or wish.search(plain) is None
