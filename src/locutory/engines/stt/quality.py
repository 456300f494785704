"""The quality gate: which segments a recogniser probably made up (calls seed, section 6.4)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from locutory.engines.stt.base import Segment

REPEAT = "repeat"
NO_SPEECH_UNDER = "no_speech_under"
RATE = "rate"
LOW_CONF = "low_conf"

_REPEATS = 4
_LEAST_SPEECH = 0.2
_WORDS_PER_S = (0.5, 6.0)
_LEAST_CONFIDENCE = 0.5

Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Flags per segment, in the segments' order, and the share of speech to be trusted (0-1).

    `asr_quality` is None when no segment carries text.
    """

    flags: tuple[tuple[str, ...], ...]
    asr_quality: float | None


def grade(segments: Sequence[Segment], speech: Spans | None = None) -> Quality:
    """Judge segments; `speech` are the stretches of voice in ms, None where nobody listened.

    asr_quality = sum over unflagged segments of length x confidence (1 where unknown), divided
    by the length of all segments with text.
    """
    flags = tuple(flags_of(segment, speech) for segment in segments)
    total = sum(s.end_ms - s.start_ms for s in segments if s.text)
    if not total:
        return Quality(flags=flags, asr_quality=None)
    trusted = sum(
        (s.end_ms - s.start_ms) * (1.0 if s.confidence is None else s.confidence)
        for s, own in zip(segments, flags, strict=True)
        if s.text and not own
    )
    return Quality(flags=flags, asr_quality=trusted / total)


def flags_of(segment: Segment, speech: Spans | None = None) -> tuple[str, ...]:
    """The faults of one segment; none when it has no text to judge."""
    words = segment.text.casefold().split()
    if not words:
        return ()
    length_ms = segment.end_ms - segment.start_ms
    found = []
    if _most_repeated(words) >= _REPEATS:
        found.append(REPEAT)
    if speech is not None and length_ms and _overlap(segment, speech) < _LEAST_SPEECH * length_ms:
        found.append(NO_SPEECH_UNDER)
    per_s = 1000 * len(words) / length_ms if length_ms else float("inf")
    if not _WORDS_PER_S[0] <= per_s <= _WORDS_PER_S[1]:
        found.append(RATE)
    if segment.confidence is not None and segment.confidence < _LEAST_CONFIDENCE:
        found.append(LOW_CONF)
    return tuple(found)


def is_hidden(flags: Sequence[str]) -> bool:
    """Whether the text is kept from agents: a loop of words where nobody spoke."""
    return REPEAT in flags and NO_SPEECH_UNDER in flags


def _most_repeated(words: Sequence[str]) -> int:
    triples = Counter(zip(words, words[1:], words[2:], strict=False))
    return max(triples.values(), default=0)


def _overlap(segment: Segment, speech: Spans) -> int:
    return sum(
        max(0, min(segment.end_ms, end) - max(segment.start_ms, start)) for start, end in speech
    )
