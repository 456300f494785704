"""Scenarios of talk and how one becomes the lines of a call."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

_LINE = re.compile(r"([AC])(!?)(~?)(?:\((\d+)\))?: (.+)")
_ROLES = {"A": "agent", "C": "customer"}
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_CARD = re.compile(r"\b\d{4}(?: \d{4}){3}\b")
_PHONE = re.compile(r"\+1-(555)-(\d{4})\b")
_EMAIL = re.compile(r"\b[\w.]+@[\w.]+\.(?:com|org)\b")
_MONEY = re.compile(r"\$([\d,]+)")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of call.

    `script` has one turn per line: `A` or `C` for the party, `!` if said with raised voice, `~`
    if it cuts into the turn before, `(6)` for six seconds of silence before it, then the text.
    ` | ` separates wordings of which one is chosen, `{slot}` is filled from the call's row.
    `facts` are questions with the words, separated by ` | `, that an answer must quote.
    """

    name: str
    disposition: str
    script: str
    rows: tuple[Mapping[str, str], ...]
    facts: tuple[tuple[str, str], ...] = ()
    direction: str = "inbound"


@dataclass(frozen=True, slots=True)
class Line:
    role: str
    text: str
    raised: bool
    interrupts: bool
    silence_before_s: int


@dataclass(frozen=True, slots=True)
class Fact:
    question: str
    words: tuple[str, ...]


def lines(scenario: Scenario, slots: Mapping[str, str], rng: random.Random) -> list[Line]:
    """The turns of one call; ValueError for a malformed line, KeyError for an absent slot."""
    return [_line(raw, slots, rng) for raw in scenario.script.strip().splitlines()]


def facts(scenario: Scenario, slots: Mapping[str, str]) -> list[Fact]:
    return [
        Fact(question.format_map(slots), tuple(words.format_map(slots).split(" | ")))
        for question, words in scenario.facts
    ]


def spoken(text: str) -> str:
    """The text as a voice must be given it: cards and phones digit by digit, addresses in words."""
    text = spelled_card(text)
    text = _PHONE.sub(lambda m: f"{_spelled(m[1])}, {_spelled(m[2])}", text)
    text = _EMAIL.sub(lambda m: m[0].replace("@", " at ").replace(".", " dot "), text)
    return _MONEY.sub(lambda m: m[1].replace(",", "") + " dollars", text)


def spelled_card(text: str) -> str:
    """The text with card numbers as a recogniser without number formatting writes them."""
    return _CARD.sub(lambda m: ", ".join(_spelled(group) for group in m[0].split()), text)


def _spelled(digits: str) -> str:
    return " ".join(_DIGITS[int(digit)] for digit in digits)


def _line(raw: str, slots: Mapping[str, str], rng: random.Random) -> Line:
    match = _LINE.fullmatch(raw.strip().format_map(slots))
    if match is None:
        raise ValueError(f"not a line of a script: {raw!r}")
    party, raised, interrupts, silence, wordings = match.groups()
    text = rng.choice(wordings.split(" | "))
    text = text[0].upper() + text[1:]
    return Line(_ROLES[party], text, bool(raised), bool(interrupts), int(silence or 0))
