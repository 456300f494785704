"""Words of a text, also where a word carries combining vowel signs (Devanagari)."""

import re
import unicodedata

_ZERO_WIDTH = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))

# `\w` leaves out Devanagari vowel signs, so a Hindi word would fall apart; the block is named
# without its dandas and digits.
LETTER = r"(?:[^\W\d_]|[\u0900-\u0963\u0971-\u097F])"
_WORD = re.compile(rf"\d+(?:[.,]\d+)*|{LETTER}+(?:['’]{LETTER}+)?")
_SENTENCE = re.compile(r"[^.!?।\n]*(?:\.(?=\S)[^.!?।\n]*)*[.!?।]*")


def fold(text: str) -> str:
    """The text in NFC and case-folded, without zero-width characters, apostrophes straight."""
    clean = unicodedata.normalize("NFC", text.translate(_ZERO_WIDTH))
    return clean.casefold().replace("’", "'")


def words(text: str) -> list[str]:
    """The folded words and figures of a text, in order, without punctuation."""
    return _WORD.findall(fold(text))


def sentences(text: str) -> list[str]:
    """The sentences of a text, verbatim and stripped; a dot inside a figure does not end one."""
    return [piece for found in _SENTENCE.findall(text) if (piece := found.strip()) and words(piece)]
