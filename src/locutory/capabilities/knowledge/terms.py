"""The words of a question that carry it, and whether a text has them."""

from collections.abc import Collection

from locutory.kernel.numerals import as_figures
from locutory.kernel.words import words

_GRAMMAR = (
    "a about after again all also am an and any anything are as at be because been before being but"
    " by can could did do does doing done for from get give go got had has have having he her here"
    " hers him his how i if in into is it it's its just let like may me might more most much my no"
    " nor not now of off ok on one only or other our out over please shall she should so some"
    " something such than that that's the their them then there these they this those through to"
    " too under until up us very was we were what what's when where which while who whom whose why"
    " will with would yes you your"
)
_HINDI = (
    "है हैं था थी थे का की के को में से और यह वह ये वो तो भी पर ने कि क्या कौन कब कहाँ कहां कैसे कितना कितने"
    " कितनी हो हूँ हूं जी एक hai hain tha thi ka ki ke ko mein se aur yeh woh toh bhi par ne kya kaun"
    " kab kahan kaise kitna kitne kitni ho ji"
)
# In a collection of calls these are in every question and nearly every answer.
_REPORTING = (
    "agent agents answer answered ask asked asking asks call called caller callers calling calls"
    " client clients conversation conversations customer customers discuss discussed explain"
    " explained find happen happened know mention mentioned mentions person recording recordings"
    " said say saying says show somebody someone speak spoke talk talked talking tell telling tells"
    " told"
)
_SUMMARY = (
    "brief gist main outline overview point points recap summarise summarised summarize summarized"
    " summary"
)
_DENIAL = (
    "no not never none nothing cannot can't won't don't doesn't didn't isn't aren't wasn't weren't"
    " couldn't wouldn't shouldn't haven't hasn't without नहीं मत ना nahi nahin mat"
)
_EMPTY = frozenset(f"{_GRAMMAR} {_HINDI} {_REPORTING} {_SUMMARY} {_DENIAL}".split())
NEGATIONS = frozenset(_DENIAL.split())

_ENDINGS = ("ings", "ing", "ies", "ied", "ers", "er", "ed", "es", "ly", "s", "e", "y")
_SHORTEST_STEM = 3


def stem(word: str) -> str:
    """The word without an English ending, so that `refunds`, `refunded` and `refund` meet.

    Crude on purpose: it only has to treat both sides alike, and it leaves other scripts alone.
    """
    word = word.removesuffix("'s")
    if not word.isascii():
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word


def content_words(text: str) -> list[str]:
    """The folded words that say what a text is about, each once, numbers as figures."""
    return list(dict.fromkeys(w for w in as_figures(words(text)) if w not in _EMPTY))


def content_stems(text: str) -> frozenset[str]:
    """The stems of the content words."""
    return frozenset(stem(word) for word in content_words(text))


def share_found(wanted: Collection[str], stems: Collection[str]) -> float:
    """How much of the wanted stems is among the stems, 0-1; 0 when nothing is wanted."""
    return sum(one in stems for one in wanted) / len(wanted) if wanted else 0.0


def negations(text: str) -> frozenset[str]:
    """The words of denial in a text."""
    return NEGATIONS.intersection(words(text))


def figures(text: str) -> frozenset[str]:
    """The numbers of a text, however written."""
    return frozenset(word for word in as_figures(words(text)) if word[:1].isdigit())


def normalised(text: str) -> str:
    """Folded words with numbers as figures, one space between."""
    return " ".join(as_figures(words(text)))
