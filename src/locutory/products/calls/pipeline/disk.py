"""Room on the disk that recordings are kept on."""

import shutil
from pathlib import Path

from locutory.products.calls.pipeline.contract import DiskLow


def free_share(folder: Path) -> float:
    """The free share of the folder's disk, 0-1."""
    usage = shutil.disk_usage(folder)
    return usage.free / usage.total


def require_room(folder: Path, least: float) -> None:
    """Raises DiskLow where less than this share is free."""
    free = free_share(folder)
    if free < least:
        raise DiskLow(f"{free:.1%} of the disk is free, {least:.0%} is the least; make room")
