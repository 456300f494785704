"""What a source says of a call, and how its offer was taken."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from locutory.kernel.errors import (
    ConflictError,
    ForbiddenError,
    InputError,
    InvalidError,
    NotFoundError,
)
from locutory.products.calls.pipeline.contract import AudioRef
from locutory.products.calls.records.contract import Consent, Direction

CALLID = re.compile(r"[A-Za-z0-9._:@+-]{1,128}")
RESERVED = frozenset({"stream", "bulk", "facets", "export"})
"""What stands in the place of a call id in our own addresses: such a call could not be read."""


WATCH_FOLDERS = "calls.watch_folders"
LOOK = "calls.look"
POLL = "calls.poll"
ROW = "calls.sync_row"
"""What a dead letter is called that keeps a row which is no call."""
BACKFILL = "calls.backfill"
QUEUE = "intake"
"""The queue of folders, source databases and backfills."""
SYNC = "sync"
"""Where rows of source databases lie that are no calls; nothing is worked there."""


class SourceKind(StrEnum):
    """Where a business's calls come from."""

    FOLDER = "folder"
    PUSH = "push"
    MYSQL = "mysql"
    POSTGRESQL = "postgresql"

    @property
    def is_database(self) -> bool:
        """Whether rows are read from there."""
        return self in (SourceKind.MYSQL, SourceKind.POSTGRESQL)


class After(StrEnum):
    """What becomes of a file in a watched folder: moved to `done/` or `failed/`, or left there."""

    MOVE = "move"
    LEAVE = "leave"


class FileState(StrEnum):
    """What is remembered of a file in a watched folder."""

    SEEN = "seen"
    TAKEN = "taken"
    REFUSED = "refused"


class BackfillState(StrEnum):
    """Where a backfill stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Outcome(StrEnum):
    """What became of an offered call."""

    CREATED = "created"
    UPDATED = "updated"
    DUPLICATE = "duplicate"
    SOURCE_CHANGED = "source_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOffer:
    """A call as a source describes it; audio by address or by what was uploaded.

    `time_suspect`: the source's times are doubtful, such as those that clocks skipped.
    """

    callid: str
    audio_url: str | None = None
    audio: AudioRef | None = None
    sidecar_key: str | None = None
    sidecar_name: str | None = None
    kind: str = "call"
    direction: Direction = Direction.UNKNOWN
    customer_phone: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    disposition: str | None = None
    consent: Consent | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    custom: dict[str, Any] = field(default_factory=dict)
    time_suspect: bool = False

    def began_before(self, when: datetime | None) -> bool:
        """Whether the call is known to have begun before; False where either is not known."""
        return when is not None and self.started_at is not None and self.started_at < when


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The answer to an offer; `id` is ours."""

    callid: str
    id: str
    outcome: Outcome


class CallidInvalid(InvalidError):
    """A call id has 1 to 128 of A-Z a-z 0-9 . _ : @ + - and is no word of ours, such as stream."""

    code = "CALLID_INVALID"


class SourceNotFound(NotFoundError):
    """There is no such source here."""

    code = "SOURCE_NOT_FOUND"


class SourceNotMapped(InvalidError):
    """This source has no mapping, so nobody knows what its columns say of a call."""

    code = "SOURCE_NOT_MAPPED"


class SourceNameTaken(ConflictError):
    """Another source of this business has this name."""

    code = "SOURCE_NAME_TAKEN"


class SourceKindUnavailable(InvalidError):
    """Sources of this kind are not available on this server; see the guide for those that are."""

    code = "SOURCE_KIND_UNAVAILABLE"


class FolderNotAllowed(InvalidError):
    """This folder may not be watched."""

    code = "FOLDER_NOT_ALLOWED"


class FileUnreadable(InputError):
    """The server may not read this file; give it the right and put the file there again."""

    code = "FILE_UNREADABLE"


class SourceHostForbidden(ForbiddenError):
    """Which database servers are read is for the platform's administrators to say; ask one."""

    code = "SOURCE_HOST_FORBIDDEN"


class WatermarkNotFound(NotFoundError):
    """There is no such watermark here."""

    code = "WATERMARK_NOT_FOUND"


class WatermarkMoved(ConflictError):
    """Somebody moved the watermark meanwhile; what was read from the old place is not taken in."""

    code = "WATERMARK_MOVED"


class NothingToWalk(InvalidError):
    """Folders and databases can be walked again; what pushes calls must send them again."""

    code = "SOURCE_NOT_WALKABLE"


class BackfillNotFound(NotFoundError):
    """There is no such backfill here."""

    code = "BACKFILL_NOT_FOUND"


def checked_callid(callid: str) -> str:
    """The id itself. Raises CallidInvalid."""
    if not CALLID.fullmatch(callid) or callid in RESERVED:
        message = CallidInvalid.__doc__ or ""
        raise CallidInvalid(
            errors=[{"field": "callid", "code": "CALLID_INVALID", "message": message}]
        )
    return callid
