"""The stub is what the vendor's own client takes it for."""

from collections.abc import Iterator
from typing import Any

import pytest
from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from tests.stubs import deepgram as wire
from tests.stubs.deepgram import KEY, DeepgramStub
from tests.stubs.vendor import served

# the client asks websockets for names that are to go
pytestmark = pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")


@pytest.fixture
def stub() -> Iterator[DeepgramStub]:
    with served(DeepgramStub()) as stub:
        yield stub


@pytest.fixture
def client(stub: DeepgramStub) -> Iterator[Any]:
    environment = DeepgramClientEnvironment(
        base=stub.url, production=stub.url, agent=stub.url, agent_rest=stub.url
    )
    client = DeepgramClient(api_key=KEY, environment=environment)
    yield client
    client._client_wrapper.httpx_client.httpx_client.close()


def test_the_client_reads_a_recording_with_one_channel(stub: DeepgramStub, client: Any) -> None:
    reply = client.listen.v1.media.transcribe_file(
        request=b"RIFF", model="nova-3", diarize=True, utterances=True, detect_language=True
    )

    said = [(u.speaker, u.transcript) for u in reply.results.utterances]
    assert said == [(line[0], line[3]) for line in wire.TALK]
    assert reply.metadata.channels == 1
    assert reply.results.channels[0].detected_language == "en"
    assert reply.results.channels[0].alternatives[0].words[0].word == "good"
    assert stub.heard[0].body == b"RIFF"


def test_the_client_reads_channels_and_sends_addresses(stub: DeepgramStub, client: Any) -> None:
    reply = client.listen.v1.media.transcribe_url(
        url="https://recordings.example/1.wav",
        model="nova-3",
        multichannel=True,
        utterances=True,
        keyterm=["Harbour", "villa"],
    )

    assert [u.channel for u in reply.results.utterances] == [0, 1]
    assert [len(c.alternatives[0].words) > 0 for c in reply.results.channels] == [True, True]
    (request,) = stub.heard
    assert request.json() == {"url": "https://recordings.example/1.wav"}
    assert request.query["keyterm"] == ["Harbour", "villa"]


@pytest.mark.parametrize(
    ("trouble", "status", "code"),
    [
        (wire.WRONG_KEY, 401, "INVALID_AUTH"),
        (wire.NO_CREDIT, 402, "ASR_PAYMENT_REQUIRED"),
        (wire.SLOW_DOWN, 429, "TOO_MANY_REQUESTS"),
        (wire.BROKEN, 500, "INTERNAL_ERROR"),
        (wire.BAD_AUDIO, 400, "Bad Request"),
    ],
)
def test_the_client_names_the_failures(
    stub: DeepgramStub, client: Any, trouble: Any, status: int, code: str
) -> None:
    stub.fail("/v1/listen", trouble)

    with pytest.raises(ApiError) as caught:
        client.listen.v1.media.transcribe_file(request=b"RIFF", request_options={"max_retries": 0})

    assert caught.value.status_code == status
    assert caught.value.body["err_code"] == code
