"""What others may name of a call: its states, its events, its errors."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from locutory.kernel.errors import NotFoundError
from locutory.kernel.events import Event

COLLECTION = "calls"  # where the words of calls are searched


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


class CallNotFound(NotFoundError):
    """There is no such call here."""

    code = "CALL_NOT_FOUND"


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
