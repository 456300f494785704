"""The event log: outbox and realtime log in one (ADR 0004)."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.db.base import Base

_UNSEALED = text("seq IS NULL")
_SEALED = text("seq IS NOT NULL")


class EventRow(Base):
    """An event; `seq` is null until the sealer has numbered it."""

    __tablename__ = "kernel_event"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    seq: Mapped[int | None]
    type: Mapped[str]
    subject: Mapped[str | None]
    payload: Mapped[dict[str, Any]]
    at_ms: Mapped[int]
    correlation_id: Mapped[str | None]

    __table_args__ = (
        Index(
            "ix_kernel_event_unsealed",
            "id",
            sqlite_where=_UNSEALED,
            postgresql_where=_UNSEALED,
        ),
        Index(
            "uq_kernel_event_seq",
            "tenant_id",
            "seq",
            unique=True,
            sqlite_where=_SEALED,
            postgresql_where=_SEALED,
        ),
    )


class SealRow(Base):
    """How far a tenant's log is numbered; `hash` is the chain's head, for the audit log only."""

    __tablename__ = "kernel_seal"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    log: Mapped[str] = mapped_column(primary_key=True)  # event | audit
    seq: Mapped[int]
    hash: Mapped[str]


class RelayRow(Base):
    """How far a tenant's event log is told to the broker."""

    __tablename__ = "kernel_relay"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int]


class LeaseRow(Base):
    """What one process does for all, until a time of the database's clock."""

    __tablename__ = "kernel_lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    until_ms: Mapped[int]
