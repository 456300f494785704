"""Telephone calls of two made-up voices with a known timeline, by formant synthesis.

A voice is a pulse train under formants that glide from vowel to vowel, with hisses and stops
between them. Vowel formants are round figures of textbook averages, scaled by the vocal tract.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

RATE = 8000
SIDES = 2

Signal: TypeAlias = NDArray[np.float64]

_VOWELS = np.array(
    [
        (280, 2250, 2900), (400, 2000, 2550), (530, 1850, 2500), (660, 1700, 2400),
        (730, 1100, 2450), (570, 850, 2400), (440, 1020, 2250), (310, 870, 2250),
        (640, 1190, 2400), (490, 1350, 1700),
    ],
    dtype=float,
)  # fmt: skip
_BANDWIDTHS = np.array([80.0, 110.0, 160.0])
_STEP = RATE // 100
_LINE_HZ = (300, 3400)
_SPOKEN_RMS = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What makes a speaker sound like nobody else."""

    pitch_hz: float
    tract: float  # scales the formants; below 1 for a longer vocal tract
    tilt_db: float  # per octave
    breath: float  # share of noise in the voice
    pace: float  # scales the length of syllables


VOICES = (
    Voice(pitch_hz=105, tract=0.90, tilt_db=-9, breath=0.02, pace=1.05),
    Voice(pitch_hz=128, tract=1.00, tilt_db=-7, breath=0.05, pace=0.95),
    Voice(pitch_hz=150, tract=0.95, tilt_db=-11, breath=0.03, pace=0.9),
    Voice(pitch_hz=190, tract=1.10, tilt_db=-8, breath=0.08, pace=1.0),
    Voice(pitch_hz=215, tract=1.17, tilt_db=-10, breath=0.04, pace=1.1),
    Voice(pitch_hz=235, tract=1.06, tilt_db=-6, breath=0.10, pace=0.92),
)


@dataclass(frozen=True, slots=True)
class Spurt:
    """One side's speech without a pause of 300 ms or more; half-open milliseconds."""

    side: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenCall:
    """The (n, 2) signal, agent left, and the spurts that are in it, by start."""

    samples: Signal
    spurts: tuple[Spurt, ...]

    @property
    def duration_ms(self) -> int:
        return len(self.samples) * 1000 // RATE

    @property
    def mono(self) -> Signal:
        """Both sides on one line: (n,)."""
        mixed: Signal = np.clip(self.samples.sum(axis=1), -1, 1)
        return mixed


def call(seed: int, *, exchanges: int = 12) -> SpokenCall:
    """A made-up call of about seven seconds an exchange; equal seeds give equal calls."""
    random = np.random.default_rng(seed)
    voices = [VOICES[n] for n in random.permutation(len(VOICES))[:SIDES]]
    spurts = timeline(random, exchanges)
    length = (max(one.end_ms for one in spurts) + int(random.integers(300, 1500))) * RATE // 1000
    sides = np.zeros((length, SIDES))
    gains = _SPOKEN_RMS * 10 ** (random.uniform(-3, 3, SIDES) / 20)
    for one in spurts:
        at = one.start_ms * RATE // 1000
        said = speech(voices[one.side], one.end_ms - one.start_ms, random)
        sides[at : at + len(said), one.side] += gains[one.side] * said
    noise = random.standard_normal(sides.shape) * 10 ** (random.uniform(-66, -50) / 20)
    return SpokenCall(samples=np.clip(_on_the_line(sides + noise), -1, 1), spurts=tuple(spurts))


def timeline(random: np.random.Generator, exchanges: int) -> list[Spurt]:
    """Turns of one to three spurts, with pauses, dead air, interruptions and back-channels."""
    spurts: list[Spurt] = []
    start = int(random.integers(300, 1200))
    for number in range(2 * exchanges):
        side = number % SIDES
        for last in (*(False,) * int(random.integers(0, 3)), True):
            end = start + int(random.integers(900, 4200))
            spurts.append(Spurt(side, start, end))
            hummed = end - start > 2500 and random.random() < 0.3
            if hummed:
                hum = start + int(random.integers(700, 1200))
                spurts.append(Spurt(1 - side, hum, hum + int(random.integers(260, 600))))
            if not last:
                start = end + int(random.integers(450, 1100))
        long_enough = end - start > 1800 and not hummed
        start = end + _gap(random, may_interrupt=long_enough)
    return sorted(spurts, key=lambda one: (one.start_ms, one.side))


