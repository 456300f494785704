"""Whisper's words: pieces put together, given to their segments, spelt as these spell them."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Final

from locutory.engines.stt.base import Word
from locutory.engines.stt.segments import to_ms

_MUTE: Final = 0.6
_UNSURE: Final = -1.0
"""A segment is a guess at silence if both say so (calls seed, appendix W3)."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some letters; `begins` says that a space stands before them."""

    word: Word
    begins: bool


def words_of(segments: Sequence[Row], loose: Sequence[Row]) -> list[tuple[Word, ...]]:
    """The words of each segment, in its own spelling.

    They lie in the segment, or beside all of them in `loose`, told apart by time. Servers send
    whole words without their marks, or pieces of words, of which the first has a space before it.
    """
    own: list[list[Row]] = [_rows(segment.get("words")) for segment in segments]
    if loose and not any(own):
        starts = [to_ms(segment.get("start")) or 0 for segment in segments]
        for row in loose:
            start, end = to_ms(row.get("start")), to_ms(row.get("end"))
            if start is not None and end is not None:
                own[max(0, bisect_right(starts, (start + end) // 2) - 1)].append(row)
    return [
        _spelt(_whole(_pieces(rows)), str(segment.get("text") or ""))
        for rows, segment in zip(own, segments, strict=True)
    ]


def without_guesses(document: Any) -> Any:
    """The same document without segments that Whisper made of silence, by its own figures."""
    rows = document.get("segments") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        return document
    guesses = [row for row in _rows(rows) if _is_guess(row)]
    if not guesses:
        return document
    kept = [row for row in rows if row not in guesses]
    return {
        **document,
        "segments": kept,
        "words": [w for w in _rows(document.get("words")) if not any(_in(w, g) for g in guesses)],
        "text": " ".join(str(row.get("text") or "").strip() for row in _rows(kept)),
    }


def _is_guess(row: Row) -> bool:
    mute, sure = _number(row.get("no_speech_prob")), _number(row.get("avg_logprob"))
    return mute is not None and sure is not None and mute > _MUTE and sure < _UNSURE


def _in(word: Row, segment: Row) -> bool:
    at, low, high = (
        _number(r.get(k)) for r, k in ((word, "start"), (segment, "start"), (segment, "end"))
    )
    return at is not None and low is not None and high is not None and low <= at < high


def _pieces(rows: Sequence[Row]) -> list[_Piece]:
    found = []
    for row in rows:
        said = row.get("word") or row.get("text")
        start, end = to_ms(row.get("start")), to_ms(row.get("end"))
        if not isinstance(said, str) or not said.strip() or start is None or end is None:
            continue
        share = _number(row.get("probability", row.get("confidence")))
        word = Word(
            text=said.strip(),
            start_ms=start,
            end_ms=end,
            confidence=None if share is None else min(1.0, max(0.0, share)),
        )
        found.append(_Piece(word, said[0].isspace()))
    return found


def _whole(pieces: Sequence[_Piece]) -> list[Word]:
    """Pieces joined to words, where spaces tell which belong together."""
    if not any(piece.begins for piece in pieces):
        return [piece.word for piece in pieces]
    whole: list[Word] = []
    for piece in pieces:
        if piece.begins or not whole:
            whole.append(piece.word)
            continue
        last, more = whole[-1], piece.word
        sure = [c for c in (last.confidence, more.confidence) if c is not None]
        whole[-1] = replace(
            last, text=last.text + more.text, end_ms=more.end_ms, confidence=min(sure, default=None)
        )
    return whole


def _spelt(words: Sequence[Word], text: str) -> tuple[Word, ...]:
    """The words as the text writes them, with its capitals and marks.

    Where it divides them in another way its own words count, each at the time of the word in the
    same place. Texts that are written without spaces leave the words as they are.
    """
    written = text.split()
    if not words or 2 * len(written) < len(words):
        return tuple(words)
    scale = len(words) / len(written)
    return tuple(
        replace(
            words[int(n * scale)],
            text=said,
            end_ms=words[max(int(n * scale), min(len(words), round((n + 1) * scale)) - 1)].end_ms,
        )
        for n, said in enumerate(written)
    )


def _rows(value: Any) -> list[Row]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return float(value)
