"""How people put things: loose spelling, questions, negation, in English and Hindi."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from locutory.capabilities.analysis.rules.matching import cue, word_set
from locutory.capabilities.analysis.rules.restoring import clauses, with_apostrophes
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.words import fold, sentences, words

# Ten rules read the same call one after the other; a call of an hour fits.
REMEMBERED = 2048

_NUKTA = "\u093c"
_SIGNS = str.maketrans({"ँ": "ं", _NUKTA: None})


@lru_cache(maxsize=REMEMBERED)
def heard(text: str) -> str:
    """The text folded, its apostrophes put back, without nukta and with one nasal sign.

    People mix the signs of Hindi freely.
    """
    return with_apostrophes(fold(text).translate(_SIGNS))


@lru_cache(maxsize=REMEMBERED)
def sentences_of(text: str) -> tuple[str, ...]:
    """The sentences of a text, and the clauses of those without punctuation, verbatim."""
    return tuple(clause for sentence in sentences(text) for clause in clauses(sentence))


def pattern(*alternatives: str) -> re.Pattern[str]:
    """A `cue` for texts that went through `heard`."""
    return cue(*(fold_signs(one) for one in alternatives))


def fold_signs(expression: str) -> str:
    """A regular expression with the signs of `heard`; its letters keep their case."""
    return expression.translate(_SIGNS)


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of a turn: verbatim for quotes, and as it is looked through."""

    turn: Turn
    text: str
    plain: str

    @property
    def asks(self) -> bool:
        """Whether it is a question that wants to know something."""
        return is_question(self.plain)


def lines_of(turn: Turn) -> list[Line]:
    """The sentences of a turn."""
    return [Line(turn, sentence, heard(sentence)) for sentence in sentences_of(turn.text)]


def lines(transcript: Transcript, *roles: Role) -> Iterator[Line]:
    """The sentences of these roles in order; of everybody but menus without roles."""
    for turn in transcript.turns:
        if turn.role in roles or (not roles and turn.role is not Role.IVR):
            yield from lines_of(turn)


_OPENS = re.compile(
    r"(?:(?:and|but|so|ok|okay|well|um|uh|hi|hello|yes|aur|to|toh|accha|achha|acha|और|तो|अच्छा)"
    r"[\s,]+)*"
    r"(?:what|what's|when|where|who|whose|which|how|why|kya|kab|kahan|kaun|kaunsa|kaise|kitna|kitne"
    r"|kitni|kyu|kyun|kyon|क्या|कब|कहां|कौन|कौनसा|कैसे|कितना|कितने|कितनी|क्यों"
    r"|(?:is|are|was|were|do|does|did|can|could|would|will|shall|should|may|have|has|am|isn't|aren't"
    r"|don't|doesn't|won't)\s+(?:i|you|we|they|he|she|it|there|this|that|these|those|the|my|your|our"
    r"|any|anyone|someone|people))"
    r"(?![\w\u0900-\u0963'])"
)
_TAG = re.compile(
    r"[\s,]+(?:isn't it|is it not|right|no|na|naa|hai na|you know|you see|okay|ok|ना|है ना)\s*\?$"
)


def is_question(plain: str) -> bool:
    """Whether a sentence asks; a tag ("isn't it?") makes no question of it."""
    if plain.endswith("?"):
        return _TAG.search(plain) is None
    return _OPENS.match(plain) is not None and not _IS_WISH.match(plain)


# "what I need is", "when I called": they open like a question.
_IS_WISH = re.compile(
    r"(?:and |but |so )?(?:what|when|where|which|how|who|whatever|whenever)"
    r" (?:i|we|you|they|he|she|it|the|my|our|your|happened|happens)\b(?!.*\?)"
)

_NEGATORS = word_set(
    "not no never without isn't aren't wasn't don't doesn't didn't won't wouldn't can't cannot"
    " nothing neither nor hardly isnt dont doesnt"
)
_HINDI_NEGATORS = word_set("nahi nahin nahee nai nhi नहीं नही")
_NEGATION_REACH = 3
_AFTER = re.compile(
    r"\W+(?:(?:to|toh|hi|bhi|itna|itni|utna|तो|ही|भी|इतना|उतना) )?"
    r"(?:nahi|nahin|nahee|nai|nhi|mat|नहीं|नही|मत)"
    r"(?![\w\u0900-\u0963])"
)


def is_negated(plain: str, start: int, end: int) -> bool:
    """Whether what stands between is denied: by a word before it, or in Hindi right after it."""
    clause = re.split(r"[,;:.!?।]| but | lekin | magar | par | लेकिन | मगर ", plain[:start])[-1]
    before = words(clause)[-_NEGATION_REACH:]
    if any(word in _NEGATORS for word in before) and before[-2:] != ["not", "only"]:
        return True
    return _AFTER.match(plain, end) is not None


def holds_negation(text: str) -> bool:
    """Whether a stretch of folded text has a word that denies."""
    return any(word in _NEGATORS or word in _HINDI_NEGATORS for word in words(text))
