from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from locutory.engines.stt.base import Heard, Part, Segment
from locutory.engines.stt.cutting import SAMPLE_RATE, cut, cut_points
from locutory.engines.stt.joining import joined

RATE = 8000


def turn(start_ms: int, end_ms: int, who: int = 0) -> Segment:
    return Segment(start_ms=start_ms, end_ms=end_ms, speaker_label=f"S{who + 1}", channel=who)


def recording(path: Path, *channels: float, seconds: float = 4.0) -> Path:
    """A tone of its own height on each channel; 0 is silence."""
    time = np.arange(int(seconds * RATE)) / RATE
    soundfile.write(str(path), np.stack([0.5 * np.sin(6.28 * f * time) for f in channels], 1), RATE)
    return path


def height(path: Path | None) -> float:
    """The tone that a file holds, in Hz."""
    assert path is not None
    sound, rate = soundfile.read(str(path))
    assert (rate, sound.ndim) == (SAMPLE_RATE, 1)
    spectrum = np.abs(np.fft.rfft(sound))
    return float(np.argmax(spectrum) * rate / len(sound))


def test_speakers_on_channels_of_their_own_get_files_of_their_own(tmp_path: Path) -> None:
    heard = Heard(duration_ms=4000, segments=(turn(0, 1000), turn(1500, 3000, 1)))
    path = recording(tmp_path / "a.wav", 300.0, 700.0)

    left, right = cut(path, tmp_path, heard, apart=True, max_ms=None)

    assert [(p.role, p.ms, p.offset_ms) for p in (left, right)] == [
        ("left", 4000, 0),
        ("right", 4000, 0),
    ]
    assert (round(height(left.path)), round(height(right.path))) == (300, 700)
    assert [(t.start_ms, t.end_ms) for t in left.turns] == [(0, 1000)]
    assert [(t.start_ms, t.end_ms) for t in right.turns] == [(1500, 3000)]


@pytest.mark.parametrize("channels", [(300.0,), (300.0, 300.0), (300.0, 0.0)])
def test_one_sound_is_one_file(tmp_path: Path, channels: tuple[float, ...]) -> None:
    heard = Heard(duration_ms=4000, segments=(turn(0, 1000),))
    path = recording(tmp_path / "a.wav", *channels)

    (part,) = cut(path, tmp_path, heard, apart=False, max_ms=None)

    assert (part.role, part.ms) == ("mixed", 4000)
    assert round(height(part.path)) == 300


def test_a_long_recording_is_cut_in_its_pauses(tmp_path: Path) -> None:
    heard = Heard(duration_ms=4000, segments=(turn(0, 900), turn(1300, 2000, 1), turn(2100, 4000)))
    path = recording(tmp_path / "a.wav", 300.0, 700.0)

    parts = cut(path, tmp_path, heard, apart=True, max_ms=1500)

    edges = [0, 1100, 2050, 3550]  # 2.05 to 3.55 s has no pause: cut at the limit
    assert [(p.role, p.offset_ms) for p in parts] == [
        (side, edge) for side in ("left", "right") for edge in edges
    ]
    assert [p.ms for p in parts[:4]] == [1100, 950, 1500, 450]
    assert [(t.start_ms, t.end_ms) for t in parts[5].turns] == [(200, 900)]
    assert len({p.path for p in parts}) == 8


@given(
    st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 5000)), max_size=20),
    st.integers(0, 65_000),
    st.integers(10, 20_000),
)
def test_no_piece_is_longer_than_the_limit(
    spans: list[tuple[int, int]], duration_ms: int, max_ms: int
) -> None:
    turns = [turn(start, start + length) for start, length in spans]

    points = cut_points(turns, duration_ms, max_ms)

    edges = [0, *points, duration_ms]
    assert edges == sorted(edges)
    assert all(b - a <= max_ms for a, b in pairwise(edges))


def test_the_pieces_of_a_call_name_their_speakers_alike() -> None:
    def answer(*lines: tuple[str, float, float, str]) -> dict[str, object]:
        return {
            "language_code": "hi-IN",
            "transcript": "",
            "diarized_transcript": {
                "entries": [
                    {
                        "speaker_id": who,
                        "start_time_seconds": start,
                        "end_time_seconds": end,
                        "transcript": text,
                    }
                    for who, start, end, text in lines
                ]
            },
        }

    turns = (turn(0, 1000), turn(1000, 2000, 1))
    first = Part(role="mixed", object_key="", ms=2000, turns=turns)
    second = Part(role="mixed", object_key="", ms=2000, offset_ms=2000, turns=turns)

    result = joined(
        [
            (first, answer(("0", 0, 1, "a"), ("1", 1, 2, "b"))),
            (second, answer(("1", 0, 1, "c"), ("0", 1.1, 2, "d"), ("2", 1.0, 1.1, "e"))),
        ],
        provider="sarvam",
        model="m",
        form="sarvam-json",
    )

    assert [(s.speaker_label, s.start_ms, s.text) for s in result.segments] == [
        ("S1", 0, "a"),
        ("S2", 1000, "b"),
        ("S1", 2000, "c"),
        ("S3", 3000, "e"),
        ("S2", 3100, "d"),
    ]
    assert result.duration_ms == result.usage.audio_ms == 4000
