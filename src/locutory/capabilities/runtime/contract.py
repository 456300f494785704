"""What others may name of the runtime: scopes, states, events, errors."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from locutory.kernel.errors import (
    ConflictError,
    ErrorClass,
    LocutoryError,
    NotFoundError,
    RateLimitedError,
)
from locutory.kernel.events import Event

ASK: Final = "runtime:ask"
READ: Final = "runtime:read"
BATCH: Final = "runtime.batch"
CALLBACK: Final = "runtime.batch_callback"
FORGET: Final = "runtime.forget"
QUEUE: Final = "runtime"
DEFAULT_MODEL: Final = "locutory-default"
MODULE: Final = "runtime"


class BatchState(StrEnum):
    """Where a batch stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ItemState(StrEnum):
    """Where one request of a batch stands."""

    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CallbackState(StrEnum):
    """Whether the address of a batch was told of its end."""

    WAITING = "waiting"
    TOLD = "told"
    FAILED = "failed"


class Period(StrEnum):
    """What a budget is for, in UTC."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetNear(Event):
    """A business has spent most of a budget for models; told once in each period."""

    type: ClassVar[str] = "llm.budget_near"
    period: str
    began: str
    spent_micros: int
    limit_micros: int


class NotConfigured(ConflictError):
    """No language model is set up here; rules cannot write free text."""

    code = "LLM_NOT_CONFIGURED"


class LlmUnavailable(LocutoryError):
    """No language model answers."""

    status, code, cls = 503, "LLM_UNAVAILABLE", ErrorClass.PROVIDER_OUTAGE


class ProviderClosed(LocutoryError):
    """A provider refuses its key, or has not the model that is set."""

    status, code, cls = 502, "LLM_PROVIDER_CLOSED", ErrorClass.PERMANENT_CONFIG


class BudgetExceeded(RateLimitedError):
    """The budget for language models is spent."""

    code = "BUDGET_EXCEEDED"


class BatchOver(ConflictError):
    """This batch has ended; nothing of it is left to cancel."""

    code = "LLM_BATCH_OVER"


class BatchNotFound(NotFoundError):
    """There is no such batch here."""

    code = "LLM_BATCH_NOT_FOUND"
