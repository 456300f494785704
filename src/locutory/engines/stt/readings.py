"""From what a document says to an engine's result."""

from locutory.engines.stt.base import TIMES_ESTIMATED, TIMES_MENDED, Segment, STTResult
from locutory.engines.stt.segments import in_order, spread
from locutory.engines.stt.sidecar_json import Reading

_MS_PER_WORD = 400
"""An unhurried 150 words a minute, for texts of which nobody knows how long they lasted."""


def to_result(reading: Reading, known_ms: int | None, *, provider: str, model: str) -> STTResult:
    """What was read as an engine's result: times clamped to `known_ms`, sorted, none missing."""
    duration_ms = known_ms if known_ms is not None else reading.duration_ms
    timed: list[Segment] = [
        Segment(
            start_ms=entry.start_ms,
            end_ms=entry.end_ms,
            speaker_label=entry.speaker,
            channel=entry.channel,
            text=" ".join(entry.text.split()),
            confidence=entry.confidence,
            words=entry.words,
        )
        for entry in reading.entries
        if entry.start_ms is not None and entry.end_ms is not None
    ]
    warnings: list[str] = []
    if len(timed) < len(reading.entries):
        timed, warnings = _without_times(reading, timed, duration_ms)
    segments, mended = in_order(timed, duration_ms)
    if mended:
        warnings.append(TIMES_MENDED)
    if duration_ms is None:
        duration_ms = max((s.end_ms for s in segments), default=0)
    return STTResult(
        provider=provider,
        model=model,
        duration_ms=duration_ms,
        segments=segments,
        text="\n".join(s.text for s in segments if s.text),
        language_spoken=reading.language,
        language_text=reading.language,
        warnings=tuple(warnings),
    )


def _without_times(
    reading: Reading, timed: list[Segment], duration_ms: int | None
) -> tuple[list[Segment], list[str]]:
    """Entries without usable times: all spread when none has any, else the odd ones placed.

    An odd one starts where the entry before it ended and has no length, so it counts for no one's
    talking time but its words stay readable.
    """
    if not timed:
        bare = [
            Segment(start_ms=0, end_ms=0, speaker_label=e.speaker, channel=e.channel, text=e.text)
            for e in reading.entries
        ]
        if duration_ms is None:
            duration_ms = _MS_PER_WORD * sum(len(s.text.split()) for s in bare)
        return list(spread(bare, duration_ms)), [TIMES_ESTIMATED]
    placed, at, queue = [], 0, iter(timed)
    for entry in reading.entries:
        if entry.start_ms is None or entry.end_ms is None:
            placed.append(
                Segment(start_ms=at, end_ms=at, speaker_label=entry.speaker, text=entry.text)
            )
        else:
            placed.append(next(queue))
            at = entry.end_ms
    return placed, [TIMES_ESTIMATED]
