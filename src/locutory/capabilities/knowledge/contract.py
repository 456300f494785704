"""What others may name: what is filed, found, cited and answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from locutory.kernel.db import Database
from locutory.kernel.errors import NotFoundError

SPOKEN = "turns"  # the kind of a chunk that holds what was said; other kinds were written of it
EXTRACTIVE = "extractive"  # the engine that quotes and never words anything itself


class Intent(StrEnum):
    """What a question wants."""

    LOOKUP = "lookup"
    SUMMARISE = "summarise"
    AGGREGATE = "aggregate"


class ChatSessionNotFound(NotFoundError):
    """There is no such chat here."""

    code = "CHAT_SESSION_NOT_FOUND"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A turn, or a piece of a long one, inside a chunk. `role` is "" in what nobody said."""

    idx: int
    start_ms: int
    role: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A text that was written about a source, such as a summary; filed beside its turns."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A chunk with its vector (float32, little-endian), ready to be stored."""

    kind: str
    lines: tuple[Line, ...]
    embedder: str
    vector: bytes

    @property
    def text(self) -> str:
        """What is searched, a line a turn."""
        return "\n".join(line.text for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """Where chunks belong: a version of a source in a collection.

    `occurred_at` is when it was said; `meta` can be filtered by equality and comes back with hits.
    """

    collection: str
    source_id: str
    version: int
    occurred_at: datetime
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What a search is narrowed to; None does not narrow. Times are half-open.

    Of the `meta` that was filed, texts must be equal and numbers within these bounds.
    """

    source_ids: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    meta: Mapping[str, str] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    at_most: Mapping[str, float] = field(default_factory=dict)


EVERYTHING = Narrowing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A collection of one tenant and what of it may be seen; `name` comes back with its hits."""

    db: Database
    collection: str
    narrowing: Narrowing = EVERYTHING
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A chunk that was found. `score` is its reciprocal-rank fusion, higher is better."""

    chunk_id: UUID
    place: str
    source_id: str
    kind: str
    start_ms: int
    lines: tuple[Line, ...]
    score: float
    meta: Mapping[str, Any]

    @property
    def text(self) -> str:
        """What was found, a line a turn."""
        return "\n".join(line.text for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """The words behind sentence `[n]`, verbatim; `turn_idx` is -1 in what nobody said."""

    n: int
    place: str
    source_id: str
    turn_idx: int
    start_ms: int
    quote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """An answer by counting rows. `text` is the whole answer, `engine` says who counted."""

    text: str
    engine: str


class Aggregator(Protocol):
    """How a product answers questions for counts, shares and trends: never from snippets."""

    async def __call__(self, question: str) -> Aggregate | None:
        """Count. None means: this question is not one of those that are known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """An answer. `answered` is False when nothing supports one; then `answer` says so.

    `degraded` means: a language model is configured and did not give a usable answer.
    """

    answer: str
    answered: bool
    intent: Intent
    citations: tuple[Citation, ...]
    engine: str
    degraded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionStatus:
    """How much is filed. `foreign_vectors` are of another embedder: found by words only."""

    sources: int
    chunks: int
    foreign_vectors: int
