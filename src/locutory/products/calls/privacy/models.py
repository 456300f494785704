"""The table of erasures: what is to be done, and then the receipt."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.clock import utc_now
from locutory.kernel.db import TenantModel


class Erasure(TenantModel):
    """A request to erase calls; once `state` is done, nothing in it names a person or a call.

    `subject_hash` is the keyed hash of a phone or lead id, SHA-256 of a call id. `plan_enc`
    (AAD: the row) is what is left to do, gone at the end. `held` are the ids of calls under legal
    hold, which stay. `callid_hashes` are SHA-256, `counts` how much was removed, by store.
    """

    __tablename__ = "calls_erasure"

    by: Mapped[str]
    subject_hash: Mapped[str]
    reason: Mapped[str]
    requested_by: Mapped[str]
    state: Mapped[str]
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    held: Mapped[list[str]]
    plan_enc: Mapped[bytes | None] = mapped_column(LargeBinary)
    callid_hashes: Mapped[list[str]] = mapped_column(default=list)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error: Mapped[str | None]
    taken_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_calls_erasure_time", "tenant_id", "created_at", "id"),)
