"""What a backup is: a folder with files, their checksums, and a manifest that is written last.

`SHA256SUMS` is in the form of sha256sum(1), so that `sha256sum -c` can check a backup where there
is no Locutory. The manifest holds the checksum of that list and of itself.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from locutory.kernel.errors import InputError

MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
DATABASES: Final = {"sqlite": "database/locutory.db", "postgresql": "database/locutory.dump"}
BLOBS: Final = "blobs"
KEYS: Final = "secrets.json"

_BLOCK = 1024 * 1024
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


class BackupDamaged(InputError):
    """The backup is not whole: something in it is missing or was changed."""

    code = "BACKUP_DAMAGED"


class Manifest(BaseModel):
    """What a backup holds. `proof` opens with the keys of the server that was backed up.

    `recordings` that were `left` lie in `store` still: `blobs` is the server's own directory.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    version: str
    made_at: datetime
    database: Literal["sqlite", "postgresql"]
    revision: str
    files: int
    bytes: int
    with_keys: bool
    recordings: Literal["copied", "left"] = "copied"
    store: str = BLOBS
    proof: str
    sums_sha256: str

    def write(self, folder: Path) -> None:
        """Store it in the backup; from then on the backup counts."""
        fields = self.model_dump(mode="json")
        store(folder / MANIFEST, orjson.dumps({**fields, "sha256": _digest(fields)}))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup. Raises BackupDamaged, also for one that was not finished."""
    path = folder / MANIFEST
    if not path.is_file():
        raise BackupDamaged(f"{folder} has no {MANIFEST}: it is no backup, or was not finished")
    try:
        fields = orjson.loads(path.read_bytes())
        told = fields.pop("sha256")
        manifest = Manifest.model_validate(fields)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        words = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise BackupDamaged(f"{path} cannot be read: {words}") from error
    if told != _digest(fields):
        raise BackupDamaged(f"{path} was changed")
    return manifest


def read_sums(folder: Path, manifest: Manifest) -> dict[str, str]:
    """Checksums by the file's name in the backup. Raises BackupDamaged."""
    path = folder / SUMS
    if not path.is_file() or checksum(path) != manifest.sums_sha256:
        raise BackupDamaged(f"{path} is missing or was changed")
    found = {}
    for line in path.read_text().splitlines():
        match = _LINE.fullmatch(line)
        if match is None or not _stays_inside(match[2]):
            raise BackupDamaged(f"{path} has a line that is none of ours")
        found[match[2]] = match[1]
    wanted = {DATABASES[manifest.database]} | ({KEYS} if manifest.with_keys else set())
    if len(found) != manifest.files or not wanted <= set(found):
        raise BackupDamaged(f"{path} does not list what {MANIFEST} tells of")
    return found


def write_sums(folder: Path, sums: Mapping[str, str]) -> str:
    """Store the checksums; returns the list's own."""
    text = "".join(f"{sum_}  {name}\n" for name, sum_ in sorted(sums.items()))
    store(folder / SUMS, text.encode())
    return checksum(folder / SUMS)


def copied(source: Path, target: Path) -> tuple[str, int]:
    """Copy a file, synced; returns checksum and size. Raises FileNotFoundError."""
    hasher, size = hashlib.sha256(), 0
    with source.open("rb") as file:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with target.open("xb") as out:
            for block in _blocks(file):
                hasher.update(block)
                size += len(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
    return hasher.hexdigest(), size


def checksum(path: Path) -> str:
    """SHA-256 of a file, hex."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        for block in _blocks(file):
            hasher.update(block)
    return hasher.hexdigest()


def store(path: Path, content: bytes) -> None:
    """Write a file of the backup, synced."""
    with path.open("xb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _blocks(file: Any) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block


def _digest(fields: Mapping[str, Any]) -> str:
    canonical = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and str(path) == name