def _gap(random: np.random.Generator, *, may_interrupt: bool) -> int:
    """Milliseconds until the other side begins; negative when it talks over the last words."""
    chance = random.random()
    if may_interrupt and chance < 0.3:
        return -int(random.integers(350, 1000))
    if chance > 0.88:
        return int(random.integers(5400, 11_000))
    return int(random.integers(120, 1300))


def speech(voice: Voice, length_ms: int, random: np.random.Generator) -> Signal:
    """Syllables without meaning, (n,) with unit RMS, from the first sample to the last."""
    size = length_ms * RATE // 1000
    grid = size // _STEP + 2
    formants, voiced, hiss = _plan(voice, grid, random)
    at = np.arange(size) / _STEP
    pitch = np.interp(at, np.arange(grid), _melody(voice, grid, random))
    turning = np.exp(2j * np.pi * np.cumsum(pitch) / RATE)
    loudness = np.interp(at, np.arange(grid), voiced)
    sound = _sung(voice, turning, formants, float(pitch.mean()), at) * loudness
    noise = random.standard_normal(size)
    bright = np.diff(noise, prepend=0.0)
    sound += voice.breath * noise * loudness * np.std(sound)
    sound += np.interp(at, np.arange(grid), hiss) * bright * np.std(sound)
    edge = min(size // 4, RATE // 100)
    sound[:edge] *= np.linspace(0.3, 1, edge)
    sound[-edge:] *= np.linspace(1, 0.3, edge)
    normal: Signal = sound / np.sqrt(np.mean(sound**2))
    return normal


def _plan(voice: Voice, grid: int, random: np.random.Generator) -> tuple[Signal, Signal, Signal]:
    """(grid, 3) formants, and the (grid,) loudness of voice and of hiss, in steps of 10 ms."""
    knots, targets = [0], [random.integers(len(_VOWELS))]
    voiced, hiss = np.ones(grid), np.zeros(grid)
    while knots[-1] < grid:
        length = max(6, round(random.uniform(13, 26) * voice.pace))
        start = knots[-1]
        closure = int(random.integers(3, 8))
        kind = random.random()
        if start and kind < 0.35:
            voiced[start : start + closure] = 0.08
        elif start and kind < 0.65:
            voiced[start : start + closure] = 0.12
            hiss[start : start + closure] = random.uniform(0.3, 0.8)
        stress = random.uniform(0.55, 1.0)
        voiced[start + closure : start + length] *= stress
        knots.append(start + length)
        targets.append(random.integers(len(_VOWELS)))
    wide = np.stack(
        [np.interp(np.arange(grid), knots, _VOWELS[targets, n]) for n in range(3)], axis=1
    )
    soft = np.convolve(np.pad(voiced, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    return wide * voice.tract, soft, hiss


def _melody(voice: Voice, grid: int, random: np.random.Generator) -> Signal:
    """Pitch in hertz: falling by a tenth, with accents and a little wavering."""
    knots = np.arange(0, grid + 40, 40)
    accents = random.uniform(-0.12, 0.14, len(knots))
    fall = np.linspace(1.05, 0.95, grid)
    waver = random.normal(0, 0.006, grid)
    pitch: Signal = voice.pitch_hz * (fall + np.interp(np.arange(grid), knots, accents) + waver)
    return pitch


def _sung(
    voice: Voice, turning: NDArray[np.complex128], formants: Signal, pitch: float, at: Signal
) -> Signal:
    """Harmonics up to 3600 Hz, each as loud as the formants make it."""
    sound = np.zeros(len(turning))
    tone = np.ones(len(turning), dtype=np.complex128)
    grid = np.arange(len(formants))
    for harmonic in range(1, int(3600 / pitch) + 1):
        tone *= turning
        hertz = harmonic * pitch
        peaks = 1 / (1 + ((hertz - formants) / _BANDWIDTHS) ** 2)
        weight = (peaks * [1.0, 0.5, 0.25]).sum(axis=1) + 0.01
        weight *= 10 ** (voice.tilt_db * np.log2(harmonic) / 3 / 20)
        sound += tone.imag * np.interp(at, grid, weight)
    return sound


def _on_the_line(sides: Signal) -> Signal:
    """What a telephone's band of 300 to 3400 Hz leaves of (n, sides)."""
    spectrum = np.fft.rfft(sides, axis=0)
    hertz = np.fft.rfftfreq(len(sides), 1 / RATE)
    low, high = _LINE_HZ
    keep = 1 / (1 + (low / np.maximum(hertz, 1)) ** 6) / (1 + (hertz / high) ** 16)
    carried: Signal = np.fft.irfft(spectrum * np.sqrt(keep)[:, None], n=len(sides), axis=0)
    return carried
