"""Tables of people, tenants and what lets them in. Secrets are stored hashed only."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.clock import utc_now
from locutory.kernel.db.base import Base
from locutory.kernel.ids import new_id


class TenantRow(Base):
    """An organisation."""

    __tablename__ = "kernel_tenant"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    timezone: Mapped[str]
    country_code: Mapped[str | None]
    currency: Mapped[str | None]
    status: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class UserRow(Base):
    """A person. `email` is stored in lower case; `password_hash` is argon2id."""

    __tablename__ = "kernel_user"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    password_temporary: Mapped[bool] = mapped_column(default=False)
    platform_admin: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    avatar_key: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class MembershipRow(Base):
    """Somebody's roles in a tenant, `<product>:<role>` each."""

    __tablename__ = "kernel_membership"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    roles: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class RefreshTokenRow(Base):
    """One refresh token; all that descend from one login share `family`."""

    __tablename__ = "kernel_refresh_token"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    hash: Mapped[str] = mapped_column(unique=True)
    family: Mapped[UUID] = mapped_column(index=True)
    user_id: Mapped[UUID] = mapped_column(index=True)
    tenant_id: Mapped[UUID | None]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ApiKeyRow(Base):
    """A key: `lct_<prefix>_<secret>`, of which the prefix is stored readably.

    Embed keys (`lce_…`) also have the origins and filters that they are bound to.
    """

    __tablename__ = "kernel_api_key"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(default="service")
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(unique=True)
    hash: Mapped[str]
    scopes: Mapped[list[str]]
    origins: Mapped[list[str]] = mapped_column(default=list)
    filters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (
        Index("ix_kernel_api_key_tenant", "tenant_id", "kind", "id"),
        Index("ix_kernel_api_key_kind", "kind"),
    )


class LoginFailureRow(Base):
    """A failed login; `who` is a hash of e-mail and network address."""

    __tablename__ = "kernel_login_failure"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    who: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (Index("ix_kernel_login_failure_who", "who", "at"),)


class StreamTicketRow(Base):
    """A ticket for one stream, taken out of the table when it is used."""

    __tablename__ = "kernel_stream_ticket"

    hash: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject_id: Mapped[UUID]
    session_id: Mapped[UUID | None]
    tenant_id: Mapped[UUID]
    expires_at: Mapped[datetime] = mapped_column(index=True)
