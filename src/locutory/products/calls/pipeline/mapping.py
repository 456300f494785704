"""From any engine's result to the one form of a transcript (calls spec, 6.1)."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Protocol

from locutory.capabilities.interactions.contract import Transcript, Turn
from locutory.kernel.provenance import Provenance
from locutory.products.calls.pipeline import roles

MERGE_GAP_MS = 300


class ResultLike(Protocol):
    """What is read of an STT result."""

    @property
    def segments(self) -> Sequence[roles.SegmentLike]: ...
    @property
    def duration_ms(self) -> float: ...
    @property
    def language_spoken(self) -> str | None: ...
    @property
    def language_text(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segment:
    """A segment with whole, finite times."""

    start_ms: int
    end_ms: int
    speaker_label: str
    channel: int | None
    text: str
    confidence: float | None


def to_transcript(
    result: ResultLike,
    *,
    direction: str,
    agent_name: str | None,
    provenance: Provenance,
    agent_channel: str | None = None,
) -> Transcript:
    """Return the transcript: times clamped to the audio, sorted, and roles given.

    Different speakers may overlap; within one speaker the later segment's start ends the earlier
    one. Segments without words that lie closer than 300 ms become one. A time that is not a number
    is taken from the neighbours, so that no words are lost. Raises ValueError as `roles.assign`.
    """
    duration = _duration(result)
    segments = _cleaned(result.segments, duration)
    lines = [
        segment
        for label in dict.fromkeys(s.speaker_label for s in segments)
        for segment in _merged(_trimmed([s for s in segments if s.speaker_label == label]))
    ]
    lines.sort(key=lambda s: (s.start_ms, s.end_ms, s.speaker_label))
    given = roles.assign(
        lines, direction=direction, agent_name=agent_name, agent_channel=agent_channel
    )
    turns = tuple(
        Turn(
            idx=idx,
            role=given[line.speaker_label][0],
            text=line.text,
            start_ms=line.start_ms,
            end_ms=line.end_ms,
            speaker=line.speaker_label,
            channel=line.channel,
            role_confidence=given[line.speaker_label][1],
            confidence=line.confidence,
        )
        for idx, line in enumerate(lines)
    )
    return Transcript(
        turns=turns,
        duration_ms=duration,
        provenance=provenance,
        language=result.language_text or result.language_spoken,
    )


def _duration(result: ResultLike) -> int:
    """Return the engine's duration, or the last finite end where it gives none."""
    if isfinite(result.duration_ms) and result.duration_ms > 0:
        return round(result.duration_ms)
    ends = [segment.end_ms for segment in result.segments if isfinite(segment.end_ms)]
    return max(0, round(max(ends, default=0)))


def _cleaned(segments: Sequence[roles.SegmentLike], duration_ms: int) -> list[_Segment]:
    """Return the segments in order of time; those with neither words nor length vanish."""
    cleaned: list[_Segment] = []
    before = 0
    for label, segment in zip(roles.labels(segments), segments, strict=True):
        start = _time(segment.start_ms, before, duration_ms)
        end = max(start, _time(segment.end_ms, start, duration_ms))
        before = end
        text = _text(segment.text)
        if text or end > start:
            cleaned.append(
                _Segment(
                    start_ms=start,
                    end_ms=end,
                    speaker_label=label,
                    channel=segment.channel,
                    text=text,
                    confidence=_confidence(segment.confidence),
                )
            )
    return sorted(cleaned, key=lambda s: (s.start_ms, s.end_ms))


def _time(value: float, otherwise: int, duration_ms: int) -> int:
    return min(max(round(value) if isfinite(value) else otherwise, 0), duration_ms)


def _text(text: str | None) -> str:
    """Return NFC in single spaces, without the control characters that databases refuse."""
    kept = (
        c if c.isspace() or unicodedata.category(c) not in ("Cc", "Cs") else "" for c in text or ""
    )
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))


def _confidence(value: float | None) -> float | None:
    return min(max(value, 0.0), 1.0) if value is not None and isfinite(value) else None


def _trimmed(own: Sequence[_Segment]) -> list[_Segment]:
    """Return one speaker's sorted segments without overlaps; their union stays what it was."""
    kept: list[_Segment] = []
    for segment in own:
        last = kept[-1] if kept else None
        if last is None or segment.start_ms >= last.end_ms:
            kept.append(segment)
        elif segment.start_ms <= last.start_ms:
            end = max(segment.end_ms, last.end_ms)
            kept.append(replace(segment, start_ms=last.end_ms, end_ms=end))
        else:
            kept[-1] = replace(last, end_ms=segment.start_ms)
            kept.append(replace(segment, end_ms=max(segment.end_ms, last.end_ms)))
    return [segment for segment in kept if segment.text or segment.end_ms > segment.start_ms]


def _merged(own: Sequence[_Segment]) -> list[_Segment]:
    """Join neighbours without words; the lower confidence of two holds for both."""
    joined: list[_Segment] = []
    for segment in own:
        last = joined[-1] if joined else None
        wordless = last is not None and not last.text and not segment.text
        if last is not None and wordless and segment.start_ms - last.end_ms < MERGE_GAP_MS:
            both = (last.confidence, segment.confidence)
            known = [confidence for confidence in both if confidence is not None]
            joined[-1] = replace(
                last,
                end_ms=segment.end_ms,
                confidence=min(known) if len(known) == 2 else None,
            )
        else:
            joined.append(segment)
    return joined
