"""Which openings of words a text must have before an expression can match in it.

Trying a thousand expressions on each sentence of a call costs more than all the rest of the rules.
Most of them cannot match, since none of the words that they need is there: an expression is read
once for a set of openings (the first three letters of a word), one of which every match has.

The dialect is that of the vocabularies: groups, alternatives, classes, quantifiers, lookarounds.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from locutory.capabilities.analysis.rules.matching import word_set

LENGTH = 3
FIGURE = "#"  # the opening of every figure
_WORD_CHARACTER = re.compile(r"[\w\u0900-\u0963']")
_TOKEN = re.compile(r"[\w\u0900-\u0963][\w\u0900-\u0963']*")
_COUNTED = re.compile(r"\{(\d+)(?:,\d*)?\}")
# An opening that most sentences have saves nothing.
_COMMON = word_set(
    "the you tha thi of a i we it is on in for and but my me no not can has hav wil wou was wer are"
    " don it' i'm i'v be do at so one get got all wha jus hai nahi nah ka ki ke ko se mei to bhi"
    " है हैं का की के को से में नही तो भी"
)
_COMMON_COST = 12

Openings = frozenset[str]


def openings_of(text: str) -> Openings:
    """The openings of a folded text's words."""
    return frozenset(
        FIGURE if token[0].isdigit() else token[:LENGTH] for token in _TOKEN.findall(text)
    )


def needed(expression: str) -> Openings | None:
    """Openings of which every text that matches has one; None where nothing can be said."""
    reader = _Reader(expression)
    return _needed_of(reader.alternatives(), anchored=True, closed=True)


def parts(expression: str) -> list[str]:
    """The alternatives of an expression, which may each need openings of its own."""
    found: list[str] = []
    depth = at = start = 0
    while at < len(expression):
        letter = expression[at]
        if letter == "\\":
            at += 1
        elif letter == "[":
            at = expression.index("]", at + 2)
        elif letter == "|" and not depth:
            found.append(expression[start:at])
            start = at + 1
        else:
            depth += {"(": 1, ")": -1}.get(letter, 0)
        at += 1
    found.append(expression[start:])
    if len(found) == 1 and expression.startswith("(?:") and _closes(expression) == len(expression):
        return parts(expression[3:-1])
    return found


def _closes(expression: str) -> int:
    """Where the group that an expression begins with has ended."""
    reader = _Reader(expression)
    reader.group()
    return reader.at


@dataclass(slots=True)
class _Atom:
    """One piece: a `letter`, a `figure`, a `group`, `nothing`, a `gap` or any `other`."""

    kind: str
    text: str = ""
    inside: list[list["_Atom"]] = field(default_factory=list)
    least: int = 1


class _Reader:
    """Reads an expression into atoms."""

    def __init__(self, expression: str) -> None:
        self._text = expression
        self.at = 0

    def alternatives(self) -> list[list[_Atom]]:
        found: list[list[_Atom]] = [[]]
        while self.at < len(self._text) and self._text[self.at] != ")":
            if self._text[self.at] == "|":
                self.at += 1
                found.append([])
            else:
                atom = self._atom()
                atom.least = self._least()
                found[-1].append(atom)
        return found

    def _atom(self) -> _Atom:
        text, at = self._text, self.at
        if text[at] == "(":
            return self.group()
        if text[at] == "[":
            end = text.index("]", at + 2)
            self.at = end + 1
            inside = text[at + 1 : end]
            if inside in ("0-9", "\\d"):
                return _Atom("figure")
            words = inside.startswith("^") or "\\" in inside or _WORD_CHARACTER.search(inside)
            return _Atom("other" if words else "gap")
        self.at += 1
        if text[at] in "^$":
            return _Atom("nothing")
        if text[at] == ".":
            return _Atom("other")
        if text[at] == "\\":
            self.at += 1
            return self._escaped(text[at + 1])
        if _WORD_CHARACTER.match(text[at]):
            return _Atom("letter", text[at].lower())
        return _Atom("gap")

    def _escaped(self, letter: str) -> _Atom:
        if letter == "b":
            return _Atom("nothing")
        if letter == "d":
            return _Atom("figure")
        return _Atom("other" if letter in "wSD" else "gap")

    def group(self) -> _Atom:
        opened = re.compile(r"\((\?(?::|=|!|<=|<!|P<\w+>))?").match(self._text, self.at)
        assert opened is not None
        self.at = opened.end()
        inside = self.alternatives()
        self.at += 1
        looks = opened.group(1) in ("?=", "?!", "?<=", "?<!")
        return _Atom("nothing") if looks else _Atom("group", inside=inside)

    def _least(self) -> int:
        """How often the atom before must come at least."""
        counted = _COUNTED.match(self._text, self.at)
        least = 1
        if counted:
            self.at = counted.end()
            least = int(counted.group(1))
        elif self.at < len(self._text) and self._text[self.at] in "?*+":
            least = 1 if self._text[self.at] == "+" else 0
            self.at += 1
        if self.at < len(self._text) and self._text[self.at] == "?" and counted is None:
            self.at += 1  # a lazy quantifier
        return least


