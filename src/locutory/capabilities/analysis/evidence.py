"""Whether quoted words were really said (calls seed, 8.3)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from locutory.capabilities.interactions.contract import Evidence, Transcript
from locutory.kernel.numerals import as_figures
from locutory.kernel.words import words

SIMILAR = 0.85
NEIGHBOURS = 2

# How alike two spellings of one word are, by Ratcliff and Obershelp.
_SPELLED_ALIKE = 0.75

# Below this many words a near match says nothing.
_SHORTEST_NEAR = 5
_NEGATIONS = frozenset(
    "not no never none nothing without cannot nahi nahin mat नहीं नही मत ना".split()  # noqa: SIM905
)
# Words that a quote may add without changing what it says.
_SLIPS = frozenset(
    "a an and are at for in is of on or so that the to was well were yes".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A result whose evidence has `verified`, all of that evidence, and where it is false."""

    result: dict[str, Any]
    evidence: tuple[Evidence, ...]
    unsupported: tuple[str, ...]

    @property
    def evidence_ok(self) -> bool | None:
        """Whether all of it holds; None where there is none."""
        return not self.unsupported if self.evidence else None


def normalised(text: str) -> list[str]:
    """Words without case and punctuation, spoken numbers as figures."""
    return as_figures(words(text))


def check(transcript: Transcript, turns: Sequence[int], quote: str) -> Evidence:
    """Say whether the quote is in the cited turns.

    It is when its words follow each other there, or when a stretch of about as many words within
    two turns of one of them shares at least 85 %. Never near is a figure or a negation that
    differs, or a word that was not said in any spelling: such a quote says something else. A quote
    without words, without turns, or citing a turn that does not exist is false.
    """
    verified = _holds(transcript, turns, normalised(quote))
    return Evidence(turns=tuple(turns), quote=quote, verified=verified)


def _holds(transcript: Transcript, turns: Sequence[int], quote: list[str]) -> bool:
    count = len(transcript.turns)
    if not quote or not turns or any(not 0 <= idx < count for idx in turns):
        return False
    said = {idx: normalised(transcript.turns[idx].text) for idx in turns}
    if contains([word for idx in sorted(said) for word in said[idx]], quote):
        return True
    if len(quote) < _SHORTEST_NEAR:
        return False
    for idx in said:
        around = range(max(0, idx - NEIGHBOURS), min(count, idx + NEIGHBOURS + 1))
        nearby = [word for n in around for word in normalised(transcript.turns[n].text)]
        if any(_near(quote, stretch) for stretch in _stretches(nearby, len(quote))):
            return True
    return False


def contains(text: Sequence[str], part: Sequence[str]) -> bool:
    """Whether the words of `part` follow each other in `text`."""
    size = len(part)
    wanted = list(part)
    return any(
        text[at] == wanted[0] and list(text[at : at + size]) == wanted
        for at in range(len(text) - size + 1)
    )


def _stretches(text: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Stretches of `size` words, and of a few more for the words that a quote leaves out."""
    for longer in range(size, round(size / SIMILAR) + 1):
        for at in range(max(1, len(text) - longer + 1)):
            yield text[at : at + longer]


def _near(quote: Sequence[str], stretch: Sequence[str]) -> bool:
    ours, theirs = Counter(quote), Counter(stretch)
    shared = (ours & theirs).total()
    if 2 * shared < SIMILAR * (len(quote) + len(stretch)):
        return False
    added, left_out = ours - theirs, theirs - ours
    if any(_decisive(word) for word in added + left_out):
        return False
    return all(word in _SLIPS or _misheard(word, left_out) for word in added)


def _misheard(word: str, said: Iterable[str]) -> bool:
    """Whether it is another spelling or ending of a word that was said."""
    return any(SequenceMatcher(None, word, other).ratio() >= _SPELLED_ALIKE for other in said)


def _decisive(word: str) -> bool:
    return word in _NEGATIONS or word.endswith("n't") or any(char.isdigit() for char in word)


def verify(result: Mapping[str, Any], schema: Mapping[str, Any], transcript: Transcript) -> Checked:
    """Check every field of type evidence that the schema names; the result is copied."""
    found: list[Evidence] = []
    unsupported: list[str] = []

    def walk(value: Any, node: Mapping[str, Any], path: str) -> Any:
        if node.get("type") == "evidence" and isinstance(value, Mapping):
            evidence = check(transcript, value["segments"], value["quote"])
            found.append(evidence)
            if not evidence.verified:
                unsupported.append(path)
            return {**value, "verified": evidence.verified}
        if isinstance(value, Mapping):
            children = node.get("properties", {})
            return {k: walk(v, children.get(k, {}), f"{path}.{k}") for k, v in value.items()}
        if isinstance(value, list):
            child = node.get("items", {})
            return [walk(item, child, f"{path}[{n}]") for n, item in enumerate(value)]
        return value

    checked = {
        key: walk(value, schema.get("properties", {}).get(key, {}), key)
        for key, value in result.items()
    }
    return Checked(checked, tuple(found), tuple(unsupported))


def unsupported_names(text: str, known: frozenset[str]) -> list[str]:
    """Figures and proper names of a text that are not among the known words.

    A proper name is a capitalised word that does not begin a sentence. `known` holds normalised
    words.
    """
    figures = [word for word in normalised(text) if word[0].isdigit() and word not in known]
    names = []
    starts = True
    for piece in text.split():
        bare = piece.strip("\"'()[]{},;:.!?-–—“”‘’।")
        folded = [part.removesuffix("'s") for part in words(bare)]
        if bare[:1].isupper() and not starts and any(part not in known for part in folded):
            names.append(bare)
        starts = piece.endswith((".", "!", "?", ":", "।"))
    return figures + [name for name in names if name not in {"I", "I'm", "I'll", "I've", "I'd"}]
