"""The port of the blob engine."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from locutory.kernel.errors import EngineError, EngineUnavailable, ErrorClass, NotFoundError

PIECE_BYTES: Final = 4 * 1024 * 1024
"""The most that a read gives at once."""


class BlobMissing(NotFoundError):
    """The file is not in the store."""

    code, cls = "BLOB_MISSING", ErrorClass.PERMANENT_INPUT


class BlobsUnavailable(EngineUnavailable):
    """The store of files does not answer; what waits for it goes on when it does."""

    code, cls = "BLOBS_UNAVAILABLE", ErrorClass.PROVIDER_OUTAGE


class BlobsRefused(EngineError):
    """The store of files refuses us; what waits for it goes on when it does not."""

    status, code, cls = 503, "BLOBS_REFUSED", ErrorClass.PROVIDER_OUTAGE


class BlobStore(Protocol):
    """Keys are relative paths such as `calls/<tenant>/2026/01/<call>/original`.

    A put is whole or absent, also after a crash. Keys that leave the store raise ValueError.
    Besides what is said of each, a store on another machine raises BlobsUnavailable, BlobsRefused.
    """

    async def put(self, key: str, data: bytes) -> None:
        """Store bytes durably."""
        ...

    async def put_file(self, key: str, path: Path) -> None:
        """Store a file durably without reading it into memory; the source stays."""
        ...

    async def get(self, key: str) -> bytes:
        """The whole content. Raises BlobMissing."""
        ...

    def read(self, key: str, first: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `first` up to `end` in pieces, all of one put. Raises BlobMissing."""
        ...

    async def size(self, key: str) -> int | None:
        """The size in bytes, None if there is no such file."""
        ...

    def local_copy(
        self, key: str, *, least: int | None = None
    ) -> AbstractAsyncContextManager[Path]:
        """A file on this machine with the content, for decoders. Raises BlobMissing.

        With `least` so many of its first bytes will do, where the others would have to travel.
        """
        ...

    async def delete(self, key: str) -> None:
        """Remove; a missing file is fine."""
        ...

    def keys(self, prefix: str) -> AsyncIterator[str]:
        """All keys below a prefix."""
        ...

    async def check(self) -> None:
        """Whether files can be reached at all."""
        ...


def parts_of(key: str) -> tuple[str, ...]:
    """The folders and the name in a key. Raises ValueError for one that leaves the store."""
    parts = PurePosixPath(key).parts
    if not parts or key.startswith("/") or ".." in parts:
        raise ValueError(f"not a blob key: {key!r}")
    return parts
