"""Sarvam's own ways: jobs that outlive us, a store, a short endpoint, models of two kinds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.stubs import sarvam as wire
from tests.stubs.sarvam import KEY, FileTrouble
from tests.stubs.vendor import Answer

from locutory.engines.stt.base import TIMES_ESTIMATED, Want
from locutory.engines.stt.resumable import (
    JobOverError,
    JobRefusedError,
    JobTimeoutError,
    JobUnpaidError,
    Submission,
)
from locutory.engines.stt.sarvam import SarvamSTT
from locutory.kernel.errors import (
    EngineConfigError,
    EngineTimeout,
    EngineUnavailable,
    ErrorClass,
    InvalidOutput,
)
from locutory.kernel.settings import SarvamSettings

if TYPE_CHECKING:
    from tests.engines.stt.conftest import Desk

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def patient(desk: "Desk", **rest: Any) -> SarvamSTT:
    settings = desk.settings.sarvam.model_copy(update={"poll_s": 2.0})
    return SarvamSTT(desk.http, settings, api_key=KEY, **rest)


async def submitted(desk: "Desk", request: Any) -> Submission:
    return Submission(ref=await desk.engine.submit(request), at=datetime.now(UTC))


async def test_a_job_is_asked_for_english_with_two_speakers(sarvam_desk: "Desk") -> None:
    result = await sarvam_desk.engine.transcribe(sarvam_desk.request())

    (job,) = sarvam_desk.stub.jobs.values()
    assert job.api == "/speech-to-text-translate"
    assert job.parameters == {"model": "saaras:v2.5", "with_diarization": True, "num_speakers": 2}
    assert (result.language_spoken, result.language_text) == ("hi-IN", "en-IN")
    assert result.model == "saaras:v2.5"


async def test_channels_are_two_files_of_one_job(sarvam_desk: "Desk") -> None:
    await sarvam_desk.engine.transcribe(sarvam_desk.request(channels=2, seconds=40.0))

    (job,) = sarvam_desk.stub.jobs.values()
    assert list(job.files) == ["left.wav", "right.wav"]
    assert job.parameters["num_speakers"] == 1
    assert job.starts == 1


@pytest.mark.parametrize(
    ("mode", "asked", "language_text"),
    [("codemix", "hi-IN", "hi-IN"), ("translate", None, "en-IN")],
)
async def test_newer_models_keep_the_language_unless_told_otherwise(
    sarvam_desk: "Desk", mode: str, asked: str | None, language_text: str
) -> None:
    own = sarvam_desk.settings.sarvam.model_copy(update={"model": "saaras:v4", "mode": mode})
    engine = sarvam_desk.other(sarvam=own, language=asked)

    result = await engine.transcribe(sarvam_desk.request(keyterms=("Harbour Clinic",)))

    (job,) = sarvam_desk.stub.jobs.values()
    assert job.api == "/speech-to-text"
    assert job.parameters == {
        "model": "saaras:v4",
        "mode": mode,
        "language_code": asked or "unknown",
        "with_diarization": True,
        "num_speakers": 2,
        "with_timestamps": True,
        "keyterms": ["Harbour Clinic"],
    }
    assert (result.language_spoken, result.language_text) == ("hi-IN", language_text)


async def test_short_channels_need_no_job_and_lie_on_the_turns(sarvam_desk: "Desk") -> None:
    sarvam_desk.stub.script = {"left.wav": wire.TALK[:1], "right.wav": wire.TALK[1:]}
    request = sarvam_desk.request(channels=2, seconds=2.0)

    assert await sarvam_desk.engine.submit(request) is None
    result = await sarvam_desk.engine.transcribe(request)

    assert (sarvam_desk.stub.short_calls, sarvam_desk.stub.jobs) == (2, {})
    assert [(s.start_ms, s.end_ms) for s in result.segments] == [(100, 900), (1000, 1800)]
    assert result.warnings == (TIMES_ESTIMATED,)


async def test_newer_models_give_times_for_short_recordings(sarvam_desk: "Desk") -> None:
    own = sarvam_desk.settings.sarvam.model_copy(update={"model": "saaras:v3"})
    request = sarvam_desk.request(want=Want(diarize=False))

    result = await sarvam_desk.other(sarvam=own).transcribe(request)

    assert [(s.start_ms, s.text) for s in result.segments] == [
        (100, wire.TALK[0][3]),
        (1000, wire.TALK[1][3]),
    ]
    assert result.warnings == ()


async def test_nothing_is_begun_before_it_is_collected(sarvam_desk: "Desk") -> None:
    request = sarvam_desk.request()

    kept = await submitted(sarvam_desk, request)
    before = sarvam_desk.stub.starts
    result = await sarvam_desk.other().collect(request, kept)

    assert (before, sarvam_desk.stub.starts) == (0, 1)
    assert result.has_words


async def test_a_job_is_collected_with_what_it_was_asked_for(sarvam_desk: "Desk") -> None:
    request = sarvam_desk.request()
    kept = await submitted(sarvam_desk, request)
    own = sarvam_desk.settings.sarvam.model_copy(update={"model": "saaras:v3"})

    result = await sarvam_desk.other(sarvam=own).collect(request, kept)

    assert (result.model, result.language_text) == ("saaras:v2.5", "en-IN")


@pytest.mark.parametrize("lost", ["/start", "/status", "/upload-files", "/download-files"])
async def test_a_lost_answer_never_begins_a_job_twice(sarvam_desk: "Desk", lost: str) -> None:
    request = sarvam_desk.request()
    kept = await submitted(sarvam_desk, request)
    sarvam_desk.stub.fail(lost, wire.CUT, times=3, after=True)

    with pytest.raises(EngineUnavailable):
        await sarvam_desk.engine.collect(request, kept)
    sarvam_desk.stub.heal()
    result = await sarvam_desk.engine.collect(request, kept)

    assert result.has_words
    assert (len(sarvam_desk.stub.jobs), sarvam_desk.stub.starts) == (1, 1)


async def test_a_start_that_is_refused_because_the_job_runs_is_no_failure(
    sarvam_desk: "Desk",
) -> None:
    request = sarvam_desk.request()
    kept = await submitted(sarvam_desk, request)
    refusal = Answer(400, wire.error("invalid_request_error", "Job is already started"))
    sarvam_desk.stub.fail("/start", refusal, after=True)

    assert (await sarvam_desk.engine.collect(request, kept)).has_words


@pytest.mark.parametrize(
    ("trouble", "expected", "cls"),
    [
        (FileTrouble("API Error", "bad codec"), JobRefusedError, ErrorClass.PERMANENT_INPUT),
        (
            FileTrouble("Internal Server Error", "bad luck"),
            JobOverError,
            ErrorClass.TRANSIENT_NETWORK,
        ),
        (
            FileTrouble("API Error", "slower", "rate_limit_exceeded_error"),
            JobOverError,
            ErrorClass.TRANSIENT_NETWORK,
        ),
        (
            FileTrouble("API Error", "bad", "insufficient_quota_error"),
            JobUnpaidError,
            ErrorClass.PERMANENT_AUTH,
        ),
    ],
)
async def test_one_file_that_failed_ends_the_job_in_the_providers_words(
    sarvam_desk: "Desk", trouble: FileTrouble, expected: type[JobOverError], cls: ErrorClass
) -> None:
    sarvam_desk.stub.trouble["right.wav"] = trouble

    with pytest.raises(expected, match=f"{trouble.state}.*{trouble.message}") as caught:
        await sarvam_desk.engine.transcribe(sarvam_desk.request(channels=2, seconds=40.0))

    assert (type(caught.value), type(caught.value).cls) == (expected, cls)


@pytest.mark.parametrize(
    ("words", "expected"),
    [("the model crashed", JobOverError), ("No credits available", JobUnpaidError)],
)
async def test_a_job_that_failed_whole_is_over(
    sarvam_desk: "Desk", words: str, expected: type[JobOverError]
) -> None:
    sarvam_desk.stub.gave_up = words

    with pytest.raises(JobOverError, match=words) as caught:
        await sarvam_desk.engine.transcribe(sarvam_desk.request())

    assert type(caught.value) is expected


async def test_a_job_that_the_provider_forgot_is_over(sarvam_desk: "Desk") -> None:
    request = sarvam_desk.request()
    kept = await submitted(sarvam_desk, request)
    sarvam_desk.stub.jobs.clear()

    with pytest.raises(JobOverError, match="not known any more"):
        await sarvam_desk.engine.collect(request, kept)


async def test_a_slow_job_is_asked_after_ever_less_often(sarvam_desk: "Desk") -> None:
    sarvam_desk.stub.slow, sarvam_desk.stub.at_work = 4, "Queued somewhere"
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    result = await patient(sarvam_desk, sleep=sleep).transcribe(sarvam_desk.request())

    assert result.has_words
    assert waits == [2.0, 5.0, 10.0, 10.0, 10.0]


async def test_a_job_without_end_is_asked_once_more_and_then_given_up(
    sarvam_desk: "Desk",
) -> None:
    sarvam_desk.stub.slow = 10_000
    request = sarvam_desk.request(seconds=10.0)
    now = NOW

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += timedelta(seconds=seconds)

    engine = patient(sarvam_desk, patience_s=100.0, sleep=sleep, clock=lambda: now)
    kept = Submission(ref=str(await engine.submit(request)), at=NOW)

    with pytest.raises(EngineTimeout, match="still Running after"):
        await engine.collect(request, kept)
    waited_s = (now - NOW).total_seconds()
    with pytest.raises(JobTimeoutError):
        await engine.collect(request, replace(kept, timeouts=1))

    assert 120 < waited_s <= 130  # the patience and twice the recording
    assert sarvam_desk.stub.starts == 1


async def test_a_job_that_lay_unstarted_for_a_day_has_all_its_time(sarvam_desk: "Desk") -> None:
    sarvam_desk.stub.slow = 5
    request = sarvam_desk.request()
    kept = await submitted(sarvam_desk, request)

    result = await sarvam_desk.engine.collect(request, replace(kept, at=NOW - timedelta(days=1)))

    assert result.has_words


async def test_the_store_sees_no_key_and_is_not_quoted(sarvam_desk: "Desk") -> None:
    request = sarvam_desk.request()
    refusal = Answer(403, b"<Error>Signature signed-away did not match</Error>")
    sarvam_desk.stub.fail("mixed.wav", refusal, method="PUT")

    with pytest.raises(EngineUnavailable, match="its store answered 403") as caught:
        await sarvam_desk.engine.transcribe(request)

    assert "signed-away" not in caught.value.detail
    assert (await sarvam_desk.engine.transcribe(request)).has_words
    stored = [r for r in sarvam_desk.stub.seen if r.path.startswith("/storage/")]
    assert stored
    assert all("api-subscription-key" not in r.headers for r in stored)


async def test_a_store_at_a_private_address_is_not_called(sarvam_desk: "Desk") -> None:
    sarvam_desk.stub.store = "http://169.254.169.254"

    with pytest.raises(EngineConfigError, match="LOCUTORY_HTTP__ALLOW_PRIVATE_HOSTS"):
        await sarvam_desk.engine.transcribe(sarvam_desk.request())


async def test_an_answer_that_is_missing_is_waited_for_but_not_for_ever(
    sarvam_desk: "Desk",
) -> None:
    request = sarvam_desk.request()
    kept = await submitted(sarvam_desk, request)
    gone = Answer(404, b"<Error>BlobNotFound</Error>")
    sarvam_desk.stub.fail("0.json", gone, times=2)

    with pytest.raises(EngineUnavailable):
        await sarvam_desk.engine.collect(request, kept)
    old = replace(kept, at=kept.at - timedelta(days=2))
    with pytest.raises(JobOverError, match="gone"):
        await sarvam_desk.engine.collect(request, old)

    assert (await sarvam_desk.engine.collect(request, kept)).has_words


@pytest.mark.parametrize("document", [b"<html>", b"[]", b'{"results": {"channels": []}}'])
async def test_an_output_of_another_shape_is_invalid_and_can_be_fetched_again(
    sarvam_desk: "Desk", document: bytes
) -> None:
    request = sarvam_desk.request()
    kept = await submitted(sarvam_desk, request)
    sarvam_desk.stub.fail("0.json", Answer(200, document))

    with pytest.raises(InvalidOutput):
        await sarvam_desk.engine.collect(request, kept)

    assert (await sarvam_desk.engine.collect(request, kept)).has_words
    assert sarvam_desk.stub.starts == 1


def test_the_default_is_what_the_seed_uses() -> None:
    assert SarvamSettings().model == "saaras:v2.5"
