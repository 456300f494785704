"""The stub is what the vendor's own client takes it for."""

import io
import json
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sarvamai import SarvamAI
from sarvamai.core.api_error import ApiError
from sarvamai.environment import SarvamAIEnvironment
from tests.stubs import sarvam as wire
from tests.stubs.sarvam import KEY, FileTrouble, SarvamStub
from tests.stubs.vendor import served


def wav(path: Path, seconds: float = 2.0) -> Path:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(bytes(int(seconds * 32_000)))
    path.write_bytes(buffer.getvalue())
    return path


@pytest.fixture
def stub() -> Iterator[SarvamStub]:
    with served(SarvamStub()) as stub:
        yield stub


def client_of(stub: SarvamStub, key: str = KEY) -> Any:
    environment = SarvamAIEnvironment(base=stub.url, creative=stub.url, production=stub.url)
    return SarvamAI(environment=environment, api_subscription_key=key)


@pytest.fixture
def client(stub: SarvamStub) -> Iterator[Any]:
    client = client_of(stub)
    yield client
    client._client_wrapper.httpx_client.httpx_client.close()


@pytest.mark.parametrize("api", ["speech_to_text_translate_job", "speech_to_text_job"])
def test_the_client_takes_a_job_from_its_beginning_to_its_words(
    stub: SarvamStub, client: Any, tmp_path: Path, api: str
) -> None:
    files = [wav(tmp_path / "left.wav"), wav(tmp_path / "right.wav")]
    stub.trouble["right.wav"] = FileTrouble("API Error", "unsupported audio", "BadRequest")
    model = "saaras:v2.5" if "translate" in api else "saaras:v3"

    job = getattr(client, api).create_job(model=model, with_diarization=True, num_speakers=2)
    job.upload_files([str(file) for file in files])
    job.start()
    status = job.wait_until_complete(poll_interval=0)
    results = job.get_file_results()
    job.download_outputs(str(tmp_path / "out"))

    assert status.job_state == "Completed"
    assert (status.successful_files_count, status.failed_files_count) == (1, 1)
    assert [one["file_name"] for one in results["successful"]] == ["left.wav"]
    assert [one["error_message"] for one in results["failed"]] == ["unsupported audio"]
    output = json.loads((tmp_path / "out" / "left.wav.json").read_text())
    entries = output["diarized_transcript"]["entries"]
    assert [(e["speaker_id"], e["transcript"]) for e in entries] == [
        (line[0], line[3]) for line in wire.TALK
    ]
    assert stub.starts == 1


def test_the_client_reads_a_short_recording(stub: SarvamStub, client: Any, tmp_path: Path) -> None:
    with wav(tmp_path / "short.wav").open("rb") as file:
        translated = client.speech_to_text.translate(file=file, model="saaras:v2.5")
    with wav(tmp_path / "short.wav").open("rb") as file:
        transcribed = client.speech_to_text.transcribe(
            file=file, model="saaras:v3", mode="transcribe", with_timestamps=True
        )

    assert translated.transcript.startswith("Good morning")
    assert translated.language_code == "hi-IN"
    assert transcribed.timestamps.words == [line[3] for line in wire.TALK]
    assert stub.short_calls == 2


@pytest.mark.parametrize(
    ("trouble", "expected", "code"),
    [
        (wire.WRONG_KEY, "ForbiddenError", "invalid_api_key_error"),
        (wire.SLOW_DOWN, "TooManyRequestsError", "rate_limit_exceeded_error"),
        (wire.NO_CREDIT, "TooManyRequestsError", "insufficient_quota_error"),
        (wire.BROKEN, "InternalServerError", "internal_server_error"),
    ],
)
def test_the_client_names_the_failures(
    stub: SarvamStub, client: Any, trouble: Any, expected: str, code: str
) -> None:
    stub.fail("/job/v1", trouble)

    with pytest.raises(ApiError) as caught:
        client.speech_to_text_translate_job.initialise(
            job_parameters={"model": "saaras:v2.5"}, request_options={"max_retries": 0}
        )

    assert type(caught.value).__name__ == expected
    assert caught.value.body["error"]["code"] == code
    if trouble is wire.SLOW_DOWN:
        assert caught.value.headers["retry-after"] == "7"


def test_a_wrong_key_is_refused(stub: SarvamStub) -> None:
    client = client_of(stub, "another-key")

    with pytest.raises(ApiError) as caught:
        client.speech_to_text_translate_job.get_status("nothing")

    assert caught.value.status_code == 403
    client._client_wrapper.httpx_client.httpx_client.close()
