"""Tables of scores and reviews."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.clock import utc_now
from locutory.kernel.db import TenantModel


class CallScore(TenantModel):
    """A call's score by one template, one row a source.

    `answers` holds a row per parameter `[{key, section, question, type, weight, critical, max,
    value, points (0-1), na, state, source, reason, evidence, evidence_ok}]`, so that an old score
    reads as it was given. `current` marks the template that the call is scored by now.
    """

    __tablename__ = "calls_score"

    call_id: Mapped[UUID]
    template_id: Mapped[UUID]
    template_name: Mapped[str]
    template_version: Mapped[int]
    grading_mode: Mapped[str]
    source: Mapped[str]
    current: Mapped[bool]
    total: Mapped[float | None]
    passed: Mapped[bool | None]
    auto_fail: Mapped[bool]
    state: Mapped[str]
    sections: Mapped[list[Any]]
    answers: Mapped[list[Any]]
    scored_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (UniqueConstraint("call_id", "template_id", "source"),)


class CallReview(TenantModel):
    """One person's look at one call.

    `reviewer_id` None means: whoever takes it. `draw` names the week and rule that chose it. The
    template is that of the call's score when the answers were submitted, None before.
    `answers` are `[{key, value, na, comment}]`; `dispute` `{by, comment, reasons: {key: text}}`;
    `resolution` `{outcome, by, comment, answers}`.
    """

    __tablename__ = "calls_review"

    call_id: Mapped[UUID]
    reviewer_id: Mapped[UUID | None]
    kind: Mapped[str]
    state: Mapped[str]
    draw: Mapped[str | None]
    template_id: Mapped[UUID | None]
    template_version: Mapped[int | None]
    answers: Mapped[list[Any]] = mapped_column(default=list)
    comment: Mapped[str] = mapped_column(default="")
    total: Mapped[float | None]
    assigned_by: Mapped[str]
    due_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    disputed_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    dispute: Mapped[dict[str, Any] | None]
    resolution: Mapped[dict[str, Any] | None]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)

    __table_args__ = (
        UniqueConstraint("call_id", "draw"),
        Index("ix_calls_review_call", "call_id", "id"),
        Index("ix_calls_review_due", "tenant_id", "due_at", "id"),
        Index("ix_calls_review_state", "tenant_id", "state", "due_at", "id"),
        Index("ix_calls_review_kind", "tenant_id", "kind", "due_at", "id"),
        Index("ix_calls_review_reviewer", "tenant_id", "reviewer_id", "due_at", "id"),
        Index("ix_calls_review_submitted", "tenant_id", "submitted_at", "id"),
    )


class ReviewSampling(TenantModel):
    """How many calls of each agent are drawn for review each week, and for whom."""

    __tablename__ = "calls_review_sampling"

    enabled: Mapped[bool]
    per_agent: Mapped[int]
    due_days: Mapped[int]
    min_duration_s: Mapped[int]
    reviewers: Mapped[list[str]]
    revision: Mapped[int]
    updated_by: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (UniqueConstraint("tenant_id"),)
