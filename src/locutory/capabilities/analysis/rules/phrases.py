"""Many expressions as one, of which only those are tried that a text may match."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache

from locutory.capabilities.analysis.rules.openings import needed, openings_of, parts
from locutory.capabilities.analysis.rules.phrasing import REMEMBERED, fold_signs, pattern


class _Index:
    """All expressions of all vocabularies, one bit for each, by the openings that they need."""

    def __init__(self) -> None:
        self._by_opening: dict[str, int] = {}
        self._always = 0
        self._size = 0

    def add(self, expression: str) -> int:
        bit = 1 << self._size
        self._size += 1
        openings = needed(fold_signs(expression))
        if openings is None:
            self._always |= bit
        else:
            for one in openings:
                self._by_opening[one] = self._by_opening.get(one, 0) | bit
        _possible.cache_clear()
        return bit

    def possible(self, text: str) -> int:
        found = self._always
        for one in openings_of(text):
            found |= self._by_opening.get(one, 0)
        return found


_INDEX = _Index()


@lru_cache(maxsize=REMEMBERED)
def _possible(text: str) -> int:
    return _INDEX.possible(text)


class Phrases:
    """A section of a vocabulary; it searches like a pattern of all its expressions."""

    def __init__(self, expressions: Sequence[str]) -> None:
        each = [part for one in expressions for part in parts(one)]
        self._expressions = {_INDEX.add(one): one for one in each}
        self._bits = sum(self._expressions)
        self._patterns: dict[int, re.Pattern[str]] = {}

    def search(self, text: str) -> re.Match[str] | None:
        """The first match in the text."""
        found: re.Match[str] | None = None
        left = _possible(text) & self._bits
        while left:
            bit = left & -left
            left ^= bit
            match = self._pattern(bit).search(text)
            if match is not None and (found is None or match.start() < found.start()):
                found = match
        return found

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """The matches in the text that do not overlap, from the left."""
        return self._whole.finditer(text) if self.search(text) else iter(())

    def subn(self, put: Callable[[re.Match[str]], str], text: str) -> tuple[str, int]:
        """The text with its matches replaced, and how many they were."""
        return self._whole.subn(put, text) if self.search(text) else (text, 0)

    def _pattern(self, bit: int) -> re.Pattern[str]:
        if bit not in self._patterns:
            self._patterns[bit] = pattern(self._expressions[bit])
        return self._patterns[bit]

    @cached_property
    def _whole(self) -> re.Pattern[str]:
        return pattern(*self._expressions.values())
