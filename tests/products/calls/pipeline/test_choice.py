"""Which engine hears a call, and who stands in for it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import CHEAP
from tests.products.calls.pipeline.test_speech import letters, spoken
from tests.stubs import deepgram, sarvam, whisper
from tests.stubs.deepgram import DeepgramStub
from tests.stubs.sarvam import SarvamStub
from tests.stubs.vendor import served
from tests.stubs.whisper import WhisperStub

from locutory import app
from locutory.kernel.errors import EngineUnavailable
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import (
    DatabaseSettings,
    DeepgramSettings,
    LimitSettings,
    SarvamSettings,
    Settings,
    SttSettings,
    WhisperSettings,
)
from locutory.products.calls.pipeline.choice import SpeechChoice
from locutory.products.calls.pipeline.filters import Facts

if TYPE_CHECKING:
    from tests.products.calls.pipeline.conftest import House

CONFIG = "/pipeline/{bid}/config"


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
def own() -> Iterator[WhisperStub]:
    with served(WhisperStub()) as stub:
        stub.seconds = 3.0
        yield stub


@pytest.fixture
async def server(
    tmp_path: Path,
    database_url: str,
    india: SarvamStub,
    america: DeepgramStub,
    own: WhisperStub,
) -> AsyncIterator[app.Server]:
    settings = Settings(
        data_dir=tmp_path / "data",
        database=DatabaseSettings(url=database_url),
        auth=CHEAP,
        limits=LimitSettings(default="1000000/minute", login="1000000/minute"),
        stt=SttSettings(
            provider="deepgram",
            sarvam=SarvamSettings(api_key=sarvam.KEY, base_url=india.url, poll_s=0.001, linger_s=0),
            deepgram=DeepgramSettings(api_key=deepgram.KEY, base_url=america.url),
            whisper=WhisperSettings(api_key=whisper.KEY, base_url=own.url),
        ),
    )
    async with app.compose(settings).running(work=False) as server:
        yield server


async def engine_of(house: "House", callid: str) -> str:
    call = await house.call(callid)
    assert call["status"] == "done"
    return str(call["transcript"]["engine"])


def down(house: "House") -> None:
    """Let Deepgram have failed until it is left alone; it would answer again by now."""
    breaker = house.server.services.get(HttpClient).breaker("deepgram")
    for _ in range(5):
        with suppress(EngineUnavailable), breaker.guard():
            raise EngineUnavailable("down", engine="deepgram")


async def test_a_business_has_another_engine_than_the_server(
    house: "House", neighbour: "House", mono: bytes
) -> None:
    await house.configure(stt={"provider": "whisper"})
    await house.upload("c-1", mono, None)
    await neighbour.upload("c-1", mono, None)
    await house.work()

    assert await engine_of(house, "c-1") == "whisper/whisper-1"
    assert await engine_of(neighbour, "c-1") == "deepgram/nova-3"


async def test_words_of_whisper_on_two_channels_are_in_the_record(
    house: "House", stereo: bytes, own: WhisperStub
) -> None:
    own.script = {"left.wav": whisper.TALK[:1], "right.wav": whisper.TALK[1:]}
    await house.configure(stt={"provider": "whisper"})
    await house.upload("c-1", stereo, None)
    await house.work()

    transcript = (await house.call("c-1"))["transcript"]
    assert [(t["speaker"], t["channel"], t["text"]) for t in transcript["turns"]] == [
        ("left", 0, whisper.TALK[0][3]),
        ("right", 1, whisper.TALK[1][3]),
    ]
    assert (transcript["language"], transcript["origin"]) == ("en", "stt")


async def test_the_first_rule_that_fits_a_call_counts(house: "House", mono: bytes) -> None:
    rules = [
        {"provider": "sarvam", "languages": ["hi"]},
        {"provider": "whisper", "directions": ["outbound"]},
        {"provider": "embedded", "min_duration_s": 2, "max_duration_s": 3.5},
    ]
    await house.configure(stt={"rules": rules})
    await house.upload("out", mono, None, direction="outbound")
    await house.upload("in", mono, None, direction="inbound")
    await house.work()
    await house.told("POST", "/call-records/{bid}/in/retranscribe", json={"language": "hi-IN"})
    heard_first = await house.rows("SELECT engine FROM calls_transcript WHERE version = 1")
    await house.work()

    assert await engine_of(house, "out") == "whisper/whisper-1"
    assert sorted(row[0] for row in heard_first) == ["embedded/acoustic-1", "whisper/whisper-1"]
    assert await engine_of(house, "in") == "sarvam/saaras:v2.5"


async def test_a_provider_that_is_down_has_a_stand_in_and_the_call_says_so(
    house: "House", mono: bytes
) -> None:
    await house.configure(stt={"fallback": ["whisper"]})
    await house.upload("c-1", mono, None)
    down(house)
    worker = house.server.worker()
    await worker._heartbeat()
    await worker.drain()

    call = await house.call("c-1")
    assert (call["status"], call["transcript"]["engine"]) == ("done", "whisper/whisper-1")
    assert "stt_fallback" in call["flags"]
    counted = house.server.metrics.render().decode()
    assert 'stt_fallbacks_total{answered="whisper",asked="deepgram"} 1.0' in counted


async def test_turns_without_words_may_stand_in(house: "House", mono: bytes) -> None:
    await house.configure(stt={"fallback": ["embedded"]})
    await house.upload("c-1", mono, None)
    down(house)
    worker = house.server.worker()
    await worker._heartbeat()
    await worker.drain()

    call = await house.call("c-1")
    assert call["transcript"]["engine"] == "embedded/acoustic-1"
    assert {"stt_fallback", "no_words"} <= set(call["flags"])


async def test_where_no_stand_in_can_the_call_waits_for_the_first(
    house: "House", mono: bytes, own: WhisperStub
) -> None:
    await house.configure(stt={"fallback": ["whisper"]})
    own.fail("/v1/audio/transcriptions", whisper.WRONG_KEY)
    await house.upload("c-1", mono, None)
    down(house)
    worker = house.server.worker()
    await worker._heartbeat()
    await worker.drain()

    rows = await house.rows(
        "SELECT state, error_class, attempts FROM kernel_job WHERE subject = 'c-1'"
    )
    assert [tuple(row) for row in rows] == [("delayed", "provider_outage", 0)]


@pytest.mark.parametrize("trouble", [deepgram.BAD_AUDIO, deepgram.WRONG_KEY, deepgram.SLOW_DOWN])
async def test_other_failures_have_no_stand_in(
    house: "House", mono: bytes, america: DeepgramStub, own: WhisperStub, trouble: Any
) -> None:
    await house.configure(stt={"fallback": ["whisper"]})
    america.fail("/v1/listen", trouble, times=99)
    await house.upload("c-1", mono, None)
    worker = house.server.worker()
    await worker._heartbeat()
    await worker.drain()

    assert own.seen == []
    assert (await house.call("c-1"))["status"] != "done"


async def test_an_engine_that_a_person_names_has_no_stand_in(
    house: "House", mono: bytes, india: SarvamStub, own: WhisperStub, america: DeepgramStub
) -> None:
    await house.configure(stt={"provider": "whisper", "fallback": ["sarvam"]})
    america.fail("/v1/listen", deepgram.BAD_AUDIO)
    await house.upload("c-1", mono, None)
    await house.work()
    await house.told("POST", "/call-records/{bid}/c-1/retranscribe", json={"provider": "deepgram"})
    await house.work()

    assert [letter["code"] for letter in await letters(house)] == ["ENGINE_REJECTED"]
    assert (len(own.heard), india.seen) == (1, [])


async def test_an_engine_that_the_server_lacks_is_refused(
    house: "House", server: app.Server
) -> None:
    server.settings.stt.sarvam.api_key = None
    wanted = {"stt": {"rules": [{"provider": "sarvam"}]}}

    put = await house.refused("PUT", CONFIG, 422, json=wanted)
    patch = await house.refused("PATCH", CONFIG, 422, json=wanted)
    twice = {"stt": {"provider": "whisper", "fallback": ["whisper"]}}
    await house.refused("PATCH", CONFIG, 422, json=twice)

    for answer in (put, patch):
        (fault,) = answer["errors"]
        assert (fault["field"], fault["code"]) == ("stt", "ENGINE_MISSING")
        assert "LOCUTORY_STT__SARVAM__API_KEY" in fault["message"]
    assert (await house.told("GET", CONFIG))["version"] == 0


@pytest.mark.parametrize(
    ("rule", "facts", "fits"),
    [
        ({}, {}, True),
        ({"languages": ["hi"]}, {"language": "hi-IN"}, True),
        ({"languages": ["hi-in"]}, {"language": "hi"}, False),
        ({"languages": ["hi"]}, {}, False),
        ({"directions": ["inbound"]}, {}, True),
        ({"directions": ["outbound"]}, {}, False),
        ({"min_duration_s": 60}, {}, False),
        ({"min_duration_s": 60}, {"duration_s": 60.0}, True),
        ({"max_duration_s": 60}, {"duration_s": 60.0}, False),
        ({"languages": ["hi"], "max_duration_s": 60}, {"language": "hi", "duration_s": 61}, False),
    ],
)
def test_a_rule_fits_what_is_known(rule: dict[str, Any], facts: dict[str, Any], fits: bool) -> None:
    choice = SpeechChoice.model_validate({"rules": [{"provider": "whisper", **rule}]})
    known = Facts(callid="c-1", direction="inbound", **facts)

    assert choice.for_call(known).provider == ("whisper" if fits else None)
