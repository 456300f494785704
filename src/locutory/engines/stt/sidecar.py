"""Transcripts that come beside a recording, in whatever form the source system writes.

The form is told from the content. Times are clamped and sorted as for any engine.
"""

import codecs
import json
import re
from typing import Any

from locutory.engines.stt.base import TIMES_ESTIMATED, TIMES_MENDED, Segment, STTResult
from locutory.engines.stt.segments import in_order, spread
from locutory.engines.stt.sidecar_json import Reading, read_json
from locutory.engines.stt.sidecar_text import read_text
from locutory.kernel.errors import ErrorClass, InputError

_JSON_START = re.compile(r"\{|\[\s*[{\[\]]")
"""Not every bracket: `[00:12] Ana: hello` is a line."""
_MS_PER_WORD = 400
"""An unhurried 150 words a minute, for texts of which nobody knows how long they lasted."""
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class SidecarInvalidError(InputError):
    """The transcript beside the recording is damaged."""

    status, code, cls = 422, "SIDECAR_INVALID", ErrorClass.PERMANENT_INPUT


def parse_sidecar(data: bytes, *, duration_ms: int | None = None) -> STTResult | None:
    """Read a transcript file; `duration_ms` is the recording's length where it is known.

    Understands our own JSON and that of Deepgram, Sarvam, Whisper (verbose) and Amazon
    Transcribe; SRT, WebVTT, CTM, RTTM (turns only) and `Speaker: text` lines. Returns None for
    content of another shape, so that the caller can warn and listen instead. Raises
    SidecarInvalidError for an empty file and for JSON that breaks off.
    """
    text = decode(data).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()
    if not text:
        raise SidecarInvalidError("The transcript file is empty")
    reading = read_json(_load(text)) if _JSON_START.match(text) else read_text(text)
    return None if reading is None else _result(reading, duration_ms)


def decode(data: bytes) -> str:
    """Bytes as text: by byte order mark, else UTF-8, else Windows-1252; never fails."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SidecarInvalidError(f"The transcript is no whole JSON document: {error}") from error


def _result(reading: Reading, known_ms: int | None) -> STTResult:
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
        provider="sidecar",
        model=reading.form,
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
