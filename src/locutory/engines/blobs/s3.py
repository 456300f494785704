"""Blobs in a bucket of Amazon S3, or of a server that speaks its language."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from locutory.engines.blobs.base import (
    PIECE_BYTES,
    BlobMissing,
    BlobsRefused,
    BlobsUnavailable,
    parts_of,
)
from locutory.kernel.scratch import work_folder
from locutory.kernel.settings import BlobSettings

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Config, S3Store

_ENGINE = "s3"
_NOWHERE = ".nothing-is-here"
_PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes
_PARTS_AT_ONCE = 2
_RETRIES = 3
_CONNECT_S = 5.0
_CHECK_S = 10.0
_WORDS = 200
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_KIND = re.compile(r"kind: (Connect|Timeout|Decode|Body|Interrupted|TimedOut)\b")


class S3Blobs:
    """A bucket, or what lies below a prefix of one.

    An object appears when all of it has come, by S3's own promise. Each request has its time, a
    large file is sent and fetched in pieces with a request each.
    """

    def __init__(self, settings: BlobSettings, *, bucket: str, prefix: str, scratch: Path) -> None:
        """`scratch` is a folder of this machine for copies that decoders read."""
        self._settings = settings
        self._bucket, self._prefix = bucket, prefix
        self._scratch = scratch

    @cached_property
    def _store(self) -> "S3Store":
        from obstore.store import S3Store

        timeout = timedelta(seconds=self._settings.timeout_s)
        return S3Store(
            self._bucket,
            prefix=self._prefix or None,
            config=self._config(),
            client_options={
                "allow_http": (self._settings.endpoint or "").startswith("http://"),
                "connect_timeout": min(timeout, timedelta(seconds=_CONNECT_S)),
                "timeout": timeout,
            },
            retry_config={
                "max_retries": _RETRIES,
                "retry_timeout": timeout,
                "backoff": {
                    "init_backoff": timedelta(seconds=0.1),
                    "max_backoff": timedelta(seconds=2),
                    "base": 2,
                },
            },
        )

    def _config(self) -> "S3Config":
        settings, virtual = self._settings, self._settings.style == "virtual"
        config: S3Config = {
            "region": settings.region,
            "virtual_hosted_style_request": virtual,
            "disable_bulk_delete": True,  # not every server knows it, and we delete one by one
        }
        if settings.endpoint is not None:
            at = urlsplit(settings.endpoint)
            host = f"{self._bucket}.{at.netloc}" if virtual else at.netloc
            config["endpoint"] = f"{at.scheme}://{host}"
        if settings.access_key is not None and settings.secret_key is not None:
            config["access_key_id"] = settings.access_key
            config["secret_access_key"] = settings.secret_key.get_secret_value()
        return config

    async def put(self, key: str, data: bytes) -> None:
        parts_of(key)
        with self._asked():
            await self._store.put_async(key, data, use_multipart=False)

    async def put_file(self, key: str, path: Path) -> None:
        parts_of(key)
        if not await asyncio.to_thread(path.is_file):
            raise FileNotFoundError(path)
        with self._asked():
            await self._store.put_async(
                key, path, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )

    async def get(self, key: str) -> bytes:
        return b"".join([piece async for piece in self.read(key)])

    async def read(
        self, key: str, first: int = 0, end: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        parts_of(key)
        found = await self._head(key)
        if found is None:
            await self.check()  # a bucket that is not there must not look like a lost recording
            raise BlobMissing(f"no file {key}")
        size, tag = found
        end = size if end is None else min(end, size)
        while first < end:
            piece = await self._piece(key, first, min(first + PIECE_BYTES, end), tag)
            yield piece
            first += len(piece)

    async def _piece(self, key: str, first: int, end: int, tag: str | None) -> bytes:
        options: GetOptions = {"range": (first, end)}
        if tag is not None:
            options["if_match"] = tag
        try:
            with self._asked():
                result = await self._store.get_async(key, options=options)
                piece = bytes(await result.bytes_async())
        except FileNotFoundError as error:
            raise BlobMissing(f"no file {key}") from error
        if len(piece) != end - first:
            raise BlobsUnavailable("S3 sent less than it said", engine=_ENGINE)
        return piece

    async def _head(self, key: str) -> tuple[int, str | None] | None:
        """Size and tag; None where S3 knows of nothing, be it the object or the bucket."""
        try:
            with self._asked():
                found = await self._store.head_async(key)
        except FileNotFoundError:
            return None
        except BlobsRefused:
            await self.check()  # the answer to a HEAD has no words, this one has
            raise
        return found["size"], found["e_tag"]

    async def size(self, key: str) -> int | None:
        parts_of(key)
        found = await self._head(key)
        return None if found is None else found[0]

    @asynccontextmanager
    async def local_copy(self, key: str, *, least: int | None = None) -> AsyncIterator[Path]:
        async with work_folder(self._scratch) as folder:
            path = folder / "blob"
            with await asyncio.to_thread(path.open, "wb") as file:
                async with aclosing(self.read(key, 0, least)) as pieces:
                    async for piece in pieces:
                        await asyncio.to_thread(file.write, piece)
            yield path

    async def delete(self, key: str) -> None:
        parts_of(key)
        try:
            with self._asked():
                await self._store.delete_async(key)
        except FileNotFoundError:
            await self.check()

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        with self._asked():
            async for batch in self._store.list(prefix, chunk_size=1000):
                for entry in batch:
                    yield entry["path"]

    async def check(self) -> None:
        """Ask for a list that is empty: it needs address, bucket and rights to be right."""
        wait_s = min(self._settings.timeout_s, _CHECK_S)
        try:
            async with asyncio.timeout(wait_s):
                async for _ in self.keys(_NOWHERE):
                    return
        except TimeoutError as error:
            words = f"S3 does not answer within {wait_s:g} s"
            raise BlobsUnavailable(words, engine=_ENGINE) from error

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Say a failure in S3's words; FileNotFoundError passes where the object is missing."""
        from obstore.exceptions import BaseError

        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):  # the body of a GET; a HEAD has none
                raise BlobsUnavailable(self._said(str(error)), engine=_ENGINE) from error
            raise
        except BaseError as error:
            words = str(error)
            status = _STATUS.search(words)
            refused = status is not None and status[1] in ("401", "403")
            failure = BlobsRefused if refused else BlobsUnavailable
            raise failure(self._said(words), engine=_ENGINE) from error

    def _said(self, words: str) -> str:
        """What S3 answered, or how it did not; the secret is not told."""
        status, code, message = (p.search(words) for p in (_STATUS, _CODE, _MESSAGE))
        if status is None:
            kind = _KIND.search(words)
            if kind is not None:
                return f"S3 does not answer ({kind[1].lower()})"
            line = words.partition("\n")[0].removeprefix("Generic S3 error: ")
            return f"S3's answer cannot be used: {line[:_WORDS]}"
        told = " ".join(match[1] for match in (status, code) if match is not None)
        said = f"S3 answered {told}" + ("" if message is None else f": {message[1][:_WORDS]}")
        secret = self._settings.secret_key
        return said if secret is None else said.replace(secret.get_secret_value(), "***")
