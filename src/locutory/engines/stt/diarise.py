"""Two voices on one channel: cepstra and pitch, clusters, a mixture per voice, a path through time.

The chain is that of the calls seed, section 6.6. Features are mel cepstra (24 bands, c1-c16) and
the pitch, which tells voices apart whose vocal tracts are alike.
All of it is deterministic and meant for one core.
"""

from functools import cache
from itertools import pairwise
from math import log10
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from locutory.engines.stt.vad import CLOSE_GAP_MS, FRAME_MS, MIN_SPEECH_MS, Spans

if TYPE_CHECKING:
    from locutory.engines.media.base import Samples

Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int64]

SAMPLE_RATE = 8000
_HOP = SAMPLE_RATE * FRAME_MS // 1000
_WINDOW = 200
_FFT = 256
_BANDS = 24
_CEPSTRA = 16
_FEATURES = _CEPSTRA + 1
_PITCH_LAGS = (20, 101)
"""Periods of 400 down to 80 Hz, in samples."""
_LEAST_PERIODIC = 0.15
_FLATTEN = 0.33
"""Exponent of the power spectrum before its autocorrelation, so that formants do not pass as pitch
(Tolonen and Karjalainen's generalised autocorrelation)."""
_MELODY_FRAMES = 20
_PITCH_WEIGHT = 0.5
"""In the first guess: excited people raise their pitch, and are still the same people."""

_STATS_FRAMES = 160
_MIN_VOICED_FRAMES = 300
PAUSE_MS = 100
"""Speakers change in pauses: shorter ones than 300 ms must stay visible here."""
_APART = 1.4
"""Least distance of two voices' mean features; closer ones are taken for one voice."""
_MIN_SHARE = 0.03
_MIXTURE = 4
_ROUNDS = 4
_TRAIN_FRAMES = 6000
_POOL = 5
_MOST_ADVANTAGE = 2.0
"""Of a frame: its neighbours say much the same, so that their sum is too sure of itself."""
_PENALTY, _PENALTY_AT_PAUSE = 150.0, 20.0


class Features:
    """Collects the features of a mono recording at 8 kHz, block by block."""

    def __init__(self) -> None:
        """Start with nothing heard."""
        self._tail = np.zeros(0, dtype=np.float32)
        self._rows: list[Floats] = []

    def add(self, block: "Samples") -> None:
        """Take in one (n, 1) block."""
        samples = np.concatenate([self._tail, block[:, 0]])
        frames = max(0, (len(samples) - _WINDOW) // _HOP + 1)
        if frames:
            self._rows.append(features(samples, frames))
        self._tail = samples[frames * _HOP :]

    def result(self, frames: int) -> Floats:
        """The (frames, 17) features; the last frames repeat where the final window ran short."""
        rows = np.concatenate(self._rows) if self._rows else np.zeros((0, _FEATURES))
        missing = frames - len(rows)
        if missing > 0:
            rows = np.pad(rows, ((0, missing), (0, 0)), mode="edge" if len(rows) else "constant")
        return rows[:frames]


def features(samples: NDArray[np.float32], frames: int) -> Floats:
    """Of `frames` windows of 25 ms, 10 ms apart: (frames, 17), mel cepstra c1-c16 and the pitch.

    The pitch is in octaves above 1 Hz, nan where a window has none.
    """
    view = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP][:frames]
    power = np.abs(np.fft.rfft(view * np.hamming(_WINDOW).astype(np.float32), _FFT)) ** 2
    cepstra = np.log(power @ _mel_bank().T + 1e-8) @ _cosines().T
    return np.column_stack([cepstra, _pitch(power)])


def _pitch(power: Floats) -> Floats:
    first, last = _PITCH_LAGS
    likeness = np.fft.irfft(power**_FLATTEN, axis=1)[:, :last]
    best = likeness[:, first:].argmax(axis=1) + first
    periodic = likeness[np.arange(len(best)), best] > _LEAST_PERIODIC * likeness[:, 0]
    result: Floats = np.where(periodic, np.log2(SAMPLE_RATE / best), np.nan)
    return result


