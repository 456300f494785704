"""What others may name of the pipeline: its job kinds, its reasons, its events, its errors."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from locutory.kernel.errors import (
    ErrorClass,
    InvalidError,
    LocutoryError,
    NotFoundError,
    RateLimitedError,
)
from locutory.kernel.events import Event
from locutory.kernel.jobs import JobSpec
from locutory.kernel.jobs.contract import Priority
from locutory.products.calls.agents.contract import ANALYZE as ANALYZE

TRANSCRIBE = "calls.transcribe"
INDEX = "calls.index"
REFILTER = "calls.refilter"
WATCH = "calls.watch"
UPKEEP = "upkeep"
"""The queue of the pipeline's own chores."""

MIN_AUDIO_MS = 1000
NO_SPEECH = "no_speech"
NO_RECORDING = "no_recording"
STT_FALLBACK = "stt_fallback"
"""The flag of a call that another engine heard than the one that was to."""
TOO_SHORT = "too_short"

AUDIO_URL_EXPIRED = "AUDIO_URL_EXPIRED"
"""The recording is no longer at its address; ask the source for a new one."""
AUDIO_TOO_LARGE = "AUDIO_TOO_LARGE"

# why a gate is closed, beside the codes of failures
DISABLED = "DISABLED"
BUDGET = "BUDGET"
DISK_LOW = "DISK_LOW"
STORE_DOWN = "STORE_DOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioRef:
    """Recorded audio that is in the blob store already."""

    key: str
    sha256: str


def first_job(
    call_id: UUID, callid: str, run_no: int = 1, *, priority: int = Priority.NORMAL
) -> JobSpec:
    """The job that a new call, or a call that is run again, begins with."""
    return JobSpec(
        kind=TRANSCRIBE,
        payload={"call_id": str(call_id), "run_no": run_no},
        subject=callid,
        priority=priority,
    )


class Action(StrEnum):
    """What a person may tell a stage, or all of them."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    DRAIN = "drain"
    RUN_ONCE = "run_once"


class AlertState(StrEnum):
    """Pending alerts wait for their condition to last; nobody is told of them."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineControlled(Event):
    """Somebody started, paused or drained a stage."""

    type: ClassVar[str] = "pipeline.controlled"
    action: str
    stage: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfigured(Event):
    """The business's pipeline has another configuration."""

    type: ClassVar[str] = "pipeline.configured"
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettersRedriven(Event):
    """Jobs that had died are queued again."""

    type: ClassVar[str] = "dlq.redriven"
    job_ids: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterDiscarded(Event):
    """A job was given up for good."""

    type: ClassVar[str] = "dlq.discarded"
    job_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChanged(Event):
    """An alert began, was seen by somebody, or ended."""

    type: ClassVar[str] = "alert"
    alert_id: str
    key: str
    about: str
    state: str
    severity: str
    detail: str
    acknowledged: bool = False


class SidecarUnusable(LocutoryError):
    """The transcript that came along cannot be read."""

    status, code, cls = 422, "SIDECAR_INVALID", ErrorClass.PERMANENT_INPUT


class BudgetSpent(LocutoryError):
    """The day's budget is spent; raise it or wait for the next day (UTC)."""

    status, code, cls = 429, BUDGET, ErrorClass.PERMANENT_CONFIG


class DiskLow(LocutoryError):
    """The disk is nearly full: nothing is fetched until there is room."""

    status, code, cls = 507, DISK_LOW, ErrorClass.PERMANENT_CONFIG


class StoreDown(LocutoryError):
    """The store of recordings does not answer: nothing is fetched until it does."""

    status, code, cls = 503, STORE_DOWN, ErrorClass.PERMANENT_CONFIG


class BacklogFull(RateLimitedError):
    """Too many calls wait already; send again later."""

    code = "BACKLOG_FULL"


class ConfigChanged(LocutoryError):
    """Somebody changed the configuration meanwhile; read it again and repeat your change."""

    status, code = 412, "PRECONDITION_FAILED"


class VersionNotFound(NotFoundError):
    """There is no such version of the configuration."""

    code = "CONFIG_VERSION_NOT_FOUND"


class AlertNotFound(NotFoundError):
    """There is no such alert here."""

    code = "ALERT_NOT_FOUND"


class OverrideUnknown(InvalidError):
    """This cannot be overridden for the stage that the job belongs to."""

    code = "OVERRIDE_UNKNOWN"
