"""Understanding a question for a count: all of its words, or not at all.

A word that is left over could narrow the count (`angry customers`, `Priya's calls`), and a count
that ignored it would be wrong. So such a question is not understood, rather than half understood.
"""

import re
from datetime import datetime, tzinfo

from locutory.kernel.words import fold, words
from locutory.products.calls.insights.contract import Count, Measure
from locutory.products.calls.insights.periods import find_period
from locutory.products.calls.records.contract import Direction, Status

_SAYING = re.compile(
    r"\b(?:mention(?:s|ed|ing)?|contain(?:s|ed|ing)?|(?:talk|speak)(?:s|ed|ing)? about"
    r"|discuss(?:es|ed|ing)?|say(?:s|ing)?|said|ask(?:s|ed|ing)? (?:about|for)"
    r"|complain(?:s|ed|ing)? about|about|with the (?=word|phrase|term))\s*"
    r"(?:(?:the |a |an )?(?:words?|phrase|term) )?(?P<what>.+)$"
)
_ARTICLE = re.compile(r"^(?:the|a|an) ")
_QUOTED = re.compile(r"[\"“„«'‘]([^\"“”„«»'‘’]+)[\"”»'’]")
_JOINED = re.compile(r"\b(?:and|und|but|without|not|aur)\b|[,;&]")
# Also what is left of a follow-up ("and last month?") once its period is taken out.
_TRAILING = re.compile(
    r"(?:\b(?:at all|so far|in total|overall|ever|were there|are there|and|or|also|what about"
    r"|how about)\b|[?.!\s])+$"
)

_STATUSES = {
    "done": Status.DONE,
    "completed": Status.DONE,
    "finished": Status.DONE,
    "failed": Status.FAILED,
    "pending": Status.PENDING,
    "waiting": Status.PENDING,
    "transcribed": Status.TRANSCRIBED,
    "skipped": Status.SKIPPED,
}
_DIRECTIONS = {
    "inbound": Direction.INBOUND,
    "incoming": Direction.INBOUND,
    "outbound": Direction.OUTBOUND,
    "outgoing": Direction.OUTBOUND,
    "internal": Direction.INTERNAL,
}


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_CALLS = _set("call calls conversation conversations recording recordings")
_FILLER = _CALLS | _set(
    "a all and are came come did do does give had has have in is it me of on our please show so"
    " tell that the there these they to us was we were what what's which you your"
)
_HOW_MANY = _set("how many number count total")
_OWN_WORDS: dict[Measure, frozenset[str]] = {
    Measure.CALLS: _HOW_MANY,
    Measure.MENTIONS: _HOW_MANY,
    Measure.BY_STATUS: _HOW_MANY | _set("by per each status statuses"),
    Measure.SHARE: _set("share percentage percent proportion fraction"),
    Measure.AVERAGE_SCORE: _set("average mean score scores quality overall"),
    Measure.BUSIEST_AGENT: _set("agent agents who most took takes made makes handled handles got"),
}


def understand(question: str, now: datetime, zone: tzinfo) -> Count | None:
    """The count that a question asks for; None unless every word of it is understood."""
    period, rest = find_period(fold(question), now, zone)
    rest = _TRAILING.sub("", rest)
    said = _SAYING.search(rest)
    phrases = _phrases(said["what"]) if said else ()
    if said and not phrases:
        return None
    heard = words(rest[: said.start()] if said else rest)
    statuses = {_STATUSES[word] for word in heard if word in _STATUSES}
    directions = {_DIRECTIONS[word] for word in heard if word in _DIRECTIONS}
    if len(statuses) > 1 or len(directions) > 1:
        return None
    left = frozenset(heard) - _FILLER - _STATUSES.keys() - _DIRECTIONS.keys()
    measure = _measure(left, heard, says=bool(phrases), has_status=bool(statuses))
    if measure is None or not left <= _OWN_WORDS[measure]:
        return None
    return Count(
        measure=measure,
        phrases=phrases,
        status=next(iter(statuses), None),
        direction=next(iter(directions), None),
        period=period,
    )


def _measure(
    left: frozenset[str], heard: list[str], *, says: bool, has_status: bool
) -> Measure | None:
    """What is to be counted; words that narrow it in ways that are not known rule it out."""
    if not says and {"average", "mean"} & left and {"score", "scores"} & left:
        return Measure.AVERAGE_SCORE
    if not says and "most" in left and {"agent", "agents", "who"} & left:
        return Measure.BUSIEST_AGENT
    if not _CALLS.intersection(heard):
        return None
    if left & _OWN_WORDS[Measure.SHARE]:
        return Measure.SHARE if says != has_status else None
    if not left & _HOW_MANY:
        return None
    if says:
        return None if has_status else Measure.MENTIONS
    return Measure.BY_STATUS if {"status", "statuses"} & left else Measure.CALLS


def _phrases(what: str) -> tuple[str, ...]:
    """What must have been said, any of it; () where several things may be meant together."""
    quoted = tuple(_QUOTED.findall(what))
    rest = _QUOTED.sub(" ", what) if quoted else what
    if _JOINED.search(rest):
        return ()
    if quoted:
        return quoted if set(words(rest)) <= {"or"} else ()
    parts = [_ARTICLE.sub("", part.strip()) for part in re.split(r"\bor\b", rest)]
    return tuple(parts) if all(words(part) for part in parts) else ()
