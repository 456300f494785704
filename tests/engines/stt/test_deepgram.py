"""Deepgram's own ways: what is asked, by bytes or by address, and words without utterances."""

from typing import TYPE_CHECKING

import pytest
from tests.stubs import deepgram as wire

from locutory.engines.stt.base import Part, STTRequest, Want
from locutory.kernel.errors import EngineAuthError, EngineUnavailable, ErrorClass
from locutory.kernel.http.replies import EngineRejectedError

if TYPE_CHECKING:
    from tests.engines.stt.conftest import Desk

ALWAYS = {
    "model": ["nova-3"],
    "smart_format": ["true"],
    "punctuate": ["true"],
    "utterances": ["true"],
    "tag": ["call-1"],
}


async def test_one_channel_is_diarised_and_its_bytes_are_sent(deepgram_desk: "Desk") -> None:
    await deepgram_desk.engine.transcribe(deepgram_desk.request())

    (asked,) = deepgram_desk.stub.heard
    assert asked.query == {**ALWAYS, "detect_language": ["true"], "diarize": ["true"]}
    assert asked.body == deepgram_desk.recording().read_bytes()
    assert asked.headers["content-length"] == str(len(asked.body))


async def test_two_channels_are_not_diarised(deepgram_desk: "Desk") -> None:
    engine = deepgram_desk.other(language="hi")

    await engine.transcribe(deepgram_desk.request(channels=2, keyterms=("villa", "plot")))

    (asked,) = deepgram_desk.stub.heard
    terms = {"keyterm": ["villa", "plot"]}
    assert asked.query == {**ALWAYS, "language": ["hi"], "multichannel": ["true"], **terms}


async def test_a_hint_is_stronger_than_the_setting(deepgram_desk: "Desk") -> None:
    request = deepgram_desk.request(language_hint="ta", want=Want(diarize=False))

    await deepgram_desk.other(language="hi").transcribe(request)

    (asked,) = deepgram_desk.stub.heard
    assert asked.query == {**ALWAYS, "language": ["ta"]}


async def test_a_recording_at_an_address_is_not_sent(deepgram_desk: "Desk") -> None:
    part = Part(role="mixed", object_key="", url="https://recordings.example/1.wav")

    result = await deepgram_desk.engine.transcribe(STTRequest(call_ref="call-1", parts=(part,)))

    (asked,) = deepgram_desk.stub.heard
    assert asked.json() == {"url": "https://recordings.example/1.wav"}
    assert (result.duration_ms, result.usage.audio_ms) == (2000, 2000)


async def test_words_are_read_where_there_are_no_utterances(deepgram_desk: "Desk") -> None:
    deepgram_desk.stub.with_utterances = False

    result = await deepgram_desk.engine.transcribe(deepgram_desk.request())

    assert [(s.speaker_label, s.text) for s in result.segments] == [
        ("S1", wire.TALK[0][3]),
        ("S2", wire.TALK[1][3]),
    ]


async def test_words_keep_their_times_and_confidence(deepgram_desk: "Desk") -> None:
    result = await deepgram_desk.engine.transcribe(deepgram_desk.request())

    first = result.segments[0].words[0]
    assert (first.text, first.start_ms, first.confidence) == ("Good", 100, 0.9)
    assert result.language_spoken == result.language_text == "en"


@pytest.mark.parametrize(
    ("trouble", "expected", "cls"),
    [
        (wire.TOO_SLOW, EngineUnavailable, ErrorClass.TRANSIENT_NETWORK),
        (wire.BAD_AUDIO, EngineRejectedError, ErrorClass.PERMANENT_INPUT),
        (wire.NO_MODEL, EngineAuthError, ErrorClass.PERMANENT_AUTH),
    ],
)
async def test_its_own_failures_have_their_class(
    deepgram_desk: "Desk", trouble: wire.Answer, expected: type[Exception], cls: ErrorClass
) -> None:
    deepgram_desk.stub.fail("/v1/listen", trouble)

    with pytest.raises(expected, match=str(trouble.body["err_msg"])) as caught:
        await deepgram_desk.engine.transcribe(deepgram_desk.request())

    assert caught.value.cls is cls  # type: ignore[attr-defined]
