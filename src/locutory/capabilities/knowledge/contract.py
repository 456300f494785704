"""What others may name: what is filed, found, cited and answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Select

from locutory.kernel.db import Database
from locutory.kernel.errors import NotFoundError

SPOKEN = "turns"  # the kind of a chunk that holds what was said; other kinds were written of it
EXTRACTIVE = "extractive"  # the engine that quotes and never words anything itself
REINDEX = "knowledge.reindex"  # the job that fills a collection with new vectors
COPY = "knowledge.copy"  # the job that brings a store outside level with one collection
COPIES = "knowledge.copies"  # the round that gives each collection that is not level such a job


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

    `sources` selects ids of sources in the place's own database and is asked at each search, so
    that what is known of a source now decides, not what was known when it was filed. Of the
    `meta` that was filed, texts must be equal and numbers within these bounds.
    """

    source_ids: tuple[str, ...] | None = None
    sources: Select[str] | None = None
    kinds: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    meta: Mapping[str, str] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    at_most: Mapping[str, float] = field(default_factory=dict)

    @property
    def of_sources_only(self) -> bool:
        """Whether it leaves a source whole or not at all, and needs no look at its chunks."""
        rest = (self.source_ids, self.kinds, self.since, self.until)
        return rest == (None,) * 4 and not (self.meta or self.at_least or self.at_most)


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
class Found:
    """What a search found, best first.

    `vectors` names what compared by meaning, "none" where no embedder of these vectors is at hand
    or nothing is filed. `degraded`: a store outside is set, and memory stood in for it.
    """

    hits: tuple[Hit, ...]
    vectors: str
    degraded: bool = False


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
    """An answer by counting rows. `text` is the whole answer, `engine` says who counted.

    `data` holds the numbers for a chart, `filter` what of the rows was counted.
    """

    text: str
    engine: str
    data: Mapping[str, Any] | None = None
    filter: Mapping[str, Any] | None = None


class Aggregator(Protocol):
    """How a product answers questions for counts, shares and trends: never from snippets."""

    async def __call__(self, question: str) -> Aggregate | None:
        """Count. None means: this question is not one of those that are known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """An answer. `answered` is False when nothing supports one; then its sentence says so.

    Each of the `sentences` stood the check before anybody sees it. `degraded` means: a language
    model is configured and did not give a usable answer.
    """

    sentences: tuple[str, ...]
    answered: bool
    intent: Intent
    citations: tuple[Citation, ...]
    engine: str
    degraded: bool = False
    data: Mapping[str, Any] | None = None
    filter: Mapping[str, Any] | None = None

    @property
    def answer(self) -> str:
        """The sentences as one text."""
        return " ".join(self.sentences)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSummary:
    """A chat in a list. `title` is the oldest question that is kept; `places` are their names."""

    id: UUID
    title: str
    turns: int
    places: tuple[str, ...]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTurn:
    """A question of a chat as it stands alone, and how it was answered."""

    turn: int
    question: str
    intent: str
    answered: bool
    engine: str
    asked_at: datetime


class ReindexState(StrEnum):
    """Where the filling of new vectors stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reindexing:
    """The filling of new vectors: `done` of `total` chunks, as last counted."""

    id: UUID
    state: ReindexState
    embedder: str
    dimension: int
    done: int
    total: int
    started_at: datetime
    finished_at: datetime | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyStatus:
    """A copy in a store outside. `behind` vectors are not there yet, `gone` ones still may be.

    A copy that is not `current` is in a store that the settings do not name, or of a generation
    that is not searched.
    """

    place: str
    current: bool
    behind: int
    gone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionStatus:
    """How much is filed.

    `embedder` is the one whose vectors are searched, `configured` the one that new chunks get.
    `without_vector` chunks are found by their words only.
    """

    sources: int
    chunks: int
    without_vector: int
    embedder: str
    dimension: int
    configured: str
    reindex: Reindexing | None
    copies: tuple[CopyStatus, ...] = ()

    @property
    def is_behind(self) -> bool:
        """Whether the searched vectors are of another embedder than new ones."""
        return self.embedder not in ("", self.configured)
