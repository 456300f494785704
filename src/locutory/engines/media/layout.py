"""Which channels carry a voice of their own."""

from typing import TYPE_CHECKING

import numpy as np

from locutory.engines.media.base import Layout, LayoutKind, Samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAME_SOUND = 0.98
"""Normalised correlation at lag 0 above which two channels are one sound (calls seed, 6.3)."""
SILENT_SHARE = 1e-5
"""A channel with less than this share (-50 dB) of the loudest one's energy carries nobody."""


class LayoutScan:
    """Collects the channels' products over a recording, block by block."""

    def __init__(self, channels: int) -> None:
        """Start with nothing heard."""
        self._gram = np.zeros((channels, channels))

    def add(self, block: Samples) -> None:
        """Take in one (n, channels) block."""
        self._gram += block.T @ block

    def result(self) -> Layout:
        """The layout of all that was added."""
        return judge(self._gram)


def judge(gram: "NDArray[np.float64]") -> Layout:
    """Decide from the (c, c) matrix of summed products of the channels.

    The loudest channel is kept, and the next loudest that is neither silent nor the same sound
    in either polarity.
    """
    energy = np.diag(gram)
    order = [int(i) for i in np.argsort(-energy, kind="stable")]
    first = order[0]
    if len(order) == 1:
        return Layout(kind=LayoutKind.MONO, keep=(first,))
    for other in order[1:]:
        if energy[other] <= SILENT_SHARE * energy[first]:
            continue
        correlation = abs(gram[first, other]) / np.sqrt(energy[first] * energy[other])
        if correlation <= SAME_SOUND:
            return Layout(kind=LayoutKind.STEREO, keep=(min(first, other), max(first, other)))
    return Layout(kind=LayoutKind.FALSE_STEREO, keep=(first,))
