"""What others may name of findings: events and errors."""

from dataclasses import dataclass
from typing import ClassVar

from locutory.kernel.errors import ConflictError, InvalidError, LocutoryError, NotFoundError
from locutory.products.calls.records.contract import CallEvent

RECLASSIFY = "calls.reclassify"
RECLASSIFY_QUEUE = "reclassify"


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentMatched(CallEvent):
    """A moment rule matched a call that it did not match before."""

    type: ClassVar[str] = "moment.matched"
    rule_key: str
    name: str
    start_ms: int
    end_ms: int


class TypeNotFound(NotFoundError):
    """There is no such type of objection here."""

    code = "OBJECTION_TYPE_NOT_FOUND"


class TypeKeyTaken(ConflictError):
    """There is a type of objection with this key; change that one."""

    code = "OBJECTION_TYPE_TAKEN"


class MomentNotFound(NotFoundError):
    """There is no such moment rule here."""

    code = "MOMENT_NOT_FOUND"


class MomentKeyTaken(ConflictError):
    """There is a moment rule with this key; change that one."""

    code = "MOMENT_TAKEN"


class TooMany(InvalidError):
    """There are as many as a business may have; delete one first."""

    code = "TOO_MANY"


class ChangedMeanwhile(LocutoryError):
    """Somebody changed this meanwhile; load it again, then send its ETag as If-Match."""

    status, code = 412, "PRECONDITION_FAILED"


class RunNotFound(NotFoundError):
    """There is no such reclassification here."""

    code = "RECLASSIFICATION_NOT_FOUND"


class AlreadyRunning(ConflictError):
    """Calls are being reclassified already; wait for `run_id`."""

    code = "RECLASSIFICATION_RUNNING"
