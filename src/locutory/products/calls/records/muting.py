"""Where in a recording something was said that its transcript hides (calls spec, 14)."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from locutory.engines.stt.base import TIMES_ESTIMATED

PAD_MS = 150
"""Engines place words a little off; so much more is silent on both sides."""
_STRAY_MS = 500
_PLACEHOLDER = re.compile(r"\[[A-Z]+_\d+\]")
Stretch = tuple[int, int]
Span = tuple[int, int]  # of characters


class Spoken(Protocol):
    """A turn, or a segment of a speech engine."""

    @property
    def text(self) -> str: ...
    @property
    def start_ms(self) -> int: ...
    @property
    def end_ms(self) -> int: ...


class Segment(Spoken, Protocol):
    """A segment with the times of its words, where the engine has them."""

    @property
    def words(self) -> Sequence[Spoken]: ...


class Stored(Protocol):
    """A version of a transcript."""

    @property
    def turns(self) -> list[Any]: ...
    @property
    def muted(self) -> list[Any] | None: ...
    @property
    def quality(self) -> dict[str, Any]: ...
    @property
    def word_count(self) -> int: ...


def muted(
    turns: Sequence[Spoken], spans: Sequence[Sequence[Span]], segments: Sequence[Segment] = ()
) -> list[Stretch]:
    """The stretches to silence for the redacted spans of each turn's text, in order.

    By the times of the words where the engine gave them for just that text, else the whole turn.
    """
    timed: dict[str, list[Segment]] = {}
    for segment in segments:
        if segment.words:
            timed.setdefault(_plain(segment.text), []).append(segment)
    found: list[Stretch] = []
    for turn, hidden in zip(turns, spans, strict=True):
        if not hidden:
            continue
        places = _places(turn, timed.get(_plain(turn.text), ()))
        for span in hidden:
            found.append(_stretch(span, places) or (turn.start_ms, turn.end_ms))
    return joined((max(0, start - PAD_MS), end + PAD_MS) for start, end in found)


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same moments in order, none in two stretches."""
    whole: list[Stretch] = []
    for start, end in sorted(stretches):
        if whole and start <= whole[-1][1]:
            whole[-1] = whole[-1][0], max(end, whole[-1][1])
        else:
            whole.append((start, end))
    return whole


def stretches_of(row: Stored) -> list[Stretch] | None:
    """What is to be silent in the recording of this transcript; None if nobody can say.

    That is so where no words are known, and where something is hidden at a guessed time, or in a
    turn without length.
    """
    hides = [turn for turn in row.turns if _PLACEHOLDER.search(turn["text"])]
    if row.word_count == 0 or any(turn["end_ms"] <= turn["start_ms"] for turn in hides):
        return None
    if TIMES_ESTIMATED in row.quality.get("warnings", ()) and (hides or row.muted):
        return None
    if row.muted is not None:
        return [(start, end) for start, end in row.muted]
    if not row.turns:
        return None
    return joined((max(0, t["start_ms"] - PAD_MS), t["end_ms"] + PAD_MS) for t in hides)


def _places(turn: Spoken, segments: Sequence[Segment]) -> list[tuple[Span, Stretch]]:
    """Each word's characters in the turn and its time; nothing where they do not fit."""
    near = [s for s in segments if s.start_ms <= turn.end_ms and s.end_ms >= turn.start_ms]
    if len(near) != 1:
        return []
    text, at, places = turn.text.casefold(), 0, []
    for word in near[0].words:
        said = _plain(word.text)
        start = text.find(said, at)
        earliest, latest = turn.start_ms - _STRAY_MS, turn.end_ms + _STRAY_MS
        if start < 0 or not earliest <= word.start_ms < word.end_ms <= latest:
            return []
        at = start + len(said)
        places.append(((start, at), (word.start_ms, word.end_ms)))
    return places


def _stretch(span: Span, places: Sequence[tuple[Span, Stretch]]) -> Stretch | None:
    """From the first to the last word of the span; None unless words cover it to its ends."""
    within = [one for one in places if one[0][0] < span[1] and one[0][1] > span[0]]
    if not within or within[0][0][0] > span[0] or within[-1][0][1] < span[1]:
        return None
    return min(time[0] for _, time in within), max(time[1] for _, time in within)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