def _needed_of(
    alternatives: Sequence[Sequence[_Atom]], *, anchored: bool, closed: bool
) -> Openings | None:
    """What all the alternatives need; `closed` says that a word ends where they end."""
    found: set[str] = set()
    for atoms in alternatives:
        one = _needed_of_sequence(atoms, anchored=anchored, closed=closed)
        if one is None:
            return None
        found |= one
    return frozenset(found)


def _needed_of_sequence(atoms: Sequence[_Atom], *, anchored: bool, closed: bool) -> Openings | None:
    wanted: list[Openings] = []
    word, at_start = "", anchored

    def end_word(*, complete: bool) -> None:
        nonlocal word
        if word and not word.startswith("'") and (len(word) >= LENGTH or complete):
            wanted.append(frozenset({word[:LENGTH]}))
        word = ""

    for number, atom in enumerate(atoms):
        if atom.kind == "nothing":
            continue
        if atom.kind == "letter" and atom.least and (at_start or word):
            word += atom.text
            at_start = False
        elif atom.kind == "gap":
            at_start = bool(atom.least) or (at_start and not word)
            end_word(complete=bool(atom.least))
        elif atom.kind == "figure":
            if at_start and atom.least and not word:
                wanted.append(frozenset({FIGURE}))
            end_word(complete=False)
            at_start = False
        elif atom.kind == "group":
            started = at_start and not word
            if not started and not all(_opens_with_gap(one) for one in atom.inside):
                end_word(complete=False)
            else:
                end_word(complete=True)
            if atom.least:
                inner = _needed_of(
                    atom.inside,
                    anchored=started,
                    closed=_is_closed(atoms[number + 1 :], closed=closed),
                )
                if inner is not None:
                    wanted.append(inner)
            ends = all(one and _ends_with_gap(one) for one in atom.inside)
            at_start = ends and (bool(atom.least) or started)
        else:
            end_word(complete=False)
            at_start = False
    end_word(complete=closed)
    return min(wanted, key=_cost) if wanted else None


def _cost(openings: Openings) -> int:
    return sum(_COMMON_COST if one in _COMMON else 1 for one in openings)


def _is_closed(rest: Sequence[_Atom], *, closed: bool) -> bool:
    """Whether a word ends before the rest of a sequence."""
    for atom in rest:
        if atom.kind == "nothing":
            continue
        if atom.kind == "group":
            if not all(_opens_with_gap(one) for one in atom.inside):
                return False
        elif atom.kind != "gap":
            return False
        if atom.least:
            return True
    return closed


def _opens_with_gap(atoms: Sequence[_Atom]) -> bool:
    first = next((atom for atom in atoms if atom.kind != "nothing"), None)
    return first is not None and first.kind == "gap" and bool(first.least)


def _ends_with_gap(atoms: Sequence[_Atom]) -> bool:
    last = next((atom for atom in reversed(atoms) if atom.kind != "nothing"), None)
    return last is not None and last.kind == "gap" and bool(last.least)