def two_voices(heard: Floats, spans: Spans) -> Labels | None:
    """Label each frame 0 or 1 by voice, -1 where nobody speaks; None when one voice speaks.

    `heard` is (frames, 17); `spans` are the speech stretches in ms. Voice 0 speaks first.
    """
    index = _frames_of(spans, len(heard))
    if len(index) < _MIN_VOICED_FRAMES:
        return None
    voiced = heard[index]
    voiced[:, -1] = _melody(voiced[:, -1])
    voiced = (voiced - voiced.mean(axis=0)) / (voiced.std(axis=0) + 1e-9)
    pauses = np.concatenate([[0], np.flatnonzero(np.diff(index) > 1) + 1])
    labels = _first_guess(voiced, pauses)
    for _ in range(_ROUNDS):
        if not _both_speak(labels):
            return None
        labels = _best_path(_advantage(voiced, labels), pauses)
    if not _both_speak(labels) or distance(voiced[labels == 0], voiced[labels == 1]) < _APART:
        return None
    result = np.full(len(heard), -1, dtype=np.int64)
    result[index] = labels if labels[0] == 0 else 1 - labels
    return result


def _melody(pitch: Floats) -> Floats:
    """The pitch without gaps and leaps: medians of 200 ms, lines between where there is none."""
    size = -(-len(pitch) // _MELODY_FRAMES)
    missing = size * _MELODY_FRAMES - len(pitch)
    padded = np.pad(pitch, (0, missing), constant_values=np.nan)
    blocks = padded.reshape(size, _MELODY_FRAMES)
    known = np.flatnonzero(~np.isnan(blocks).all(axis=1))
    if not len(known):
        return np.zeros(len(pitch))
    medians = np.nanmedian(blocks[known], axis=1)
    return np.repeat(np.interp(np.arange(size), known, medians), _MELODY_FRAMES)[: len(pitch)]


def distance(one: Floats, two: Floats) -> float:
    """Mahalanobis distance of the means of two (n, d) sets under their mean covariance."""
    spread = (np.cov(one.T) + np.cov(two.T)) / 2 + 1e-3 * np.eye(one.shape[1])
    apart = one.mean(axis=0) - two.mean(axis=0)
    return float(np.sqrt(apart @ np.linalg.solve(spread, apart)))


def voice_turns(labels: Labels, spans: Spans) -> list[tuple[int, int, int]]:
    """(start_ms, end_ms, voice) turns: speech stretches cut where the voice changes.

    Pieces under 200 ms go to the neighbour they touch; gaps under 300 ms in one voice close.
    """
    pieces: list[tuple[int, int, int]] = []
    for start, end in spans:
        for piece in _cut(labels, start, end):
            if pieces and pieces[-1][2] == piece[2] and piece[0] - pieces[-1][1] < CLOSE_GAP_MS:
                pieces[-1] = (pieces[-1][0], piece[1], piece[2])
            else:
                pieces.append(piece)
    return pieces


def _cut(labels: Labels, start: int, end: int) -> list[tuple[int, int, int]]:
    part = labels[start // FRAME_MS : end // FRAME_MS]
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(part)]
    cut = [
        (start + a * FRAME_MS, start + b * FRAME_MS, int(part[a]))
        for a, b in pairwise(edges)
        if b > a
    ]
    while len(cut) > 1:
        short = min(range(len(cut)), key=lambda i: cut[i][1] - cut[i][0])
        if cut[short][1] - cut[short][0] >= MIN_SPEECH_MS:
            break
        into = short - 1 if short else 1
        a, b = min(short, into), max(short, into)
        cut[a : b + 1] = [(cut[a][0], cut[b][1], cut[into][2])]
    return cut


def _frames_of(spans: Spans, frames: int) -> Labels:
    if not spans:
        return np.zeros(0, dtype=np.int64)
    index = np.concatenate([np.arange(a // FRAME_MS, b // FRAME_MS) for a, b in spans])
    return index[index < frames].astype(np.int64)


def _both_speak(labels: Labels) -> bool:
    return bool(_MIN_SHARE <= np.mean(labels) <= 1 - _MIN_SHARE)


def _first_guess(voiced: Floats, pauses: Labels) -> Labels:
    """Two clusters of the mean features of stretches up to 1.6 s that no pause interrupts."""
    from sklearn.cluster import KMeans

    edges = np.append(pauses, len(voiced))
    starts = np.concatenate(
        [
            np.linspace(a, b, -(-(b - a) // _STATS_FRAMES), endpoint=False)
            for a, b in pairwise(edges)
        ]
    ).astype(np.int64)
    lengths = np.diff(np.append(starts, len(voiced)))
    means = np.add.reduceat(voiced, starts) / lengths[:, None]
    means[:, -1] *= _PITCH_WEIGHT
    groups = KMeans(n_clusters=2, n_init=4, random_state=0).fit_predict(
        means, sample_weight=lengths
    )
    return np.repeat(groups, lengths).astype(np.int64)


def _advantage(voiced: Floats, labels: Labels) -> Floats:
    """Per frame, how much likelier voice 1 is than voice 0, by a mixture fitted to each."""
    from sklearn.mixture import GaussianMixture

    scores = []
    for voice in (0, 1):
        own = voiced[labels == voice]
        own = own[:: max(1, len(own) // _TRAIN_FRAMES)]
        size = max(1, min(_MIXTURE, len(own) // 40))
        mixture = GaussianMixture(
            size,
            covariance_type="diag",
            reg_covar=1e-2,
            max_iter=40,
            tol=1e-2,
            init_params="k-means++",
            random_state=0,
        )
        scores.append(mixture.fit(own).score_samples(voiced))
    result: Floats = np.clip(scores[1] - scores[0], -_MOST_ADVANTAGE, _MOST_ADVANTAGE)
    return result


def _best_path(advantage: Floats, pauses: Labels) -> Labels:
    """The two-state path that wins most, each change of voice costing a penalty.

    Works in steps of at most 50 ms that never cross a pause; `pauses` are the frame numbers after
    which speech starts anew. There a change is cheaper.
    """
    edges = np.append(pauses, len(advantage))
    starts = np.concatenate([np.arange(a, b, _POOL) for a, b in pairwise(edges)])
    gain = np.add.reduceat(advantage, starts).tolist()
    cost = np.where(np.isin(starts, pauses), _PENALTY_AT_PAUSE, _PENALTY).tolist()
    zero, one = 0.0, float(gain[0])
    back: list[tuple[bool, bool]] = [(False, False)]
    for step, penalty in zip(gain[1:], cost[1:], strict=True):
        to_zero, to_one = one - penalty > zero, zero - penalty > one
        back.append((to_zero, to_one))
        zero, one = max(zero, one - penalty), max(one, zero - penalty) + step
    state = int(one > zero)
    path = np.zeros(len(starts), dtype=np.int64)
    for at in range(len(starts) - 1, -1, -1):
        path[at] = state
        if back[at][state]:
            state = 1 - state
    return np.repeat(path, np.diff(np.append(starts, len(advantage))))


@cache
def _mel_bank() -> Floats:
    """Triangles over 150-3600 Hz on the mel scale (2595 log10(1 + f/700)): (24, 129)."""
    low, high = (2595 * log10(1 + hertz / 700) for hertz in (150, 3600))
    edges: Floats = 700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    result: Floats = np.maximum(0, np.minimum(rise, fall))
    return result


@cache
def _cosines() -> Floats:
    """Rows 1-16 of the cosine transform over the bands: (16, 24)."""
    order = np.arange(1, _CEPSTRA + 1)[:, None]
    result: Floats = np.cos(np.pi / _BANDS * order * (np.arange(_BANDS) + 0.5))
    return result
