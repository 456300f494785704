"""Recordings and their sidecars on the local disk, as the command line offers them."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from locutory.engines.media.sniff import sniff
from locutory.kernel.errors import InputError

AUDIO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("wav", "mp3", "ogg", "opus", "oga", "flac", "aif", "aiff", "au", "snd", "gsm"),
        *("m4a", "mp4", "aac", "amr", "webm", "wma"),
    )
)
SIDECAR_SUFFIXES = (".vtt", ".srt", ".json", ".ctm", ".rttm", ".txt")
_HEAD_BYTES = 4096
_STEM_CHARS = 80


class NothingToIngest(InputError):
    """No recording was found there."""

    code = "NOTHING_TO_INGEST"


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording to be offered: a file or an address, with the call id that its content gives."""

    callid: str
    path: Path | None = None
    url: str | None = None
    sidecar: Path | None = None


def recordings(places: Iterable[str], transcript: Path | None = None) -> list[Recording]:
    """What lies at these paths, folders and addresses.

    In a folder, files that look like recordings by name or content are taken; a named file is
    taken as it is, so that a wrong one fails with a word. A sidecar has the same stem.
    Raises NothingToIngest.
    """
    found: list[Recording] = []
    for place in places:
        if "://" in place:
            found.append(_of_url(place))
            continue
        path = Path(place)
        if path.is_dir():
            files = sorted(p for p in path.iterdir() if p.is_file() and _is_recording(p))
            if not files:
                raise NothingToIngest(f"no recording in {place}")
            found += [_of_file(file) for file in files]
        elif path.is_file():
            found.append(_of_file(path))
        else:
            raise NothingToIngest(f"there is no {place}")
    if transcript is not None:
        if len(found) != 1:
            raise InputError("--transcript goes with exactly one recording", code="USAGE")
        one = found[0]
        found = [Recording(callid=one.callid, path=one.path, url=one.url, sidecar=transcript)]
    return found


def _of_file(path: Path) -> Recording:
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(1024 * 1024):
            digest.update(chunk)
    sidecars = (path.with_suffix(suffix) for suffix in SIDECAR_SUFFIXES)
    sidecar = next((p for p in sidecars if p.is_file() and p != path), None)
    return Recording(callid=callid_of(path.name, digest.hexdigest()), path=path, sidecar=sidecar)


def _of_url(url: str) -> Recording:
    name = PurePosixPath(urlsplit(url).path).name
    return Recording(callid=callid_of(name, hashlib.sha256(url.encode()).hexdigest()), url=url)


def callid_of(name: str, sha256: str) -> str:
    """A call id from a file's name and content: slug of the stem, 8 hex of the hash."""
    stem = PurePosixPath(name).stem
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:_STEM_CHARS] or "call"
    return f"{slug}-{sha256[:8]}"


def _is_recording(path: Path) -> bool:
    if path.name.startswith(".") or path.suffix.lower() in SIDECAR_SUFFIXES:
        return False
    if path.suffix.lower() in AUDIO_SUFFIXES:
        return True
    with path.open("rb") as source:
        return sniff(source.read(_HEAD_BYTES)).container is not None
