"""Recordings in a bucket: worked, played and erased from there; what happens while it is away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.engines.blobs.stores import PREFIX, stub_settings
from tests.stubs.s3 import DENIED, SLOW_DOWN, S3Stub
from tests.stubs.vendor import Answer, Request, VendorStub, served

from locutory.kernel.settings import BlobSettings, HttpSettings

ALWAYS = 1000


class Recordings(VendorStub):
    """A telephone system's web server."""

    content = b""

    def handle(self, request: Request) -> Answer:
        return Answer(200, self.content, {"Content-Type": "audio/wav"})


@pytest.fixture
def stub() -> Iterator[S3Stub]:
    with served(S3Stub()) as stub:
        yield stub


@pytest.fixture
def source(recording: bytes) -> Iterator[Recordings]:
    with served(Recordings()) as source:
        source.content = recording
        yield source


@pytest.fixture
def blob_settings(stub: S3Stub) -> BlobSettings:
    return stub_settings(stub)


@pytest.fixture
def http_settings(source: Recordings) -> HttpSettings:
    return HttpSettings(allow_private_hosts=(source.url.removeprefix("http://"),))


def files(stub: S3Stub) -> list[str]:
    """What kinds of files of calls lie in the bucket."""
    return sorted(key.rpartition("/")[2].partition("-")[0] for key in stub.objects)


async def push(house: Any, source: Recordings, callid: str) -> None:
    call = {"callid": callid, "audio_url": f"{source.url}/{callid}.wav"}
    await house.told("POST", "/ingest/{bid}/calls", json={"calls": [call]})


async def test_a_call_lives_in_the_bucket_from_its_coming_to_its_end(
    house: Any, stub: S3Stub, recording: bytes, tmp_path: Path
) -> None:
    await house.upload("c1", recording)
    await house.work()
    way = "/call-records/{bid}/c1"
    whole = await house.ask("GET", f"{way}/audio")
    part = await house.ask("GET", f"{way}/audio", headers={"range": "bytes=100-199"})
    tail = await house.ask("GET", f"{way}/audio", headers={"range": "bytes=-10"})
    peaks = await house.told("GET", f"{way}/peaks")
    kept = files(stub)
    await house.told("DELETE", way)
    await house.work()

    assert (await house.ask("GET", way)).status_code == 404
    assert whole.content == recording
    assert (part.status_code, part.content) == (206, recording[100:200])
    assert tail.content == recording[-10:]
    assert peaks["per_s"] == 50
    assert kept == ["original", "peaks", "sidecar"]
    assert stub.objects == {}
    assert not list((tmp_path / "data" / "tmp").iterdir())
    assert not (tmp_path / "data" / "blobs").exists()


async def test_a_piece_of_a_recording_is_fetched_and_not_all_of_it(
    house: Any, stub: S3Stub, recording: bytes
) -> None:
    await house.upload("c1", recording)
    stub.seen.clear()

    await house.ask("GET", "/call-records/{bid}/c1/audio", headers={"range": "bytes=10-19"})

    ranges = [r.headers["range"] for r in stub.seen if r.method == "GET" and "range" in r.headers]
    assert ranges[-1] == "bytes=10-19"


async def test_an_upload_while_the_bucket_is_away_is_refused_whole(
    house: Any, stub: S3Stub, recording: bytes
) -> None:
    stub.fail("", SLOW_DOWN, times=ALWAYS)
    sent = {"data": {"callid": "c1"}, "files": {"file": ("c1.wav", recording)}}
    refused = await house.refused("POST", "/ingest/{bid}/audio", 503, **sent)
    stub.heal()
    again = await house.ask("POST", "/ingest/{bid}/audio", **sent)
    await house.work()

    assert refused["error_code"] == "BLOBS_UNAVAILABLE"
    assert again.status_code == 202
    assert (await house.call("c1"))["status"] == "done"


