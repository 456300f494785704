import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.engines.stt.base import TIMES_ESTIMATED, TIMES_MENDED, STTResult
from locutory.engines.stt.sidecar import SidecarInvalidError, parse_sidecar

Row = tuple[int, int, str, str]

EXPECTED: list[Row] = [
    (500, 2000, "A", "Good morning, Harbour Clinic."),
    (2400, 4000, "B", "Hello, I need an appointment."),
]


def rows(result: STTResult | None) -> list[Row]:
    assert result is not None
    return [(s.start_ms, s.end_ms, s.speaker_label, s.text) for s in result.segments]


def as_json(document: Any) -> bytes:
    return json.dumps(document).encode()


OWN = {
    "turns": [
        {"start_ms": s, "end_ms": e, "speaker": who, "text": text} for s, e, who, text in EXPECTED
    ]
}
SARVAM = {
    "request_id": "r",
    "transcript": "...",
    "language_code": "en-IN",
    "diarized_transcript": {
        "entries": [
            {
                "transcript": text,
                "start_time_seconds": s / 1000,
                "end_time_seconds": e / 1000,
                "speaker_id": who,
            }
            for s, e, who, text in EXPECTED
        ]
    },
}
WHISPER = {
    "language": "en",
    "duration": 5.0,
    "text": "...",
    "segments": [
        {"start": s / 1000, "end": e / 1000, "speaker": who, "text": f" {text}"}
        for s, e, who, text in EXPECTED
    ],
}
AMAZON_WORDS = [
    ("0.5", "1.0", "A", "Good"),
    ("1.0", "1.2", "A", "morning"),
    (None, None, None, ","),
    ("1.2", "1.6", "A", "Harbour"),
    ("1.6", "2.0", "A", "Clinic"),
    (None, None, None, "."),
    ("2.4", "2.6", "B", "Hello"),
    (None, None, None, ","),
    ("2.6", "2.8", "B", "I"),
    ("2.8", "3.0", "B", "need"),
    ("3.0", "3.2", "B", "an"),
    ("3.2", "4.0", "B", "appointment"),
    (None, None, None, "."),
]
AMAZON = {
    "jobName": "j",
    "results": {
        "items": [
            {"type": "punctuation", "alternatives": [{"content": word}]}
            if start is None
            else {
                "type": "pronunciation",
                "start_time": start,
                "end_time": end,
                "speaker_label": who,
                "alternatives": [{"content": word, "confidence": "0.9"}],
            }
            for start, end, who, word in AMAZON_WORDS
        ]
    },
}
VTT_SPANS = """WEBVTT

NOTE made by hand

1
00:00:00.500 --> 00:00:02.000 align:start
<v A>Good morning, <b>Harbour</b> Clinic.</v>

00:02.400 --> 00:04.000
<v.loud B>Hello, I need
an appointment.
"""
VTT_PREFIX = """WEBVTT

00:00:00.500 --> 00:00:02.000
A: Good morning, Harbour Clinic.

00:00:02.400 --> 00:00:04.000
B: Hello, I need an appointment.
"""
SRT = """1
00:00:00,500 --> 00:00:02,000
A: Good morning, Harbour Clinic.

2
00:00:02,400 --> 00:00:04,000
B: Hello, I need an appointment.
"""
TIMED_FORMS = {
    "own": as_json(OWN),
    "own list": as_json(OWN["turns"]),
    "sarvam": as_json(SARVAM),
    "whisper": as_json(WHISPER),
    "amazon": as_json(AMAZON),
    "vtt spans": VTT_SPANS.encode(),
    "vtt prefix": VTT_PREFIX.encode(),
    "srt": SRT.encode(),
    "srt with mark": b"\xef\xbb\xbf" + SRT.encode(),
    "srt from windows": SRT.replace("\n", "\r\n").encode("utf-16"),
    "srt without blank lines": SRT.replace("\n\n", "\n").replace("2\n", "", 1).encode(),
}


