"""Transcripts of a call in the three forms in which recorders deliver them."""

import json
from collections.abc import Sequence
from typing import Literal

from demo_audio.dialogue import spelled_card
from demo_audio.mixing import Turn

Form = Literal["vtt", "srt", "json"]


def written(turns: Sequence[Turn], form: Form) -> str:
    """The transcript; SRT has card numbers in words, as recognisers without formatting give."""
    return {"vtt": _vtt, "srt": _srt, "json": _json}[form](turns)


def _vtt(turns: Sequence[Turn]) -> str:
    cues = [
        f"{_clock(turn.start_ms, '.')} --> {_clock(turn.end_ms, '.')}\n"
        f"<v {turn.role.capitalize()}>{turn.text}\n"
        for turn in turns
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _srt(turns: Sequence[Turn]) -> str:
    return "\n".join(
        f"{number}\n{_clock(turn.start_ms, ',')} --> {_clock(turn.end_ms, ',')}\n"
        f"{turn.role.capitalize()}: {spelled_card(turn.text)}\n"
        for number, turn in enumerate(turns, start=1)
    )


def _json(turns: Sequence[Turn]) -> str:
    segments = [
        {
            "start_ms": turn.start_ms,
            "end_ms": turn.end_ms,
            "speaker": turn.role,
            "channel": turn.channel,
            "text": turn.text,
        }
        for turn in turns
    ]
    return json.dumps({"language": "en", "segments": segments}, indent=1) + "\n"


def _clock(ms: int, separator: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{separator}{ms:03d}"
