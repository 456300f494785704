import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.engines.stt.base import Segment
from locutory.engines.stt.quality import flags_of, grade, is_hidden


def segment(text: str, ms: int = 2000, confidence: float | None = None) -> Segment:
    return Segment(start_ms=1000, end_ms=1000 + ms, text=text, confidence=confidence)


@pytest.mark.parametrize(
    ("given_segment", "flags"),
    [
        (segment("we can see you on monday"), ()),
        (segment("thank you so " * 4, ms=6000), ("repeat",)),
        (segment("thank you so " * 3, ms=6000), ()),
        (segment("yes", ms=2000), ()),
        (segment("yes", ms=2001), ("rate",)),
        (segment("one two three four five six", ms=1000), ()),
        (segment("one two three four five six seven", ms=1000), ("rate",)),
        (segment("we can see you", confidence=0.49), ("low_conf",)),
        (segment("", ms=60_000, confidence=0.1), ()),
    ],
)
def test_flags_follow_the_table(given_segment: Segment, flags: tuple[str, ...]) -> None:
    assert flags_of(given_segment) == flags


@pytest.mark.parametrize(("heard_ms", "flagged"), [(399, True), (400, False), (2000, False)])
def test_words_over_silence_are_flagged(heard_ms: int, flagged: bool) -> None:
    flags = flags_of(segment("we can see you"), [(0, 1000 + heard_ms)])

    assert ("no_speech_under" in flags) is flagged


def test_only_a_loop_over_silence_is_hidden() -> None:
    loop = segment("thank you so " * 5, ms=6000)

    assert is_hidden(flags_of(loop, []))
    assert not is_hidden(flags_of(loop, [(0, 9000)]))


def test_quality_is_trusted_time_times_confidence() -> None:
    good = segment("we can see you on monday", ms=3000, confidence=0.8)
    looped = segment("thank you so " * 4, ms=6000)
    unknown = segment("all right then", ms=1000)

    quality = grade([good, looped, unknown, segment("", ms=5000)])

    assert quality.asr_quality == pytest.approx((3000 * 0.8 + 1000) / 10_000)
    assert quality.flags == ((), ("repeat",), (), ())


def test_without_words_there_is_no_quality_to_speak_of() -> None:
    assert grade([segment("")]).asr_quality is None


@given(st.lists(st.tuples(st.text(max_size=40), st.integers(0, 9000), st.floats(0, 1))))
def test_quality_stays_between_0_and_1(rows: list[tuple[str, int, float]]) -> None:
    quality = grade([segment(text, ms, confidence) for text, ms, confidence in rows], [(0, 3000)])

    assert quality.asr_quality is None or 0 <= quality.asr_quality <= 1
    assert len(quality.flags) == len(rows)
