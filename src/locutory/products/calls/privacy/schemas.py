"""Wire shapes of privacy."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from locutory.kernel.auth.schemas import Moment
from locutory.products.calls.privacy.contract import By, ErasureState, Matter

Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=128, pattern=r"^[^\x00]+$"),
]
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=500, pattern=r"^[^\x00]+$"),
]


class ErasureCreate(BaseModel):
    """Exactly one of `phone`, `callid` and `lead_id`.

    The reason is kept in the receipt: give a ticket's number, not the person's name.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"phone": "+91 98765 43210", "reason": "request 4711 of the data subject"},
                {"callid": "c-1001", "reason": "recorded by mistake"},
            ]
        },
    )

    phone: Annotated[str, Field(min_length=6, max_length=32, pattern=r"^[^\x00]+$")] | None = None
    callid: Text | None = None
    lead_id: Text | None = None
    reason: Reason

    @model_validator(mode="after")
    def _one(self) -> "ErasureCreate":
        if sum(value is not None for value in (self.phone, self.callid, self.lead_id)) != 1:
            raise ValueError("give exactly one of phone, callid and lead_id")
        return self

    @property
    def named(self) -> tuple[By, str]:
        """By what the calls are named, and the value."""
        found = {By.PHONE: self.phone, By.CALLID: self.callid, By.LEAD_ID: self.lead_id}
        return next((by, value) for by, value in found.items() if value is not None)


class ErasureRead(BaseModel):
    """A request and how far it is; when it is done, its receipt.

    `held` names calls under legal hold, which stay. `subject_hash` is the keyed hash of a phone
    or lead id, SHA-256 of a call id; `callid_hashes` are SHA-256, in hex. `counts` is what was
    removed, by store.
    """

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    by: By
    subject_hash: str
    reason: str
    requested_by: str
    state: ErasureState
    total: int
    done: int
    held: list[str]
    callid_hashes: list[str]
    counts: dict[str, int]
    error: str | None
    created_at: Moment
    finished_at: Moment | None


class ErasureTaken(ErasureRead):
    """A request that was taken on, with the job that finishes it."""

    job_id: UUID


class ErasurePage(BaseModel):
    """A page of requests, newest first."""

    items: list[ErasureRead]
    next_cursor: str | None


class DueRead(BaseModel):
    """How many calls lose this tonight, and when the oldest of them began.

    `days` as configured, null: kept for good. `held` would, but are under legal hold.
    """

    matter: Matter
    days: int | None
    calls: int
    oldest: Moment | None
    held: int


class RetentionRead(BaseModel):
    """What the next round would let go; nothing is changed by asking."""

    items: list[DueRead]
