"""What to do after a look at a folder: pure, from what lies there and what is remembered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Protocol

from locutory.products.calls.sources.contract import FileState
from locutory.products.calls.sources.folder import SIDECAR_SUFFIXES
from locutory.products.calls.sources.places import Entry

ORPHAN_S = 86_400.0
NOT_REGULAR = "FILE_NOT_REGULAR: a link, a pipe or a device; put the file itself there"
NAME_ODD = "FILE_NAME_ODD: the name is not UTF-8; rename the file"
NO_RECORDING = "SIDECAR_ALONE: no recording of that name came within a day"


class Memory(Protocol):
    """What is remembered of a file."""

    size_bytes: int
    mtime_ns: int
    state: str
    seen_at: datetime
    steady_since: datetime | None


@dataclass(frozen=True, slots=True)
class Ready:
    """A whole recording, with its transcript if that has come."""

    recording: Entry
    sidecar: Entry | None


@dataclass(slots=True)
class Plan:
    """What a look leads to. `noted` are first sights and changes, `steady` second looks."""

    noted: list[Entry] = field(default_factory=list)
    steady: list[Entry] = field(default_factory=list)
    ready: list[Ready] = field(default_factory=list)
    refused: list[tuple[Entry, str]] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long files are watched before they are taken."""

    settle_s: float
    sidecar_wait_s: float


def planned(
    entries: Iterable[Entry],
    known: Mapping[str, Memory],
    now: datetime,
    patience: Patience,
    since: datetime | None = None,
) -> Plan:
    """Sort what lies in a folder. Files from before `since` are not looked at."""
    plan, whole, present = Plan(), dict[str, datetime](), dict[str, Entry]()
    listed = list(entries)
    plan.gone = sorted(known.keys() - {entry.name for entry in listed})
    for entry in listed:
        if not entry.regular:
            plan.refused.append((entry, NOT_REGULAR))
            continue
        if since is not None and entry.mtime_ns < since.timestamp() * 1e9:
            continue
        if not _is_storable(entry.name):
            plan.refused.append((entry, NAME_ODD))
            continue
        present[entry.name] = entry
        memory = known.get(entry.name)
        if memory is None or not _same(entry, memory):
            plan.noted.append(entry)
        elif memory.state != FileState.SEEN:
            plan.settled.append(entry.name)
        elif memory.steady_since is not None:
            whole[entry.name] = memory.steady_since
        elif now - memory.seen_at >= timedelta(seconds=patience.settle_s):
            plan.steady.append(entry)
            whole[entry.name] = now
    _pair(plan, present, whole, now, patience)
    return plan


def _pair(
    plan: Plan,
    present: Mapping[str, Entry],
    whole: Mapping[str, datetime],
    now: datetime,
    patience: Patience,
) -> None:
    settled = set(plan.settled)
    sidecars = {name: entry for name, entry in present.items() if is_sidecar(name)}
    stems = {stem_of(name) for name in present if name not in sidecars}
    for name, entry in present.items():
        if name in sidecars or name in settled:
            continue
        sidecar = sidecar_of(name, sidecars)
        came = sidecar is not None and (sidecar.name in whole or sidecar.name in settled)
        waited = name in whole and now - whole[name] >= timedelta(seconds=patience.sidecar_wait_s)
        if name in whole and (came or (sidecar is None and waited)):
            plan.ready.append(Ready(entry, sidecar))
        else:
            plan.waiting += 1
    for name, entry in sidecars.items():
        alone = name in whole and stem_of(name) not in stems
        if alone and now - whole[name] >= timedelta(seconds=ORPHAN_S):
            plan.refused.append((entry, NO_RECORDING))


def is_sidecar(name: str) -> bool:
    """Whether a file is a transcript by its name."""
    return PurePosixPath(name).suffix.lower() in SIDECAR_SUFFIXES


def stem_of(name: str) -> str:
    """What a recording and its transcript have in common."""
    return PurePosixPath(name).stem


def sidecar_of(name: str, sidecars: Mapping[str, Entry]) -> Entry | None:
    """The transcript of a recording, by the order in which forms are preferred."""
    fitting = [entry for entry in sidecars.values() if stem_of(entry.name) == stem_of(name)]
    order = SIDECAR_SUFFIXES.index
    return min(fitting, key=lambda e: order(PurePosixPath(e.name).suffix.lower()), default=None)


def _same(entry: Entry, memory: Memory) -> bool:
    return (entry.size_bytes, entry.mtime_ns) == (memory.size_bytes, memory.mtime_ns)


def _is_storable(name: str) -> bool:
    return name.isprintable() and not any("\ud800" <= char <= "\udfff" for char in name)
