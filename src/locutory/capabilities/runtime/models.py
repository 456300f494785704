"""Tables of the runtime: what models used, and batches. Words are encrypted in all of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.db import TenantModel


class LlmCall(TenantModel):
    """One attempt at one model. No text; `created_at` is when it ended, `day` in UTC.

    `cost_micros` is in millionths of a dollar, None where no price is known. `estimated`: the
    provider told no token counts, or the stream died.
    """

    __tablename__ = "llm_calls"

    day: Mapped[str]
    purpose: Mapped[str]
    provider: Mapped[str]
    model: Mapped[str]
    outcome: Mapped[str]
    error_code: Mapped[str | None]
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    cost_micros: Mapped[int | None]
    estimated: Mapped[bool]
    latency_ms: Mapped[int]
    ttft_ms: Mapped[int | None]
    correlation_id: Mapped[str | None]

    __table_args__ = (
        Index("ix_llm_calls_time", "tenant_id", "created_at", "id"),
        Index("ix_llm_calls_spent", "tenant_id", "day", "cost_micros"),
    )


class Batch(TenantModel):
    """Requests that nobody waits for. `callback_enc` is the address that is told of their end.

    `callback_state` is None without one, else `waiting`, `told` or `failed`.
    """

    __tablename__ = "runtime_batch"

    state: Mapped[str]
    total: Mapped[int]
    max_concurrency: Mapped[int]
    created_by: Mapped[str]
    finished_at: Mapped[datetime | None]
    callback_enc: Mapped[bytes | None] = mapped_column(LargeBinary)
    callback_state: Mapped[str | None]

    __table_args__ = (Index("ix_runtime_batch_over", "tenant_id", "finished_at"),)


class BatchItem(TenantModel):
    """One request of a batch, and its answer when there is one; both encrypted."""

    __tablename__ = "runtime_batch_item"

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("runtime_batch.id", ondelete="CASCADE"))
    no: Mapped[int]
    item_id: Mapped[str]
    state: Mapped[str]
    tries: Mapped[int]
    request_enc: Mapped[bytes] = mapped_column(LargeBinary)
    answer_enc: Mapped[bytes | None] = mapped_column(LargeBinary)
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("tenant_id", "batch_id", "no"),
        Index("ix_runtime_batch_item_state", "tenant_id", "batch_id", "state", "no"),
    )
