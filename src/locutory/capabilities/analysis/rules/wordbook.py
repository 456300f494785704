"""Words that speak for something, each with a weight: a file of sections read into one look-up.

A file has sections `[name]` of lines `weight: word word …`. A word may end in `*` for any ending,
and stand for several words, with `_` for the blanks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache

from locutory.capabilities.analysis.rules.phrasing import REMEMBERED, fold_signs
from locutory.capabilities.analysis.rules.wording import VOCABULARIES, text_of, vocabulary
from locutory.kernel.words import words

WORDBOOKS = ("objection_words", "topic_words")

Entry = tuple[str, int]
"""A section and a weight."""

_SHORTEST_STEM = 3


@dataclass(slots=True)
class Wordbook:
    """The entries of a file, by their first word or stem."""

    _whole: dict[str, list[tuple[tuple[str, ...], bool, Entry]]] = field(default_factory=dict)
    _stems: dict[str, list[Entry]] = field(default_factory=dict)

    def add(self, said: str, entry: Entry) -> None:
        """Take up a word or a phrase as it is written in the file."""
        open_ended = said.endswith("*")
        parts = tuple(words(fold_signs(said.rstrip("*").replace("_", " "))))
        if open_ended and len(parts) == 1:
            self._stems.setdefault(parts[0], []).append(entry)
        else:
            self._whole.setdefault(parts[0], []).append((parts, open_ended, entry))

    def entries(self) -> Iterator[Entry]:
        """Every entry, once for each of its words."""
        for stems in self._stems.values():
            yield from stems
        for phrases in self._whole.values():
            yield from (entry for _, _, entry in phrases)

    def found(self, plain: str) -> Iterator[tuple[str, Entry]]:
        """What a text that went through `heard` has, as (the word or phrase, its entry)."""
        spoken = words(plain)
        for at, word in enumerate(spoken):
            for parts, open_ended, entry in self._whole.get(word, ()):
                if _follows(parts, spoken[at : at + len(parts)], open_ended=open_ended):
                    yield " ".join(parts), entry
            for end in range(_SHORTEST_STEM, len(word) + 1):
                for entry in self._stems.get(word[:end], ()):
                    yield word[:end], entry


def _follows(parts: tuple[str, ...], spoken: list[str], *, open_ended: bool) -> bool:
    if not open_ended:
        return list(parts) == spoken
    return len(spoken) == len(parts) and (
        list(parts[:-1]) == spoken[:-1] and spoken[-1].startswith(parts[-1])
    )


@cache
def wordbook(name: str) -> Wordbook:
    """`vocabulary/<name>.txt`. Raises ValueError for a line of another form."""
    book = Wordbook()
    section = ""
    for line in text_of(name).splitlines():
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line.strip() and not line.startswith("#"):
            weight, _, said = line.partition(":")
            for one in said.split():
                book.add(one, (section, int(weight)))
    return book


def prepare() -> None:
    """Read all that the rules look up, so that the first call does not wait: one to two seconds."""
    for name in VOCABULARIES:
        vocabulary(name)
    for name in WORDBOOKS:
        wordbook(name)


@lru_cache(maxsize=REMEMBERED)
def words_of(name: str, plain: str) -> Mapping[str, Mapping[str, int]]:
    """The words of a text by section, each with its weight."""
    by_section: dict[str, dict[str, int]] = {}
    for said, (section, weight) in wordbook(name).found(plain):
        known = by_section.setdefault(section, {})
        known[said] = max(weight, known.get(said, 0))
    return by_section
