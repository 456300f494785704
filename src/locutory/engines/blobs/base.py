"""The port of the blob engine."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from locutory.kernel.errors import ErrorClass, NotFoundError


class BlobMissing(NotFoundError):
    """The file is not in the store."""

    code, cls = "BLOB_MISSING", ErrorClass.PERMANENT_INPUT


class BlobStore(Protocol):
    """Keys are relative paths such as `calls/<tenant>/2026/01/<call>/original`.

    A put is whole or absent, also after a crash. Keys that leave the store raise ValueError.
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

    async def size(self, key: str) -> int | None:
        """The size in bytes, None if there is no such file."""
        ...

    def local_copy(self, key: str) -> AbstractAsyncContextManager[Path]:
        """A file on this machine with the content, for decoders. Raises BlobMissing."""
        ...

    async def delete(self, key: str) -> None:
        """Remove; a missing file is fine."""
        ...

    def keys(self, prefix: str) -> AsyncIterator[str]:
        """All keys below a prefix."""
        ...
