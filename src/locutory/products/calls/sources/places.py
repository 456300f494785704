"""Folders of businesses on the server's disk: which are allowed, and how they are entered.

A tenant names a path, and whoever fills the folder may put anything there. So every component
below the directory that the operator listed is opened by itself without following links, and
files are opened, renamed and written relative to the open folder: no name leads out of it.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from locutory.products.calls.sources.contract import FileUnreadable, FolderNotAllowed

_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".swp", "~")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
DONE, FAILED = "done", "failed"


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in a folder. `regular` is false for links, pipes and devices."""

    name: str
    size_bytes: int
    mtime_ns: int
    regular: bool


@contextmanager
def entered(folders: Sequence[Path], slug: str, path: str) -> Iterator[int]:
    """The open folder of a business, as a descriptor. Blocking.

    Raises FolderNotAllowed for what is not below one of the `folders`, in the business's own
    part of it, or leads there by a link; OSError where it cannot be opened.
    """
    root, parts = _placed(folders, slug, path)
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts:
            try:
                inner = os.open(part, _FOLDER, dir_fd=handle)
            except OSError as error:
                if _is_link(part, handle):
                    raise FolderNotAllowed(f"{part} in {path} is a link") from error
                raise
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def _placed(folders: Sequence[Path], slug: str, path: str) -> tuple[Path, tuple[str, ...]]:
    """The listed directory and the way down from it."""
    if not folders:
        raise FolderNotAllowed(
            "no folder may be watched on this server; its operator lists directories in "
            "LOCUTORY_INTAKE__FOLDERS"
        )
    given = Path(path)
    if ".." not in given.parts and "\0" not in path:
        for folder in folders:
            if given.is_relative_to(folder / slug):
                return folder, given.relative_to(folder).parts
    allowed = " or ".join(str(folder / slug) for folder in folders)
    raise FolderNotAllowed(f"name {allowed}, or a folder below")


def _is_link(name: str, handle: int) -> bool:
    with suppress(OSError):
        return stat.S_ISLNK(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode)
    return False


def entries(handle: int) -> list[Entry]:
    """What lies in an open folder and is not still being written, by name. Blocking."""
    found = []
    with os.scandir(handle) as names:
        for one in names:
            if one.name.startswith(".") or one.name.lower().endswith(_UNFINISHED):
                continue
            try:
                status = one.stat(follow_symlinks=False)
            except FileNotFoundError:  # taken away since the folder was read
                continue
            if not stat.S_ISDIR(status.st_mode):
                regular = stat.S_ISREG(status.st_mode)
                found.append(Entry(one.name, status.st_size, status.st_mtime_ns, regular))
    return sorted(found, key=lambda entry: entry.name)


def open_file(handle: int, entry: Entry) -> BinaryIO | None:
    """The file, None if it is not there as it was seen. Blocking. Raises FileUnreadable."""
    try:
        descriptor = os.open(entry.name, _FILE, dir_fd=handle)
    except PermissionError as error:
        raise FileUnreadable from error
    except OSError:
        return None
    status = os.fstat(descriptor)
    same = (status.st_size, status.st_mtime_ns) == (entry.size_bytes, entry.mtime_ns)
    if not stat.S_ISREG(status.st_mode) or not same:
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def put_away(handle: int, name: str, where: str, reason: str | None = None) -> None:
    """Move a file to `done/` or `failed/`, there with a text that says why. Blocking.

    The text comes first: a move that a death cuts off is made up for, and writes it again.
    """
    with suppress(FileExistsError):
        os.mkdir(where, dir_fd=handle)
    target = os.open(where, _FOLDER, dir_fd=handle)
    try:
        kept = _free_name(target, name)
        if reason is not None:
            text = os.open(f"{kept}.txt", _NEW, 0o644, dir_fd=target)
            with os.fdopen(text, "w", encoding="utf-8", errors="replace") as file:
                file.write(f"{reason}\n")
        with suppress(FileNotFoundError):
            os.rename(name, kept, src_dir_fd=handle, dst_dir_fd=target)
    finally:
        os.close(target)


def may_write(handle: int) -> bool:
    """Whether files can be moved within the folder. Blocking."""
    return os.access(f"/proc/self/fd/{handle}", os.W_OK) if _HAS_PROC else True


_HAS_PROC = Path("/proc/self/fd").is_dir()


def _free_name(target: int, name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    number, kept = 1, name
    while _exists(target, kept):
        number += 1
        kept = f"{stem}~{number}{dot}{suffix}" if stem else f"{name}~{number}"
    return kept


def _exists(handle: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=handle, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
