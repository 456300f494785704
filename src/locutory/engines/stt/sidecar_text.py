"""The plain-text forms of transcripts: WebVTT, SRT, CTM, RTTM, `Speaker: text` lines."""

import html
import re
from collections.abc import Sequence

from locutory.engines.stt.base import Word
from locutory.engines.stt.segments import to_ms
from locutory.engines.stt.sidecar_json import Entry, Reading

_CUE = re.compile(r"^\s*([\d:.,]+)\s*-->\s*([\d:.,]+)")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]*)>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z0-9][^<>]*>")
_SPEAKER = re.compile(r"^\s*(?:\[[\d:.,]+\]\s*)?([^\W_][\w .'()#-]{0,38}?)\s*:\s+(\S.*)$")
_CTM_GAP_MS = 1000


def read_text(text: str) -> Reading | None:
    """Read the form that the lines show; None when it is none of them."""
    lines = text.split("\n")
    if any(_CUE.match(line) for line in lines):
        form = "webvtt" if lines[0].startswith("WEBVTT") else "srt"
        return Reading(form=form, entries=tuple(_cues(lines)))
    if lines[0].startswith("WEBVTT"):
        return Reading(form="webvtt")
    rows = [line.split() for line in lines if line.strip() and not line.startswith(";;")]
    if rows and all(row[0] in ("SPEAKER", "SPKR-INFO") for row in rows):
        return Reading(form="rttm", entries=tuple(_rttm(rows)))
    if rows and all(_is_ctm(row) for row in rows):
        return Reading(form="ctm", entries=tuple(_ctm(rows)))
    return _speaker_lines(lines)


def clock_ms(stamp: str) -> int | None:
    """`hh:mm:ss.mmm`, `mm:ss,mmm` or seconds as milliseconds; None when it is no time."""
    seconds = 0.0
    for part in stamp.replace(",", ".").split(":"):
        value = to_ms(part)
        if value is None:
            return None
        seconds = seconds * 60 + value / 1000
    return round(seconds * 1000)


def _cues(lines: Sequence[str]) -> list[Entry]:
    entries: list[Entry] = []
    at = 0
    while at < len(lines):
        times = _CUE.match(lines[at])
        at += 1
        if times is None:
            continue
        body: list[str] = []
        while at < len(lines) and lines[at].strip() and not _CUE.match(lines[at]):
            body.append(lines[at])
            at += 1
        start, end = clock_ms(times[1]), clock_ms(times[2])
        entries += [
            Entry(text=said, start_ms=start, end_ms=end, speaker=speaker)
            for speaker, said in _voices(" ".join(body))
        ]
    return entries


def _voices(body: str) -> list[tuple[str, str]]:
    """(speaker, text) pairs of one cue: `<v Name>` spans, else a `Name: ` prefix."""
    spans = _VOICE.split(body)
    if len(spans) > 1:
        pairs = zip(spans[1::2], spans[2::2], strict=True)
        return [(html.unescape(name).strip(), _clean(said)) for name, said in pairs if _clean(said)]
    said = _clean(body)
    named = _SPEAKER.match(said)
    if named:
        return [(named[1].strip(), named[2].strip())]
    return [("", said)] if said else []


def _clean(text: str) -> str:
    return html.unescape(_TAG.sub("", text)).strip()


def _rttm(rows: Sequence[Sequence[str]]) -> list[Entry]:
    """`SPEAKER file channel start length <NA> <NA> name ...`; rows without times are left out."""
    entries = []
    for row in rows:
        if row[0] != "SPEAKER" or len(row) < 8:
            continue
        start, length = to_ms(row[3]), to_ms(row[4])
        if start is not None and length is not None:
            entries.append(Entry(start_ms=start, end_ms=start + length, speaker=row[7]))
    return entries


def _is_ctm(row: Sequence[str]) -> bool:
    return len(row) in (5, 6) and None not in (to_ms(row[2]), to_ms(row[3]))


def _ctm(rows: Sequence[Sequence[str]]) -> list[Entry]:
    """`file channel start length word [confidence]`: words of a channel join until a pause."""
    words: dict[str, list[Word]] = {}
    for row in rows:
        start, length = to_ms(row[2]) or 0, to_ms(row[3]) or 0
        share = to_ms(row[5]) if len(row) == 6 else None
        word = Word(
            text=row[4],
            start_ms=start,
            end_ms=start + length,
            confidence=None if share is None else min(1.0, max(0.0, share / 1000)),
        )
        words.setdefault(row[1], []).append(word)
    return [
        Entry(
            text=" ".join(w.text for w in run),
            start_ms=run[0].start_ms,
            end_ms=run[-1].end_ms,
            speaker=channel,
            channel=number if len(words) > 1 else None,
            words=tuple(run),
        )
        for number, channel in enumerate(sorted(words))
        for run in _until_pause(sorted(words[channel], key=lambda w: w.start_ms))
    ]


def _until_pause(words: Sequence[Word]) -> list[list[Word]]:
    runs: list[list[Word]] = []
    for word in words:
        if runs and word.start_ms - runs[-1][-1].end_ms < _CTM_GAP_MS:
            runs[-1].append(word)
        else:
            runs.append([word])
    return runs


def _speaker_lines(lines: Sequence[str]) -> Reading | None:
    """`Name: text` lines; a line without a name goes on with the one before.

    The first line must carry a name, and at least half of all lines.
    """
    filled = [line for line in lines if line.strip()]
    named = [_SPEAKER.match(line) for line in filled]
    if not named or named[0] is None or sum(m is not None for m in named) * 2 < len(named):
        return None
    entries: list[Entry] = []
    for line, match in zip(filled, named, strict=True):
        if match:
            entries.append(Entry(speaker=match[1].strip(), text=match[2].strip()))
        else:
            last = entries[-1]
            entries[-1] = Entry(speaker=last.speaker, text=f"{last.text} {line.strip()}")
    return Reading(form="lines", entries=tuple(entries))
