"""Whether quoted words were really said (calls seed, 8.3)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from locutory.capabilities.interactions.contract import Evidence, Transcript
from locutory.kernel.numerals import as_figures, spoken_value
from locutory.kernel.words import words

SIMILAR = 0.85
NEIGHBOURS = 2

# How alike two spellings of one word are, by Ratcliff and Obershelp.
_SPELLED_ALIKE = 0.75

# Below this many words a near match says nothing.
_SHORTEST_NEAR = 5


def _listed(spaced: str) -> frozenset[str]:
    return frozenset(spaced.split())


# Words that turn what is said around; a near quote has neither more nor fewer of them.
_TURNING = _listed(
    "not no never none nothing nobody nowhere neither nor without hardly barely rarely unless"
    " except nahi nahin mat na bina नहीं नही मत ना न बिना"
)
# Names of days and months: too much alike to be told from a slip by their spelling.
_CALENDAR = _listed(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june"
    " july august september october november december somvar mangalvar budhvar guruvar shukravar"
    " shanivar ravivar सोमवार मंगलवार बुधवार गुरुवार शुक्रवार शनिवार रविवार"
)
# Words that a quote may add without changing what it says.
_SLIPS = _listed("a an and are at for in is of on or so that the to was well were yes")
_SCALES = _listed("hundred thousand lakh million crore")
# Words that take a `not` after them, which then belongs to them.
_AUXILIARIES = _listed("are can could did do does had has have is should was were will would")
_NEGATIONS_AFTER = _listed("nahi nahin नहीं नही")
_ENDINGS = {"n't": "not", "'m": "am", "'re": "are", "'ll": "will", "'ve": "have"}
# Short forms whose spelling without the apostrophe is no other word.
_SHORT = _listed(
    "aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't shouldn't wasn't"
    " weren't won't wouldn't i'm i've you're you've they're they've we've"
)
_WITHOUT_APOSTROPHE = {short.replace("'", ""): short for short in _SHORT}
_WITH_IS = _listed("its thats theres whats heres hes shes wheres hows whos")


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
    """Words without case and punctuation, spoken numbers as figures ("a hundred and ten", 110)."""
    return as_figures(list(_plainly_counted(words(text))))


def _plainly_counted(said: Sequence[str]) -> Iterator[str]:
    """`one hundred ten` for "a hundred and ten"."""
    for before, word, after in zip(["", *said], said, [*said[1:], ""], strict=False):
        if word == "a" and after in _SCALES:
            yield "one"
        elif not (word == "and" and before in _SCALES and spoken_value(after) is not None):
            yield word


def check(transcript: Transcript, turns: Sequence[int], quote: str) -> Evidence:
    """Say whether the quote is in the cited turns.

    It is when its words follow each other there, or when a stretch of about as many words within
    two turns of one of them shares at least 85 %, in the same order (ADR 0010). Never near is a
    figure, a negation, a day or a month that differs, or a word that was not said in any spelling:
    such a quote says something else. A quote without words, without turns, or citing a turn that
    does not exist is false.
    """
    verified = _holds(transcript, turns, _spelled_out(normalised(quote)))
    return Evidence(turns=tuple(turns), quote=quote, verified=verified)


def _holds(transcript: Transcript, turns: Sequence[int], quote: list[str]) -> bool:
    count = len(transcript.turns)
    if not quote or not turns or any(not 0 <= idx < count for idx in turns):
        return False
    cited = [word for idx in sorted(set(turns)) for word in _said(transcript, idx)]
    if any(list(stretch) == quote for stretch in _stretches(cited, len(quote), _cut_off(cited))):
        return True
    if len(quote) < _SHORTEST_NEAR:
        return False
    for idx in turns:
        around = range(max(0, idx - NEIGHBOURS), min(count, idx + NEIGHBOURS + 1))
        nearby = [word for n in around for word in _said(transcript, n)]
        false_ends = _cut_off(nearby)
        false_ends |= {end - 1 for end in false_ends}  # there the quote may add the auxiliary
        for size in range(len(quote), round(len(quote) / SIMILAR) + 1):
            if any(_near(quote, stretch) for stretch in _stretches(nearby, size, false_ends)):
                return True
    return False


def _said(transcript: Transcript, idx: int) -> list[str]:
    return _spelled_out(normalised(transcript.turns[idx].text))


def _spelled_out(said: Iterable[str]) -> list[str]:
    """Short forms in full, with or without their apostrophe: `can't`, `cant`, `cannot`."""
    out: list[str] = []
    for word in said:
        short = _WITHOUT_APOSTROPHE.get(word, word)
        ending = next((one for one in _ENDINGS if short.endswith(one)), None)
        bare = word.replace("'", "")
        if word == "cannot":
            out += ["can", "not"]
        elif ending is not None:
            stem = short.removesuffix(ending)
            out += [{"ca": "can", "wo": "will"}.get(stem, stem), _ENDINGS[ending]]
        elif bare in _WITH_IS:
            out += [bare[:-1], "is"]
        else:
            out.append(bare)
    return out


def contains(text: Sequence[str], part: Sequence[str]) -> bool:
    """Whether the words of `part` follow each other in `text`."""
    size = len(part)
    wanted = list(part)
    return any(
        text[at] == wanted[0] and list(text[at : at + size]) == wanted
        for at in range(len(text) - size + 1)
    )


def _stretches(text: Sequence[str], size: int, false_ends: Set[int]) -> Iterator[Sequence[str]]:
    for end in range(min(size, len(text)), len(text) + 1):
        if end not in false_ends:
            yield text[max(0, end - size) : end]


def _cut_off(text: Sequence[str]) -> set[int]:
    """Where a quote that ended would lose the negation of its last word ("I would", "not")."""
    return {
        end
        for end in range(1, len(text))
        if (text[end] == "not" and text[end - 1] in _AUXILIARIES) or text[end] in _NEGATIONS_AFTER
    }


def _near(quote: Sequence[str], stretch: Sequence[str]) -> bool:
    shared = (Counter(quote) & Counter(stretch)).total()
    if 2 * shared < SIMILAR * (len(quote) + len(stretch)):
        return False
    steps = SequenceMatcher(None, stretch, quote, autojunk=False).get_opcodes()
    return all(kind == "equal" or _slipped(stretch[a:b], quote[c:d]) for kind, a, b, c, d in steps)


def _slipped(said: Sequence[str], quoted: Sequence[str]) -> bool:
    """Whether writing `quoted` at the place of `said` leaves the meaning as it was.

    Words may be left out, and small ones added; others only become another spelling of themselves.
    """
    if any(_decisive(word) for word in (*said, *quoted)):
        return False
    return all(word in _SLIPS or _misheard(word, said) for word in quoted) and (
        not quoted or all(word in _SLIPS or _misheard(word, quoted) for word in said)
    )


def _misheard(word: str, said: Iterable[str]) -> bool:
    """Whether it is another spelling or ending of a word said there; `unfair` is none of `fair`."""
    return any(
        word[0] == other[0] and SequenceMatcher(None, word, other).ratio() >= _SPELLED_ALIKE
        for other in said
    )


def _decisive(word: str) -> bool:
    return word in _TURNING or word in _CALENDAR or any(char.isdigit() for char in word)


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
