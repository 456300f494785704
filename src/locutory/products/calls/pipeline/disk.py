"""Room for recordings: on this machine's disk, and in the store that keeps them."""

import shutil
from pathlib import Path

from locutory.engines.blobs import BlobStore
from locutory.kernel.errors import EngineError
from locutory.products.calls.pipeline.contract import DiskLow, StoreDown


def free_share(folder: Path) -> float:
    """The free share of the folder's disk, 0-1."""
    usage = shutil.disk_usage(folder)
    return usage.free / usage.total


def require_room(folder: Path, least: float) -> None:
    """Raises DiskLow where less than this share is free."""
    free = free_share(folder)
    if free < least:
        raise DiskLow(f"{free:.1%} of the disk is free, {least:.0%} is the least; make room")


async def require_store(blobs: BlobStore) -> None:
    """Raises StoreDown, in the store's words, where it takes no recordings now."""
    try:
        await blobs.check()
    except EngineError as error:
        raise StoreDown(error.detail) from error


class StoreLook:
    """Whether the store answers, asked once and only if somebody wants to know."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._answers: bool | None = None

    async def answers(self) -> bool:
        """As it was when it was asked first."""
        if self._answers is None:
            try:
                await require_store(self._blobs)
                self._answers = True
            except StoreDown:
                self._answers = False
        return self._answers
