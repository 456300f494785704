"""Tables of the intake: sources, what is remembered of their files, backfills."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.clock import utc_now
from locutory.kernel.db import TenantModel
from locutory.kernel.db.dialect import Bytes


class CallSource(TenantModel):
    """Where calls come from. `path`, `after` and `direction` are for folders.

    What stands from `place_enc` on is for databases: where and who, encrypted; the mapping; how
    often, how far back and how many rows at a time; the zone of times without an offset. A source
    that pushes has a mapping and a zone where it tells of a table's changes.
    `looks` counts the looks that have ended: the next one is named by it, so that there is one.
    """

    __tablename__ = "calls_source"

    name: Mapped[str]
    kind: Mapped[str]
    enabled: Mapped[bool]
    path: Mapped[str | None]
    after: Mapped[str]
    direction: Mapped[str]
    since: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(default=0)
    health: Mapped[dict[str, Any]] = mapped_column(default=dict)
    place_enc: Mapped[bytes | None] = mapped_column(Bytes)
    mapping: Mapped[dict[str, Any] | None]
    preset: Mapped[str | None]
    poll_interval_s: Mapped[int | None]
    overlap_s: Mapped[int | None]
    batch_size: Mapped[int | None]
    tz: Mapped[str | None]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (UniqueConstraint("tenant_id", "name"),)


class SeenChange(TenantModel):
    """How far the changes of a call are, by its source's clock; a hash stands for the call."""

    __tablename__ = "calls_seen_change"

    source_id: Mapped[UUID]
    call_digest: Mapped[str]
    at_ms: Mapped[int]
    deleted: Mapped[bool]

    __table_args__ = (UniqueConstraint("tenant_id", "source_id", "call_digest"),)


class IntakeFile(TenantModel):
    """A file as the last look found it: that two looks were alike says that it is whole.

    `steady_since` is when that was found; `reason` why it was refused.
    """

    __tablename__ = "calls_intake_file"

    source_id: Mapped[UUID]
    name: Mapped[str]
    size_bytes: Mapped[int]
    mtime_ns: Mapped[int]
    state: Mapped[str]
    seen_at: Mapped[datetime]
    steady_since: Mapped[datetime | None]
    callid: Mapped[str | None]
    reason: Mapped[str | None]

    __table_args__ = (UniqueConstraint("source_id", "name"),)


class CallBackfill(TenantModel):
    """A walk through a source's past. `position` is the last name or row_id that is counted."""

    __tablename__ = "calls_backfill"

    source_id: Mapped[UUID]
    from_: Mapped[datetime] = mapped_column("from_at")
    to: Mapped[datetime] = mapped_column("to_at")
    dry_run: Mapped[bool]
    state: Mapped[str]
    files: Mapped[int] = mapped_column(default=0)
    created: Mapped[int] = mapped_column(default=0)
    duplicates: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    position: Mapped[str] = mapped_column(default="")
    faults: Mapped[list[Any]] = mapped_column(default=list)
    error: Mapped[str | None]
    created_by: Mapped[str]
    finished_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_calls_backfill_time", "tenant_id", "id"),)
