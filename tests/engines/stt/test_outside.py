"""What every outside speech engine promises, on a server that speaks its provider's format."""

import logging
from typing import TYPE_CHECKING

import pytest
from tests.stubs import deepgram, sarvam, whisper

from locutory.engines.stt.base import EMPTY_TRANSCRIPT
from locutory.engines.stt.registry import get_stt_provider
from locutory.kernel.errors import (
    ConfigError,
    EngineAuthError,
    EngineConfigError,
    EngineThrottled,
    EngineUnavailable,
    ErrorClass,
    InputError,
    InvalidOutput,
    LocutoryError,
)
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import SttSettings

if TYPE_CHECKING:
    from tests.engines.stt.conftest import Desk

WIRES = {"sarvam": sarvam, "deepgram": deepgram, "whisper": whisper}
KEYS = {"sarvam": sarvam.KEY, "deepgram": deepgram.KEY, "whisper": whisper.KEY}
SAID = [line[3] for line in sarvam.TALK]
FIRST = {"sarvam": "/job/v1", "deepgram": "/v1/listen", "whisper": "/v1/audio/transcriptions"}


async def test_one_channel_gives_speakers_words_and_times(desk: "Desk") -> None:
    result = await desk.engine.transcribe(desk.request())

    assert [s.speaker_label for s in result.segments] == ["S1", "S2"]
    assert [(s.start_ms, s.end_ms, s.text) for s in result.segments] == [
        (100, 900, SAID[0]),
        (1000, 1800, SAID[1]),
    ]
    assert (result.provider, result.has_words) == (desk.engine.name, True)
    assert result.text == "\n".join(SAID)
    assert (result.duration_ms, result.usage.audio_ms) == (2000, 2000)
    assert result.warnings == ()


@pytest.mark.parametrize("seconds", [2.0, 40.0])
async def test_two_channels_are_two_speakers_and_paid_twice(desk: "Desk", seconds: float) -> None:
    if desk.engine.name != "deepgram":
        talk = WIRES[desk.engine.name].TALK
        desk.stub.script = {"left.wav": talk[:1], "right.wav": talk[1:]}
    else:
        desk.stub.seconds = seconds

    result = await desk.engine.transcribe(desk.request(channels=2, seconds=seconds))

    assert [(s.speaker_label, s.channel, s.text) for s in result.segments] == [
        ("left", 0, SAID[0]),
        ("right", 1, SAID[1]),
    ]
    assert all(0 <= s.start_ms < s.end_ms <= result.duration_ms for s in result.segments)
    assert result.usage.audio_ms == 2 * result.duration_ms == 2000 * seconds


async def test_where_nothing_is_understood_there_are_no_words_and_a_warning(desk: "Desk") -> None:
    desk.stub.script = () if desk.engine.name == "deepgram" else {"mixed.wav": ()}

    result = await desk.engine.transcribe(desk.request())

    assert (result.segments, result.has_words) == ((), False)
    assert EMPTY_TRANSCRIPT in result.warnings


@pytest.mark.parametrize(
    ("trouble", "expected", "cls", "words"),
    [
        ("WRONG_KEY", EngineAuthError, ErrorClass.PERMANENT_AUTH, "nvalid"),
        ("NO_CREDIT", EngineAuthError, ErrorClass.PERMANENT_AUTH, "credits"),
        ("SLOW_DOWN", EngineThrottled, ErrorClass.THROTTLED, "equests|exceeded"),
        ("BROKEN", EngineUnavailable, ErrorClass.TRANSIENT_NETWORK, "Something went wrong"),
        ("CUT", EngineUnavailable, ErrorClass.TRANSIENT_NETWORK, "connection broke"),
        ("NO_JSON", InvalidOutput, ErrorClass.INVALID_OUTPUT, "not JSON"),
    ],
)
async def test_failures_have_their_class_and_the_providers_words(
    desk: "Desk", trouble: str, expected: type[LocutoryError], cls: ErrorClass, words: str
) -> None:
    request = desk.request()
    desk.stub.fail(FIRST[desk.engine.name], getattr(WIRES[desk.engine.name], trouble), times=9)

    with pytest.raises(expected, match=words) as caught:
        await desk.engine.transcribe(request)

    assert type(caught.value).cls is cls
    assert caught.value.retry_after == (7.0 if trouble == "SLOW_DOWN" else None)
    desk.stub.heal()
    assert (await desk.engine.transcribe(request)).has_words


async def test_a_refused_key_is_in_no_error_and_in_no_log(
    desk: "Desk", caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    key = KEYS[desk.engine.name]
    wire = WIRES[desk.engine.name]
    told = wire.error("x", f"the key {key} of Token {key} is not known")
    desk.stub.fail(FIRST[desk.engine.name], type(wire.BROKEN)(401, told), times=9)

    with pytest.raises(EngineAuthError, match="is not known") as caught:
        await desk.engine.transcribe(desk.request())

    seen = capsys.readouterr()
    for text in (repr(caught.value), str(caught.value.extra), caplog.text, seen.out, seen.err):
        assert key not in text
    assert key not in repr(desk.settings)


async def test_a_model_that_there_is_not_is_a_matter_of_settings(desk: "Desk") -> None:
    wire = WIRES[desk.engine.name]
    words = wire.error("Bad Request", "Bad Request: No such model/language/tier combination found.")
    trouble = getattr(wire, "NO_SUCH_MODEL", type(wire.BROKEN)(400, words))
    desk.stub.fail(FIRST[desk.engine.name], trouble)

    with pytest.raises(EngineConfigError, match=f"LOCUTORY_STT__{desk.engine.name.upper()}"):
        await desk.engine.transcribe(desk.request())


async def test_a_part_without_a_file_is_refused(desk: "Desk") -> None:
    request = desk.request()
    bare = [type(part)(role=part.role, object_key="k", ms=part.ms) for part in request.parts]

    with pytest.raises(InputError, match="for every part"):
        await desk.engine.transcribe(type(request)(call_ref="call-1", parts=tuple(bare)))

    assert desk.stub.seen == []


@pytest.mark.parametrize("name", ["sarvam", "deepgram"])
@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_missing_key_is_named_at_the_start(name: str, key: str | None, http: HttpClient) -> None:
    settings = SttSettings.model_validate({name: {"api_key": key}})

    with pytest.raises(ConfigError, match=f"LOCUTORY_STT__{name.upper()}__API_KEY"):
        get_stt_provider(name, settings=settings, http=http)
