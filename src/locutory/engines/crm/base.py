"""The CRM port: leads that changed, a lead's activities, and notes that are written there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from locutory.kernel.errors import EngineError, ErrorClass, InputError

MOST_TEXT = 8_000
"""So many characters of a note are written; the mark is never cut off."""


class NoteKind(StrEnum):
    """What is written: a note on the lead, or an entry of the CRM's own log of calls."""

    NOTE = "note"
    CALL_LOG = "call_log"


@dataclass(frozen=True, slots=True)
class Window:
    """What was changed from `since` until before `until`, both aware and in UTC."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A lead as the CRM has it. `phones` are as they are written there.

    `attributes` are those that the connection asks for. A `deleted` lead has nothing but its id.
    """

    lead_id: str
    phones: tuple[str, ...] = ()
    name: str | None = None
    email: str | None = None
    stage: str | None = None
    owner: str | None = None
    source: str | None = None
    modified_at: datetime | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFault:
    """A row that is no lead; `place` is its line in a file, or its number on the page."""

    place: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadPage:
    """A part of a window. `cursor` asks for the next one, None after the last.

    A cursor may be used again, also after a death, and gives what is there then.
    """

    leads: tuple[Lead, ...]
    cursor: str | None = None
    faults: tuple[LeadFault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Something that happened with a lead."""

    activity_id: str
    event_code: str | None
    event_name: str
    occurred_at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is written about one call. `text` ends with `mark`, by which it is found again."""

    kind: NoteKind
    lead_id: str
    mark: str
    subject: str
    text: str
    at: datetime
    duration_s: int = 0
    direction: str = "unknown"
    customer_phone: str | None = None
    agent_id: str | None = None
    url: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checked:
    """A connection that works. `sample` is how many leads the first look gave."""

    detail: str
    sample: int


class CrmUnsupported(InputError):
    """This kind of CRM connection cannot do that."""

    code = "CRM_UNSUPPORTED"


class CrmRejected(EngineError):
    """The CRM does not accept this; trying again cannot help."""

    status, code, cls = 502, "CRM_REJECTED", ErrorClass.PERMANENT_INPUT


class CrmClient(Protocol):
    """One connection to one CRM.

    Every method raises EngineAuthError, EngineThrottled, EngineUnavailable, BreakerOpenError,
    EngineConfigError, CrmRejected, InvalidOutput and UrlBlockedError. Times are UTC.
    """

    @property
    def provider(self) -> str:
        """Its name, as the business's connection names it."""
        ...

    @property
    def writes(self) -> bool:
        """Whether notes and activities exist here."""
        ...

    async def check(self) -> Checked:
        """Try credentials and mapping; nothing is changed."""
        ...

    async def recently_modified(self, window: Window, cursor: str | None) -> LeadPage:
        """Leads whose last change lies in the window, in an order of the CRM's own."""
        ...

    async def by_phone(self, phone: str) -> Sequence[Lead]:
        """Leads with that number, as the CRM compares numbers."""
        ...

    async def activities(self, lead_id: str, *, limit: int) -> Sequence[Activity]:
        """What happened last, newest first. Raises CrmUnsupported."""
        ...

    async def write(self, note: Note) -> str:
        """Write a note; return the CRM's id of it, which may be empty. Raises CrmUnsupported.

        Never tried twice here: whoever calls asks `find` first where an answer was lost.
        """
        ...

    async def find(self, note: Note) -> str | None:
        """The id of what carries the note's mark already. Raises CrmUnsupported."""
        ...


def closed_with(text: str, mark: str) -> str:
    """The text with the mark as its last line, shortened where it is long."""
    room = MOST_TEXT - len(mark) - 2
    body = text if len(text) <= room else f"{text[: room - 1]}…"
    return f"{body}\n\n{mark}" if body else mark