@pytest.mark.parametrize("form", TIMED_FORMS)
def test_every_form_with_times_reads_alike(form: str) -> None:
    result = parse_sidecar(TIMED_FORMS[form], duration_ms=5000)

    assert rows(result) == EXPECTED
    assert result is not None
    assert (result.provider, result.duration_ms, result.warnings) == ("sidecar", 5000, ())


def deepgram(utterances: bool, channels: int = 1) -> bytes:
    words = [
        {"word": "hello", "punctuated_word": "Hello.", "start": 0.5, "end": 0.9, "speaker": 0},
        {"word": "hi", "punctuated_word": "Hi.", "start": 1.2, "end": 1.4, "speaker": 1},
    ]
    alternatives = [{"transcript": "Hello. Hi.", "confidence": 0.9, "words": words}]
    results: dict[str, Any] = {"channels": [{"alternatives": alternatives}] * channels}
    if utterances:
        results["utterances"] = [
            {
                "start": w["start"],
                "end": w["end"],
                "channel": i % channels,
                "confidence": 0.9,
                "transcript": w["punctuated_word"],
                "words": [w],
                **({"speaker": w["speaker"]} if channels == 1 else {}),
            }
            for i, w in enumerate(words)
        ]
    return as_json({"metadata": {"duration": 2.0}, "results": results})


@pytest.mark.parametrize("utterances", [True, False])
def test_deepgram_is_read_by_utterances_or_by_words(utterances: bool) -> None:
    result = parse_sidecar(deepgram(utterances))

    assert rows(result) == [(500, 900, "S1", "Hello."), (1200, 1400, "S2", "Hi.")]
    assert result is not None
    assert result.duration_ms == 2000
    assert [w.text for s in result.segments for w in s.words] == ["Hello.", "Hi."]


def test_deepgram_channels_are_speakers_where_there_are_two() -> None:
    result = parse_sidecar(deepgram(utterances=True, channels=2))

    assert result is not None
    assert [(s.speaker_label, s.channel) for s in result.segments] == [("S1", 0), ("S2", 1)]


def test_ctm_words_join_into_segments_until_a_pause() -> None:
    ctm = ";; made by hand\ncall 1 0.50 0.30 good 0.9\ncall 1 0.85 0.40 morning 0.8\n"
    ctm += "call 2 3.00 0.20 hello 1.0\ncall 1 5.00 0.30 yes 1.0\n"

    result = parse_sidecar(ctm.encode())

    assert rows(result) == [
        (500, 1250, "1", "good morning"),
        (3000, 3200, "2", "hello"),
        (5000, 5300, "1", "yes"),
    ]


def test_rttm_gives_turns_without_words() -> None:
    rttm = "SPEAKER call 1 0.50 1.50 <NA> <NA> A <NA> <NA>\nSPEAKER call 1 2.4 1.6 <NA> <NA> B\n"

    result = parse_sidecar(rttm.encode())

    assert rows(result) == [(500, 2000, "A", ""), (2400, 4000, "B", "")]
    assert result is not None
    assert not result.has_words


def test_lines_without_times_are_spread_over_the_call_and_say_so() -> None:
    result = parse_sidecar(b"Agent: hello\nstill hello\n\nDr. Lee-Ann: bye now\n", duration_ms=9000)

    assert result is not None
    assert [(s.speaker_label, s.text) for s in result.segments] == [
        ("Agent", "hello still hello"),
        ("Dr. Lee-Ann", "bye now"),
    ]
    assert result.segments[0].start_ms == 0
    assert result.segments[0].end_ms == result.segments[1].start_ms
    assert result.segments[1].end_ms == 9000
    assert result.warnings == (TIMES_ESTIMATED,)


def test_windows_text_that_is_no_utf8_is_read() -> None:
    result = parse_sidecar("Agent: café déjà vu\nAna: sí señor".encode("cp1252"))

    assert result is not None
    assert [s.text for s in result.segments] == ["café déjà vu", "sí señor"]


