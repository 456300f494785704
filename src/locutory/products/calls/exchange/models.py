"""The table of exports."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.db import TenantModel


class Export(TenantModel):
    """A file that was asked for. `filter` and `columns` are as asked; the file lies under `key`."""

    __tablename__ = "calls_export"

    kind: Mapped[str]
    format: Mapped[str]
    filter: Mapped[dict[str, Any]]
    columns: Mapped[list[str]]
    state: Mapped[str] = mapped_column(default="queued")
    rows: Mapped[int | None]
    size_bytes: Mapped[int | None]
    key: Mapped[str | None]
    error: Mapped[str | None]
    created_by: Mapped[str]
    finished_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_calls_export_time", "tenant_id", "created_at", "id"),)
