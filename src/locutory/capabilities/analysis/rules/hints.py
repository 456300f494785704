"""Objections that customers hint at: a cousin who does it for half, a pot that is empty."""

import re
from functools import cache

from locutory.capabilities.analysis.rules.matching import straight
from locutory.capabilities.analysis.rules.phrasing import Line, heard
from locutory.capabilities.analysis.rules.wording import alternatives, vocabulary
from locutory.capabilities.interactions.contract import Turn


def find(key: str, line: Line, *, priced: bool) -> int | None:
    """Where in a sentence an objection of this type is hinted at."""
    said = vocabulary("hints")
    unless = said.get(f"{key}.unless")
    if unless is not None and unless.search(line.plain):
        return None
    presses = said.get(f"{key}.presses")
    pressed = presses.search(line.plain) if presses is not None else None
    if pressed is not None:
        return pressed.start()
    if priced and key == "price":
        return _shocked(line)
    if line.asks:
        return None
    hint = said[f"{key}.hints"].search(line.plain)
    if hint is None and key == "competitor":
        hint = _named().search(straight(line.text))
    return None if hint is None else hint.start()


def names_a_price(turn: Turn) -> bool:
    """Whether a turn of the agent has an amount in it."""
    return vocabulary("hints")["price.amount"].search(heard(turn.text)) is not None


def is_pleased(turn: Turn) -> bool:
    """Whether a customer takes a price kindly."""
    return vocabulary("hints")["price.pleased"].search(heard(turn.text)) is not None


def _shocked(line: Line) -> int | None:
    said = vocabulary("hints")
    shock = said["price.shocked"].search(line.plain)
    if shock is None and not line.asks:
        shock = said["price.hints"].search(line.plain)
    return None if shock is None else shock.start()


@cache
def _named() -> re.Pattern[str]:
    """Others by name, which only their capital tells from a word."""
    return re.compile("|".join(alternatives("hints", "competitor.named")))
