"""What a question wants, and how a short follow-up becomes a question of its own."""

import re

from locutory.capabilities.knowledge.contract import Intent
from locutory.capabilities.knowledge.terms import content_words
from locutory.kernel.words import fold, words

# Things that rows count. "How many bedrooms did she want?" asks for words that were said.
_COUNTED = (
    r"(?:calls?|conversations?|recordings?|customers?|callers?|clients?|people|agents?|leads?"
    r"|times|complaints?|enquir(?:y|ies)|inquir(?:y|ies)|transcripts?)"
)
_HAPPENED = (
    r"(?:mention\w*|ask\w*|complain\w*|talk\w*|discuss\w*|said|say|called|fail\w*|were|are|was|is"
    r"|did|do|have|had)"
)
_AGGREGATE = re.compile(
    rf"\bhow many (?:of |\w+ ){{0,3}}?{_COUNTED}\b"
    rf"|\bhow many {_HAPPENED}\b"
    rf"|\b(?:number|count|total) of (?:\w+ ){{0,3}}?{_COUNTED}\b"
    rf"|\bcount (?:all |the |of |my |our )*{_COUNTED}\b|\btotal {_COUNTED}\b"
    rf"|\b{_COUNTED} (?:by|per) (?:status|agent|day|week|month)\b"
    r"|\bwhich agents?\b|\bwho (?:has|had|made|took|handled) the (?:most|fewest|least)\b"
    rf"|\bmost {_COUNTED}\b"
    r"|\b(?:share|percentage|proportion|fraction) of\b"
    r"|\btrend(?:s|ing)?\b|\b(?:average|mean|median) (?:\w+ )?(?:score|duration|length|sentiment)\b"
    r"|\bkitn[ei] (?:calls?|log)\b|कितन[ेी] (?:कॉल|लोग)"
)
_SUMMARISE = re.compile(
    r"\b(?:summar(?:y|ise|ize|ies|ised|ized)|sum up|overview|gist|recap|in short|main points"
    r"|what happened|bullet points)\b|सारांश|संक्षेप"
)

_LEADS_ON = re.compile(r"^(?:and|also|but|so|then|what about|how about|aur|और|lekin|लेकिन)\b")
_POINTING = "it its it's they them their he him his she her uska uski woh yeh उस इस वह यह"
_POINTS_BACK = frozenset(_POINTING.split())
_SHORT = 3  # content words


def intent_of(question: str) -> Intent:
    """Whether to look up, to summarise, or to count rows."""
    asked = fold(question)
    if _AGGREGATE.search(asked):
        return Intent.AGGREGATE
    return Intent.SUMMARISE if _SUMMARISE.search(asked) else Intent.LOOKUP


def leans_on_previous(message: str) -> bool:
    """Whether a message cannot be understood alone.

    A follow-up is short (three content words at most) and leads on ("and the price?"), has no
    content ("why?") or points back ("did she agree?").
    """
    about = content_words(message)
    if len(about) > _SHORT:
        return False
    leads_on = _LEADS_ON.search(fold(message).strip()) is not None
    return leads_on or not about or bool(_POINTS_BACK.intersection(words(message)))


def standalone(message: str, previous: str | None) -> str:
    """The message, after the previous question's words when it cannot be understood alone."""
    if previous is None or not leans_on_previous(message):
        return message
    return f"{previous.rstrip(' ?!.')} {message}"
