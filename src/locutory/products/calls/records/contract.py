"""What others may name of a call: its states, its events, its errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from locutory.capabilities.interactions.contract import Turn
from locutory.kernel.errors import (
    ConflictError,
    ErrorClass,
    ForbiddenError,
    InvalidError,
    LocutoryError,
    NotFoundError,
)
from locutory.kernel.events import Event

COLLECTION = "calls"  # where the words of calls are searched
ERASE = "calls.erase"
DROP_FILES = "calls.drop_files"
BULK = "calls.bulk"


class Status(StrEnum):
    """The seed's milestones."""

    PENDING = "pending"
    TRANSCRIBED = "transcribed"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class Stage(StrEnum):
    """Where in the pipeline a call is; each stage has a queue of that name."""

    TRANSCRIBE = "transcribe"
    ANALYZE = "analyze"
    INDEX = "index"

    @property
    def job(self) -> str:
        """The kind of the stage's jobs."""
        return f"calls.{self}"


class StageState(StrEnum):
    """What the stage is doing."""

    QUEUED = "queued"
    RUNNING = "running"
    OK = "ok"
    DEAD = "dead"
    SKIPPED = "skipped"


class Direction(StrEnum):
    """Who rang whom."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


class Consent(StrEnum):
    """Whether the customer agreed to be recorded."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class LeadMatch(StrEnum):
    """Whether the customer is a lead of the CRM: known as the call came, later, or not."""

    EXACT = "exact"
    LATE = "late"
    NONE = "none"
    UNKNOWN = "unknown"


NO_CONSENT = "NO_CONSENT"
"""Why a call is skipped whose customer did not agree, where the business asks for that."""


class CallNotFound(NotFoundError):
    """There is no such call here."""

    code = "CALL_NOT_FOUND"


class StaleVersion(ConflictError):
    """Somebody changed the transcript meanwhile; load it again."""

    code = "STALE_VERSION"


class CallChanged(ConflictError):
    """The call is not as you saw it (If-Match); load it again."""

    status, code = 412, "PRECONDITION_FAILED"


class CallBusy(ConflictError):
    """The pipeline works on this call; wait or cancel first."""

    code = "CALL_BUSY"


class NothingToRetry(ConflictError):
    """Nothing of this call has failed."""

    code = "NOTHING_TO_RETRY"


class CallSettled(ConflictError):
    """The call's work has ended already."""

    code = "CALL_SETTLED"


class NoRecording(ConflictError):
    """This call came without a recording or a transcript."""

    code = "NO_RECORDING"


class LegalHold(ConflictError):
    """The call is under legal hold; lift that first."""

    code = "LEGAL_HOLD"


class CountMismatch(ConflictError):
    """Another number of calls than you confirmed would be touched; `count` says how many."""

    code = "COUNT_MISMATCH"


class TranscriptNotFound(NotFoundError):
    """The call has no such transcript."""

    code = "TRANSCRIPT_NOT_FOUND"


class AudioNotFound(NotFoundError):
    """The call has no stored recording."""

    code = "AUDIO_NOT_FOUND"


class AudioPurged(LocutoryError):
    """The recording is past the days that the business keeps recordings."""

    status, code, cls = 410, "AUDIO_PURGED", ErrorClass.PERMANENT_INPUT


class TranscriptPurged(LocutoryError):
    """The words are past the days that the business keeps transcripts."""

    status, code, cls = 410, "TRANSCRIPT_PURGED", ErrorClass.PERMANENT_INPUT


class BulkNotFound(NotFoundError):
    """There is no such run here."""

    code = "BULK_NOT_FOUND"


class PiiForbidden(ForbiddenError):
    """Reading what is not redacted takes the right pii:read."""

    code = "PII_SCOPE_MISSING"


class AudioNotRedacted(ForbiddenError):
    """There is no redacted recording of this call yet; the original takes the right pii:read."""

    code = "AUDIO_NOT_REDACTED"


class EditInvalid(InvalidError):
    """These edits do not fit the transcript; `errors` lists every fault."""

    code = "EDIT_INVALID"


class ProviderUnknown(InvalidError):
    """No speech engine here has that name."""

    code = "PROVIDER_UNKNOWN"


class Figures(Protocol):
    """The conversation's figures, ready for the tables."""

    @property
    def talk_ratio(self) -> float | None:
        """The agent's share of speech, 0-1."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """All of them by name."""
        ...


class Measure(Protocol):
    """Makes a conversation's figures from its turns."""

    def __call__(self, turns: Sequence[Turn], duration_ms: int) -> Figures:
        """Measure a call of that length."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent(Event):
    """Something about a call; `callid` is the source system's id."""

    callid: str

    @property
    def subject(self) -> str | None:
        """The call."""
        return self.callid


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUpserted(CallEvent):
    """A call was registered or its metadata changed."""

    type: ClassVar[str] = "call.upserted"
    status: str
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStatusChanged(CallEvent):
    """A call reached a milestone."""

    type: ClassVar[str] = "call.status"
    status: str
    stage: str
    stage_state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptReady(CallEvent):
    """A transcript version was stored."""

    type: ClassVar[str] = "transcript.ready"
    version: int
    has_words: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisReady(CallEvent):
    """The agents' results were stored."""

    type: ClassVar[str] = "analysis.ready"
    version: int
    score: float | None
    sentiment: float | None
    degraded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterAdded(CallEvent):
    """A stage gave up on a call."""

    type: ClassVar[str] = "dlq.changed"
    stage: str
    error_class: str
    error_code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDeleted(CallEvent):
    """A call was deleted; every row with its `call_id` goes by itself."""

    type: ClassVar[str] = "call.deleted"
    call_id: str
