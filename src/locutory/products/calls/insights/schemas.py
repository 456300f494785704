"""Wire shapes of search and chat, with the seed's field names."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
)

from locutory.kernel.auth.schemas import Moment
from locutory.kernel.clock import as_utc
from locutory.products.calls.insights.contract import Sentiment
from locutory.products.calls.records.contract import Direction

Limit = Annotated[AwareDatetime, AfterValidator(as_utc)]
Bid = Annotated[str, Field(min_length=1, max_length=32)]
Bids = Annotated[list[Bid], Field(min_length=1, max_length=20)]


Word = Annotated[str, Field(min_length=1, max_length=200)]


class RagFilters(BaseModel):
    """Which calls are seen: all that is given must hold, as the calls are now.

    Times are of the call's start, half-open. A language also means its dialects: `en`, `en-IN`.
    """

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "examples": [{"from": "2026-03-02T00:00:00Z", "agent": "a7", "min_score": 60}]
        },
    )

    from_: Annotated[Limit | None, Field(alias="from")] = None
    to: Limit | None = None
    agent: Word | None = None
    direction: Direction | None = None
    min_score: Annotated[float | None, Field(ge=0, le=100)] = None
    max_score: Annotated[float | None, Field(ge=0, le=100)] = None
    sentiment: Sentiment | None = None
    topic: Word | None = None
    tag: Word | None = None
    language: Annotated[str | None, Field(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")] = None
    callids: Annotated[list[str] | None, Field(max_length=500)] = None


class RagSearch(BaseModel):
    """What is searched for."""

    model_config = ConfigDict(extra="forbid")

    query: Annotated[str, Field(min_length=1, max_length=2_000)]
    filters: RagFilters = RagFilters()
    limit: Annotated[int, Field(ge=1, le=20)] = 8


class RagSearchAcross(RagSearch):
    """A search in several businesses."""

    bids: Bids


class RagChat(BaseModel):
    """A message; `session_id` goes on with a chat.

    With `stream` the answer comes as server-sent events: `token` {text} for each sentence once it
    has been checked, `citations` {citations}, `done` with the rest of the answer; `error` in place
    of them if it fails on the way.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"message": "How many calls mention price last week?"}]},
    )

    message: Annotated[str, Field(min_length=1, max_length=2_000)]
    session_id: UUID | None = None
    filters: RagFilters = RagFilters()
    stream: bool = False


class RagChatAcross(RagChat):
    """A message about several businesses."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "bids": ["6004", "7417"],
                    "message": "How many calls mention price last week?",
                }
            ]
        },
    )

    bids: Bids


class HitRead(BaseModel):
    """A passage that was found; `start_ms` is where its closest turn begins."""

    bid: str
    callid: str
    segment_idx: int | None  # None in what was written about the call
    start_ms: int
    text: str
    score: float  # reciprocal-rank fusion, higher is better
    meta: dict[str, Any]


class SearchRead(BaseModel):
    """What was found, best first."""

    hits: list[HitRead]
    took_ms: int
    vectors: str  # what compared by meaning: embedded | qdrant | chroma | none
    degraded: bool  # a store of vectors is set, and memory stood in for it


class CitationRead(BaseModel):
    """The words behind `[n]`, verbatim."""

    n: int
    bid: str
    callid: str
    segment_idx: int | None  # None in what was written about the call
    start_ms: int
    quote: str


class ChatRead(BaseModel):
    """An answer; `answered` is false when nothing supports one, and then the text says why.

    A count brings its numbers as `data` (measure, unit, group, rows of {bid, key, label, value,
    n}) and the `filter` that it used; both are null otherwise.
    """

    answer: str
    answered: bool
    intent: str  # lookup | summarise | aggregate
    citations: list[CitationRead]
    engine: str  # extractive | sql | the model that worded it | none
    degraded: bool  # a model is configured and gave no usable answer
    session_id: UUID
    data: dict[str, Any] | None
    filter: dict[str, Any] | None


class SessionList(BaseModel):
    """Which page of one's chats."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class SessionRead(BaseModel):
    """A chat; `title` is its oldest question that is kept, `turns` counts all."""

    session_id: UUID
    title: str
    turns: int
    bids: list[str]
    created_at: Moment
    updated_at: Moment


class SessionPage(BaseModel):
    """A page of one's chats, the last used first."""

    items: list[SessionRead]
    next_cursor: str | None


class TurnRead(BaseModel):
    """A question, redacted and standing alone. Answers are not kept: they quote calls."""

    turn: int
    question: str
    intent: str
    answered: bool
    engine: str
    asked_at: Moment


class SessionDetail(SessionRead):
    """A chat with its last twenty questions, oldest first."""

    questions: list[TurnRead]


class ReindexRead(BaseModel):
    """The filling of new vectors: `done` of `total` passages."""

    id: UUID
    state: str  # running | done | failed
    embedder: str
    dimension: int
    done: int
    total: int
    started_at: Moment
    finished_at: Moment | None
    detail: str | None


class CopyRead(BaseModel):
    """A copy of vectors in a store outside.

    `behind` are not there yet, `gone` were deleted here and may still be there.
    """

    place: str
    current: bool  # it is the store of the settings, and of the vectors that are searched
    behind: int
    gone: int


class StatusRead(BaseModel):
    """How much of a business's calls can be found.

    `embedder` made the vectors that are searched, `configured_embedder` makes new ones; where the
    two differ, a reindex brings them together. Passages `without_vector` are found by words only.
    `waiting` calls are done and not indexed yet, the oldest of them since `lag_s`.
    """

    embedder: str
    dimension: int
    configured_embedder: str
    chunks: int
    calls_indexed: int
    without_vector: int
    waiting: int
    lag_s: float
    reindex: ReindexRead | None
    copies: list[CopyRead]
