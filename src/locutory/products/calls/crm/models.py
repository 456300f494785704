"""Tables of connections: where CRMs are, what was imported, what was written there."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.clock import utc_now
from locutory.kernel.db import TenantModel


class CrmConnection(TenantModel):
    """A business's CRM. `place_enc` is JSON: its address and credentials.

    `looks` counts the syncs that have ended: the next one is named by it, so that there is one.
    """

    __tablename__ = "calls_crm_connection"

    provider: Mapped[str]
    enabled: Mapped[bool]
    place_enc: Mapped[bytes] = mapped_column(LargeBinary)
    settings: Mapped[dict[str, Any]]
    writeback: Mapped[dict[str, Any]]
    looks: Mapped[int] = mapped_column(default=0)
    health: Mapped[dict[str, Any]] = mapped_column(default=dict)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (UniqueConstraint("tenant_id"),)


class LeadImport(TenantModel):
    """A file of leads. `key` is where it lies, encrypted, until it is read; `position` its row."""

    __tablename__ = "calls_crm_import"

    key: Mapped[str | None]
    state: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    faults: Mapped[list[Any]] = mapped_column(default=list)
    error: Mapped[str | None]
    created_by: Mapped[str]
    finished_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_calls_crm_import_time", "tenant_id", "id"),)


class CrmWriteback(TenantModel):
    """A note on a call. Its id is in its mark, by which it is found in the CRM again."""

    __tablename__ = "calls_crm_writeback"

    call_id: Mapped[UUID]
    provider: Mapped[str]
    kind: Mapped[str]
    payload_hash: Mapped[str]
    state: Mapped[str]
    lead_id: Mapped[str | None]
    external_id: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    actor: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)

    __table_args__ = (
        UniqueConstraint("call_id", "provider", "kind", "payload_hash"),
        Index("ix_calls_crm_writeback_state", "tenant_id", "state"),
    )
