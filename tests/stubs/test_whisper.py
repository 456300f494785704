"""The stub is what OpenAI's own client takes it for."""

from collections.abc import Iterator

import openai
import pytest
from tests.stubs import whisper as wire
from tests.stubs.vendor import Answer, served
from tests.stubs.whisper import KEY, WhisperStub

SOUND = ("call.wav", b"RIFF")


@pytest.fixture
def stub() -> Iterator[WhisperStub]:
    with served(WhisperStub()) as stub:
        yield stub


@pytest.fixture
def client(stub: WhisperStub) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=KEY, base_url=f"{stub.url}/v1", max_retries=0) as client:
        yield client


def test_the_client_reads_segments_and_words(stub: WhisperStub, client: openai.OpenAI) -> None:
    reply = client.audio.transcriptions.create(
        file=SOUND,
        model="whisper-1",
        language="en",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )

    assert reply.segments is not None
    assert reply.words is not None
    assert [(s.start, s.end, s.text) for s in reply.segments] == [
        (start, end, f" {said}") for _, start, end, said in wire.TALK
    ]
    assert (reply.language, reply.duration) == ("english", 2.0)
    assert (reply.words[0].word, reply.words[0].start) == ("Good", 0.1)
    (asked,) = stub.heard
    assert asked["timestamp_granularities[]"] == ["word", "segment"]
    assert asked["file"] == ["call.wav"]


def test_the_client_reads_speakers(stub: WhisperStub, client: openai.OpenAI) -> None:
    reply = client.audio.transcriptions.create(
        file=SOUND,
        model="gpt-4o-transcribe-diarize",
        response_format="diarized_json",
        chunking_strategy="auto",
    )

    assert [(s.speaker, s.text) for s in reply.segments] == [(li[0], li[3]) for li in wire.TALK]


@pytest.mark.parametrize(
    ("trouble", "expected", "code"),
    [
        (wire.WRONG_KEY, openai.AuthenticationError, "invalid_api_key"),
        (wire.NO_CREDIT, openai.RateLimitError, "insufficient_quota"),
        (wire.SLOW_DOWN, openai.RateLimitError, "rate_limit_exceeded"),
        (wire.BROKEN, openai.InternalServerError, "server_error"),
        (wire.BAD_AUDIO, openai.BadRequestError, "invalid_value"),
        (wire.NO_SUCH_MODEL, openai.NotFoundError, "model_not_found"),
    ],
)
def test_the_client_names_the_failures(
    stub: WhisperStub,
    client: openai.OpenAI,
    trouble: Answer,
    expected: type[openai.APIStatusError],
    code: str,
) -> None:
    stub.fail("/v1/audio/transcriptions", trouble)

    with pytest.raises(expected) as caught:
        client.audio.transcriptions.create(file=SOUND, model="whisper-1")

    assert caught.value.code == code
