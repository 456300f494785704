"""What analysis keeps: answers of models, so that nothing is paid for twice; agents, templates."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.clock import utc_now
from locutory.kernel.db import TenantModel


class AnalysisAnswer(TenantModel):
    """A model's answer by the hash of everything that it depends on; never shared by tenants."""

    __tablename__ = "analysis_answer"

    key: Mapped[str]
    engine: Mapped[str]
    value: Mapped[dict[str, Any]]
    expires_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("tenant_id", "key"),
        Index("ix_analysis_answer_expires", "tenant_id", "expires_at"),
    )


class AnalysisAgent(TenantModel):
    """An agent that a tenant made its own; the library's without a row here are as they come.

    `published` is the version in force, None where that is the library's or nothing; an archived
    agent does not run, also where the library has one of that key. `revision` counts changes.
    """

    __tablename__ = "analysis_agent"

    key: Mapped[str]
    revision: Mapped[int]
    published: Mapped[int | None]
    archived: Mapped[bool]

    __table_args__ = (UniqueConstraint("tenant_id", "key"),)


class AnalysisAgentVersion(TenantModel):
    """A version of a tenant's agent. Only a draft changes; `body` is the rest of its AgentSpec."""

    __tablename__ = "analysis_agent_version"

    key: Mapped[str]
    version: Mapped[int]
    status: Mapped[str]
    enabled: Mapped[bool]
    body: Mapped[dict[str, Any]]
    created_by: Mapped[str]
    updated_by: Mapped[str]
    updated_at: Mapped[datetime]
    published_by: Mapped[str | None]
    published_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("tenant_id", "key", "version"),)


class AnalysisTemplate(TenantModel):
    """One version of a scoring template; `template_id` is the same for all of them.

    `head` marks the newest version, which is what people see and edit. `revision` counts changes.
    """

    __tablename__ = "analysis_template"

    template_id: Mapped[UUID]
    version: Mapped[int]
    revision: Mapped[int]
    head: Mapped[bool]
    status: Mapped[str]
    name: Mapped[str]
    grading_mode: Mapped[str]
    applies_if: Mapped[dict[str, Any]]
    pass_mark: Mapped[float]
    critical_cap: Mapped[float | None]
    created_by: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    published_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("tenant_id", "template_id", "version"),
        Index("ix_analysis_template_name", "tenant_id", "name", "template_id"),
        # two people who publish at once must not leave two versions in force
        Index(
            "uq_analysis_template_published",
            *("tenant_id", "template_id"),
            unique=True,
            sqlite_where=text("status = 'published'"),
            postgresql_where=text("status = 'published'"),
        ),
        Index(
            "uq_analysis_template_name",
            *("tenant_id", "name"),
            unique=True,
            sqlite_where=text("head AND status <> 'archived'"),
            postgresql_where=text("head AND status <> 'archived'"),
        ),
    )


class AnalysisParameter(TenantModel):
    """A question of a template's version."""

    __tablename__ = "analysis_parameter"

    version_id: Mapped[UUID]  # the AnalysisTemplate's id
    position: Mapped[int]
    section: Mapped[str]
    key: Mapped[str]
    question: Mapped[str]
    type: Mapped[str]
    weight: Mapped[float]
    critical: Mapped[bool]
    na_allowed: Mapped[bool]
    guidance: Mapped[str]
    options: Mapped[dict[str, Any]]
    binding: Mapped[dict[str, Any]]

    __table_args__ = (UniqueConstraint("version_id", "key"),)
