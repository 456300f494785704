"""What others may name of connections to CRMs: their jobs, their states, their errors."""

from enum import StrEnum

from locutory.engines.crm import Provider as Provider
from locutory.kernel.errors import ConflictError, InvalidError, NotFoundError

SYNC = "calls.crm_sync"
ROUND = "calls.crm_round"
IMPORT = "calls.crm_import"
WRITE_BACK = "calls.crm_writeback"
CHORES = "leads"
"""The queue of what asks no CRM."""


class ImportState(StrEnum):
    """Where an import stands."""

    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"


class WriteState(StrEnum):
    """Where a note stands. `posting`: it may be there or not, which is asked before another try."""

    PENDING = "pending"
    POSTING = "posting"
    SENT = "sent"
    NO_LEAD = "no_lead"
    SUPERSEDED = "superseded"
    FAILED = "failed"


class CrmNotConnected(NotFoundError):
    """This business has no connection to a CRM."""

    code = "CRM_NOT_CONNECTED"


class CredentialsMissing(InvalidError):
    """This provider, or another address of it, needs its credentials."""

    code = "CRM_CREDENTIALS_MISSING"


class WriteBackUnavailable(ConflictError):
    """This connection is off, or cannot write notes."""

    code = "CRM_WRITEBACK_UNAVAILABLE"


class CallNotDone(ConflictError):
    """There is no analysis of this call to write back."""

    code = "CALL_NOT_DONE"