@pytest.mark.parametrize("trouble", [SLOW_DOWN, DENIED])
async def test_nothing_is_fetched_while_the_bucket_is_away(
    house: Any, stub: S3Stub, source: Recordings, trouble: Answer
) -> None:
    stub.fail("", trouble, times=ALWAYS)
    for number in range(3):
        await push(house, source, f"c{number}")
    await house.work()
    (reason,) = (await house.status())["blocked_reasons"]
    alerts = [alert["key"] for alert in await _alerts(house)]
    still = (await house.status())["blocked_reasons"]
    asked = len(source.seen)

    stub.heal()
    await house.watch()
    await house.work()

    assert (reason["stage"], reason["state"], reason["code"]) == (
        "transcribe",
        "blocked",
        "STORE_DOWN",
    )
    assert reason["detail"].startswith("S3 answered")
    assert "StageBlocked" in alerts
    assert len(still) == 1  # a look at the bucket that is still away opens nothing
    assert asked == 0
    assert (await house.status())["blocked_reasons"] == []
    assert {(await house.call(f"c{n}"))["status"] for n in range(3)} == {"done"}
    assert files(stub).count("original") == 3
    assert await house.rows("SELECT count(*) FROM kernel_job WHERE state = 'dead'") == [(0,)]


async def _alerts(house: Any) -> list[dict[str, Any]]:
    await house.watch()
    found: list[dict[str, Any]] = await house.alerts()
    return found


async def test_a_bucket_that_goes_in_the_middle_costs_no_attempt(
    house: Any, stub: S3Stub, source: Recordings
) -> None:
    stub.fail("", SLOW_DOWN, method="PUT", times=ALWAYS)
    await push(house, source, "c1")
    worker = house.server.worker()
    await worker.drain()
    (waiting,) = await house.rows(
        "SELECT state, attempts, throttles > 0, error_code FROM kernel_job"
        " WHERE queue = 'transcribe'"
    )
    half = dict(stub.objects)

    stub.heal()
    await house.work()

    assert tuple(waiting) == ("delayed", 0, True, "BLOBS_UNAVAILABLE")
    assert half == {}
    assert (await house.call("c1"))["status"] == "done"
    assert files(stub) == ["original"]


async def test_a_kept_recording_that_cannot_be_read_waits_for_the_bucket(
    house: Any, stub: S3Stub, recording: bytes
) -> None:
    await house.upload("c1", recording, transcript=None)
    stub.fail("", SLOW_DOWN, times=ALWAYS)
    await house.server.worker().drain()
    kept = await house.rows("SELECT state, attempts FROM kernel_job WHERE queue = 'transcribe'")
    player = await house.refused("GET", "/call-records/{bid}/c1/audio", 503)

    stub.heal()
    await house.work()

    assert [tuple(row) for row in kept] == [("delayed", 0)]
    assert player["error_code"] == "BLOBS_UNAVAILABLE"
    assert (await house.call("c1"))["status"] == "done"


async def test_a_lost_recording_is_told_as_lost(house: Any, stub: S3Stub, recording: bytes) -> None:
    await house.upload("c1", recording, transcript=None)
    stub.objects.clear()
    await house.work()

    found = await house.rows("SELECT state, error_code FROM kernel_job WHERE queue = 'transcribe'")
    assert [tuple(row) for row in found] == [("dead", "BLOB_MISSING")]


async def test_an_erasure_waits_for_the_bucket_and_then_leaves_nothing(
    house: Any, stub: S3Stub, recording: bytes
) -> None:
    await house.upload("c1", recording)
    await house.work()
    stub.fail("", SLOW_DOWN, method="DELETE", times=ALWAYS)
    await house.told("DELETE", "/call-records/{bid}/c1")
    await house.server.worker().drain()
    left = len(stub.objects)
    stub.heal()
    await house.work()

    assert left == 2
    assert stub.objects == {}


async def test_health_tells_of_the_bucket_and_the_server_stays_ready(
    house: Any, stub: S3Stub
) -> None:
    client = house.resident.client
    well = (await client.get("/health")).json()["checks"]["blobs"]
    stub.fail("", DENIED, times=ALWAYS)
    ill = (await client.get("/health")).json()
    ready = await client.get("/readyz")

    assert well == {"status": "ok", "kind": "s3"}
    assert ill["checks"]["blobs"] == {"status": "failed", "error_code": "BLOBS_REFUSED"}
    assert ill["status"] == "degraded"
    assert ready.status_code == 200


async def test_all_keys_begin_where_the_settings_say(
    house: Any, stub: S3Stub, recording: bytes
) -> None:
    await house.upload("c1", recording)

    assert all(key.startswith(f"{PREFIX}/calls/{house.tenant.id}/") for key in stub.objects)
