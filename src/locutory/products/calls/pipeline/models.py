"""Tables of the pipeline."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.db import TenantModel

_OPEN = text("state != 'resolved'")


class PipelineVersion(TenantModel):
    """A version of a business's configuration; the highest one is in force."""

    __tablename__ = "calls_pipeline_config"

    version: Mapped[int]
    config: Mapped[dict[str, Any]]
    actor: Mapped[str]
    note: Mapped[str]

    __table_args__ = (UniqueConstraint("tenant_id", "version"),)


class CallUsage(TenantModel):
    """What one run of a stage used; `day` is its end in UTC, as YYYY-MM-DD.

    `results` and `unsupported` count the agents' results whose evidence was checked.
    """

    __tablename__ = "calls_usage"

    call_id: Mapped[UUID]
    stage: Mapped[str]
    run_no: Mapped[int]
    day: Mapped[str]
    engine: Mapped[str]
    audio_ms: Mapped[int]
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    cost_micros: Mapped[int]
    degraded: Mapped[bool]
    results: Mapped[int]
    unsupported: Mapped[int]

    __table_args__ = (
        Index("ix_calls_usage_call", "call_id"),
        Index("ix_calls_usage_day", "tenant_id", "day", "stage"),
        Index("ix_calls_usage_stage", "tenant_id", "stage", "created_at"),
    )


class SpeechJob(TenantModel):
    """A call's job at a speech provider, kept before it is started: it is paid for once.

    `ref` is the engine's own name for it, null once it ended without words; `submissions` counts
    the jobs that were opened for this call, epoch and language ("" where none was asked for),
    `timeouts` how often the present one was waited for in vain. `started` is null for a job of
    this call alone; one that it shares with others may be started only after it is true.
    """

    __tablename__ = "calls_speech_job"

    call_id: Mapped[UUID]
    epoch: Mapped[int]
    provider: Mapped[str]
    language: Mapped[str]
    ref: Mapped[str | None]
    submissions: Mapped[int]
    timeouts: Mapped[int]
    started: Mapped[bool | None]
    submitted_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("call_id", "epoch", "provider", "language"),)


class PipelineAlert(TenantModel):
    """An alert, one row an incident; `about` is the stage or budget that it concerns, or empty."""

    __tablename__ = "calls_alert"

    key: Mapped[str]
    about: Mapped[str]
    state: Mapped[str]
    severity: Mapped[str]
    detail: Mapped[str]
    since: Mapped[datetime]
    fired_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    acked_at: Mapped[datetime | None]
    acked_by: Mapped[str | None]
    ack_note: Mapped[str | None]

    __table_args__ = (
        Index(
            "uq_calls_alert_open",
            "tenant_id",
            "key",
            "about",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("ix_calls_alert_since", "tenant_id", "since", "id"),
        Index("ix_calls_alert_state", "tenant_id", "state", "since", "id"),
    )


class SyncWatermark(TenantModel):
    """How far something was read, by name: `source:<id>`.

    `cursor` is the reader's own; `moves` counts the times that somebody else set it, so that a
    reader notices. After `stale_after_s` without `last_ok_at` it is stale; null: it need not be
    fresh. `rows_total` counts the rows that made or changed a call.
    """

    __tablename__ = "calls_sync_watermark"

    name: Mapped[str]
    cursor: Mapped[dict[str, Any]]
    moves: Mapped[int] = mapped_column(default=0)
    last_ok_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    rows_total: Mapped[int] = mapped_column(default=0)
    stale_after_s: Mapped[int | None]

    __table_args__ = (UniqueConstraint("tenant_id", "name"),)
