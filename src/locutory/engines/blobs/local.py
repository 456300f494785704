"""Blobs in a directory, listed and read through obstore."""

import asyncio
import contextlib
import io
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from locutory.engines.blobs.base import PIECE_BYTES, BlobMissing, BlobsUnavailable, parts_of
from locutory.kernel.failpoints import failpoint
from locutory.kernel.scratch import sweep, work_folder

_STAGING = ".partial"
_CHUNK = 1024 * 1024

if TYPE_CHECKING:
    from obstore.store import LocalStore


class LocalBlobs:
    """A directory. Files are synced, then appear by rename; what a dead process left is swept."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root.resolve()
        self._staging = self._root / _STAGING
        sweep(self._staging)

    @cached_property
    def _store(self) -> "LocalStore":
        from obstore.store import LocalStore

        return LocalStore(self._root)

    def _path(self, key: str) -> Path:
        parts = parts_of(key)
        if parts[0] == _STAGING:
            raise ValueError(f"not a blob key: {key!r}")
        return self._root.joinpath(*parts)

    async def put(self, key: str, data: bytes) -> None:
        target = self._path(key)
        async with work_folder(self._staging) as folder:
            await asyncio.to_thread(_publish, io.BytesIO(data), folder / "blob", target)

    async def put_file(self, key: str, path: Path) -> None:
        target = self._path(key)
        async with work_folder(self._staging) as folder:
            with await asyncio.to_thread(path.open, "rb") as source:
                await asyncio.to_thread(_publish, source, folder / "blob", target)

    async def get(self, key: str) -> bytes:
        self._path(key)
        try:
            result = await self._store.get_async(key)
        except FileNotFoundError as error:
            raise BlobMissing(f"no file {key}") from error
        return bytes(await result.bytes_async())

    async def read(
        self, key: str, first: int = 0, end: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        try:
            file = await asyncio.to_thread(self._path(key).open, "rb")
        except FileNotFoundError as error:
            raise BlobMissing(f"no file {key}") from error
        with file:
            file.seek(first)
            while end is None or first < end:
                most = PIECE_BYTES if end is None else min(PIECE_BYTES, end - first)
                piece = await asyncio.to_thread(file.read, most)
                if not piece:
                    return
                first += len(piece)
                yield piece

    async def size(self, key: str) -> int | None:
        self._path(key)
        try:
            return (await self._store.head_async(key))["size"]
        except FileNotFoundError:
            return None

    @asynccontextmanager
    async def local_copy(self, key: str, *, least: int | None = None) -> AsyncIterator[Path]:
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
                if not entry["path"].startswith(f"{_STAGING}/"):
                    yield entry["path"]

    async def check(self) -> None:
        if not await asyncio.to_thread(self._root.is_dir):
            raise BlobsUnavailable(f"{self._root} is not there", engine="local")


def _publish(source: BinaryIO, draft: Path, target: Path) -> None:
    """Copy to `draft`, and only when that is on the disk let it be `target`."""
    with draft.open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
        file.flush()
        os.fsync(file.fileno())
    failpoint("blobs.drafted")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    """Flush a directory's entries."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
