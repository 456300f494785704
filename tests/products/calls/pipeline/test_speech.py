"""Calls that an outside provider hears, from the upload to the words in the record."""

import io
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import soundfile
from tests.conftest import CHEAP
from tests.stubs import deepgram, sarvam
from tests.stubs.deepgram import DeepgramStub
from tests.stubs.sarvam import FileTrouble, SarvamStub
from tests.stubs.vendor import Answer, served

from locutory import app
from locutory.engines.stt import STTProvider
from locutory.engines.stt.sarvam import SarvamSTT
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import (
    DatabaseSettings,
    DeepgramSettings,
    LimitSettings,
    PriceSettings,
    SarvamSettings,
    Settings,
    SttSettings,
)
from locutory.products.calls.demo import path

if TYPE_CHECKING:
    from tests.products.calls.pipeline.conftest import House

SAID = [line[3] for line in sarvam.TALK]


def spoken(*, channels: int, seconds: float) -> bytes:
    """The beginning of a call of the demo, whose two people have a channel each."""
    file = path("audio/hc-0001.ogg")
    rate = soundfile.info(file).samplerate
    sound, _ = soundfile.read(file, frames=int(seconds * rate), dtype="float32")
    buffer = io.BytesIO()
    soundfile.write(buffer, sound if channels == 2 else sound.mean(axis=1), rate, format="WAV")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def mono() -> bytes:
    return spoken(channels=1, seconds=3.0)


@pytest.fixture(scope="module")
def stereo() -> bytes:
    return spoken(channels=2, seconds=35.0)


@pytest.fixture
def india() -> Iterator[SarvamStub]:
    with served(SarvamStub()) as stub:
        yield stub


@pytest.fixture
def america() -> Iterator[DeepgramStub]:
    with served(DeepgramStub()) as stub:
        stub.seconds = 3.0
        yield stub


@pytest.fixture
def provider(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sarvam")


@pytest.fixture
async def server(
    tmp_path: Path, database_url: str, india: SarvamStub, america: DeepgramStub, provider: str
) -> AsyncIterator[app.Server]:
    settings = Settings(
        data_dir=tmp_path / "data",
        database=DatabaseSettings(url=database_url),
        auth=CHEAP,
        limits=LimitSettings(default="1000000/minute", login="1000000/minute"),
        prices=PriceSettings(stt_minute_micros=6000),
        stt=SttSettings(
            provider=provider,
            sarvam=SarvamSettings(
                api_key=sarvam.KEY, base_url=india.url, poll_s=0.001, linger_s=0.01
            ),
            deepgram=DeepgramSettings(api_key=deepgram.KEY, base_url=america.url),
        ),
    )
    async with app.compose(settings).running(work=False) as server:
        yield server


async def letters(house: "House") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await house.told("GET", "/dlq/{bid}"))["items"]
    return found


async def test_the_words_of_sarvam_are_in_the_record_with_their_origin(
    house: "House", mono: bytes, india: SarvamStub
) -> None:
    await house.upload("c-1", mono, None)
    await house.work()

    call = await house.call("c-1")
    transcript = call["transcript"]
    assert call["status"] == "done"
    assert (transcript["origin"], transcript["engine"]) == ("stt", "sarvam/saaras:v2.5")
    assert [(t["speaker"], t["text"]) for t in transcript["turns"]] == [
        ("S1", SAID[0]),
        ("S2", SAID[1]),
    ]
    assert (transcript["language"], transcript["has_words"]) == ("en-IN", True)
    (heard,) = [stage for stage in call["stages"] if stage["stage"] == "transcribe"]
    assert (heard["engine"], heard["state"]) == ("sarvam/saaras:v2.5", "ok")
    assert [(job.state, job.starts) for job in india.jobs.values()] == [("Completed", 1)]
    assert await house.rows("SELECT audio_ms, cost_micros FROM calls_usage WHERE audio_ms > 0") == [
        (3000, 300)
    ]
    assert not list((house.server.settings.data_dir / "tmp").iterdir())


@pytest.mark.parametrize("provider", ["sarvam", "deepgram"], indirect=True)
async def test_two_channels_are_two_speakers_and_cost_twice(
    house: "House", stereo: bytes, india: SarvamStub, america: DeepgramStub, provider: str
) -> None:
    india.script = {"left.wav": sarvam.TALK[:1], "right.wav": sarvam.TALK[1:]}
    america.seconds = 35.0
    await house.upload("c-1", stereo, None)
    await house.work()

    call = await house.call("c-1")
    assert (call["status"], call["true_stereo"]) == ("done", True)
    assert call["transcript"]["engine"].startswith(provider)
    assert [(t["speaker"], t["channel"], t["text"]) for t in call["transcript"]["turns"]] == [
        ("left", 0, SAID[0]),
        ("right", 1, SAID[1]),
    ]
    (use,) = await house.rows("SELECT audio_ms, cost_micros FROM calls_usage WHERE audio_ms > 0")
    assert tuple(use) == (35_000, 7000)
    if provider == "sarvam":
        (job,) = india.jobs.values()
        assert (list(job.files), job.starts) == (["left.wav", "right.wav"], 1)
    else:
        (asked,) = america.heard
        assert (asked.query["multichannel"], "diarize" in asked.query) == (["true"], False)


