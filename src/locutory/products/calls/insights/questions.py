"""Understanding a question for a count: all of its words, or not at all.

A word that is left over could narrow the count (`angry customers`), and a count that ignored it
would be wrong. So such a question is not understood, rather than half understood. What is
understood is taken out of the text piece by piece, a bar in its place; in the end nothing but
words without weight may be left.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any

from locutory.kernel.words import fold, words
from locutory.products.calls.insights import vocabulary as vocab
from locutory.products.calls.insights.contract import (
    ANY,
    Bound,
    Count,
    Group,
    Measure,
    Names,
    Period,
    Rank,
    Sentiment,
    Value,
    Where,
)
from locutory.products.calls.insights.periods import find_comparison, find_period

_SAYING = re.compile(
    r"\b(?:mention(?:s|ed|ing)?|contain(?:s|ed|ing)?|(?:talk|speak)(?:s|ed|ing)? about"
    r"|discuss(?:es|ed|ing)?|say(?:s|ing)?|said|ask(?:s|ed|ing)? (?:about|for)"
    r"|complain(?:s|ed|ing)? about|about|with the (?=word|phrase|term))\s*"
    r"(?:(?:the |a |an )?(?:words?|phrase|term) )?(?P<what>[^|]*)"
)
_ARTICLE = re.compile(r"^(?:the|a|an) ")
_QUOTED = re.compile(r"(?<!\w)[\"“„«'‘]([^\"“”„«»'‘’]+)[\"”»'’](?!\w)")
_QUOTE_NAME = re.compile(r"qq(\d+)qq")
# Unquoted, these may join things that are meant apart, or go on with the question.
_UNCLEAR = re.compile(
    r"\b(?:and|und|but|without|not|aur|that|which|who|whose|when|where|while|with|from|by|were|was"
    r"|are|is|most|than|more|less)\b|[,;&]"
)
# Also what is left of a follow-up ("and last month?") once its period is taken out.
_TRAILING = re.compile(
    r"(?:\b(?:at all|so far|in total|overall|ever|were there|are there|and|or|also|what about"
    r"|how about|right now)\b|[?.!|\s])+$"
)
_COUNTABLE = re.compile(
    r"\b(?:how many|number|count|total|share|percent|percentage|proportion|fraction|average|mean"
    r"|avg|versus|vs|difference|most|fewest|least|top|busiest|best|worst|highest|lowest|compare|trends?|trending"
    r"|kitne|kitni|by|per|each|daily|weekly|monthly|over time)\b|कितन[ेी]|%"
)

_GROUP = "|".join(sorted(map(re.escape, vocab.GROUPS), key=len, reverse=True))
_VALUE = "|".join(sorted(map(re.escape, vocab.VALUES), key=len, reverse=True))
_RANKED = "agents?|floor agents?|topics?|objections?(?: types?)?|languages?|days?|weeks?|months?"
_SPLIT = re.compile(
    rf"\b(?:by|per|each|every|for each|(?:grouped|split|broken down) by) (?P<group>{_GROUP})\b"
    r"|\b(?P<adverb>daily|weekly|monthly)\b"
    r"|\b(?P<unit>day|week|month) (?:by|over|after) (?P=unit)\b"
)
_TREND = re.compile(r"\b(?:the |a )?trend(?:s|ing)?(?: (?:in|of|for))?\b|\bover time\b")
_WHICH = re.compile(
    rf"\b(?:which|what) (?:are |is )?(?:the |our )?(?P<which>{_RANKED})\b"
    r"|\bwho\b(?=[^|]*\b(?:most|fewest|least|best|worst|highest|lowest)\b)"
    rf"|\btop (?P<top>\d{{1,2}}) (?P<ranked>{_RANKED})\b|\btop (?P<best>{_RANKED})\b"
    rf"|\b(?P<most>busiest|most (?:common|frequent)|commonest|least (?:common|frequent))"
    rf" (?P<kind>{_RANKED})\b"
)
_COMMON = re.compile(r"\b(?:is |are )?(?:the )?(?:most|least) (?:common|frequent)\b")
_MOST = re.compile(r"\b(?:the )?(?P<most>most|highest|best|fewest|least|lowest|worst)\b")
_LEAST = frozenset({"fewest", "least", "lowest", "worst"})

_NUMBER = r"(?P<number>\d{1,6}(?:\.\d{1,4})?)"
_LIMIT = (
    r"(?P<limit>at least|at most|no more than|no less than|more than|greater than|higher than"
    r"|less than|lower than|over|above|under|below|>=|<=|>|<)"
)
_WITH = r"(?:(?:that|which|who) )?(?:(?:have|has|had|having|with) )?(?:an? )?(?:overall )?"
_SCORED = re.compile(
    rf"\b{_WITH}(?P<value>bant score|(?:quality )?scor(?:e[sd]?|ing))(?: of| is)?"
    rf" {_LIMIT} {_NUMBER}"
    r"(?: ?%| percent| points)?"
)
_SCORED_BETWEEN = re.compile(
    rf"\b{_WITH}score[sd]?(?: of)? between (?P<low>\d{{1,3}}) and (?P<high>\d{{1,3}})\b"
)
_LASTED = re.compile(
    r"\b(?:that |which )?(?:(?:are|were) )?(?:last(?:s|ed|ing)? |of )?"
    r"(?P<limit>longer than|shorter than|at least|at most|more than|less than|over|under)"
    rf" {_NUMBER} (?P<unit>seconds?|secs?|minutes?|mins?|hours?)(?: long)?\b"
)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_TAGGED = re.compile(
    r"\b(?:tagged|labell?ed)(?: (?:as|with))? (?P<tag>[\w-]+)\b"
    r"|\bwith (?:the )?(?:tag|label) (?P<with>[\w-]+)\b"
)
_FELT = re.compile(r"\b(?:with )?(?:an? )?(?P<how>positive|negative|neutral) sentiment\b")
_SPOKEN = re.compile(rf"\bin (?P<language>{'|'.join(vocab.LANGUAGES)})\b")
_SPEAKING = re.compile(rf"\b(?P<language>{'|'.join(vocab.LANGUAGES)})(?=[ -](?:\w+ )?calls?\b)")

_Condition = tuple[re.Pattern[str], Callable[[re.Match[str], Where], Where]]


def may_count(question: str) -> bool:
    """Whether a look at the business's own names could help to understand a question."""
    return _COUNTABLE.search(fold(question)) is not None


