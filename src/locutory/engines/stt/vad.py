"""Voice activity by energy, on one channel, in frames of 10 ms.

Thresholds follow the calls seed, section 6.6: the least speech and the gap to close; the levels
around the noise floor are ours, set on synthesised telephone speech.
"""

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from locutory.engines.media.base import Samples

Levels: TypeAlias = NDArray[np.float64]
Spans: TypeAlias = list[tuple[int, int]]

FRAME_MS = 10
MIN_SPEECH_MS = 200
CLOSE_GAP_MS = 300

_SILENCE_DB = -90.0
_QUIETEST_VOICE_DB = -60.0
_LEAST_CONTRAST_DB = 10.0
_FLOOR_WINDOW = 1500
_ABOVE_FLOOR_DB = 8.0
_BELOW_VOICE_DB = (40.0, 12.0)
_HYSTERESIS_DB = 4.0
_CLICK_MS = 30
_BLEED_DB = 15.0


def frame_levels(samples: "Samples", sample_rate: int) -> Levels:
    """Level in dB of full scale per 10 ms: (n, channels) samples -> (frames, channels).

    A last piece shorter than a frame is left out.
    """
    size = sample_rate * FRAME_MS // 1000
    frames = len(samples) // size
    blocks = samples[: frames * size].reshape(frames, size, samples.shape[1])
    power = np.einsum("fsc,fsc->fc", blocks, blocks, dtype=np.float64) / size
    levels: Levels = np.maximum(10 * np.log10(power + 1e-12), _SILENCE_DB)
    return levels


def speech_spans(
    levels: Levels, other: Levels | None = None, *, close_gap_ms: int = CLOSE_GAP_MS
) -> Spans:
    """Stretches of voice of one channel in half-open milliseconds, from its (frames,) levels.

    Frames that `other`, the channel beside it, tops by 15 dB are what leaks over from there: codecs
    that share bits between channels do that, however well the speakers were recorded apart.
    """
    own = np.ones(len(levels), dtype=bool) if other is None else other - levels < _BLEED_DB
    voice = voice_level(levels[own])
    if voice is None:
        return []
    threshold = np.clip(
        _noise_floor(levels) + _ABOVE_FLOOR_DB,
        voice - _BELOW_VOICE_DB[0],
        voice - _BELOW_VOICE_DB[1],
    )
    loud = _runs(own & (levels > threshold - _HYSTERESIS_DB))
    sure = np.concatenate([[0], np.cumsum(own & (levels > threshold))])
    kept = [
        (a * FRAME_MS, b * FRAME_MS)
        for a, b in loud
        if sure[b] > sure[a] and (b - a) * FRAME_MS >= _CLICK_MS
    ]
    return [(a, b) for a, b in close_gaps(kept, close_gap_ms) if b - a >= MIN_SPEECH_MS]


def voice_level(levels: Levels) -> float | None:
    """How loud the voice is, in dB, or None when nothing stands out of the noise."""
    if not len(levels):
        return None
    floor = float(np.percentile(levels, 10))
    above = levels[levels > floor + _LEAST_CONTRAST_DB]
    if len(above) * FRAME_MS < MIN_SPEECH_MS:
        return None
    voice = float(np.percentile(above, 90))
    return voice if voice > _QUIETEST_VOICE_DB else None


def close_gaps(spans: Spans, gap_ms: int) -> Spans:
    """Join neighbours with less than `gap_ms` between them. Spans are sorted and disjoint."""
    joined: Spans = []
    for start, end in spans:
        if joined and start - joined[-1][1] < gap_ms:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _noise_floor(levels: Levels) -> Levels:
    """The tenth percentile around each frame, in windows of 15 s."""
    starts = range(0, len(levels), _FLOOR_WINDOW)
    floors = [float(np.percentile(levels[s : s + _FLOOR_WINDOW], 10)) for s in starts]
    return np.repeat(floors, _FLOOR_WINDOW)[: len(levels)]


def _runs(mask: NDArray[np.bool_]) -> Spans:
    """Half-open index ranges where the mask holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
