"""Tables of what is found in calls. A call's rows are replaced by its next analysis."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.clock import utc_now
from locutory.kernel.db import TenantModel


class CallObjection(TenantModel):
    """One objection of a customer. `turn_idx` and `response_idx` are turn numbers.

    `handled` is yes, partial, no or unknown; `source` llm, rules or human. `started_at` is the
    call's, for the order of lists.
    """

    __tablename__ = "calls_objection"

    call_id: Mapped[UUID]
    type_key: Mapped[str]
    turn_idx: Mapped[int]
    start_ms: Mapped[int]
    quote: Mapped[str]
    handled: Mapped[str]
    response_idx: Mapped[int | None]
    source: Mapped[str]
    evidence_ok: Mapped[bool] = mapped_column(default=True)
    started_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_calls_objection_started", "tenant_id", "started_at", "id"),
        Index("ix_calls_objection_type_started", "tenant_id", "type_key", "started_at", "id"),
        Index("ix_calls_objection_handled", "tenant_id", "handled", "started_at", "id"),
        Index("ix_calls_objection_type", "tenant_id", "type_key", "call_id"),
        Index("ix_calls_objection_call", "call_id"),
    )


class CallTopic(TenantModel):
    """A topic of a call; `share` (0-1) of the call's spoken time."""

    __tablename__ = "calls_topic"

    call_id: Mapped[UUID]
    topic_key: Mapped[str]
    label: Mapped[str]
    share: Mapped[float]
    source: Mapped[str]

    __table_args__ = (
        Index("ix_calls_topic_topic", "tenant_id", "topic_key", "call_id"),
        Index("ix_calls_topic_call", "call_id"),
    )


class CallMoment(TenantModel):
    """A moment rule that matched, with its turns; `first_idx` is None where words are absent."""

    __tablename__ = "calls_moment"

    call_id: Mapped[UUID]
    rule_key: Mapped[str]
    first_idx: Mapped[int | None]
    last_idx: Mapped[int | None]
    start_ms: Mapped[int]
    end_ms: Mapped[int]

    __table_args__ = (
        Index("ix_calls_moment_rule", "tenant_id", "rule_key", "call_id"),
        Index("ix_calls_moment_call", "call_id"),
    )


class ObjectionTypeRow(TenantModel):
    """A business's own type of objection, or its form of a built-in one.

    `synonyms` is {language: [phrase]}; `version` counts changes, for ETags.
    """

    __tablename__ = "calls_objection_type"

    key: Mapped[str]
    label: Mapped[str]
    synonyms: Mapped[dict[str, Any]]
    playbook: Mapped[str]
    enabled: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)

    __table_args__ = (UniqueConstraint("tenant_id", "key"),)


class MomentRule(TenantModel):
    """What makes a moment; `rule` has the shape of `moments.Rule`."""

    __tablename__ = "calls_moment_rule"

    key: Mapped[str]
    name: Mapped[str]
    rule: Mapped[dict[str, Any]]
    enabled: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)

    __table_args__ = (UniqueConstraint("tenant_id", "key"),)


class Reclassification(TenantModel):
    """A run over calls that were analysed before; `state` is running, done or failed.

    `from_` and `to` bound the calls' starts, half-open; `changed` counts calls whose objections
    or moments are others now.
    """

    __tablename__ = "calls_reclassification"

    state: Mapped[str]
    from_: Mapped[datetime | None] = mapped_column("from_at")
    to: Mapped[datetime | None] = mapped_column("to_at")
    total: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    detail: Mapped[str | None]
    requested_by: Mapped[str]
    finished_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_calls_reclassification_state", "tenant_id", "state"),)
