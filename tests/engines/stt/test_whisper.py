"""Whisper on a server: what is asked, and words that are given to voices one by one."""

from typing import TYPE_CHECKING, Any

import pytest
from tests.stubs import whisper as wire
from tests.stubs.vendor import Answer

from locutory.engines.stt.base import EMPTY_TRANSCRIPT, STTResult
from locutory.engines.stt.registry import get_stt_provider
from locutory.kernel.errors import ConfigError, ErrorClass, LocutoryError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import SttSettings, WhisperSettings

if TYPE_CHECKING:
    from tests.engines.stt.conftest import Desk

ONE_BREATH = (("A", 0.1, 1.8, "Good morning, how may I help? I would like an appointment."),)


def other(desk: "Desk", **own: Any) -> Any:
    return desk.other(whisper=desk.settings.whisper.model_copy(update=own))


def told(result: STTResult) -> list[tuple[str, str]]:
    return [(s.speaker_label, s.text) for s in result.segments]


async def test_what_is_asked_of_a_server(whisper_desk: "Desk") -> None:
    engine = whisper_desk.other(
        language="hi-IN",
        whisper=whisper_desk.settings.whisper.model_copy(update={"vad_filter": True}),
    )

    await engine.transcribe(whisper_desk.request(keyterms=("villa", "plot")))

    assert whisper_desk.stub.heard == [
        {
            "model": ["whisper-1"],
            "response_format": ["verbose_json"],
            "language": ["hi"],
            "vad_filter": ["true"],
            "timestamp_granularities[]": ["word", "segment"],
            "prompt": ["villa, plot"],
            "file": ["mixed.wav"],
        }
    ]


@pytest.mark.parametrize("api", ["openai", "whisper.cpp"])
async def test_words_said_in_one_breath_go_each_to_its_voice(
    whisper_desk: "Desk", api: str
) -> None:
    whisper_desk.stub.script = {"": ONE_BREATH}

    result = await other(whisper_desk, api=api).transcribe(whisper_desk.request())

    assert told(result) == [
        ("S1", "Good morning, how may I help?"),
        ("S2", "I would like an appointment."),
    ]
    first, second = result.segments
    assert [w.text for w in second.words] == ["I", "would", "like", "an", "appointment."]
    assert (first.start_ms, second.end_ms) == (100, 1800)
    assert first.end_ms <= second.start_ms
    assert result.warnings == ()


async def test_segments_without_words_are_divided_by_guess_and_say_so(whisper_desk: "Desk") -> None:
    whisper_desk.stub.script = {"": ONE_BREATH}
    verbose = whisper_desk.stub._verbose(ONE_BREATH, ["segment"])
    whisper_desk.stub.fail("/v1/audio/transcriptions", Answer(200, verbose))

    result = await whisper_desk.engine.transcribe(whisper_desk.request())

    assert [s.speaker_label for s in result.segments] == ["S1", "S2"]
    assert " ".join(s.text for s in result.segments) == ONE_BREATH[0][3]
    assert "TIMES_ESTIMATED" in result.warnings


async def test_a_script_without_spaces_is_divided_between_its_words(whisper_desk: "Desk") -> None:
    verbose = whisper_desk.stub._verbose(
        (("A", 0.1, 1.8, "おはようございます予約です"),), ["segment"]
    )
    verbose["words"] = [
        {"word": "おはよう", "start": 0.1, "end": 0.5},
        {"word": "ございます", "start": 0.5, "end": 0.9},
        {"word": "予約", "start": 1.0, "end": 1.4},
        {"word": "です", "start": 1.4, "end": 1.8},
    ]
    whisper_desk.stub.fail("/v1/audio/transcriptions", Answer(200, verbose))

    result = await whisper_desk.engine.transcribe(whisper_desk.request())

    assert told(result) == [("S1", "おはようございます"), ("S2", "予約です")]


