"""Streaming a file from an address that a tenant gave."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

import aiohttp
from yarl import URL

from locutory.kernel.clock import Clock, utc_now
from locutory.kernel.errors import InputError, StorageUnavailableError, TooLargeError
from locutory.kernel.failpoints import failpoint
from locutory.kernel.http.connections import network_errors
from locutory.kernel.http.gate import Gate, UrlBlockedError
from locutory.kernel.http.replies import RemoteUnavailableError, remote_error

CHUNK_BYTES: Final = 256 * 1024
BUFFER_BYTES: Final = 1024 * 1024
RESUMES: Final = 3

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """Bounds of one download. The whole may take `max(floor_s, bytes / slowest_bps)` seconds."""

    connect_s: float = 10.0
    idle_s: float = 60.0
    floor_s: float = 120.0
    slowest_bps: float = 64_000.0
    redirects: int = 3

    def total_s(self, size_bytes: int) -> float:
        """Seconds for a file of this size."""
        return max(self.floor_s, size_bytes / self.slowest_bps)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchCodes:
    """The words that the caller's product uses for what may go wrong for good."""

    gone: str = "URL_GONE"
    too_large: str = "TOO_LARGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that arrived whole. `sha256` in hex; `content_type` and `etag` as sent."""

    sha256: str
    size: int
    content_type: str | None
    etag: str | None


class _Sink:
    """Writes to a seekable file and hashes on the way, off the event loop."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = file.tell()
        self._buffer = bytearray()
        self._hash = hashlib.sha256()
        self.size = 0

    async def feed(self, chunk: bytes) -> None:
        self._buffer += chunk
        self.size += len(chunk)
        if len(self._buffer) >= BUFFER_BYTES:
            await self.flush()

    async def flush(self) -> None:
        data, self._buffer = bytes(self._buffer), bytearray()
        await asyncio.to_thread(self._write, data)

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise StorageUnavailableError("the file cannot be written here") from error

    def restart(self) -> None:
        """Forget everything that arrived."""
        if self.size == 0:
            return
        self._file.seek(self._start)
        self._file.truncate()
        self._buffer, self._hash, self.size = bytearray(), hashlib.sha256(), 0

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class _Interrupted(Exception):
    def __init__(self, etag: str) -> None:
        self.etag = etag


class Fetch:
    """One download, with its redirects and resumptions."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        gate: Gate,
        *,
        max_bytes: int,
        limits: FetchLimits,
        codes: FetchCodes,
        credentials: Mapping[str, str],
        clock: Clock = utc_now,
    ) -> None:
        """`session` is a gated one; `credentials` go to the first origin only."""
        self._session = session
        self._gate = gate
        self._max_bytes = max_bytes
        self._limits = limits
        self._codes = codes
        self._credentials = credentials
        self._clock = clock

    async def run(self, url: str, file: BinaryIO) -> Fetched:
        """Write the body to `file`.

        Raises UrlBlockedError, InputError, TooLargeError; RemoteUnavailableError,
        RemoteThrottledError and StorageUnavailableError where trying again may help.
        """
        sink = _Sink(file)
        began = asyncio.get_running_loop().time()
        with network_errors(RemoteUnavailableError):
            async with asyncio.timeout(self._limits.floor_s) as scope:
                etag: str | None = None
                for _ in range(RESUMES + 1):
                    try:
                        async with self._follow(url, _range_headers(sink.size, etag)) as response:
                            stated = self._admit(response, sink, etag)
                            scope.reschedule(began + self._limits.total_s(stated))
                            return await self._receive(response, sink)
                    except _Interrupted as error:
                        etag = error.etag
        raise RemoteUnavailableError("the connection broke too often")

    @asynccontextmanager
    async def _follow(
        self, url: str, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The first reply that is no redirect; each address on the way is checked."""
        current = URL(url.strip())
        origin = self._gate.check_url(str(current))
        credentials = self._credentials
        timeout = aiohttp.ClientTimeout(
            sock_connect=self._limits.connect_s, sock_read=self._limits.idle_s
        )
        for _ in range(self._limits.redirects + 1):
            async with self._session.get(
                current,
                headers={**credentials, **headers, "Accept-Encoding": "identity"},
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or location is None:
                    yield response
                    return
            current = _join(current, location)
            target = self._gate.check_url(str(current))
            if target != origin:
                credentials = {}
            origin = target
        raise UrlBlockedError("too many redirects")

    def _admit(self, response: aiohttp.ClientResponse, sink: _Sink, etag: str | None) -> int:
        """The stated size of the whole file, else the largest allowed; the sink stands ready."""
        if response.status == 206 and _continues(response, sink.size, etag):
            pass
        elif response.status == 200:
            sink.restart()
        elif response.status in (206, 416):
            raise RemoteUnavailableError("the address did not go on where it broke off")
        else:
            raise remote_error(
                response.status,
                {name.lower(): value for name, value in response.headers.items()},
                gone_code=self._codes.gone,
                now=self._clock(),
            )
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise InputError("the address sends compressed content unasked", code="URL_REFUSED")
        if response.content_length is None:
            return self._max_bytes
        stated = sink.size + response.content_length
        self._check_size(stated)
        return stated

    async def _receive(self, response: aiohttp.ClientResponse, sink: _Sink) -> Fetched:
        etag = response.headers.get("ETag")
        try:
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                self._check_size(sink.size + len(chunk))
                await sink.feed(chunk)
                failpoint("http.fetch.chunk")
        except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError) as error:
            if isinstance(error, TimeoutError) or not _is_strong(etag):
                raise
            await sink.flush()
            raise _Interrupted(str(etag)) from error
        await sink.flush()
        return Fetched(
            sha256=sink.hexdigest(),
            size=sink.size,
            content_type=response.headers.get("Content-Type"),
            etag=etag,
        )

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise TooLargeError(
                f"the file is larger than {self._max_bytes} bytes",
                code=self._codes.too_large,
            )


def _range_headers(size: int, etag: str | None) -> dict[str, str]:
    if etag is None or size == 0:
        return {}
    return {"Range": f"bytes={size}-", "If-Range": etag}


def _continues(response: aiohttp.ClientResponse, size: int, etag: str | None) -> bool:
    """Whether a partial reply is the rest of the same file, from where it broke off."""
    found = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    same = etag is not None and response.headers.get("ETag") == etag
    return same and found is not None and int(found[1]) == size


def _is_strong(etag: str | None) -> bool:
    """Only a strong validator promises equal bytes (RFC 9110, 8.8.1)."""
    return etag is not None and etag.startswith('"')


def _join(base: URL, location: str) -> URL:
    try:
        return base.join(URL(location))
    except ValueError as error:
        raise UrlBlockedError("the redirect leads to no web address") from error
