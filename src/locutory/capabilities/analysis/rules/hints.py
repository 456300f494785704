"""Objections that customers hint at: a cousin who does it for half, a pot that is empty."""

import re
from dataclasses import dataclass
from functools import cache

from locutory.capabilities.analysis.rules.matching import straight
from locutory.capabilities.analysis.rules.phrasing import Line, heard
from locutory.capabilities.analysis.rules.wording import alternatives, vocabulary
from locutory.capabilities.interactions.contract import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a hint stands on: whether the agent named a price at all, and whether just now.

    `sure` says that the talk is surely one of a sale, where a sum is seldom told in passing.
    """

    named: bool
    priced: bool
    sure: bool


def find(key: str, line: Line, ground: Ground) -> int | None:
    """Where in a sentence an objection of this type is hinted at."""
    said = vocabulary("hints")
    unless = said.get(f"{key}.unless")
    if unless is not None and unless.search(line.plain):
        return None
    if said["any.waives"].search(line.plain):
        return None
    presses = said.get(f"{key}.presses")
    pressed = presses.search(line.plain) if presses is not None else None
    if pressed is not None:
        return pressed.start()
    if key == "price":
        return _dear(line, ground)
    stated = _stated(line)
    hint = said[f"{key}.hints"].search(stated)
    if hint is None and key == "competitor" and not line.asks:
        hint = _named().search(straight(line.text))
    return None if hint is None else hint.start()


def names_a_price(turn: Turn) -> bool:
    """Whether a turn of the agent has an amount in it."""
    return vocabulary("hints")["price.amount"].search(heard(turn.text)) is not None


def is_pleased(turn: Turn) -> bool:
    """Whether a customer takes a price kindly."""
    return vocabulary("hints")["price.pleased"].search(heard(turn.text)) is not None


def _dear(line: Line, ground: Ground) -> int | None:
    """A price is too high: after a price, or where the customer speaks of it himself."""
    said = vocabulary("hints")
    hint = said["price.shocked"].search(line.plain) if ground.priced else None
    if hint is None and (ground.sure or ground.named or said["price.spoken"].search(line.plain)):
        hint = said["price.hints"].search(_stated(line))
    if hint is None and ground.sure and said["price.others"].search(line.plain):
        hint = said["price.compared"].search(_stated(line))
    return None if hint is None else hint.start()


def _stated(line: Line) -> str:
    """The sentence, or of a question what is said before it: "it's far, is there a bus?"."""
    return line.plain if not line.asks else line.plain[: max(0, line.plain.rfind(","))]


@cache
def _named() -> re.Pattern[str]:
    """Others by name, which only their capital tells from a word."""
    return re.compile("|".join(alternatives("hints", "competitor.named")))
