"""One result from the answers to a call's files."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from string import ascii_uppercase
from typing import Any

from locutory.engines.stt.base import (
    EMPTY_TRANSCRIPT,
    MIXED,
    SIDES,
    TIMES_ESTIMATED,
    Part,
    Segment,
    STTResult,
    Usage,
)
from locutory.engines.stt.readings import to_result
from locutory.engines.stt.segments import in_order, over_turns
from locutory.engines.stt.sidecar_json import Entry, Reading, read_json
from locutory.engines.stt.word_turns import by_turns
from locutory.kernel.errors import InvalidOutput

_OTHER = "other"
"""Somebody in a piece of a recording whom the turns do not know, under a name that is taken."""


def joined(
    answers: Sequence[tuple[Part, Any]],
    *,
    provider: str,
    model: str,
    form: str,
    language_text: str | None = None,
) -> STTResult:
    """What the provider's documents say of a call's parts, in the call's own time.

    `form` is the shape that they must have. `language_text` is the language of the words where it
    is not the spoken one. Texts without times are laid over the turns that the acoustic engine
    heard; where it heard several voices and the provider names none, each word goes to the turn
    in which it was said. Raises InvalidOutput.
    """
    results = [_heard(part, document, provider, model, form) for part, document in answers]
    parts = [part for part, _ in answers]
    duration_ms = max(
        part.offset_ms + (result.duration_ms if part.ms is None else part.ms)
        for part, result in zip(parts, results, strict=True)
    )
    several = len({part.offset_ms for part in parts}) > 1
    segments = [
        replace(
            segment,
            start_ms=segment.start_ms + part.offset_ms,
            end_ms=segment.end_ms + part.offset_ms,
            words=tuple(
                replace(
                    word,
                    start_ms=word.start_ms + part.offset_ms,
                    end_ms=word.end_ms + part.offset_ms,
                )
                for word in segment.words
            ),
        )
        for part, result in zip(parts, results, strict=True)
        for segment in _labelled(part, result.segments, by_turns=several)
    ]
    ordered, _ = in_order(segments, duration_ms)
    warnings = {warning for result in results for warning in result.warnings}
    if not any(segment.text for segment in ordered):
        warnings.add(EMPTY_TRANSCRIPT)
    spoken = next((r.language_spoken for r in results if r.language_spoken), None)
    return STTResult(
        provider=provider,
        model=model,
        duration_ms=duration_ms,
        segments=ordered,
        text="\n".join(segment.text for segment in ordered if segment.text),
        language_spoken=spoken,
        language_text=language_text or spoken,
        usage=Usage(
            audio_ms=sum(
                (result.duration_ms if part.ms is None else part.ms) * part.channels
                for part, result in zip(parts, results, strict=True)
            )
        ),
        warnings=tuple(sorted(warnings)),
    )


def _heard(part: Part, document: Any, provider: str, model: str, form: str) -> STTResult:
    reading = read_json(document)
    if reading is None or reading.form != form:
        raise InvalidOutput("the answer is no transcript", engine=provider)
    placed, estimated = _placed(part, reading)
    result = to_result(placed, part.ms, provider=provider, model=model)
    if not estimated:
        return result
    return replace(result, warnings=(*result.warnings, TIMES_ESTIMATED))


def _placed(part: Part, reading: Reading) -> tuple[Reading, bool]:
    """The same reading with the part's turns put to use, and whether times were estimated."""
    entries = reading.entries
    if not entries or not part.turns:
        return reading, False
    if not any(e.start_ms is not None and e.end_ms is not None for e in entries):
        text = " ".join(entry.text for entry in entries)
        laid = tuple(
            Entry(text=s.text, start_ms=s.start_ms, end_ms=s.end_ms, speaker=s.speaker_label)
            for s in over_turns(text, part.turns)
        )
        return replace(reading, entries=laid), True
    several = len({turn.speaker_label for turn in part.turns}) > 1
    if part.role == MIXED and several and not any(entry.speaker for entry in entries):
        spoken, estimated = by_turns(entries, part.turns)
        return replace(reading, entries=spoken), estimated
    return reading, False


def _labelled(part: Part, segments: Iterable[Segment], *, by_turns: bool) -> list[Segment]:
    """Speakers by the names that our own engine uses: sides, or S1, S2 ...

    The pieces of a cut recording number their speakers anew each; there the turns, which were
    found over the whole of it, say who is who.
    """
    if part.role in SIDES:
        side = SIDES.index(part.role)
        return [replace(s, speaker_label=part.role, channel=side) for s in segments]
    if part.channels > 1:
        return [
            s if s.channel is None else replace(s, speaker_label=_side(s.channel)) for s in segments
        ]
    named = [replace(s, speaker_label=_plain(s.speaker_label), channel=0) for s in segments]
    if not by_turns or part.role != MIXED:
        return named
    names = _who_is_who(named, part.turns)
    for label in {segment.speaker_label for segment in named} - set(names):
        names[label] = _OTHER if label in names.values() else label
    return [replace(s, speaker_label=names[s.speaker_label]) for s in named]


def _side(channel: int) -> str:
    return SIDES[channel] if channel < len(SIDES) else f"channel{channel}"


def _plain(label: str) -> str:
    """`0`, `A`, `SPEAKER_00` and `speaker 0` as S1; other labels as they are."""
    if len(label) == 1 and label in ascii_uppercase:
        return f"S{ascii_uppercase.index(label) + 1}"
    number = label.upper().removeprefix("SPEAKER").lstrip("_ -")
    return f"S{int(number) + 1}" if number.isdecimal() else label or "S1"


def _who_is_who(segments: Sequence[Segment], turns: Sequence[Segment]) -> dict[str, str]:
    """Each label's counterpart among the turns, by the time that both speak; one for one."""
    shared: Counter[tuple[str, str]] = Counter()
    for segment in segments:
        for turn in turns:
            common = min(segment.end_ms, turn.end_ms) - max(segment.start_ms, turn.start_ms)
            if common > 0:
                shared[segment.speaker_label, turn.speaker_label] += common
    names: dict[str, str] = {}
    for (label, name), _ in shared.most_common():
        if label not in names and name not in names.values():
            names[label] = name
    return names