@pytest.mark.parametrize("provider", ["deepgram"], indirect=True)
async def test_deepgram_tells_the_voices_of_one_channel_apart(
    house: "House", mono: bytes, america: DeepgramStub, provider: str
) -> None:
    await house.upload("c-1", mono, None)
    await house.work()

    call = await house.call("c-1")
    assert (call["status"], call["transcript"]["engine"]) == ("done", "deepgram/nova-3")
    assert [t["speaker"] for t in call["transcript"]["turns"]] == ["S1", "S2"]
    (asked,) = america.heard
    assert asked.query["diarize"] == ["true"]
    assert asked.query["tag"] == [call["id"]]


@pytest.mark.parametrize("provider", ["sarvam", "deepgram"], indirect=True)
async def test_a_refused_key_holds_the_stage_in_the_providers_words_and_stays_secret(
    house: "House",
    mono: bytes,
    india: SarvamStub,
    america: DeepgramStub,
    provider: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    stub, where, wire = {
        "sarvam": (india, "/job/v1", sarvam),
        "deepgram": (america, "/v1/listen", deepgram),
    }[provider]
    told = wire.error("authentication_error", f"the key {wire.KEY} has expired")
    stub.fail(where, Answer(401, told), times=99)
    for n in range(3):
        await house.upload(f"c-{n}", mono, None)
    await house.work()
    await house.watch()

    held = await house.status()
    (alert,) = await house.alerts()
    dead = await letters(house)
    stub.heal()
    await house.told("POST", "/pipeline/{bid}/control", json={"action": "resume"})
    await house.work()
    after = await house.status()

    assert held["queues"]["transcribe"]["blocked"] == 3
    assert "has expired" in str(held)
    assert (alert["key"], alert["about"]) == ("AuthBlocked", "transcribe")
    assert "has expired" in alert["detail"]
    assert dead == []
    assert after["status_counts"]["done"] == 3
    output = capfd.readouterr()
    stored = b"".join(
        file.read_bytes()
        for file in house.server.settings.data_dir.parent.rglob("*")
        if file.is_file()
    )
    for text in (str(held), str(alert), output.out, output.err):
        assert wire.KEY not in text
    assert wire.KEY.encode() not in stored


async def test_a_provider_that_asks_for_patience_gets_it(
    house: "House", mono: bytes, india: SarvamStub
) -> None:
    india.fail("/job/v1", sarvam.SLOW_DOWN)
    await house.upload("c-1", mono, None)
    worker = house.server.worker()
    await worker._heartbeat()
    await worker.drain()

    (waiting,) = await house.rows(
        "SELECT state, attempts, throttles, run_at_ms - created_ms, error_class FROM kernel_job"
        " WHERE kind = 'calls.transcribe'"
    )
    await house.work()

    assert tuple(waiting[:3]) == ("delayed", 0, 1)
    assert 7000 <= waiting[3] < 7000 + 60_000
    assert waiting[4] == "throttled"
    assert (await house.call("c-1"))["status"] == "done"


async def test_a_refused_recording_is_a_dead_letter_that_another_provider_may_hear(
    house: "House", mono: bytes, india: SarvamStub, america: DeepgramStub
) -> None:
    india.trouble["mixed.wav"] = FileTrouble("API Error", "unsupported audio codec")
    await house.upload("c-1", mono, None)
    await house.work()

    (letter,) = await letters(house)
    again = {"overrides": {"provider": "deepgram"}}
    await house.told("POST", f"/dlq/{{bid}}/{letter['job_id']}/redrive", json=again)
    await house.work()

    assert (letter["class"], letter["code"]) == ("permanent_input", "STT_REFUSED")
    assert "API Error: unsupported audio codec" in letter["message"]
    call = await house.call("c-1")
    assert (call["status"], call["transcript"]["engine"]) == ("done", "deepgram/nova-3")
    assert (len(india.jobs), len(america.heard)) == (1, 1)


async def test_a_job_that_failed_is_submitted_anew_and_counted(
    house: "House", mono: bytes, india: SarvamStub
) -> None:
    india.trouble["mixed.wav"] = FileTrouble("Internal Server Error", "worker lost")
    await house.upload("c-1", mono, None)
    worker = house.server.worker()
    await worker._heartbeat()
    await worker.drain()
    failed = await house.rows("SELECT ref, submissions FROM calls_speech_job")
    india.trouble.clear()
    await house.work()

    assert [tuple(row) for row in failed] == [(None, 1)]
    assert (await house.call("c-1"))["status"] == "done"
    (kept,) = await house.rows("SELECT ref, submissions, provider FROM calls_speech_job")
    assert list(india.jobs)[1] in kept[0]
    assert tuple(kept[1:]) == (2, "sarvam")
    assert 'stt_resubmits_total{provider="sarvam"} 1.0' in house.server.metrics.render().decode()


async def test_a_job_without_end_is_waited_for_once_more_and_then_opened_anew(
    house: "House", mono: bytes, india: SarvamStub
) -> None:
    now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += timedelta(minutes=5)

    services = house.server.services
    engine = SarvamSTT(
        services.get(HttpClient),
        house.server.settings.stt.sarvam,
        api_key=sarvam.KEY,
        sleep=sleep,
        clock=lambda: now,
    )
    services.add(STTProvider, engine)
    india.slow = 10_000
    await house.upload("c-1", mono, None)
    worker = house.server.worker()
    await worker._heartbeat()
    await worker.drain()
    waiting = await house.rows("SELECT submissions, timeouts FROM calls_speech_job")
    (stuck,) = india.jobs.values()
    stuck.looks, india.slow = -10_000, 1
    await house.work()

    assert [tuple(row) for row in waiting] == [(1, 1)]
    assert (await house.call("c-1"))["status"] == "done"
    assert (len(india.jobs), stuck.state) == (2, "Running")
    kept = await house.rows("SELECT submissions, timeouts FROM calls_speech_job")
    assert [tuple(row) for row in kept] == [(2, 0)]


@pytest.mark.parametrize("lost", ["/start", "/status", "/download-files", "0.json"])
async def test_an_answer_that_is_lost_is_asked_for_again_and_not_paid_again(
    house: "House", mono: bytes, india: SarvamStub, lost: str
) -> None:
    india.fail(lost, sarvam.CUT, times=3, after=True)
    await house.upload("c-1", mono, None)
    await house.work()

    assert (await house.call("c-1"))["status"] == "done"
    assert (len(india.jobs), india.starts) == (1, 1)


async def test_hearing_afresh_is_a_new_job_and_a_language_another_one(
    house: "House", mono: bytes, india: SarvamStub
) -> None:
    await house.upload("c-1", mono, None)
    await house.work()
    before = len(india.jobs)
    await house.told("POST", "/call-records/{bid}/c-1/retranscribe", json={"language": "hi-IN"})
    await house.work()

    call = await house.call("c-1")
    assert (before, len(india.jobs), india.starts) == (1, 2, 2)
    assert (call["status"], call["transcript_version"], call["epoch"]) == ("done", 2, 2)
    kept = await house.rows("SELECT epoch, language FROM calls_speech_job ORDER BY epoch")
    assert [tuple(row) for row in kept] == [(1, ""), (2, "hi-IN")]


async def test_a_provider_without_its_key_cannot_be_asked_for(
    house: "House", mono: bytes, server: app.Server
) -> None:
    server.settings.stt.deepgram.api_key = None
    await house.upload("c-1", mono, None)
    await house.work()

    refused = await house.refused(
        "POST", "/call-records/{bid}/c-1/retranscribe", 422, json={"provider": "deepgram"}
    )

    assert "LOCUTORY_STT__DEEPGRAM__API_KEY" in refused["detail"]


async def test_where_a_provider_understands_nothing_the_turns_remain(
    house: "House", mono: bytes, india: SarvamStub
) -> None:
    india.script["mixed.wav"] = ()
    await house.upload("c-1", mono, None)
    await house.work()

    call = await house.call("c-1")
    assert call["status"] == "done"
    assert {"empty_transcript", "no_words"} <= set(call["flags"])
    assert (call["transcript"]["has_words"], call["metrics"]["basis"]) == (False, "acoustic")
    assert len(call["transcript"]["turns"]) > 0


async def test_silence_is_not_sent_away(house: "House", india: SarvamStub) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, [0.0] * 24_000, 8000, format="WAV")
    await house.upload("c-1", buffer.getvalue(), None)
    await house.work()

    assert (await house.call("c-1"))["status"] == "done"
    assert india.seen == []


async def test_a_call_that_is_erased_leaves_no_job(
    house: "House", mono: bytes, india: SarvamStub
) -> None:
    await house.upload("c-1", mono, None)
    await house.work()
    await house.told("DELETE", "/call-records/{bid}/c-1")
    await house.work()

    assert await house.rows("SELECT * FROM calls_speech_job") == []


async def test_the_providers_page_names_the_model(house: "House") -> None:
    found = await house.told("GET", "/pipeline/providers")

    (speech,) = [item for item in found["items"] if item["kind"] == "stt"]
    assert (speech["name"], speech["model"], speech["embedded"]) == (
        "sarvam",
        "saaras:v2.5",
        False,
    )
