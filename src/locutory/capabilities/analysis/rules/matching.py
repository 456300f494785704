"""Patterns of whole words, and the verbatim words that they match."""

import re
import unicodedata

from locutory.kernel.words import fold

# `\b` would end a Devanagari word before its vowel sign.
_BEFORE = r"(?<![\w\u0900-\u0963])"
_AFTER = r"(?![\w\u0900-\u0963])"


def cue(*alternatives: str) -> re.Pattern[str]:
    """One pattern of regular expressions that match whole words; a blank is any white space.

    A blank with a question mark is none or any.
    """
    joined = "|".join(alternatives).replace(" ?", r"\s*").replace(" ", r"\s+")
    pattern = unicodedata.normalize("NFC", f"{_BEFORE}(?:{joined}){_AFTER}")
    return re.compile(pattern, re.IGNORECASE)


def word_set(spaced: str) -> frozenset[str]:
    """The folded words of a list that is written with blanks."""
    return frozenset(fold(word) for word in spaced.split())


def straight(text: str) -> str:
    """The text with straight apostrophes; every character keeps its place."""
    return text.replace("’", "'")


def says(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the pattern occurs in the text."""
    return pattern.search(straight(text)) is not None


def first_match(pattern: re.Pattern[str], text: str) -> str | None:
    """The verbatim words of the first match, white space made single; else None."""
    match = pattern.search(straight(text))
    return spaced(text[match.start() : match.end()]) if match else None


def spaced(text: str) -> str:
    """The text without outer white space, and with single blanks inside."""
    return " ".join(text.split())
