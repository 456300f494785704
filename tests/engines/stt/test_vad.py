from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.engines.stt import vad

RATE = 8000


def recording(spans: list[tuple[int, int]], *, total_ms: int, noise: float) -> np.ndarray:
    """Noise bursts as speech over a noise floor: (n, 1)."""
    random = np.random.default_rng(3)
    samples = random.standard_normal(total_ms * RATE // 1000) * noise
    for start, end in spans:
        at = slice(start * RATE // 1000, end * RATE // 1000)
        samples[at] += random.standard_normal(at.stop - at.start) * 0.1
    return samples[:, None].astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 0.0005, 0.005, 0.01])
def test_speech_is_found_whatever_the_line_noise(noise: float) -> None:
    spans = [(500, 1500), (2500, 2800), (5000, 9000)]

    heard = vad.speech_spans(
        vad.frame_levels(recording(spans, total_ms=10_000, noise=noise), RATE)[:, 0]
    )

    assert len(heard) == 3
    assert np.abs(np.array(heard) - np.array(spans)).max() <= 10


def test_short_gaps_close_and_short_bursts_are_no_speech() -> None:
    spans = [(1000, 1500), (1790, 2500), (2810, 3500), (6000, 6150)]

    heard = vad.speech_spans(
        vad.frame_levels(recording(spans, total_ms=8000, noise=0.001), RATE)[:, 0]
    )

    assert heard == [(1000, 2500), (2810, 3500)]


@pytest.mark.parametrize("noise", [0.0, 0.00001, 0.05])
def test_silence_and_steady_noise_hold_no_speech(noise: float) -> None:
    levels = vad.frame_levels(recording([], total_ms=5000, noise=noise), RATE)[:, 0]

    assert vad.speech_spans(levels) == []


def test_no_samples_hold_no_speech() -> None:
    assert vad.speech_spans(np.zeros(0)) == []


@pytest.mark.parametrize("leak_db", [-17, -25, -40])
def test_the_other_side_leaking_over_is_no_speech_and_real_overlap_is(leak_db: int) -> None:
    other = recording([(1000, 3000), (3800, 4600)], total_ms=6000, noise=0.0)
    own = recording([(3100, 4200)], total_ms=6000, noise=0.0001)
    levels = vad.frame_levels(np.hstack([other, own + other * 10 ** (leak_db / 20)]), RATE)

    assert vad.speech_spans(levels[:, 1], levels[:, 0]) == [(3100, 4200)]
    assert vad.speech_spans(levels[:, 0], levels[:, 1]) == [(1000, 3000), (3800, 4600)]


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 500)), max_size=12), st.integers(1, 400)
)
def test_closed_gaps_leave_only_wide_ones_and_lose_no_speech(
    steps: list[tuple[int, int]], gap: int
) -> None:
    spans, at = [], 0
    for pause, length in steps:
        spans.append((at + pause + 1, at + pause + 1 + length))
        at = spans[-1][1]

    joined = vad.close_gaps(spans, gap)

    assert all(b[0] - a[1] >= gap for a, b in pairwise(joined))
    assert all(any(a <= s and e <= b for a, b in joined) for s, e in spans)
