"""Tables: what was said, cut into pieces that can be found; chats about it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.clock import utc_now
from locutory.kernel.db import TenantModel

TABLE = "knowledge_chunk"


class KnowledgeChunk(TenantModel):
    """A few turns of one source, redacted.

    `id` is a hash of source, version and number: indexing again overwrites.
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
    occurred_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint(
            *("tenant_id", "collection", "source_id", "version", "chunk_no"),
            name="uq_knowledge_chunk_place",
        ),
        Index("ix_knowledge_chunk_fts", "fts_id", unique=True),
        # the session adds the tenant: beside it, SQLite leaves the primary key for long id lists
        Index("ix_knowledge_chunk_own", "tenant_id", "id"),
        Index("ix_knowledge_chunk_occurred", "tenant_id", "collection", "occurred_at"),
    )


class KnowledgeVector(TenantModel):
    """A chunk as a vector (float32, L2-normalised), committed with it and gone with it.

    A generation holds vectors of one embedder; what is filled anew is another generation, so
    that no search ever compares vectors of two embedders.
    """

    __tablename__ = "knowledge_vector"

    chunk_id: Mapped[UUID] = mapped_column(ForeignKey("knowledge_chunk.id", ondelete="CASCADE"))
    collection: Mapped[str]
    generation: Mapped[int]
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    revision: Mapped[int]  # of the collection, when this was stored

    __table_args__ = (
        UniqueConstraint("chunk_id", "generation"),
        Index("ix_knowledge_vector_new", "tenant_id", "collection", "generation", "revision"),
    )


class KnowledgeCollection(TenantModel):
    """Which vectors are searched, and a counter that tells a process whether its copy is current.

    A change raises `revision` and holds the row until its commit, so revisions become visible in
    order; `removed_at` is the last revision that took chunks away. `embedder` is "" until the
    first chunk is stored.
    """

    __tablename__ = "knowledge_collection"

    collection: Mapped[str]
    revision: Mapped[int]
    removed_at: Mapped[int]
    embedder: Mapped[str] = mapped_column(default="")
    dimension: Mapped[int] = mapped_column(default=0)
    generation: Mapped[int] = mapped_column(default=1)

    __table_args__ = (UniqueConstraint("tenant_id", "collection"),)


class KnowledgeReindex(TenantModel):
    """The filling of a new generation, how far it is and how it ended."""

    __tablename__ = "knowledge_reindex"

    collection: Mapped[str]
    generation: Mapped[int]
    embedder: Mapped[str]
    dimension: Mapped[int]
    state: Mapped[str]
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int]
    finished_at: Mapped[datetime | None]
    detail: Mapped[str | None]

    __table_args__ = (UniqueConstraint("tenant_id", "collection", "generation"),)


class KnowledgeCopy(TenantModel):
    """How far a store outside has one generation of a collection's vectors.

    `place` is that store; all vectors up to `revision` are there. One job at a time works on a
    copy: `holder`, until `held_until_ms` of the database's clock.
    """

    __tablename__ = "knowledge_copy"

    collection: Mapped[str]
    place: Mapped[str]
    generation: Mapped[int]
    revision: Mapped[int] = mapped_column(default=0)
    holder: Mapped[UUID | None]
    held_until_ms: Mapped[int] = mapped_column(BigInteger, default=0)

    __table_args__ = (UniqueConstraint("tenant_id", "collection", "place", "generation"),)


class KnowledgeGone(TenantModel):
    """A chunk that was deleted here and may still have its vector in a copy."""

    __tablename__ = "knowledge_gone"

    copy_id: Mapped[UUID] = mapped_column(
        ForeignKey("knowledge_copy.id", ondelete="CASCADE"), index=True
    )
    chunk_id: Mapped[UUID]


class KnowledgeSession(TenantModel):
    """A person's chat over some places; nobody else may continue it."""

    __tablename__ = "knowledge_session"

    owner: Mapped[str]
    scope: Mapped[str]
    turns: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (
        Index("ix_knowledge_session_owner", "tenant_id", "owner", "updated_at", "id"),
    )


class KnowledgeMessage(TenantModel):
    """A question of a chat, redacted, as it stands alone. Follow-ups need no more.

    The answer's words are not kept: they quote sources, which may be erased.
    """

    __tablename__ = "knowledge_message"

    session_id: Mapped[UUID]
    turn: Mapped[int]
    question: Mapped[str]
    intent: Mapped[str]
    answered: Mapped[bool]
    engine: Mapped[str]

    __table_args__ = (UniqueConstraint("session_id", "turn"),)
