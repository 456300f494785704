"""Tables of leads. Personal columns (`*_enc`) hold what the key ring encrypted (AAD: the row)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.db import TenantModel


class CrmLead(TenantModel):
    """A lead as its CRM last told of it.

    `person_enc` is JSON: name, email, phones and attributes; null once the lead is `deleted`. Of an
    `erased` one only the keyed hash of its id is left, so that a sync does not bring it back.
    `matched`: a call has it. `fetches` counts the times that its activities were asked for.
    """

    __tablename__ = "calls_crm_lead"

    provider: Mapped[str]
    lead_id: Mapped[str]
    person_enc: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_last4: Mapped[str | None]
    stage: Mapped[str | None]
    owner: Mapped[str | None]
    source: Mapped[str | None]
    modified_at: Mapped[datetime]
    fetched_at: Mapped[datetime]
    deleted: Mapped[bool] = mapped_column(default=False)
    erased: Mapped[bool] = mapped_column(default=False)
    matched: Mapped[bool] = mapped_column(default=False)
    activities_at: Mapped[datetime | None]
    fetches: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        UniqueConstraint("tenant_id", "provider", "lead_id"),
        Index("ix_calls_crm_lead_lead", "tenant_id", "lead_id"),
        Index("ix_calls_crm_lead_modified", "tenant_id", "deleted", "modified_at", "id"),
        Index("ix_calls_crm_lead_stage", "tenant_id", "deleted", "stage", "modified_at", "id"),
        Index("ix_calls_crm_lead_owner", "tenant_id", "deleted", "owner", "modified_at", "id"),
    )


class CrmLeadPhone(TenantModel):
    """A key that a lead is found by: of a number of its own, or of the last digits of one."""

    __tablename__ = "calls_crm_lead_phone"

    phone_hash: Mapped[str]
    lead_pk: Mapped[UUID]

    __table_args__ = (
        UniqueConstraint("tenant_id", "phone_hash", "lead_pk"),
        Index("ix_calls_crm_lead_phone_lead", "tenant_id", "lead_pk"),
    )


class CrmLeadActivity(TenantModel):
    """Something that happened with a lead; `data_enc` is JSON."""

    __tablename__ = "calls_crm_activity"

    provider: Mapped[str]
    lead_id: Mapped[str]
    activity_id: Mapped[str]
    event_code: Mapped[str | None]
    event_name: Mapped[str]
    occurred_at: Mapped[datetime]
    data_enc: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        UniqueConstraint("tenant_id", "provider", "activity_id"),
        Index(
            "ix_calls_crm_activity_lead", "tenant_id", "provider", "lead_id", "occurred_at", "id"
        ),
    )
