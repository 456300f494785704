"""Blobs in a directory, through obstore; the same calls reach S3, GCS and Azure."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from locutory.engines.blobs.base import BlobMissing

if TYPE_CHECKING:
    from obstore.store import LocalStore


class LocalBlobs:
    """A directory. Files appear by rename and are synced before a put answers."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root.resolve()

    @cached_property
    def _store(self) -> "LocalStore":
        from obstore.store import LocalStore

        return LocalStore(self._root)

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or key.startswith("/") or ".." in parts or "." in parts:
            raise ValueError(f"not a blob key: {key!r}")
        return self._root.joinpath(*parts)

    async def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        await self._store.put_async(key, data)
        await asyncio.to_thread(_sync, path)

    async def put_file(self, key: str, path: Path) -> None:
        target = self._path(key)
        await self._store.put_async(key, path)
        await asyncio.to_thread(_sync, target)

    async def get(self, key: str) -> bytes:
        self._path(key)
        try:
            result = await self._store.get_async(key)
        except FileNotFoundError as error:
            raise BlobMissing(f"no file {key}") from error
        return bytes(await result.bytes_async())

    async def size(self, key: str) -> int | None:
        self._path(key)
        try:
            return (await self._store.head_async(key))["size"]
        except FileNotFoundError:
            return None

    @asynccontextmanager
    async def local_copy(self, key: str) -> AsyncIterator[Path]:
        path = self._path(key)
        if not path.is_file():
            raise BlobMissing(f"no file {key}")
        yield path

    async def delete(self, key: str) -> None:
        self._path(key)
        with contextlib.suppress(FileNotFoundError):
            await self._store.delete_async(key)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        async for batch in self._store.list(prefix):
            for entry in batch:
                yield entry["path"]


def _sync(path: Path) -> None:
    """Flush the file and its directory entry."""
    for target in (path, path.parent):
        handle = os.open(target, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
