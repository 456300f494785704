"""What the acoustic engine hears of synthesised calls whose timeline is known (calls seed, P8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import soundfile
from tests.quality import synthesis
from tests.quality.synthesis import SIDES, SpokenCall, Spurt

from locutory.capabilities.interactions.contract import Role, Turn
from locutory.engines.stt.acoustic import hear
from locutory.products.calls.pipeline.metrics import CallMetrics, measure

CALLS = 12
FRAME_MS = 10
COLLAR_MS = 250
ROLES = (Role.AGENT, Role.CUSTOMER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Milliseconds by kind, over `scored_ms` of speech outside the collars."""

    missed_ms: int
    false_ms: int
    confused_ms: int
    scored_ms: int

    @property
    def rate(self) -> float:
        """The diarisation error rate."""
        return (self.missed_ms + self.false_ms + self.confused_ms) / self.scored_ms

    @property
    def confusion(self) -> float:
        """Share of speech given to the other speaker."""
        return self.confused_ms / self.scored_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One call and what the engine made of it in each layout."""

    call: SpokenCall
    split: tuple[Spurt, ...]
    mono: tuple[Spurt, ...]


@cache
def trials() -> tuple[Trial, ...]:
    """Every call of the set, heard once."""
    with TemporaryDirectory() as folder:
        return tuple(_trial(synthesis.call(seed), Path(folder)) for seed in range(CALLS))


def _trial(call: SpokenCall, folder: Path) -> Trial:
    split, mono = folder / "split.wav", folder / "mono.wav"
    soundfile.write(str(split), call.samples, synthesis.RATE, subtype="ULAW")
    soundfile.write(str(mono), call.mono, synthesis.RATE, subtype="ULAW")
    by_side = tuple(
        Spurt(segment.channel or 0, segment.start_ms, segment.end_ms)
        for segment in hear(split).segments
    )
    return Trial(call=call, split=by_side, mono=_named(call.spurts, _by_voice(mono)))


def _by_voice(path: Path) -> tuple[Spurt, ...]:
    return tuple(
        Spurt(int(segment.speaker_label[1]) - 1, segment.start_ms, segment.end_ms)
        for segment in hear(path).segments
    )


def _named(true: Sequence[Spurt], found: tuple[Spurt, ...]) -> tuple[Spurt, ...]:
    """The engine numbers voices; take the naming that fits better."""
    other = tuple(Spurt(1 - one.side, one.start_ms, one.end_ms) for one in found)
    return min(found, other, key=lambda spurts: errors(true, spurts).rate)


def errors(true: Sequence[Spurt], found: Sequence[Spurt]) -> Errors:
    """Frames of 10 ms outside 0.25 s around every true start and end; overlap counts twice."""
    length = max(one.end_ms for one in (*true, *found)) // FRAME_MS + 1
    reference, heard = _frames(true, length), _frames(found, length)
    scored = np.ones(length, dtype=bool)
    for one in true:
        for edge in (one.start_ms, one.end_ms):
            scored[max(0, (edge - COLLAR_MS) // FRAME_MS) : (edge + COLLAR_MS) // FRAME_MS] = False
    reference, heard = reference[:, scored], heard[:, scored]
    speaking, said = reference.sum(axis=0), heard.sum(axis=0)
    right = (reference & heard).sum(axis=0)
    return Errors(
        missed_ms=int(np.maximum(speaking - said, 0).sum()) * FRAME_MS,
        false_ms=int(np.maximum(said - speaking, 0).sum()) * FRAME_MS,
        confused_ms=int((np.minimum(speaking, said) - right).sum()) * FRAME_MS,
        scored_ms=int(speaking.sum()) * FRAME_MS,
    )


def _frames(spurts: Sequence[Spurt], length: int) -> np.ndarray:
    frames = np.zeros((SIDES, length), dtype=bool)
    for one in spurts:
        frames[one.side, one.start_ms // FRAME_MS : one.end_ms // FRAME_MS] = True
    return frames


def figures(spurts: Sequence[Spurt], duration_ms: int) -> CallMetrics:
    turns = [
        Turn(idx=n, role=ROLES[one.side], text="", start_ms=one.start_ms, end_ms=one.end_ms)
        for n, one in enumerate(spurts)
    ]
    return measure(turns, duration_ms)


def _in_all(each: Sequence[Errors]) -> Errors:
    return Errors(
        missed_ms=sum(one.missed_ms for one in each),
        false_ms=sum(one.false_ms for one in each),
        confused_ms=sum(one.confused_ms for one in each),
        scored_ms=sum(one.scored_ms for one in each),
    )


def test_the_errors_are_counted_as_defined() -> None:
    true = [Spurt(0, 1000, 3000), Spurt(1, 4000, 6000)]
    found = [Spurt(0, 1000, 2000), Spurt(0, 4000, 6000), Spurt(1, 7000, 8000)]

    counted = errors(true, found)

    assert counted == Errors(missed_ms=750, false_ms=1000, confused_ms=1500, scored_ms=3000)
    assert counted.confusion == 0.5
    assert errors(true, true).rate == 0


def test_the_calls_hold_what_they_are_to_test() -> None:
    truths = [figures(trial.call.spurts, trial.call.duration_ms) for trial in trials()]

    assert len(truths) >= 10
    assert sum(t.interruptions_agent + t.interruptions_customer for t in truths) >= 30
    assert sum(t.dead_air_count for t in truths) >= 20
    assert all(t.overlap_ms > 0 for t in truths)


def test_two_voices_on_one_line_are_diarised_within_eighteen_percent() -> None:
    each = [errors(trial.call.spurts, trial.mono) for trial in trials()]

    assert max(one.rate for one in each) <= 0.18
    assert _in_all(each).confusion <= 0.02


def test_split_channels_are_diarised_within_five_percent() -> None:
    each = [errors(trial.call.spurts, trial.split) for trial in trials()]

    assert max(one.rate for one in each) <= 0.05


def test_the_talk_ratio_of_split_channels_is_right_to_a_point() -> None:
    for trial in trials():
        true = figures(trial.call.spurts, trial.call.duration_ms).talk_ratio
        found = figures(trial.split, trial.call.duration_ms).talk_ratio

        assert found == pytest.approx(true, abs=0.01)


def test_interruptions_are_counted_within_a_tenth() -> None:
    pairs = [_both(trial, trial.split) for trial in trials()]

    true = sum(t.interruptions_agent + t.interruptions_customer for t, _ in pairs)
    found = sum(f.interruptions_agent + f.interruptions_customer for _, f in pairs)
    wrong = sum(
        abs(t.interruptions_agent - f.interruptions_agent)
        + abs(t.interruptions_customer - f.interruptions_customer)
        for t, f in pairs
    )
    assert found == pytest.approx(true, rel=0.1)
    assert wrong <= 0.1 * true


@pytest.mark.parametrize("layout", ["split", "mono"])
def test_dead_air_is_counted_and_timed_within_a_tenth(layout: str) -> None:
    pairs = [_both(trial, getattr(trial, layout)) for trial in trials()]

    true = sum(t.dead_air_count for t, _ in pairs)
    wrong = sum(abs(t.dead_air_count - f.dead_air_count) for t, f in pairs)
    assert wrong <= 0.1 * true
    assert sum(f.dead_air_ms for _, f in pairs) == pytest.approx(
        sum(t.dead_air_ms for t, _ in pairs), rel=0.1
    )


def _both(trial: Trial, found: Sequence[Spurt]) -> tuple[CallMetrics, CallMetrics]:
    duration_ms = trial.call.duration_ms
    return figures(trial.call.spurts, duration_ms), figures(found, duration_ms)
