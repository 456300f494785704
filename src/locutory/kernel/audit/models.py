"""The audit log."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.db.base import Base

_UNSEALED = text("seq IS NULL")
_SEALED = text("seq IS NOT NULL")


class AuditRow(Base):
    """One deed; `seq` and `hash` are null until the sealer has chained it."""

    __tablename__ = "kernel_audit"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    seq: Mapped[int | None]
    hash: Mapped[str | None]
    at_ms: Mapped[int]
    actor: Mapped[str]
    action: Mapped[str]
    object: Mapped[str]
    detail: Mapped[dict[str, Any]]
    correlation_id: Mapped[str | None]

    __table_args__ = (
        Index("ix_kernel_audit_unsealed", "id", sqlite_where=_UNSEALED, postgresql_where=_UNSEALED),
        Index(
            "uq_kernel_audit_seq",
            "tenant_id",
            "seq",
            unique=True,
            sqlite_where=_SEALED,
            postgresql_where=_SEALED,
        ),
    )
