import asyncio
import hashlib
import io
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from locutory.kernel.errors import (
    ErrorClass,
    InputError,
    LocutoryError,
    StorageUnavailableError,
    TooLargeError,
)
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.fetching import FetchCodes, FetchLimits
from locutory.kernel.http.gate import UrlBlockedError
from locutory.kernel.http.replies import RemoteThrottledError, RemoteUnavailableError
from locutory.kernel.settings import HttpSettings

BODY = bytes(range(256)) * 8000


class Names:
    """A name service of our own; every name is this machine unless told otherwise."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return ["127.0.0.1"]


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
async def client(names: Names) -> AsyncIterator[HttpClient]:
    http = HttpClient(HttpSettings(allow_private_hosts=("files.test", "other.test")), resolve=names)
    yield http
    await http.close()


def listing(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_file_arrives_whole_with_its_hash(
    client: HttpClient, names: Names, server, reply: Callable, tmp_path: Path
) -> None:
    server.answer = reply(200, BODY, ETag='"1"', Content_Type="audio/wav")
    digest = hashlib.sha256(BODY).hexdigest()

    fetched = await client.fetch(
        server.url("/a", "files.test"),
        to=tmp_path / "a",
        max_bytes=len(BODY),
        expected_sha256=digest,
    )

    assert (tmp_path / "a").read_bytes() == BODY
    assert (fetched.sha256, fetched.size) == (digest, len(BODY))
    assert (fetched.content_type, fetched.etag) == ("audio/wav", '"1"')
    assert names.asked == ["files.test"]
    assert listing(tmp_path) == ["a"]


async def failure(client: HttpClient, url: str, folder: Path, **options) -> LocutoryError:
    """The error of a fetch that fails, and leaves nothing behind."""
    options.setdefault("max_bytes", 10_000_000)
    with pytest.raises(LocutoryError) as caught:
        await client.fetch(url, to=folder / "a", **options)
    assert listing(folder) == []
    return caught.value


async def test_a_redirect_to_a_private_address_is_blocked(
    client: HttpClient, server, reply: Callable, tmp_path: Path
) -> None:
    server.answer = reply(302, Location=server.url("/secret"))

    error = await failure(client, server.url("/a", "files.test"), tmp_path)

    assert isinstance(error, UrlBlockedError)
    assert error.cls is ErrorClass.PERMANENT_INPUT
    assert [asked.path for asked in server.asked] == ["/a"]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://[bad", "//u:p@files.test/"])
async def test_a_redirect_to_no_web_address_is_blocked(
    client: HttpClient, server, reply: Callable, tmp_path: Path, location: str
) -> None:
    server.answer = reply(302, Location=location)

    assert isinstance(
        await failure(client, server.url("/a", "files.test"), tmp_path), UrlBlockedError
    )


async def test_a_name_in_the_private_network_is_blocked(names: Names, tmp_path: Path) -> None:
    client = HttpClient(HttpSettings(), resolve=names)

    error = await failure(client, "http://rebound.test:8080/a", tmp_path)

    assert isinstance(error, UrlBlockedError)
    assert names.asked == ["rebound.test"]
    await client.close()


async def test_a_name_that_does_not_resolve_can_be_tried_again(tmp_path: Path) -> None:
    async def no_such_name(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    client = HttpClient(HttpSettings(), resolve=no_such_name)

    error = await failure(client, "http://gone.test/a", tmp_path)

    assert isinstance(error, RemoteUnavailableError)
    assert "does not resolve" in error.detail
    await client.close()


@pytest.fixture
def full_disk() -> Iterator[BinaryIO]:
    with Path("/dev/full").open("wb", buffering=0) as file:
        yield file


async def test_a_full_disk_is_no_fault_of_the_address(
    client: HttpClient, server, reply: Callable, full_disk: BinaryIO
) -> None:
    server.answer = reply(200, BODY)

    with pytest.raises(StorageUnavailableError):
        await client.fetch(server.url("/a", "files.test"), to=full_disk, max_bytes=len(BODY))


async def test_three_redirects_are_followed_and_a_fourth_is_not(
    client: HttpClient, server, reply: Callable, tmp_path: Path
) -> None:
    async def chain(asked) -> None:
        left = int(asked.path[1:])
        await (reply(302, Location=f"/{left - 1}") if left else reply(200, b"end"))(asked)

    server.answer = chain

    fetched = await client.fetch(
        server.url("/3", "files.test"), to=tmp_path / "three", max_bytes=10
    )

    assert fetched.size == 3
    (tmp_path / "three").unlink()
    error = await failure(client, server.url("/4", "files.test"), tmp_path)
    assert isinstance(error, UrlBlockedError)


async def test_credentials_stay_with_their_origin(
    client: HttpClient, server, reply: Callable, tmp_path: Path
) -> None:
    hops = {"/1": "/2", "/2": server.url("/3", "other.test"), "/3": server.url("/4", "files.test")}

    async def hop(asked) -> None:
        target = hops.get(asked.path)
        await (reply(307, Location=target) if target else reply(200, b"x"))(asked)

    server.answer = hop

    await client.fetch(
        server.url("/1", "files.test"),
        to=tmp_path / "a",
        max_bytes=10,
        headers={"Authorization": "Bearer k"},
    )

    assert [("authorization" in asked.headers) for asked in server.asked] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_lost_file_is_told_in_the_callers_word(
    client: HttpClient, server, reply: Callable, tmp_path: Path, status: int
) -> None:
    server.answer = reply(status)

    error = await failure(
        client,
        server.url("/a", "files.test"),
        tmp_path,
        codes=FetchCodes(gone="AUDIO_URL_EXPIRED"),
    )

    assert isinstance(error, InputError)
    assert error.error_code == "AUDIO_URL_EXPIRED"


async def test_throttling_and_outages_can_be_tried_again(
    client: HttpClient, server, reply: Callable, tmp_path: Path
) -> None:
    url = server.url("/a", "files.test")
    server.answer = reply(429, Retry_After="9")
    throttled = await failure(client, url, tmp_path)
    server.answer = reply(502)
    broken = await failure(client, url, tmp_path)

    assert isinstance(throttled, RemoteThrottledError)
    assert throttled.retry_after == 9
    assert isinstance(broken, RemoteUnavailableError)


async def test_a_stated_size_above_the_limit_is_refused_before_the_body(
    client: HttpClient, server, reply: Callable, tmp_path: Path
) -> None:
    server.answer = reply(200, b"", length=10**12)

    error = await failure(
        client,
        server.url("/a", "files.test"),
        tmp_path,
        codes=FetchCodes(too_large="AUDIO_TOO_LARGE"),
    )

    assert isinstance(error, TooLargeError)
    assert error.error_code == "AUDIO_TOO_LARGE"


def endless(chunk: bytes) -> Callable:
    async def answer(asked) -> None:
        asked.writer.write(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n")
        while not asked.writer.is_closing():
            asked.writer.write(chunk)
            await asked.writer.drain()
            await asyncio.sleep(0)

    return answer


async def test_an_endless_body_is_cut_at_the_limit(
    client: HttpClient, server, tmp_path: Path
) -> None:
    server.answer = endless(b"x" * 65536)

    error = await failure(client, server.url("/a", "files.test"), tmp_path, max_bytes=1_000_000)

    assert isinstance(error, TooLargeError)


async def test_a_body_that_drips_is_cut_at_the_total_time(
    client: HttpClient, server, tmp_path: Path
) -> None:
    server.answer = endless(b"x")
    limits = FetchLimits(floor_s=0.2, slowest_bps=1e12)

    error = await failure(client, server.url("/a", "files.test"), tmp_path, limits=limits)

    assert isinstance(error, RemoteUnavailableError)
    assert "too long" in error.detail


async def test_a_body_that_stalls_is_cut_at_the_idle_time(
    client: HttpClient, server, tmp_path: Path
) -> None:
    async def stall(asked) -> None:
        asked.writer.write(b'HTTP/1.1 200 X\r\nContent-Length: 9\r\nETag: "1"\r\n\r\nx')
        await asyncio.Event().wait()

    server.answer = stall

    error = await failure(
        client, server.url("/a", "files.test"), tmp_path, limits=FetchLimits(idle_s=0.05)
    )

    assert isinstance(error, RemoteUnavailableError)
    assert len(server.asked) == 1


def test_the_total_time_grows_with_the_size() -> None:
    assert FetchLimits().total_s(1000) == 120
    assert FetchLimits().total_s(64_000 * 500) == 500


async def test_a_body_shorter_than_stated_is_no_file(
    client: HttpClient, server, reply: Callable, tmp_path: Path
) -> None:
    server.answer = reply(200, b"half", length=8)

    assert isinstance(
        await failure(client, server.url("/a", "files.test"), tmp_path), RemoteUnavailableError
    )


async def test_a_body_longer_than_stated_is_no_file(
    client: HttpClient, server, reply: Callable, tmp_path: Path
) -> None:
    server.answer = reply(200, b"0123456789", length=4)

    assert isinstance(
        await failure(client, server.url("/a", "files.test"), tmp_path), RemoteUnavailableError
    )


async def test_compressed_content_is_refused(
    client: HttpClient, server, reply: Callable, tmp_path: Path
) -> None:
    server.answer = reply(200, b"\x1f\x8b", Content_Encoding="gzip")

    error = await failure(client, server.url("/a", "files.test"), tmp_path)

    assert error.error_code == "URL_REFUSED"
    assert server.asked[0].headers["accept-encoding"] == "identity"


async def test_another_file_than_announced_is_refused(
    client: HttpClient, server, reply: Callable, tmp_path: Path
) -> None:
    server.answer = reply(200, b"other")

    error = await failure(
        client, server.url("/a", "files.test"), tmp_path, expected_sha256="0" * 64
    )

    assert error.error_code == "HASH_MISMATCH"


def breaking(body: bytes, reply: Callable, *, etags: list[str], ranged: bool = True) -> Callable:
    """A server whose first replies break off half way; one ETag for each request."""

    async def answer(asked) -> None:
        etag = etags.pop(0)
        start = 0
        if ranged and asked.headers.get("if-range") == etag:
            start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
        rest = body[start:]
        sent = rest[: len(rest) // 2] if etags else rest
        extra = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        await reply(206 if start else 200, sent, length=len(rest), ETag=etag, **extra)(asked)

    return answer


@pytest.mark.parametrize(
    ("etags", "ranged"),
    [
        (['"1"', '"1"'], True),
        (['"1"', '"1"', '"1"', '"1"'], True),
        (['"1"', '"2"'], True),
        (['"1"', '"1"'], False),
    ],
)
async def test_a_broken_download_goes_on_or_starts_anew(
    client: HttpClient, server, reply: Callable, etags: list[str], ranged: bool
) -> None:
    same_file = ranged and len(set(etags)) == 1
    server.answer = breaking(BODY, reply, etags=etags, ranged=ranged)
    file = io.BytesIO()
    file.write(b"head")

    fetched = await client.fetch(server.url("/a", "files.test"), to=file, max_bytes=len(BODY))

    assert file.getvalue() == b"head" + BODY
    assert fetched.sha256 == hashlib.sha256(BODY).hexdigest()
    assert server.asked[1].headers["range"] == f"bytes={len(BODY) // 2}-"
    assert same_file or len(server.asked) == 2


@pytest.mark.parametrize("etag", ['W/"1"', ""])
async def test_without_a_strong_etag_nothing_is_patched_together(
    client: HttpClient, server, reply: Callable, tmp_path: Path, etag: str
) -> None:
    server.answer = breaking(BODY, reply, etags=[etag, etag])

    assert isinstance(
        await failure(client, server.url("/a", "files.test"), tmp_path), RemoteUnavailableError
    )
    assert len(server.asked) == 1


async def test_a_download_that_keeps_breaking_is_left_to_a_later_try(
    client: HttpClient, server, reply: Callable, tmp_path: Path
) -> None:
    server.answer = breaking(BODY, reply, etags=['"1"'] * 9)

    error = await failure(client, server.url("/a", "files.test"), tmp_path)

    assert isinstance(error, RemoteUnavailableError)
    assert len(server.asked) == 4


async def test_a_rest_of_another_place_is_refused(
    client: HttpClient, server, reply: Callable, tmp_path: Path
) -> None:
    answers = [
        reply(200, b"half", length=8, ETag='"1"'),
        reply(206, b"half", ETag='"1"', Content_Range="bytes 2-5/8"),
    ]

    async def next_answer(asked) -> None:
        await answers.pop(0)(asked)

    server.answer = next_answer

    assert isinstance(
        await failure(client, server.url("/a", "files.test"), tmp_path), RemoteUnavailableError
    )
