"""The JSON forms of transcripts: our own, Deepgram, Sarvam, Whisper verbose, Amazon's two.

Field names of the vendors are those of the calls seed, appendix W.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import zip_longest
from math import exp, isfinite, isnan
from typing import Any

from locutory.engines.stt.base import Word
from locutory.engines.stt.segments import to_ms
from locutory.engines.stt.whisper_languages import language_code
from locutory.engines.stt.whisper_words import words_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a transcript; times are None where the source gives none that can be used."""

    text: str = ""
    start_ms: int | None = None
    end_ms: int | None = None
    speaker: str = ""
    channel: int | None = None
    confidence: float | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a transcript file says. `form` names the shape it was read as."""

    form: str
    entries: tuple[Entry, ...] = field(default=())
    duration_ms: int | None = None
    language: str | None = None


def read_json(document: Any) -> Reading | None:
    """Read the first known shape; None when it is none of them."""
    if isinstance(document, list):
        document = {"turns": document}
    if not isinstance(document, dict):
        return None
    readers = (_own, _deepgram, _sarvam, _amazon, _pca, _whisper)
    return next((found for read in readers if (found := read(document)) is not None), None)


def _own(document: dict[str, Any]) -> Reading | None:
    """`{"turns"|"segments": [{"start_ms", "end_ms", "speaker"|"role", "text", ...}]}`."""
    rows = _rows(document.get("turns")) or _rows(document.get("segments"))
    if not rows or not any("start_ms" in row for row in rows):
        return None
    entries = tuple(
        Entry(
            text=_text(row.get("text")),
            start_ms=_whole(row.get("start_ms")),
            end_ms=_whole(row.get("end_ms")),
            speaker=_label(row, "speaker", "speaker_label", "role"),
            channel=_channel(row.get("channel")),
            confidence=_share(row.get("confidence")),
            words=_own_words(row.get("words")),
        )
        for row in rows
    )
    return Reading(
        form="locutory-json",
        entries=entries,
        duration_ms=_whole(document.get("duration_ms")),
        language=_name(document.get("language")),
    )


def _deepgram(document: dict[str, Any]) -> Reading | None:
    results = document.get("results")
    if not isinstance(results, dict) or not isinstance(results.get("channels"), list):
        return None
    channels = _rows(results["channels"])
    utterances = _rows(results.get("utterances"))
    entries = (
        [_deepgram_utterance(u, len(channels) > 1) for u in utterances]
        if utterances
        else [e for i, c in enumerate(channels) for e in _deepgram_words(c, i, len(channels) > 1)]
    )
    metadata = document.get("metadata")
    duration = metadata.get("duration") if isinstance(metadata, dict) else None
    language = next((c["detected_language"] for c in channels if "detected_language" in c), None)
    return Reading(
        form="deepgram-json",
        entries=tuple(entries),
        duration_ms=to_ms(duration),
        language=_name(language),
    )


def _deepgram_utterance(row: dict[str, Any], many: bool) -> Entry:
    channel = _channel(row.get("channel")) if many else None
    return Entry(
        text=_text(row.get("transcript")),
        start_ms=to_ms(row.get("start")),
        end_ms=to_ms(row.get("end")),
        speaker=_deepgram_speaker(row, channel),
        channel=channel,
        confidence=_share(row.get("confidence")),
        words=_timed_words(row.get("words")),
    )


def _deepgram_words(channel: dict[str, Any], number: int, many: bool) -> list[Entry]:
    """Without utterances: runs of words of one speaker."""
    alternatives = _rows(channel.get("alternatives"))
    words = _rows(alternatives[0].get("words")) if alternatives else []
    at = number if many else None
    return [
        Entry(
            text=" ".join(_text(w.get("punctuated_word") or w.get("word")) for w in run),
            start_ms=to_ms(run[0].get("start")),
            end_ms=to_ms(run[-1].get("end")),
            speaker=_deepgram_speaker(run[0], at),
            channel=at,
            words=_timed_words(run),
        )
        for run in _runs(words, "speaker")
    ]


def _deepgram_speaker(row: dict[str, Any], channel: int | None) -> str:
    speaker = row.get("speaker", channel)
    return (
        "" if speaker is None else f"S{speaker + 1}" if isinstance(speaker, int) else _text(speaker)
    )


def _sarvam(document: dict[str, Any]) -> Reading | None:
    diarised = document.get("diarized_transcript")
    language = _name(document.get("language_code"))
    if isinstance(diarised, dict) and isinstance(diarised.get("entries"), list):
        entries = tuple(
            Entry(
                text=_text(row.get("transcript")),
                start_ms=to_ms(row.get("start_time_seconds")),
                end_ms=to_ms(row.get("end_time_seconds")),
                speaker=_label(row, "speaker_id"),
            )
            for row in _rows(diarised["entries"])
        )
        return Reading(form="sarvam-json", entries=entries, language=language)
    if "language_code" not in document or not isinstance(document.get("transcript"), str):
        return None
    phrases = document.get("timestamps")
    if isinstance(phrases, dict) and isinstance(phrases.get("words"), list) and phrases["words"]:
        return Reading(form="sarvam-json", entries=_sarvam_phrases(phrases), language=language)
    whole = Entry(text=document["transcript"])
    return Reading(form="sarvam-json", entries=(whole,) if whole.text else (), language=language)


def _sarvam_phrases(phrases: dict[str, Any]) -> tuple[Entry, ...]:
    """Three lists beside each other; what they call words are phrases."""
    starts, ends = phrases.get("start_time_seconds"), phrases.get("end_time_seconds")
    rows = zip_longest(
        phrases["words"],
        starts if isinstance(starts, list) else [],
        ends if isinstance(ends, list) else [],
    )
    return tuple(
        Entry(text=_text(said), start_ms=to_ms(start), end_ms=to_ms(end))
        for said, start, end in rows
        if _text(said)
    )


def _amazon(document: dict[str, Any]) -> Reading | None:
    results = document.get("results")
    if not isinstance(results, dict) or not isinstance(results.get("items"), list):
        return None
    speaker_at = _amazon_speakers(results)
    items: list[dict[str, Any]] = []
    for item in _rows(results["items"]):
        speaker = item.get("speaker_label") or item.get("channel_label")
        if item.get("type") == "punctuation":
            items.append({**item, "who": items[-1]["who"] if items else ""})
        else:
            items.append({**item, "who": speaker or speaker_at.get(item.get("start_time"), "")})
    entries = tuple(_amazon_entry(run) for run in _runs(items, "who"))
    return Reading(
        form="amazon-json", entries=entries, language=_name(results.get("language_code"))
    )


def _amazon_speakers(results: dict[str, Any]) -> dict[Any, str]:
    labels = results.get("speaker_labels")
    segments = _rows(labels.get("segments")) if isinstance(labels, dict) else []
    return {
        item.get("start_time"): _label(item, "speaker_label")
        for segment in segments
        for item in _rows(segment.get("items"))
    }


def _amazon_entry(run: list[dict[str, Any]]) -> Entry:
    text, words = "", []
    for item in run:
        best = (_rows(item.get("alternatives")) or [{}])[0]
        content = _text(best.get("content"))
        text += content if item.get("type") == "punctuation" or not text else f" {content}"
        start, end = to_ms(item.get("start_time")), to_ms(item.get("end_time"))
        if start is not None and end is not None:
            share = _share(best.get("confidence"))
            words.append(Word(text=content, start_ms=start, end_ms=end, confidence=share))
    return Entry(
        text=text,
        start_ms=words[0].start_ms if words else None,
        end_ms=words[-1].end_ms if words else None,
        speaker=_text(run[0]["who"]),
        words=tuple(words),
    )


def _pca(document: dict[str, Any]) -> Reading | None:
    """Post Call Analytics: `SpeechSegments` with seconds, speakers named in `SpeakerLabels`."""
    rows, about = _rows(document.get("SpeechSegments")), document.get("ConversationAnalytics")
    if not rows or not isinstance(about, dict):
        return None
    labels = _rows(about.get("SpeakerLabels"))
    names = {_label(row, "Speaker"): _label(row, "DisplayText") for row in labels}
    entries = tuple(
        Entry(
            text=_text(row.get("DisplayText") or row.get("OriginalText")),
            start_ms=to_ms(row.get("SegmentStartTime")),
            end_ms=to_ms(row.get("SegmentEndTime")),
            speaker=names.get(_label(row, "SegmentSpeaker")) or _label(row, "SegmentSpeaker"),
        )
        for row in rows
    )
    return Reading(
        form="pca-json",
        entries=entries,
        duration_ms=to_ms(about.get("Duration")),
        language=_name(about.get("LanguageCode")),
    )


def _whisper(document: dict[str, Any]) -> Reading | None:
    """verbose_json and diarized_json: seconds in `start` and `end`; silence has no segments."""
    rows = _rows(document.get("segments")) or _rows(document.get("turns"))
    language = language_code(_text(document.get("language"))) or None
    duration_ms = to_ms(document.get("duration"))
    if not rows and isinstance(document.get("segments"), list) and "text" in document:
        whole = Entry(text=_text(document["text"]))
        return Reading(
            form="whisper-json",
            entries=(whole,) if whole.text else (),
            duration_ms=duration_ms,
            language=language,
        )
    if not rows or not any("start" in row for row in rows):
        return None
    entries = tuple(
        Entry(
            text=_text(row.get("text")),
            start_ms=to_ms(row.get("start")),
            end_ms=to_ms(row.get("end")),
            speaker=_label(row, "speaker"),
            confidence=_likelihood(row.get("avg_logprob")),
            words=words,
        )
        for row, words in zip(rows, words_of(rows, _rows(document.get("words"))), strict=True)
    )
    return Reading(form="whisper-json", entries=entries, duration_ms=duration_ms, language=language)


def _runs(rows: Iterable[dict[str, Any]], key: str) -> list[list[dict[str, Any]]]:
    """Neighbours with the same value under `key`."""
    runs: list[list[dict[str, Any]]] = []
    for row in rows:
        if runs and runs[-1][0].get(key) == row.get(key):
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _name(value: Any) -> str | None:
    return _text(value) or None


def _label(row: dict[str, Any], *keys: str) -> str:
    found = next((row[key] for key in keys if row.get(key) is not None), "")
    return str(found).strip()


def _whole(value: Any) -> int | None:
    """Milliseconds as sent, whole or not; None for NaN and for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return round(value)


