"""Wire shapes of search and chat, with the seed's field names."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from locutory.kernel.clock import as_utc
from locutory.products.calls.records.contract import Direction

Limit = Annotated[AwareDatetime, AfterValidator(as_utc)]
Bid = Annotated[str, Field(min_length=1, max_length=32)]
Bids = Annotated[list[Bid], Field(min_length=1, max_length=20)]


class RagFilters(BaseModel):
    """Which calls are seen. Times are of the call's start, half-open."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[Limit | None, Field(alias="from")] = None
    to: Limit | None = None
    agent: str | None = None
    direction: Direction | None = None
    min_score: Annotated[float | None, Field(ge=0, le=100)] = None
    max_score: Annotated[float | None, Field(ge=0, le=100)] = None
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
    """A message; `session_id` goes on with a chat."""

    model_config = ConfigDict(extra="forbid")

    message: Annotated[str, Field(min_length=1, max_length=2_000)]
    session_id: UUID | None = None
    filters: RagFilters = RagFilters()


class RagChatAcross(RagChat):
    """A message about several businesses."""

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


class CitationRead(BaseModel):
    """The words behind `[n]`, verbatim."""

    n: int
    bid: str
    callid: str
    segment_idx: int | None  # None in what was written about the call
    start_ms: int
    quote: str


class ChatRead(BaseModel):
    """An answer; `answered` is false when nothing supports one, and then the text says why."""

    answer: str
    answered: bool
    intent: str  # lookup | summarise | aggregate
    citations: list[CitationRead]
    engine: str  # extractive | sql | the model that worded it | none
    degraded: bool  # a model is configured and gave no usable answer
    session_id: UUID
