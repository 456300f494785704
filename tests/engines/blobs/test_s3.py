"""A bucket that fails in every way: clear words, a bounded time, nothing half-written."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import free_port
from tests.engines.blobs.stores import PREFIX, bucket_of, stub_settings
from tests.stubs.s3 import DENIED, SECRET_KEY, SLOW_DOWN, WHOLE, S3Stub, refused, tag
from tests.stubs.vendor import Answer, served

from locutory.engines.blobs import BlobsRefused, BlobStore, BlobsUnavailable, get_blobs
from locutory.kernel.errors import ConfigError, EngineError
from locutory.kernel.jobs.policy import classify
from locutory.kernel.settings import BlobSettings, Settings

LONG = bytes(range(256)) * 44 * 1024
ALWAYS = 1000
Ask = Callable[[BlobStore, Path], Awaitable[Any]]


@pytest.fixture
def stub() -> Iterator[S3Stub]:
    with served(S3Stub()) as stub:
        stub.objects[f"{PREFIX}/k"] = b"kept"
        yield stub


@pytest.fixture
def blobs(stub: S3Stub, tmp_path: Path) -> BlobStore:
    return bucket_of(stub_settings(stub), tmp_path)


async def put(blobs: BlobStore, source: Path) -> None:
    await blobs.put("k", b"new")


async def put_file(blobs: BlobStore, source: Path) -> None:
    await blobs.put_file("k", source)


async def get(blobs: BlobStore, source: Path) -> None:
    await blobs.get("k")


async def size(blobs: BlobStore, source: Path) -> None:
    await blobs.size("k")


async def copy(blobs: BlobStore, source: Path) -> None:
    async with blobs.local_copy("k"):
        pass


async def delete(blobs: BlobStore, source: Path) -> None:
    await blobs.delete("k")


async def listed(blobs: BlobStore, source: Path) -> None:
    assert [key async for key in blobs.keys("")]


async def check(blobs: BlobStore, source: Path) -> None:
    await blobs.check()


ASKED: tuple[Ask, ...] = (put, put_file, get, size, copy, delete, listed, check)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(LONG)
    return path


async def failure(ask: Ask, blobs: BlobStore, source: Path) -> EngineError:
    with pytest.raises(EngineError) as raised:
        await ask(blobs, source)
    assert SECRET_KEY not in str(raised.value) + repr(raised.value.__cause__)
    assert classify(raised.value).cls == "provider_outage"  # waits, and is not counted
    return raised.value


@pytest.mark.parametrize("ask", ASKED)
async def test_a_bucket_that_asks_for_less_is_asked_again_a_few_times(
    ask: Ask, stub: S3Stub, blobs: BlobStore, source: Path
) -> None:
    stub.fail("", SLOW_DOWN, times=2)
    await ask(blobs, source)

    stub.fail("", SLOW_DOWN, times=ALWAYS)
    error = await failure(ask, blobs, source)

    assert isinstance(error, BlobsUnavailable)
    assert "503" in error.detail
    assert "reduce your request rate" in error.detail or ask in (get, size, copy)  # these ask HEAD


@pytest.mark.parametrize("ask", ASKED)
async def test_a_bucket_that_refuses_us_says_so(
    ask: Ask, stub: S3Stub, blobs: BlobStore, source: Path
) -> None:
    stub.fail("", DENIED, times=ALWAYS)

    error = await failure(ask, blobs, source)

    assert isinstance(error, BlobsRefused)
    assert error.detail == "S3 answered 403 AccessDenied: Access Denied"
    assert stub.objects == {f"{PREFIX}/k": b"kept"}


@pytest.mark.parametrize("ask", ASKED)
async def test_a_wrong_secret_is_found_out_by_the_signature(
    ask: Ask, stub: S3Stub, tmp_path: Path, source: Path
) -> None:
    blobs = bucket_of(stub_settings(stub, secret_key="guessed-wrong"), tmp_path)

    error = await failure(ask, blobs, source)

    assert isinstance(error, BlobsRefused)
    assert "SignatureDoesNotMatch" in error.detail


@pytest.mark.parametrize("ask", [ask for ask in ASKED if ask is not size])
async def test_a_bucket_that_is_not_there_is_no_lost_recording(
    ask: Ask, stub: S3Stub, tmp_path: Path, source: Path
) -> None:
    blobs = bucket_of(stub_settings(stub, url="s3://elsewhere"), tmp_path)

    error = await failure(ask, blobs, source)

    assert isinstance(error, BlobsUnavailable)
    assert "404 NoSuchBucket" in error.detail


@pytest.mark.parametrize("ask", ASKED)
async def test_a_server_that_hangs_is_waited_for_as_long_as_is_said(
    ask: Ask, stub: S3Stub, tmp_path: Path, source: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        at = f"http://127.0.0.1:{silent.getsockname()[1]}"
        blobs = bucket_of(stub_settings(stub, endpoint=at, timeout_s=0.3), tmp_path)
        async with asyncio.timeout(20):
            error = await failure(ask, blobs, source)

    assert isinstance(error, BlobsUnavailable)
    assert "does not answer" in error.detail


async def test_a_file_that_stops_coming_is_waited_for_as_long_as_is_said(
    stub: S3Stub, tmp_path: Path
) -> None:
    blobs = bucket_of(stub_settings(stub, timeout_s=0.3), tmp_path)
    half = {"ETag": tag(b"kept"), "Last-Modified": WHOLE, "Content-Range": "bytes 0-3/4"}
    stub.fail("/k", Answer(206, b"ke", half, stalls=True), method="GET", times=ALWAYS)

    async with asyncio.timeout(20):
        error = await failure(get, blobs, tmp_path)

    assert isinstance(error, BlobsUnavailable)


async def test_a_server_that_comes_and_goes_is_there_when_it_is_there(
    stub: S3Stub, tmp_path: Path, source: Path
) -> None:
    port = free_port()
    blobs = bucket_of(stub_settings(stub, endpoint=f"http://127.0.0.1:{port}"), tmp_path)

    absent = await failure(put_file, blobs, source)
    with served(stub, port):
        await blobs.put_file("long", source)
        there = await blobs.get("long")
    gone = await failure(get, blobs, source)

    assert "does not answer (connect)" in absent.detail
    assert there == LONG
    assert "does not answer (connect)" in gone.detail


async def test_an_answer_that_breaks_off_is_no_file(
    stub: S3Stub, blobs: BlobStore, tmp_path: Path
) -> None:
    broken = {"ETag": tag(b"kept"), "Last-Modified": WHOLE, "Content-Range": "bytes 0-3/4"}
    stub.fail("/k", Answer(206, b"ke", broken, cut=True), method="GET", times=ALWAYS)

    error = await failure(copy, blobs, tmp_path)

    assert isinstance(error, BlobsUnavailable)
    assert list((tmp_path / "tmp").iterdir()) == []


async def test_a_file_that_breaks_off_on_its_way_is_not_there(
    stub: S3Stub, blobs: BlobStore, source: Path
) -> None:
    stub.fail("/k", SLOW_DOWN, method="PUT", times=ALWAYS)

    await failure(put_file, blobs, source)

    assert stub.objects == {f"{PREFIX}/k": b"kept"}
    assert stub.uploads == {}  # nor do its parts stay


async def test_a_file_that_is_replaced_while_it_is_read_is_not_mixed(
    stub: S3Stub, blobs: BlobStore, source: Path
) -> None:
    await blobs.put_file("k", source)
    pieces = blobs.read("k")
    first = await anext(pieces)
    await blobs.put("k", bytes(len(LONG)))

    with pytest.raises(BlobsUnavailable, match="412 PreconditionFailed"):
        await anext(pieces)

    assert first == LONG[: len(first)]


async def test_a_full_bucket_is_told_in_its_own_words(
    stub: S3Stub, blobs: BlobStore, source: Path
) -> None:
    stub.fail("/k", refused(507, "XMinioStorageFull", "No space left"), times=ALWAYS)

    error = await failure(put, blobs, source)

    assert error.detail == "S3 answered 507 XMinioStorageFull: No space left"


async def test_a_missing_source_is_not_the_stores_fault(blobs: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        await blobs.put_file("k", tmp_path / "nothing")

    assert raised.value.errno in (None, errno.ENOENT)


async def test_all_lies_below_the_prefix(stub: S3Stub, blobs: BlobStore) -> None:
    stub.objects["house/other/secret"] = b"of others"
    await blobs.put("calls/t1/c1/original", b"x")

    assert {key async for key in blobs.keys("")} == {"calls/t1/c1/original", "k"}
    assert f"{PREFIX}/calls/t1/c1/original" in stub.objects


async def test_the_buckets_name_goes_where_it_is_wanted(stub: S3Stub, tmp_path: Path) -> None:
    at = stub.url.replace("127.0.0.1", "localhost")
    blobs: Any = bucket_of(stub_settings(stub, endpoint=at, style="virtual"), tmp_path)

    assert blobs._config()["endpoint"] == at.replace("localhost", "recordings.localhost")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"url": "https://bucket"}, "LOCUTORY_BLOBS__URL"),
        ({"url": "s3://"}, "LOCUTORY_BLOBS__URL"),
        ({"url": "s3://key:secret@bucket"}, "LOCUTORY_BLOBS__URL"),
        ({"url": "s3://bucket?region=x"}, "LOCUTORY_BLOBS__URL"),
        ({"url": "s3://bucket", "endpoint": "storage:9000"}, "LOCUTORY_BLOBS__ENDPOINT"),
        ({"url": "s3://bucket", "endpoint": "http://storage/path"}, "LOCUTORY_BLOBS__ENDPOINT"),
        ({"url": "s3://bucket", "access_key": "AK"}, "LOCUTORY_BLOBS__ACCESS_KEY"),
    ],
)
def test_settings_that_no_store_can_have_stop_the_start(
    settings: dict[str, Any], name: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=name) as raised:
        get_blobs(Settings(data_dir=tmp_path, blobs=BlobSettings(**settings)))

    assert "secret@" not in raised.value.detail