async def test_a_model_that_tells_speakers_apart_is_believed(whisper_desk: "Desk") -> None:
    whisper_desk.stub.script = {"": (*wire.TALK, ("A", 1.8, 2.0, "Of course."))}
    engine = other(whisper_desk, response_format="diarized_json", model="diarize")

    result = await engine.transcribe(whisper_desk.request())

    assert told(result) == [("S1", wire.TALK[0][3]), ("S2", wire.TALK[1][3]), ("S1", "Of course.")]
    (asked,) = whisper_desk.stub.heard
    assert asked["chunking_strategy"] == ["auto"]
    assert set(asked) == {"model", "response_format", "chunking_strategy", "file"}


async def test_what_whisper_makes_of_silence_is_left_out(whisper_desk: "Desk") -> None:
    whisper_desk.stub.extra = {"no_speech_prob": 0.9, "avg_logprob": -1.4}

    result = await whisper_desk.engine.transcribe(whisper_desk.request())

    assert (result.segments, result.warnings) == ((), (EMPTY_TRANSCRIPT,))


async def test_an_unsure_segment_with_a_voice_in_it_is_kept(whisper_desk: "Desk") -> None:
    whisper_desk.stub.extra = {"no_speech_prob": 0.2, "avg_logprob": -1.4}

    result = await whisper_desk.engine.transcribe(whisper_desk.request())

    assert len(result.segments) == 2


async def test_whisper_cpp_is_asked_in_its_own_words(whisper_desk: "Desk") -> None:
    engine = other(whisper_desk, api="whisper.cpp")

    result = await engine.transcribe(whisper_desk.request(channels=2))

    assert (result.model, result.language_spoken) == ("whisper.cpp", "en")
    assert [fields["file"] for fields in whisper_desk.stub.heard] == [["left.wav"], ["right.wav"]]
    assert whisper_desk.stub.heard[0] | {"file": []} == {
        "response_format": ["verbose_json"],
        "temperature": ["0.0"],
        "language": ["auto"],
        "file": [],
    }


@pytest.mark.parametrize(
    ("api", "trouble", "cls", "words"),
    [
        ("openai", wire.BAD_AUDIO, ErrorClass.PERMANENT_INPUT, "could not be decoded"),
        ("openai", wire.SLOW_DOWN, ErrorClass.THROTTLED, "Rate limit"),
        ("whisper.cpp", "failed to read WAV file", ErrorClass.PERMANENT_INPUT, "failed to read"),
    ],
)
async def test_its_failures_have_their_class(
    whisper_desk: "Desk", api: str, trouble: Answer | str, cls: ErrorClass, words: str
) -> None:
    if isinstance(trouble, str):
        whisper_desk.stub.cpp_error = trouble
    else:
        whisper_desk.stub.fail("/v1/audio/transcriptions", trouble)

    with pytest.raises(LocutoryError, match=words) as caught:
        await other(whisper_desk, api=api).transcribe(whisper_desk.request())

    assert caught.value.cls is cls


@pytest.mark.parametrize("base", ["{url}", "{url}/v1", "{url}/v1/"])
async def test_the_base_may_have_its_version(whisper_desk: "Desk", base: str) -> None:
    url = base.format(url=whisper_desk.stub.url)

    result = await other(whisper_desk, base_url=url).transcribe(whisper_desk.request())

    assert result.has_words


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({}, "BASE_URL, or __WEIGHTS"),
        ({"base_url": "http://127.0.0.1:1", "weights": "/nowhere"}, "which"),
        ({"weights": "/nowhere"}, "/nowhere has no model.bin, config.json, tokenizer.json"),
    ],
)
def test_what_is_missing_is_named_at_the_start(
    own: dict[str, str], words: str, http: HttpClient
) -> None:
    pytest.importorskip("faster_whisper")
    settings = SttSettings(whisper=WhisperSettings.model_validate(own))

    with pytest.raises(ConfigError, match=words):
        get_stt_provider("whisper", settings=settings, http=http)
