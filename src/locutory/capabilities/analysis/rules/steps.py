"""What was promised for after the talk: who, what, and when, as it was said."""

import re
from collections.abc import Iterator
from typing import Any

from locutory.capabilities.analysis.contract import MAX_RULE_CONFIDENCE, Case, RuleAnswer
from locutory.capabilities.analysis.rules.matching import cue, first_match
from locutory.capabilities.analysis.rules.phrasing import Line, lines
from locutory.capabilities.analysis.rules.recognisers import find_date
from locutory.capabilities.analysis.rules.wording import vocabulary
from locutory.capabilities.interactions.contract import Role
from locutory.kernel.words import words

_MOST = 10
_LONGEST = 240
_SHORTEST = 3

_HOURS = (
    r"(?:\d+|an|one|two|three|four|five|six|ten|twelve|twenty four|forty eight|seventy two|few"
    r"|couple of)"
)
_CLOCK = cue(
    rf"(?:within|in|after) (?:the )?(?:next )?(?:a )?{_HOURS}(?:(?: to |-){_HOURS})?"
    r" (?:(?:business|working) )?(?:minutes?|hours?|days?|weeks?)",
    r"(?:this|tomorrow|today|monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
    r" (?:morning|afternoon|evening|night)",
    r"(?:at|by|before|after|around) \d{1,2}(?::\d\d)? ?(?:am|pm|o'clock|a\.m|p\.m)?",
    r"(?:on |by |before |this |next )?(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)",
    r"(?:kal|aaj|parso|shaam|subah|shaam ko|subah ko|कल|आज|परसों|शाम|सुबह)(?: tak| ko| तक| को)?",
    r"(?:by|before|till|until) (?:the )?(?:end of (?:the )?)?(?:day|week|month|eod|evening"
    r"|morning|noon)",
)


def judge(case: Case) -> RuleAnswer:
    """The `next_steps` agent by rules."""
    rows: dict[str, dict[str, Any]] = {}
    for owner, line in _promises(case):
        text = line.text[:_LONGEST]
        rows.setdefault(
            line.plain,
            {
                "owner": owner,
                "text": text,
                "due": due_of(text) or "",
                "evidence": {"segments": [line.turn.idx], "quote": text},
            },
        )
    kept = list(rows.values())[-_MOST:]
    return RuleAnswer(result={"next_steps": kept}, confidence=MAX_RULE_CONFIDENCE if kept else 0.4)


def due_of(text: str) -> str | None:
    """When, in the words that were said."""
    return first_match(_CLOCK, text) or find_date(text)


def _promises(case: Case) -> Iterator[tuple[str, Line]]:
    """(owner, sentence): what a side says that it will do, and what the agent asks for."""
    said = vocabulary("talk")
    promises, asked, unless = said["step.agent"], said["step.asked"], said["step.unless"]
    for line in lines(case.transcript, Role.AGENT, Role.CUSTOMER):
        if len(words(line.plain)) < _SHORTEST or unless.search(line.plain):
            continue
        own = "agent" if line.turn.role is Role.AGENT else "customer"
        if promises.search(line.plain) and not line.asks:
            yield _owner(line, own), line
        elif own == "agent" and asked.search(line.plain):
            yield "customer", line


_OTHER_SIDE = re.compile(
    r"(?:you'll|you will|you should|you are going to)(?! (?:get|receive|have|hear|be))"
)


def _owner(line: Line, own: str) -> str:
    """Whoever speaks; what a customer expects to get is the agent's to do."""
    if own == "customer" and re.search(r"\b(?:you'll|you will)\b", line.plain):
        return "agent"
    return "customer" if own == "agent" and _OTHER_SIDE.search(line.plain) else own
