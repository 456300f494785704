"""Order in what engines and files say about time."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isfinite

from locutory.engines.stt.base import Segment


def to_ms(seconds: object) -> int | None:
    """Seconds as whole milliseconds; None for what is no finite number (NaN, text, null)."""
    try:
        value = float(seconds)  # type: ignore[arg-type]  # any object may come; the next line says
    except (TypeError, ValueError, OverflowError):
        return None
    return round(value * 1000) if isfinite(value) and abs(value) < 1e9 else None


def in_order(
    segments: Iterable[Segment], duration_ms: int | None
) -> tuple[tuple[Segment, ...], bool]:
    """Clamp to 0..duration, sort by start, trim overlaps of one speaker with itself.

    Overlaps of different speakers are kept: people do talk at once. Segments that lose all their
    time and carry no text are dropped. The flag says whether anything had to be changed.
    """
    given = list(segments)
    placed = sorted((_clamp(s, duration_ms) for s in given), key=lambda s: (s.start_ms, s.end_ms))
    trimmed = _trim_own_overlaps(placed)
    result = tuple(s for s in trimmed if s.text or s.end_ms > s.start_ms)
    return result, list(result) != given


def spread(segments: Sequence[Segment], duration_ms: int) -> tuple[Segment, ...]:
    """Give segments without times a share of the duration by the length of their text."""
    total = sum(len(s.text) + 1 for s in segments)
    placed, done = [], 0
    for segment in segments:
        start = duration_ms * done // total
        done += len(segment.text) + 1
        placed.append(replace(segment, start_ms=start, end_ms=duration_ms * done // total))
    return tuple(placed)


def over_turns(text: str, turns: Sequence[Segment]) -> tuple[Segment, ...]:
    """Lay the words of one text over turns, to each as many as its share of the time.

    Turns that get none are left out.
    """
    words, total = text.split(), sum(t.end_ms - t.start_ms for t in turns)
    placed, spoken, said = [], 0, 0
    for turn in turns:
        spoken += turn.end_ms - turn.start_ms
        upto = round(len(words) * spoken / total) if total else len(words)
        if upto > said:
            placed.append(replace(turn, text=" ".join(words[said:upto]), words=()))
        said = max(said, upto)
    return tuple(placed)


def _clamp(segment: Segment, duration_ms: int | None) -> Segment:
    start, end = sorted((max(0, segment.start_ms), max(0, segment.end_ms)))
    if duration_ms is not None:
        start, end = min(start, duration_ms), min(end, duration_ms)
    if (start, end) == (segment.start_ms, segment.end_ms):
        return segment
    return replace(segment, start_ms=start, end_ms=end)


def _trim_own_overlaps(ordered: Sequence[Segment]) -> list[Segment]:
    """Where one speaker overlaps itself, the earlier segment ends when the later one starts."""
    result: list[Segment] = []
    last_of: dict[tuple[str, int | None], int] = {}
    for segment in ordered:
        key = (segment.speaker_label, segment.channel)
        at = last_of.get(key)
        if at is not None and result[at].end_ms > segment.start_ms:
            result[at] = replace(result[at], end_ms=segment.start_ms)
        last_of[key] = len(result)
        result.append(segment)
    return result
