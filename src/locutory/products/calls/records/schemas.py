"""Wire shapes of calls, with the seed's field names."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

from locutory.kernel.clock import as_utc, rfc3339
from locutory.products.calls.records.contract import Direction, Status

Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]
Limit = Annotated[datetime, AfterValidator(as_utc)]


class CallList(BaseModel):
    """How a list of calls is asked for. Unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[Limit | None, Field(alias="from", description="first start, inclusive")] = None
    to: Annotated[Limit | None, Field(description="last start, exclusive")] = None
    status: Status | None = None
    direction: Direction | None = None
    agent: str | None = None
    min_score: Annotated[float | None, Field(ge=0, le=100)] = None
    max_score: Annotated[float | None, Field(ge=0, le=100)] = None
    sort: Literal["started_at", "score", "duration", "sentiment"] = "started_at"
    order: Literal["asc", "desc"] = "desc"
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class CallRow(BaseModel):
    """A call in a list."""

    callid: str
    status: str
    status_reason: str | None
    stage: str
    stage_state: str
    started_at: Moment
    duration_s: float | None
    direction: str
    agent: str | None
    agent_id: str | None
    customer_masked: str | None
    score: float | None  # 0-100
    sentiment: float | None  # -1 to 1
    bant_score: float | None  # 0-100
    talk_ratio: float | None  # the agent's share of speech, 0-1
    summary_short: str | None
    has_words: bool
    degraded: bool
    partial: bool
    flags: list[str]
    updated_at: Moment


class CallPage(BaseModel):
    """A page of calls."""

    items: list[CallRow]
    next_cursor: str | None


class StageRead(BaseModel):
    """A stage of a call."""

    model_config = ConfigDict(from_attributes=True)

    stage: str
    run_no: int
    state: str
    attempts: int
    engine: str | None
    started_at: Moment
    finished_at: Moment | None
    engine_ms: int | None
    error_class: str | None
    error_code: str | None
    error_detail: str | None


class TurnRead(BaseModel):
    """A turn of a transcript, redacted."""

    idx: int
    start_ms: int
    end_ms: int
    role: str
    role_confidence: float | None
    speaker: str
    channel: int | None
    text: str
    confidence: float | None
    flags: list[str]


class TranscriptRead(BaseModel):
    """The current transcript of a call."""

    version: int
    origin: str  # stt | sidecar | acoustic | edited
    engine: str
    language: str | None
    duration_ms: int
    word_count: int
    has_words: bool
    quality: dict[str, Any]
    turns: list[TurnRead]


class CallRead(CallRow):
    """A call whole."""

    id: str
    kind: str
    ended_at: Moment | None
    disposition: str | None
    status_detail: str | None
    channels: int | None
    true_stereo: bool | None
    language: str | None
    epoch: int
    custom: dict[str, Any]
    created_at: Moment
    done_at: Moment | None
    transcript: TranscriptRead | None
    metrics: dict[str, Any] | None
    analysis: dict[str, Any] | None
    scores: list[dict[str, Any]]
    stages: list[StageRead]


class AcrossQuery(BaseModel):
    """How calls of several businesses are asked for; newest first."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    bid: Annotated[list[str], Field(max_length=50)] = []
    from_: Annotated[Limit | None, Field(alias="from", description="first start, inclusive")] = None
    to: Annotated[Limit | None, Field(description="last start, exclusive")] = None
    status: Status | None = None
    agent: str | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class AcrossRow(CallRow):
    """A call in a list over businesses."""

    bid: str


class AcrossPage(BaseModel):
    """A page of calls of several businesses."""

    items: list[AcrossRow]
    next_cursor: str | None
