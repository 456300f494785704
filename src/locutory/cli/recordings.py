"""Recordings on their way into a backup and out of it, in whichever store they lie."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import aclosing
from pathlib import Path

from locutory.cli.archive import BLOBS
from locutory.engines.blobs import BlobMissing, BlobStore
from locutory.kernel.settings import Settings

_AT_ONCE = 8


def store_of(settings: Settings) -> str:
    """Where the recordings lie, as a manifest says it."""
    return settings.blobs.url or BLOBS


async def copy_out(blobs: BlobStore, to: Path) -> dict[str, tuple[str, int]]:
    """Copy every file into a backup; returns (checksum, size) by the name that it has there.

    What is erased meanwhile is missing.
    """
    found: dict[str, tuple[str, int]] = {}

    async def one(key: str) -> None:
        name = f"{BLOBS}/{key}"
        try:
            found[name] = await _written(blobs, key, to / name)
        except BlobMissing:
            (to / name).unlink(missing_ok=True)

    await _each([key async for key in blobs.keys("")], one)
    return found


async def copy_in(blobs: BlobStore, folder: Path, names: Iterable[str]) -> None:
    """Put files of a backup into the store, under the keys that they had."""

    async def one(name: str) -> None:
        await blobs.put_file(_key(name), folder / name)

    await _each(names, one)


async def remove_others(blobs: BlobStore, names: Collection[str]) -> None:
    """Remove what the store holds beside these files of a backup."""
    kept = {_key(name) for name in names}
    await _each([key async for key in blobs.keys("") if key not in kept], blobs.delete)


async def holds_any(blobs: BlobStore) -> bool:
    """Whether there is a file in the store."""
    async for _ in blobs.keys(""):
        return True
    return False


def _key(name: str) -> str:
    return name.removeprefix(f"{BLOBS}/")


async def _each(names: Iterable[str], work: Callable[[str], Awaitable[None]]) -> None:
    waiting = iter(names)

    async def run() -> None:
        for name in waiting:
            await work(name)

    await asyncio.gather(*(run() for _ in range(_AT_ONCE)))


async def _written(blobs: BlobStore, key: str, target: Path) -> tuple[str, int]:
    """Copy a file of the store, synced; returns checksum and size. Raises BlobMissing."""
    hasher, size = hashlib.sha256(), 0
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with target.open("xb") as out:
        async with aclosing(blobs.read(key)) as pieces:
            async for piece in pieces:
                hasher.update(piece)
                size += len(piece)
                out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    return hasher.hexdigest(), size
