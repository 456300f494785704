"""Runs of digits in a text, written or spoken, and the check digits of known numbers."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from locutory.kernel.numerals import REPEATS, joins_tens, spoken_value
from locutory.kernel.words import LETTER

_UNIT = (
    r"dollars?|rupees?|rupaye|euros?|pounds?|cents?|bucks|usd|inr|eur|gbp|percent|thousand|lakhs?"
    r"|crores?|million|billion|hours?|hrs?|minutes?|mins?|seconds?|days?|weeks?|months?|years?"
    r"|km|kg|sq|[ap]\.?m\b|रुपये|रुपए|लाख|करोड़|हज़ार|हजार"
)
# Every repetition is bounded, so that a hostile text costs linear time.
_TOKEN = re.compile(
    rf"""
    (?P<placeholder>\[[A-Z]+_\d{{1,6}}\])
    | (?P<quantity>
        (?:[$€£₹]|\b(?:rs|inr|usd|eur)\b\.?)\s?\d{{1,9}}(?:[.,]\d{{1,3}}){{0,4}}(?!\d)
        | (?<![\d,.+])\d{{1,9}}(?:[.,]\d{{1,3}}){{0,4}}\s?(?:%|(?:{_UNIT})(?!\w))
        | (?<![\d,])\d{{1,3}}(?:,\d{{2,3}}){{1,6}}(?:\.\d{{1,2}})?(?![\d,]\d)
        | (?<![\d.])\d{{1,7}}\.\d{{1,2}}(?![\d.]*\d)
        | (?<!\d)\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?!\d)
        | (?<![\d\-])(?:19|20)\d\d-\d{{1,2}}-\d{{1,2}}(?![\d\-])
        | (?<!\d)\d{{1,2}}([-./])\d{{1,2}}\1(?:19|20)?\d\d(?![\d\-])
      )
    | (?P<digits>\d+)
    | (?P<word>{LETTER}+)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_GAP = re.compile("[\\s\\-.,()–—\u200b-\u200d\u2060\ufeff]{0,4}")
_FILLERS = frozenset(["uh", "um", "er", "hmm", "okay", "ok", "yes", "ji", "haan", "हाँ", "हां", "जी"])


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring digits of a run; `start` and `end` are offsets in the text."""

    digits: str
    start: int
    end: int
    spoken: bool


def digit_runs(text: str) -> Iterator[list[Group]]:
    """Yield the groups of digits that belong together, without prices, dates, times, quantities.

    `double four` is a group `44`, `forty two` a group `42`; small fillers ("uh") may stand between.
    """
    run: list[Group] = []
    repeat: re.Match[str] | None = None
    last_end = 0
    tens = 0
    for token in _TOKEN.finditer(text):
        kind, word = token.lastgroup, _folded(token.group())
        adjoins = bool(_GAP.fullmatch(text, last_end, token.start()))
        if run and not adjoins:
            yield run
            run = []
        if not adjoins:
            repeat = None
        last_end = token.end()
        if kind == "word" and word in _FILLERS:
            continue
        if kind == "word" and word in REPEATS:
            repeat = token
            continue
        digits = _digits_of(kind, word)
        if digits is None:
            if run:
                yield run
            run, repeat = [], None
            continue
        spoken = kind == "word"
        if run and spoken and joins_tens(tens, int(digits)) and run[-1].spoken:
            previous = run.pop()
            run.append(Group(str(tens + int(digits)), previous.start, token.end(), True))
            tens = 0
            continue
        tens = int(digits) if spoken and repeat is None else 0
        start = repeat.start() if repeat else token.start()
        times = REPEATS[_folded(repeat.group())] if repeat else 1
        run.append(Group(digits * times, start, token.end(), spoken))
        repeat = None
    if run:
        yield run


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _digits_of(kind: str | None, word: str) -> str | None:
    if kind == "digits":
        return "".join(str(unicodedata.digit(c)) for c in word)
    value = spoken_value(word) if kind == "word" else None
    return None if value is None else str(value)


def luhn_valid(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812-1 (payment cards)."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _dihedral(a: int, b: int) -> int:
    """The product in the dihedral group of order 10, rotations 0-4 and reflections 5-9."""
    turn = b % 5 if a < 5 else -(b % 5)
    return (a + turn) % 5 + 5 * ((a // 5) ^ (b // 5))


_VERHOEFF_STEP = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def verhoeff_valid(digits: str) -> bool:
    """Whether the last digit is the Verhoeff check digit (Aadhaar)."""
    check = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char)
        for _ in range(place % 8):
            value = _VERHOEFF_STEP[value]
        check = _dihedral(check, value)
    return check == 0


# ISO 13616 registry: the countries by the whole length of their IBAN.
_IBAN_COUNTRIES = {
    15: "NO", 16: "BE", 18: "DK FO FI GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA",
    30: "JO KW MU", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
_IBAN_LENGTHS = {
    country: length for length, row in _IBAN_COUNTRIES.items() for country in row.split()
}


def iban_length(country: str) -> int | None:
    """How many characters an IBAN of this country has; None where there are none."""
    return _IBAN_LENGTHS.get(country.upper())


def iban_valid(iban: str) -> bool:
    """Whether a compact IBAN has its country's length and remainder 1 modulo 97 (ISO 7064)."""
    if iban_length(iban[:2]) != len(iban) or not (iban.isascii() and iban.isalnum()):
        return False
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def windows(groups: Sequence[Group], shortest: int, longest: int) -> Iterator[tuple[int, int, str]]:
    """Yield (first, after, digits) of neighbouring groups with so many digits, longest first."""
    for first in range(len(groups)):
        found: list[tuple[int, int, str]] = []
        digits = ""
        for after in range(first + 1, len(groups) + 1):
            digits += groups[after - 1].digits
            if len(digits) > longest:
                break
            if len(digits) >= shortest:
                found.append((first, after, digits))
        yield from reversed(found)
