"""Moments: rules on words, feelings, silence and interruptions, evaluated without a model."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from locutory.capabilities.analysis.api import by_turn, contains, normalised
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.words import sentences, words

Kind = Literal["phrase", "sentiment", "silence", "interruption"]

MOST_SPANS = 20
_LONGEST_QUOTE = 240

# Who begins to speak this soon after the other did not interrupt: both just began.
_FLOOR_HELD_MS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What makes a moment; all that is set must hold.

    `phrase`: one of `phrases` is said, or with `present` false none of them is. `sentiment`: a
    turn feels below or above a bound (-1 to 1); the bounds also narrow `phrase`. `silence`:
    nobody speaks for `min_ms`. `interruption`: who has `role` starts while another speaks, and
    both do for `min_ms`. A moment begins in the range of time, in ms or in shares of the call
    (0 to 1), which is half-open.
    """

    kind: Kind
    phrases: tuple[str, ...] = ()
    present: bool = True
    role: Role | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    from_share: float | None = None
    to_share: float | None = None
    sentiment_below: float | None = None
    sentiment_above: float | None = None
    min_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where a rule matched; without turns where the words are absent."""

    first_idx: int | None
    last_idx: int | None
    start_ms: int
    end_ms: int
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule that a business keeps."""

    key: str
    name: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Matched:
    """A rule and where it matched."""

    watched: Watched
    spans: tuple[Span, ...] = field(default=())


def match_all(rules: Iterable[Watched], transcript: Transcript) -> list[Matched]:
    """The rules that match, each with its spans."""
    found = [Matched(one, tuple(match(one.rule, transcript))) for one in rules]
    return [one for one in found if one.spans]


def match(rule: Rule, transcript: Transcript) -> list[Span]:
    """The first spans that match, in their order."""
    search: Callable[[Rule, Transcript], Iterable[Span]] = {
        "phrase": _phrase if rule.present else _absence,
        "sentiment": _sentiment,
        "silence": _silence,
        "interruption": _interruption,
    }[rule.kind]
    return list(search(rule, transcript))[:MOST_SPANS]


def _in_time(rule: Rule, start_ms: int, duration_ms: int) -> bool:
    low, high = _range_ms(rule, duration_ms)
    return low <= start_ms < high


def _range_ms(rule: Rule, duration_ms: int) -> tuple[int, int]:
    """The half-open range in ms; the end of the call belongs to it where nothing bounds it."""
    low = max(rule.from_ms or 0, round((rule.from_share or 0.0) * duration_ms))
    high = duration_ms + 1
    if rule.to_ms is not None:
        high = min(high, rule.to_ms)
    if rule.to_share is not None and rule.to_share < 1:
        high = min(high, round(rule.to_share * duration_ms))
    return low, high


def _scope(rule: Rule, transcript: Transcript) -> list[Turn]:
    return [
        turn
        for turn in transcript.turns
        if (rule.role is None or turn.role is rule.role)
        and _in_time(rule, turn.start_ms, transcript.duration_ms)
    ]


def _phrase(rule: Rule, transcript: Transcript) -> Iterator[Span]:
    wanted = [phrase for one in rule.phrases if (phrase := normalised(one))]
    felt = _feelings(rule, transcript)
    for turn in _scope(rule, transcript):
        if felt is not None and turn.idx not in felt:
            continue
        quote = _saying(turn, wanted)
        if quote is not None:
            yield _span(turn, quote)


def _saying(turn: Turn, wanted: Sequence[Sequence[str]]) -> str | None:
    """The first sentence with one of the phrases; a phrase may also run over a sentence's end."""
    for sentence in sentences(turn.text):
        said = normalised(sentence)
        if any(contains(said, phrase) for phrase in wanted):
            return sentence[:_LONGEST_QUOTE]
    whole = normalised(turn.text)
    return turn.text[:_LONGEST_QUOTE] if any(contains(whole, one) for one in wanted) else None


def _absence(rule: Rule, transcript: Transcript) -> Iterator[Span]:
    """Absent counts only where every word of the scope is known."""
    scope = _scope(rule, transcript)
    heard = scope and all(words(turn.text) for turn in scope)
    unsure = rule.role is not None and any(t.role is Role.UNKNOWN for t in transcript.turns)
    if not heard or unsure or any(True for _ in _phrase(rule, transcript)):
        return
    low, high = _range_ms(rule, transcript.duration_ms)
    yield Span(
        first_idx=None, last_idx=None, start_ms=low, end_ms=min(high, transcript.duration_ms)
    )


def _feelings(rule: Rule, transcript: Transcript) -> set[int] | None:
    """The turns within the bounds of sentiment; None where there are no bounds."""
    if rule.sentiment_below is None and rule.sentiment_above is None:
        return None
    return {
        one.turn.idx
        for one in by_turn(transcript)
        if one.hits
        and (rule.sentiment_below is None or one.value < rule.sentiment_below)
        and (rule.sentiment_above is None or one.value > rule.sentiment_above)
    }


def _sentiment(rule: Rule, transcript: Transcript) -> Iterator[Span]:
    felt = _feelings(rule, transcript) or set()
    for turn in _scope(rule, transcript):
        if turn.idx in felt:
            yield _span(turn, turn.text[:_LONGEST_QUOTE])


def _silence(rule: Rule, transcript: Transcript) -> Iterator[Span]:
    """Gaps between turns; with a role, those after which that role is the one to speak."""
    end_ms, last = None, None
    for turn in transcript.turns:
        if end_ms is not None and turn.start_ms - end_ms >= (rule.min_ms or 0):
            wanted = rule.role is None or turn.role is rule.role
            if wanted and _in_time(rule, end_ms, transcript.duration_ms):
                yield Span(first_idx=last, last_idx=turn.idx, start_ms=end_ms, end_ms=turn.start_ms)
        if end_ms is None or turn.end_ms > end_ms:
            end_ms, last = turn.end_ms, turn.idx


def _interruption(rule: Rule, transcript: Transcript) -> Iterator[Span]:
    for before, turn in pairwise(transcript.turns):
        if before.role is turn.role or turn.start_ms - before.start_ms < _FLOOR_HELD_MS:
            continue
        both_ms = min(before.end_ms, turn.end_ms) - turn.start_ms
        wanted = rule.role is None or turn.role is rule.role
        in_time = _in_time(rule, turn.start_ms, transcript.duration_ms)
        if wanted and in_time and both_ms >= max(1, rule.min_ms or 0):
            yield Span(
                first_idx=before.idx,
                last_idx=turn.idx,
                start_ms=turn.start_ms,
                end_ms=turn.start_ms + both_ms,
                quote=turn.text[:_LONGEST_QUOTE],
            )


def _span(turn: Turn, quote: str) -> Span:
    return Span(
        first_idx=turn.idx,
        last_idx=turn.idx,
        start_ms=turn.start_ms,
        end_ms=turn.end_ms,
        quote=quote,
    )
