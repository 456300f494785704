"""What others may name of privacy: its jobs, its states, its errors."""

from enum import StrEnum

from locutory.kernel.errors import ErrorClass, LocutoryError, NotFoundError

ERASE_TRACES = "calls.erase_traces"
ROUND = "calls.retention"
RETAIN = "calls.retain"
QUEUE = "privacy"


class Matter(StrEnum):
    """What is kept of a call for so many days, in the order in which it goes."""

    AUDIO = "audio"
    TRANSCRIPT = "transcript"
    ANALYSIS = "analysis"


class By(StrEnum):
    """By what the calls of an erasure are named."""

    PHONE = "phone"
    CALLID = "callid"
    LEAD_ID = "lead_id"


class ErasureState(StrEnum):
    """Where an erasure stands. Already `running`, its calls are in no list and no search."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ErasureNotFound(NotFoundError):
    """There is no such request for erasure here."""

    code = "ERASURE_NOT_FOUND"


class NotYetQuiet(LocutoryError):
    """Something still works with an erased call; what it leaves is removed when it has ended."""

    status, code, cls = 503, "NOT_YET_QUIET", ErrorClass.TRANSIENT_NETWORK
