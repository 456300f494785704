"""What was said, cut into pieces that can be found."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.db import TenantModel

TABLE = "knowledge_chunk"


class KnowledgeChunk(TenantModel):
    """A few turns of one source, redacted; its vector lies beside it, so one commit holds both.

    `id` is a hash of source, version and number: indexing again overwrites. `vector` is float32,
    L2-normalised, of `embedder`.
    """

    __tablename__ = TABLE

    fts_id: Mapped[int]
    collection: Mapped[str]
    source_id: Mapped[str]
    source_key: Mapped[UUID]
    version: Mapped[int]
    chunk_no: Mapped[int]
    kind: Mapped[str]
    first_turn: Mapped[int]
    last_turn: Mapped[int]
    start_ms: Mapped[int]
    text: Mapped[str]
    turns: Mapped[list[Any]]  # [{idx, start_ms, role, text}], so that a citation can be checked
    meta: Mapped[dict[str, Any]]
    embedder: Mapped[str]
    vector: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        UniqueConstraint("tenant_id", "collection", "source_id", "version", "chunk_no"),
        Index("ix_knowledge_chunk_fts", "fts_id", unique=True),
        Index("ix_knowledge_chunk_new", "tenant_id", "collection", "created_at", "id"),
    )
