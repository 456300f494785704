"""Recordings as outside engines want them: 16 kHz, one channel, not too long."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from locutory.engines.media import get_media_reader
from locutory.engines.stt.base import MIXED, SIDES, Heard, Part, Segment

SAMPLE_RATE = 16_000
LOOK_BACK_MS = 300_000
"""How far before the limit a pause to cut in is looked for."""


def cut(path: Path, folder: Path, heard: Heard, *, apart: bool, max_ms: int | None) -> list[Part]:
    """Write WAV files of one channel into `folder`; pure work for one core.

    With `apart` each of the two channels that carry a speaker has its own files, else there is
    one mixed sound. What is longer than `max_ms` is cut in pauses, at the same places on both
    channels. Raises the media engine's errors.
    """
    import soundfile

    reader = get_media_reader()
    stream = reader.stream(path, sample_rate=SAMPLE_RATE)
    keep = (0,) if stream.channels == 1 else reader.layout(path).keep
    split = apart and len(keep) == 2
    roles = list(SIDES) if split else [MIXED]
    channels = [[channel] for channel in keep] if split else [list(keep)]
    edges = [0, *cut_points(heard.segments, heard.duration_ms, max_ms)]
    numbered = len(edges) > 1
    names = [[f"{r}-{n}.wav" if numbered else f"{r}.wav" for n in range(len(edges))] for r in roles]
    frames = [0] * len(edges)
    marks = [edge * SAMPLE_RATE // 1000 for edge in edges]
    files = [
        [soundfile.SoundFile(folder / name, "w", SAMPLE_RATE, 1, "PCM_16") for name in row]
        for row in names
    ]
    try:
        at = 0
        for block in stream:
            done = 0
            while done < len(block):
                piece = max(n for n, mark in enumerate(marks) if mark <= at)
                end = marks[piece + 1] if piece + 1 < len(marks) else at + len(block) - done
                taken = block[done : done + end - at]
                for row, own in zip(files, channels, strict=True):
                    row[piece].write(taken[:, own].mean(axis=1))
                frames[piece] += len(taken)
                at, done = at + len(taken), done + len(taken)
    finally:
        for file in (file for row in files for file in row):
            file.close()
    return [
        Part(
            role=role,
            object_key="",
            path=folder / names[side][n],
            ms=round(1000 * frames[n] / SAMPLE_RATE),
            codec="pcm_16",
            offset_ms=edge,
            turns=_turns(heard.segments, None if role == MIXED else side, edges, n),
        )
        for side, role in enumerate(roles)
        for n, edge in enumerate(edges)
        if frames[n]
    ]


def cut_points(turns: Iterable[Segment], duration_ms: int, max_ms: int | None) -> list[int]:
    """Where to cut, in ms: in the longest pause of the last minutes before each limit."""
    spans = sorted((turn.start_ms, turn.end_ms) for turn in turns)
    points: list[int] = []
    start = 0
    while max_ms is not None and duration_ms - start > max_ms:
        high = start + max_ms
        start = _middle_of_pause(spans, max(start + max_ms // 2, high - LOOK_BACK_MS), high)
        points.append(start)
    return points


def _middle_of_pause(spans: Sequence[tuple[int, int]], low: int, high: int) -> int:
    """The middle of the longest stretch of [low, high] without speech; `high` if there is none."""
    longest, middle, quiet_from = 0, high, low
    for begin, end in (*spans, (high, high)):
        pause = min(begin, high) - quiet_from
        if pause > longest:
            longest, middle = pause, quiet_from + pause // 2
        quiet_from = max(quiet_from, min(end, high))
    return middle


def _turns(
    turns: Iterable[Segment], channel: int | None, edges: Sequence[int], n: int
) -> tuple[Segment, ...]:
    """The turns of one channel (None: of all) within the n-th piece, in its own time."""
    low = edges[n]
    high = edges[n + 1] if n + 1 < len(edges) else None
    return tuple(
        replace(
            turn,
            start_ms=max(turn.start_ms, low) - low,
            end_ms=(turn.end_ms if high is None else min(turn.end_ms, high)) - low,
        )
        for turn in turns
        if (channel is None or turn.channel == channel)
        and turn.end_ms > low
        and (high is None or turn.start_ms < high)
    )