def _channel(value: Any) -> int | None:
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _share(value: Any) -> float | None:
    """A confidence, kept within 0-1."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return min(1.0, max(0.0, number)) if isfinite(number) else None


def _likelihood(value: Any) -> float | None:
    """Whisper's mean log probability of a token as a confidence."""
    known = isinstance(value, int | float) and not isnan(value)
    return exp(min(0.0, value)) if known else None


def _own_words(value: Any) -> tuple[Word, ...]:
    """Our short form `{w, s, e, c}` with times in ms."""
    times = ((row, _whole(row.get("s")), _whole(row.get("e"))) for row in _rows(value))
    return tuple(
        Word(text=_text(row.get("w")), start_ms=s, end_ms=e, confidence=_share(row.get("c")))
        for row, s, e in times
        if s is not None and e is not None
    )


def _timed_words(value: Any) -> tuple[Word, ...]:
    """`{word, start, end}` with times in seconds; words without times are left out."""
    times = ((row, to_ms(row.get("start")), to_ms(row.get("end"))) for row in _rows(value))
    return tuple(
        Word(
            text=_text(row.get("punctuated_word") or row.get("word")),
            start_ms=s,
            end_ms=e,
            confidence=_share(row.get("confidence", row.get("probability"))),
        )
        for row, s, e in times
        if s is not None and e is not None
    )