def understand(
    question: str, now: datetime, zone: tzinfo, names: Names | None = None
) -> Count | None:
    """The count that a question asks for; None unless every word of it is understood."""
    text = fold(question).replace("what %", "what percent")
    if not may_count(text):
        return None
    quotes = _QUOTED.findall(text)
    numbered = iter(range(len(quotes)))
    text = _QUOTED.sub(lambda _: f"qq{next(numbered)}qq", text)
    compared = find_comparison(text, now, zone)
    if compared is None:
        return None
    pair, rest = compared
    period: Period | None
    if pair is None:
        period, rest = find_period(rest, now, zone)
        versus = None
    else:
        period, versus = pair
    return _Reading(_TRAILING.sub("", rest), quotes, names or Names()).count(period, versus)


class _Reading:
    """A question on its way to being understood; `rest` is what is left of it."""

    def __init__(self, rest: str, quotes: list[str], names: Names) -> None:
        self.rest = rest
        self.quotes = quotes
        self.names = names
        self.where = Where()
        self.group: Group | None = None
        self.rank: Rank | None = None
        self.top: int | None = None
        self.clear = True

    def count(self, period: Period | None, versus: Period | None) -> Count | None:
        self._conditions()
        self._split()
        self._said()
        self._kinds()
        if not self.clear:
            return None
        return self._measured(period, versus)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Take the only match out; a second one makes the question unclear."""
        found = pattern.search(self.rest)
        if found is not None:
            self.rest = f"{self.rest[: found.start()]} | {self.rest[found.end() :]}"
            self.clear = self.clear and pattern.search(self.rest) is None
        return found

    def _conditions(self) -> None:
        """Conditions that are said in several words, wherever they stand."""
        for pattern, taken in (*_CONDITIONS, *self._of_names()):
            found = self._take(pattern)
            if found is not None:
                self.where = taken(found, self.where)
        self.where = replace(self.where, tags=tuple(self._unquoted(tag) for tag in self.where.tags))

    def _of_names(self) -> list[_Condition]:
        objections = {**vocab.OBJECTIONS, **self.names.objections}
        topics = {**vocab.TOPICS, **self.names.topics}
        kinds, themes = _any_of(objections), _any_of(topics)
        having = (
            r"(?:(?:that |which )?(?:have|has|had|having|with|raised?|raising) )?(?:an? |the )?"
        )
        return [
            (
                re.compile(
                    rf"\b{having}(?P<before>{kinds}) objections?\b"
                    rf"|\b{having}objections? (?:about|to|on|of|regarding|over) (?:the )?"
                    rf"(?P<after>{kinds})\b"
                    rf"|\bobject(?:ed|s|ing)? (?:to|about|on) (?:the )?(?P<to>{kinds})\b"
                ),
                lambda m, w: replace(w, objections=(objections[_only(m)],)),
            ),
            (
                re.compile(r"\b(?:have|has|had|having|with) (?:an |any )objections?\b"),
                lambda m, w: replace(w, objections=(ANY,)),
            ),
            (
                re.compile(
                    rf"\b(?:with|on|about|under) (?:the )?topics? (?:of )?(?P<of>{themes})\b"
                    rf"|\b(?:with|on|about) (?:the )?(?P<named>{themes}) topic\b"
                ),
                lambda m, w: replace(w, topics=(topics[_only(m)],)),
            ),
        ]

    def _split(self) -> None:
        """By what the figures are split, and which end of them is wanted."""
        found = self._take(_SPLIT)
        if found is not None:
            self.group = (
                vocab.GROUPS[found["group"]]
                if found["group"]
                else vocab.ADVERBS.get(found["adverb"] or "") or Group(found["unit"])
            )
        trend = self._take(_TREND)
        if trend is not None:
            self.group = self.group or Group.WEEK
            self.clear = self.clear and self.group.is_time
            return
        which = self._take(_WHICH)
        if which is None:
            return
        self.clear = self.clear and self.group is None
        parts = which.groupdict()
        noun = parts["which"] or parts["ranked"] or parts["best"] or parts["kind"]
        self.group = vocab.GROUPS[noun] if noun else Group.AGENT
        self.top = int(which["top"]) if which["top"] else None
        if parts["ranked"] or parts["best"] or parts["most"]:
            self.rank = Rank.LEAST if (parts["most"] or "").startswith("least") else Rank.MOST
            return
        common = self._take(_COMMON)
        most = common or self._take(_MOST)
        if most is None:
            self.clear = False
            return
        least = "least" in most[0] if common else most.groupdict()["most"] in _LEAST
        self.rank = Rank.LEAST if least else Rank.MOST

    def _said(self) -> None:
        """What must have been said; taken up to where the next understood piece stood."""
        found = self._take(_SAYING)
        if found is None:
            return
        phrases = self._phrases(_TRAILING.sub("", found["what"]).strip())
        self.where = replace(self.where, phrases=phrases)
        self.clear = self.clear and bool(phrases)

    def _phrases(self, what: str) -> tuple[str, ...]:
        """What must have been said, any of it; () where several things may be meant together."""
        if _UNCLEAR.search(what):
            return ()
        parts = [_ARTICLE.sub("", part.strip()) for part in re.split(r"\bor\b", what)]
        phrases = tuple(self._unquoted(part) for part in parts)
        # a quotation is the whole of what is meant
        mixed = any(_QUOTE_NAME.search(part) and not _QUOTE_NAME.fullmatch(part) for part in parts)
        return phrases if all(words(one) for one in phrases) and not mixed else ()

    def _unquoted(self, text: str) -> str:
        return _QUOTE_NAME.sub(lambda found: self.quotes[int(found[1])], text)

    def _kinds(self) -> None:
        """Single words that narrow, and the names of agents."""
        agents = self.names.agents
        if agents:
            found = self._take(
                re.compile(rf"\b(?:agent )?(?P<name>{_any_of(agents)})(?:'s)?(?!\w)")
            )
            if found is not None:
                id_, name = agents[found["name"]]
                self.where = replace(self.where, agent=id_, agent_name=name)
        heard = words(self.rest)
        self.where = replace(
            self.where,
            status=self._one(heard, vocab.STATUSES, self.where.status),
            direction=self._one(heard, vocab.DIRECTIONS, self.where.direction),
            sentiment=self._one(heard, _FEELINGS, self.where.sentiment),
        )

    def _one(self, heard: list[str], known: Mapping[str, Any], before: Any) -> Any:
        """The one thing that these words name; two make the question unclear."""
        named = {known[word] for word in heard if word in known} | ({before} - {None})
        self.clear = self.clear and len(named) <= 1
        self.rest = " ".join("|" if word in known else word for word in words(self.rest))
        return next(iter(named), None)

    def _measured(self, period: Period | None, versus: Period | None) -> Count | None:
        """The count, if what is left says a measure and nothing else."""
        value = self._averaged()
        left = frozenset(words(self.rest))
        measure = self._measure(left, value)
        if measure is Measure.CALLS and versus is None and not self._asks(left):
            return None
        if not left - vocab.FILLER <= vocab.OWN_WORDS[measure]:
            return None
        if measure is Measure.SHARE and self.where == Where():
            return None
        return Count(
            measure=measure,
            value=value,
            where=self.where,
            group=self.group,
            rank=self.rank,
            top=self.top,
            period=period,
            versus=versus,
        )

    def _averaged(self) -> Value | None:
        """What is to be averaged; also "the best score", "the trend of sentiment"."""
        found = re.search(rf"\b(?:(?:average|mean|avg) )?(?P<value>{_VALUE})\b", self.rest)
        if found is None:
            return None
        alone = not re.search(r"\b(?:average|mean|avg)\b", self.rest)
        if alone and self.group is None:
            return None  # "the score" of which call?
        self.rest = f"{self.rest[: found.start()]} | {self.rest[found.end() :]}"
        return vocab.VALUES[found["value"]]

    def _measure(self, left: frozenset[str], value: Value | None) -> Measure:
        if value is not None:
            return Measure.AVERAGE
        if left & (vocab.OWN_WORDS[Measure.SHARE] - vocab.HOW_MANY):
            return Measure.SHARE
        return Measure.CALLS

    def _asks(self, left: frozenset[str]) -> bool:
        """Whether calls are asked for at all; of topics and objections the calls go unsaid."""
        if self.rank is not None and self.group in (Group.TOPIC, Group.OBJECTION):
            return True
        counts = bool(left & vocab.HOW_MANY) or self.group is not None
        ranked = self.rank is not None and self.group is not None
        named = bool(vocab.CALLS & left) or ranked
        return counts and named


_FEELINGS = {one.value: one for one in Sentiment}


def _any_of(names: Mapping[str, Any]) -> str:
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True))


def _only(found: re.Match[str]) -> str:
    return next(part for part in found.groupdict().values() if part is not None)


def _bound(value: Value, limit: str, number: float) -> Bound:
    """As the words of a limit say: `over 80` leaves 80 out, `at least 80` does not."""
    least = limit in (
        *("at least", "no less than", "more than", "greater than", "higher than"),
        *("over", "above", "longer than", ">=", ">"),
    )
    whole = limit in ("at least", "at most", "no more than", "no less than", ">=", "<=")
    return Bound(value=value, least=least, number=number, strict=not whole)


def _scored(found: re.Match[str], where: Where) -> Where:
    value = Value.BANT if found["value"].startswith("bant") else Value.SCORE
    bound = _bound(value, found["limit"], float(found["number"]))
    return replace(where, bounds=(*where.bounds, bound))


def _between(found: re.Match[str], where: Where) -> Where:
    low = Bound(value=Value.SCORE, least=True, number=float(found["low"]))
    high = Bound(value=Value.SCORE, least=False, number=float(found["high"]))
    return replace(where, bounds=(*where.bounds, low, high))


def _lasted(found: re.Match[str], where: Where) -> Where:
    seconds = float(found["number"]) * _SECONDS[found["unit"][0]]
    bound = _bound(Value.DURATION, found["limit"], seconds)
    return replace(where, bounds=(*where.bounds, bound))


def _language(found: re.Match[str], where: Where) -> Where:
    return replace(where, language=vocab.LANGUAGES[found["language"]])


_CONDITIONS: tuple[_Condition, ...] = (
    (_SCORED_BETWEEN, _between),
    (_SCORED, _scored),
    (_LASTED, _lasted),
    (_TAGGED, lambda m, w: replace(w, tags=(_only(m),))),
    (_FELT, lambda m, w: replace(w, sentiment=Sentiment(m["how"]))),
    (_SPOKEN, _language),
    (_SPEAKING, _language),
)
