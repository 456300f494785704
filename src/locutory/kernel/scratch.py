"""Folders for half-done files: gone when their work is done, swept when their process died.

A folder is held by a lock on itself, which the system lets go however its process ends. Making
a folder and sweeping exclude each other by a lock on the parent.
"""

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path


@asynccontextmanager
async def work_folder(parent: Path) -> AsyncIterator[Path]:
    """An empty folder of one's own below `parent`, which is made; removed at the end."""
    making = asyncio.create_task(asyncio.to_thread(_make, parent))
    try:
        folder, hold = await asyncio.shield(making)
    except asyncio.CancelledError:  # the thread goes on: what it makes must go too
        making.add_done_callback(lambda made: _remove(*made.result()))
        raise
    try:
        yield folder
    finally:
        await asyncio.to_thread(_remove, folder, hold)


def sweep(parent: Path) -> int:
    """Remove what dead processes left below `parent`; return how many folders. Blocking."""
    if not parent.is_dir():
        return 0
    with _locked(parent, fcntl.LOCK_EX):
        return sum(_removed(folder) for folder in list(parent.iterdir()) if folder.is_dir())


def _make(parent: Path) -> tuple[Path, int]:
    parent.mkdir(parents=True, exist_ok=True)
    with _locked(parent, fcntl.LOCK_SH):
        folder = Path(tempfile.mkdtemp(dir=parent))
        hold = os.open(folder, os.O_RDONLY)
        fcntl.flock(hold, fcntl.LOCK_EX)
    return folder, hold


def _remove(folder: Path, hold: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(hold)


def _removed(folder: Path) -> bool:
    try:
        with _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(folder, ignore_errors=True)
    except (BlockingIOError, FileNotFoundError):
        return False
    return True


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)
