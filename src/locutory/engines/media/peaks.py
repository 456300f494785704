"""The outline of a recording, as a player draws it."""

from typing import TYPE_CHECKING

from locutory.engines.media.base import Audio, Samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW_MS = 20


def peaks(audio: Audio, *, window_ms: int = WINDOW_MS) -> Samples:
    """Least and greatest sample per window and channel: (windows, channels, 2) float32.

    The last window may be shorter; an empty recording has none.
    """
    import numpy as np

    size = max(1, audio.sample_rate * window_ms // 1000)
    starts: NDArray[np.int64] = np.arange(0, len(audio.samples), size)
    if not len(starts):
        return np.zeros((0, audio.samples.shape[1], 2), dtype=np.float32)
    low = np.minimum.reduceat(audio.samples, starts, axis=0)
    high = np.maximum.reduceat(audio.samples, starts, axis=0)
    return np.stack([low, high], axis=-1)
