"""Turns on a time line and the telephone line that carries them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from demo_audio.dialogue import Line
from demo_audio.ogg import renumber
from demo_audio.speech import RATE_HZ, Signal, band_limited

Layout = Literal["stereo", "mono", "false_stereo"]

_GAP_MS = (200, 900)
_OVERLAP_MS = (280, 700)
_EDGE_MS = (300, 800)
_LEVEL = {"agent": 0.075, "customer": 0.06}  # RMS of full scale: -22.5 and -24.4 dBFS
_RAISED_GAIN = 1.5
_NOISE = 0.0004  # RMS of full scale: -68 dBFS
# libsndfile's scale; about 17 kbit/s for two channels at 8 kHz. At 0.98 and 24 kbit/s Opus leaves
# its speech mode and each party leaks into the other's channel, 21 dB below its speech.
_OPUS_COMPRESSION = 0.99


@dataclass(frozen=True, slots=True)
class Turn:
    role: str
    channel: int
    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Mixed:
    """A call's signal, shape `(n, channels)` at 8 kHz in -1..1, and what was said when."""

    samples: Signal
    turns: tuple[Turn, ...]

    @property
    def duration_ms(self) -> int:
        return len(self.samples) * 1000 // RATE_HZ


def mix(
    lines: Sequence[Line],
    speech: Sequence[Signal],
    layout: Layout,
    agent_channel: int,
    rng: random.Random,
) -> Mixed:
    """Place the turns (unit RMS, 8 kHz, one per line) one after the other on the layout."""
    starts = _starts(lines, [len(samples) for samples in speech], rng)
    ends = [start + len(samples) for start, samples in zip(starts, speech, strict=True)]
    length = max(ends) + _samples(rng.randint(*_EDGE_MS))
    parties = np.zeros((length, 2))
    turns = []
    for line, start, end, samples in zip(lines, starts, ends, speech, strict=True):
        side = agent_channel if line.role == "agent" else 1 - agent_channel
        gain = _LEVEL[line.role] * (_RAISED_GAIN if line.raised else 1.0)
        parties[start:end, side] += gain * samples
        channel = side if layout == "stereo" else 0
        turns.append(Turn(line.role, channel, _ms(start), _ms(end), line.text))
    if layout != "stereo":
        parties = parties.sum(axis=1, keepdims=True)
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, _NOISE, parties.shape)
    carried = parties + band_limited(noise)
    if layout == "false_stereo":
        carried = np.repeat(carried, 2, axis=1)
    return Mixed(np.clip(carried, -1, 1), tuple(turns))


def write_opus(path: Path, samples: Signal, serial: int) -> None:
    """Write Ogg Opus; `serial` numbers the stream, so that equal input makes equal files."""
    soundfile.write(
        path,
        samples,
        RATE_HZ,
        format="OGG",
        subtype="OPUS",
        compression_level=_OPUS_COMPRESSION,
    )
    path.write_bytes(renumber(path.read_bytes(), serial))


def _starts(lines: Sequence[Line], lengths: Sequence[int], rng: random.Random) -> list[int]:
    """First sample of each turn; an interrupting turn starts before the one before has ended."""
    starts: list[int] = []
    end = 0
    for line, length in zip(lines, lengths, strict=True):
        if not starts:
            start = _samples(rng.randint(*_EDGE_MS))
        elif line.interrupts:
            start = end - _samples(rng.randint(*_OVERLAP_MS))
        else:
            start = end + _samples(line.silence_before_s * 1000 + rng.randint(*_GAP_MS))
        starts.append(start)
        end = max(end, start + length)
    return starts


def _samples(ms: int) -> int:
    return ms * RATE_HZ // 1000


def _ms(samples: int) -> int:
    return samples * 1000 // RATE_HZ