def test_stamped_lines_are_lines_and_no_json() -> None:
    result = parse_sidecar(b"[00:01] Agent: hello\n[00:04] Ana: hello to you")

    assert result is not None
    assert [s.speaker_label for s in result.segments] == ["Agent", "Ana"]


def test_wild_times_are_clamped_sorted_and_mentioned() -> None:
    turns = [
        {"start_ms": 3000, "end_ms": 99_000, "speaker": "A", "text": "late"},
        {"start_ms": -50, "end_ms": 900, "speaker": "B", "text": "early"},
        {"start_ms": 2600, "end_ms": 2000, "speaker": "B", "text": "backwards"},
        {"start_ms": 2500, "end_ms": 3500, "speaker": "B", "text": "overlapping itself"},
        {"start_ms": float("nan"), "end_ms": float("inf"), "speaker": "C", "text": "nowhere"},
    ]

    result = parse_sidecar(as_json({"turns": turns}), duration_ms=4000)

    assert rows(result) == [
        (0, 900, "B", "early"),
        (2000, 2500, "B", "backwards"),
        (2500, 3500, "B", "overlapping itself"),
        (3000, 4000, "A", "late"),
        (3500, 3500, "C", "nowhere"),
    ]
    assert result is not None
    assert result.warnings == (TIMES_ESTIMATED, TIMES_MENDED)


@pytest.mark.parametrize("cut", [1, 20, 80])
def test_half_a_json_document_is_refused_with_its_own_code(cut: int) -> None:
    with pytest.raises(SidecarInvalidError) as caught:
        parse_sidecar(as_json(OWN)[:-cut])

    assert caught.value.error_code == "SIDECAR_INVALID"


@pytest.mark.parametrize("data", [b"", b"  \r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(data: bytes) -> None:
    with pytest.raises(SidecarInvalidError):
        parse_sidecar(data)


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b'{"results": []}',
        b'{"turns": [1, 2]}',
        b'{"segments": [{"text": "no times"}]}',
        b"[]",
        b"Just some prose about a call.\nNothing more.",
        b"2026-01-01 12:00 INFO: started",
    ],
)
def test_another_shape_is_none_so_that_the_caller_can_warn(data: bytes) -> None:
    assert parse_sidecar(data) is None


def test_a_vtt_without_cues_is_a_call_without_speech() -> None:
    result = parse_sidecar(b"WEBVTT\n\nNOTE nothing was said\n", duration_ms=1000)

    assert rows(result) == []


JSON_KEYS = (
    "turns",
    "segments",
    "results",
    "channels",
    "items",
    "utterances",
    "alternatives",
    "words",
    "word",
    "text",
    "start",
    "end",
    "start_ms",
    "end_ms",
    "start_time",
    "speaker",
    "channel",
    "confidence",
    "transcript",
    "diarized_transcript",
    "entries",
    "language_code",
    "metadata",
    "duration",
    "type",
    "avg_logprob",
)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(10**12), 10**12) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(JSON_KEYS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(json_values, st.none() | st.integers(1, 10**6))
def test_any_json_ends_in_order_in_none_or_in_a_clear_refusal(
    document: Any, duration_ms: int | None
) -> None:
    try:
        result = parse_sidecar(json.dumps(document).encode(), duration_ms=duration_ms)
    except SidecarInvalidError:
        result = None

    segments = result.segments if result else ()
    assert all(0 <= s.start_ms <= s.end_ms for s in segments)
    assert [s.start_ms for s in segments] == sorted(s.start_ms for s in segments)
    assert duration_ms is None or all(s.end_ms <= duration_ms for s in segments)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_result_in_none_or_in_a_clear_refusal(data: bytes) -> None:
    try:
        result = parse_sidecar(data, duration_ms=1000)
    except SidecarInvalidError:
        result = None

    assert result is None or all(s.end_ms <= 1000 for s in result.segments)
