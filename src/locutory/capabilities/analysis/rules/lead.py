"""What a customer tells of themselves; nothing that no recogniser finds."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from locutory.capabilities.analysis.contract import MAX_RULE_CONFIDENCE, Case, RuleAnswer
from locutory.capabilities.analysis.rules import elements
from locutory.capabilities.analysis.rules.matching import cue, says, spaced, straight, word_set
from locutory.capabilities.analysis.rules.recognisers import find_date, find_money
from locutory.capabilities.interactions.contract import Role
from locutory.kernel.words import sentences

FIELDS = (
    "name", "budget", "location", "role", "company", "company_size", "household", "need",
    "timeline",
)  # fmt: skip

_NAME = re.compile(
    r"(?:(?i:my name is|my name's|name is|this is|mera naam|मेरा नाम|i am|i'm|speaking with|it's)"
    r"\s+)"
    r"(?P<value>[A-Z][a-z]+(?: [A-Z][a-z]+){0,2}"
    r"|[\u0900-\u0963]+(?: [\u0900-\u0963]+)?(?= (?:है|हूं|हूँ)))"
    r"(?!'s)"
)
_NOT_NAMES = word_set(
    "sorry looking calling fine good happy interested not from the just sure okay here"
    " afraid speaking monday tuesday wednesday thursday friday saturday sunday indian"
    " regarding about yes no very great perfect wonderful january february march april may"
    " june july august september october november december"
)
_PLACE = re.compile(
    r"(?i:live in|living in|based in|based out of|located in|staying in|stay in|staying at"
    r"|we are in|i'm in|i am in|calling from|i'm from|i am from|flat in|house in|office in"
    r"|property in|home in"
    r"|apartment in|villa in|plot in|moving to|shifting to|near|around)\s+"
    r"(?P<value>(?:the )?[A-Z][\w'-]*(?: [A-Z][\w'-]*){0,3}"
    r"(?: (?:city|road|street|sector|nagar|district))?)"
)
_PLACE_HINDI = cue(
    r"(?P<value>[^\s.,;!?।]+) (?:mein|me|में) (?:rehta|rehti|rehte|rahta|rahti|rahte|रहता|रहती"
    r"|रहते)"
)
_ROLE = cue(
    r"(?:i am|i'm|i work as) (?:the |a |an )?(?P<value>(?:\w+ )?(?:owner|founder|co-founder"
    r"|director"
    r"|ceo|cto|cfo|coo|manager|engineer|doctor|teacher|accountant|consultant|architect|developer"
    r"|lawyer|student|nurse|proprietor|head|partner|administrator|officer|supervisor|designer"
    r"|freelancer|contractor|pensioner|businessman|businesswoman)(?: of [\w ]{2,30})?)"
)
_COMPANY = re.compile(
    r"(?i:work (?:at|for|with)|working (?:at|for|with)|my company is|our company is|company called"
    r"|firm called|calling from|from a company called|on behalf of|i run|we are from|we run)\s+"
    r"(?P<value>[A-Z][\w&'-]*(?: (?:[A-Z&][\w&'-]*|and|of))*)"
)
_SIZE = cue(
    r"(?P<value>(?:around |about |nearly |over |almost )?[\w,]+ (?:employees|staff|people in"
    r" (?:the|our)"
    r" (?:company|team|office)|team members|seats|users|agents|workers))"
)
_HOUSEHOLD = cue(
    r"(?P<value>family of \w+|(?:one|two|three|four|five|\d) (?:kids|children|daughters|sons"
    r"|bachche"
    r"|bacche))"
)


def _named(match: re.Match[str] | None, text: str) -> str | None:
    return None if match is None else spaced(text[match.start("value") : match.end("value")])


def find_name(text: str) -> str | None:
    """A name that the speaker says to have."""
    found = _named(_NAME.search(straight(text)), text)
    return None if found is None or found.split()[0].casefold() in _NOT_NAMES else found


def _find_place(text: str) -> str | None:
    plain = straight(text)
    found = _named(_PLACE.search(plain), text) or _named(_PLACE_HINDI.search(plain), text)
    return None if found is None or found.split()[0].casefold() in _NOT_NAMES else found


def _find_budget(text: str) -> str | None:
    return find_money(text) if says(elements.ELEMENTS["budget"].cue, text) else None


def _find_timeline(text: str) -> str | None:
    element = elements.ELEMENTS["timeline"]
    if element.unrelated is not None and says(element.unrelated, text):
        return None
    return find_date(text) if says(element.cue, text) else None


def _by(expression: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda text: _named(expression.search(straight(text)), text)


_RECOGNISERS: dict[str, Callable[[str], str | None]] = {
    "name": find_name,
    "budget": _find_budget,
    "location": _find_place,
    "role": _by(_ROLE),
    "company": _by(_COMPANY),
    "company_size": _by(_SIZE),
    "household": _by(_HOUSEHOLD),
    "need": elements.find_need,
    "timeline": _find_timeline,
}


def judge(case: Case) -> RuleAnswer:
    """The `lead_profile` agent by rules: of each field the first that a customer says."""
    rows = list(_found(case))
    return RuleAnswer(result={"fields": rows}, confidence=MAX_RULE_CONFIDENCE if rows else 0.3)


def _found(case: Case) -> Iterator[dict[str, Any]]:
    said = [
        (turn, sentence)
        for turn in case.transcript.turns
        if turn.role is Role.CUSTOMER
        for sentence in sentences(turn.text)
    ]
    for name, recognise in _RECOGNISERS.items():
        for turn, sentence in said:
            value = recognise(sentence)
            if value:
                quote = sentence if len(sentence) <= 240 else value
                evidence = {"segments": [turn.idx], "quote": quote}
                yield {"field": name, "value": value, "evidence": evidence}
                break
