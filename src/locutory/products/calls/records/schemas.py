"""Wire shapes of calls, with the seed's field names."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from locutory.capabilities.interactions.contract import Role
from locutory.kernel.auth.schemas import Moment
from locutory.kernel.clock import as_utc
from locutory.products.calls.records.contract import Consent, Direction, Stage, Status

Limit = Annotated[datetime, AfterValidator(as_utc)]
Key = Annotated[str, Field(min_length=1, max_length=200)]
Tag = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[^,\n]+$")
]
_MOST_CUSTOM_BYTES = 16 * 1024


def _small(value: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(orjson.dumps(value))
    except TypeError as error:  # half of a surrogate pair, a number beyond 64 bits
        raise ValueError("not JSON that can be stored") from error
    if size > _MOST_CUSTOM_BYTES:
        raise ValueError(f"at most {_MOST_CUSTOM_BYTES} bytes as JSON")
    return value


class CallNarrowing(BaseModel):
    """What a list of calls is narrowed to. Unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[Limit | None, Field(alias="from", description="first start, inclusive")] = None
    to: Annotated[Limit | None, Field(description="last start, exclusive")] = None
    status: Status | None = None
    stage: Stage | None = None
    direction: Direction | None = None
    consent: Consent | None = None
    agent: Key | None = None
    phone: Annotated[
        str | None, Field(max_length=32, description="the last four digits, or all of them")
    ] = None
    lead_id: Annotated[Key | None, Field(description="the customer's id in the CRM")] = None
    min_score: Annotated[float | None, Field(ge=0, le=100)] = None
    max_score: Annotated[float | None, Field(ge=0, le=100)] = None
    sentiment: Literal["positive", "neutral", "negative"] | None = None
    topic: Key | None = None
    objection: Key | None = None
    moment: Key | None = None
    tag: Key | None = None
    degraded: bool | None = None
    low_asr: Annotated[bool | None, Field(description="whether the words are uncertain")] = None
    has_text: bool | None = None
    q: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=300,
            description='words that one passage contains; "in quotes" as they stand',
        ),
    ] = None


class CallList(CallNarrowing):
    """How a list of calls is asked for."""

    sort: Literal["started_at", "score", "duration", "sentiment"] = "started_at"
    order: Literal["asc", "desc"] = "desc"
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class FacetValue(BaseModel):
    """A value and how many calls have it."""

    value: str | bool
    label: str | None
    count: int


class CallFacets(BaseModel):
    """Counts by value over the calls of a filter.

    `counted_up_to` is null where all were counted, else the newest so many.
    """

    counted: int
    counted_up_to: int | None
    facets: dict[str, list[FacetValue]]


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
    topics: list[str]
    flags: list[str]
    tags: list[str]
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


class AudioRead(BaseModel):
    """Where the recording is played from; which one it is depends on the reader's rights."""

    url: str
    peaks_url: str
    duration_s: float | None


SECTIONS = ("transcript", "metrics", "analysis", "scores", "crm", "reviews", "stages", "audio")
"""The parts of a call that `?include=` chooses from."""
INTERNAL = frozenset({"crm", "reviews", "stages"})
"""Those of them that are not for pages of other sites."""


class CallRead(CallRow):
    """A call whole; sections that were not asked for are empty."""

    id: str
    kind: str
    ended_at: Moment | None
    disposition: str | None
    status_detail: str | None
    channels: int | None
    true_stereo: bool | None
    language: str | None
    epoch: int
    transcript_version: int
    asr_quality: float | None  # 0-1
    legal_hold: bool
    consent: Consent
    lead_id: str | None  # the customer's id in the CRM
    lead_match: str  # exact | late | none | unknown
    audio_purged_at: Moment | None
    custom: dict[str, Any]
    created_at: Moment
    done_at: Moment | None
    transcript: TranscriptRead | None
    metrics: dict[str, Any] | None
    analysis: dict[str, Any] | None
    scores: list[dict[str, Any]]
    crm: list[dict[str, Any]]  # the lead as the CRM has it, and what was written there
    reviews: list[dict[str, Any]]
    stages: list[StageRead]
    audio: AudioRead | None


class AcrossQuery(BaseModel):
    """How calls of several businesses are asked for; newest first."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    bid: Annotated[list[str], Field(max_length=50)] = []
    from_: Annotated[Limit | None, Field(alias="from", description="first start, inclusive")] = None
    to: Annotated[Limit | None, Field(description="last start, exclusive")] = None
    status: Status | None = None
    agent: Key | None = None
    q: Annotated[str | None, Field(min_length=1, max_length=300)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class AcrossRow(CallRow):
    """A call in a list over businesses."""

    bid: str


class AcrossPage(BaseModel):
    """A page of calls of several businesses."""

    items: list[AcrossRow]
    next_cursor: str | None


class TranscriptFile(BaseModel):
    """Which form and version of a transcript is asked for."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["json", "txt", "srt", "vtt", "rttm"] = "json"
    version: Annotated[int | None, Field(ge=1, le=2**31, description="the current one")] = None
    raw: Annotated[bool, Field(description="the words unredacted; takes pii:read")] = False


class VersionRead(BaseModel):
    """A version of a transcript."""

    version: int
    epoch: int
    origin: str
    engine: str
    created_at: Moment


class TranscriptVersions(BaseModel):
    """Every version, newest first; `current` is the one that counts."""

    current: int
    items: list[VersionRead]


class TurnEdit(BaseModel):
    """A correction of one turn. Split or merge, not both."""

    model_config = ConfigDict(extra="forbid")

    idx: Annotated[int, Field(ge=0, le=2**31)]
    text: Annotated[str, Field(max_length=20_000)] | None = None
    role: Role | None = None
    split_ms: Annotated[int, Field(ge=0, le=2**31)] | None = None
    merge_next: bool = False


class TranscriptEdit(BaseModel):
    """Corrections of the version that the editor saw."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"base_version": 1, "edits": [{"idx": 3, "text": "Two crores."}]}]
        },
    )

    base_version: Annotated[int, Field(ge=1, le=2**31)]
    edits: Annotated[list[TurnEdit], Field(min_length=1, max_length=2000)]


class SpeakersWrite(BaseModel):
    """Who each speaker is, by the label that the transcript gives them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"map": {"S1": "customer", "S2": "agent"}}]},
    )

    map: Annotated[dict[str, Role], Field(min_length=1, max_length=50)]
    base_version: Annotated[int, Field(ge=1, le=2**31)] | None = None


class CallUpdate(BaseModel):
    """What is left out stays; `tags` replaces all tags, `custom` all own fields."""

    model_config = ConfigDict(extra="forbid")

    tags: Annotated[list[Tag], Field(max_length=50)] = []
    agent_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    agent_name: Annotated[str, Field(max_length=200)] | None = None
    disposition: Annotated[str, Field(max_length=200)] | None = None
    custom: Annotated[dict[str, Any], AfterValidator(_small)] = {}
    legal_hold: bool = False
    consent: Consent = Consent.UNKNOWN


class DeletionRead(BaseModel):
    """The call is gone from lists and search; its files and other rows follow."""

    callid: str
    state: str


class RetranscribeAsk(BaseModel):
    """What is to be done otherwise this time."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{}, {"language": "hi"}]}
    )

    provider: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None


class RunRead(BaseModel):
    """Where a call stands after it was sent through the pipeline again, or stopped."""

    callid: str
    status: str
    stage: str
    stage_state: str
    epoch: int


class CommentCreate(BaseModel):
    """A note; `at_ms` is the place in the recording. Personal data is redacted."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
    at_ms: Annotated[int, Field(ge=0, le=2**31)] | None = None


class CommentRead(BaseModel):
    """A note on a call."""

    id: UUID
    author: str
    text: str
    at_ms: int | None
    created_at: Moment


class CommentPage(BaseModel):
    """Notes in order of writing."""

    items: list[CommentRead]
    next_cursor: str | None


class AttemptRead(BaseModel):
    """A run of a job that did not end well."""

    at: Moment
    error_class: str
    error_code: str
    error_detail: str


class TimelineJob(BaseModel):
    """A job of the call."""

    id: UUID
    stage: str
    run_no: int
    state: str
    attempts: int
    queued_at: Moment
    due_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    failures: list[AttemptRead]


class Timeline(BaseModel):
    """What the pipeline did with a call: the stages' runs, and the jobs behind them."""

    callid: str
    status: str
    stage: str
    stage_state: str
    runs: list[StageRead]
    jobs: list[TimelineJob]


class Peaks(BaseModel):
    """Loudness for a picture: per channel `min, max, min, max, ...` of -127 to 127."""

    channels: int
    per_s: int
    data: list[list[int]]


class BulkAsk(BaseModel):
    """A deed on many calls: those of `filter`, or those of `callids`.

    `confirm_count` is how many these are, as the caller believes.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "action": "tag",
                    "params": {"add": ["audit"]},
                    "filter": {"status": "done", "max_score": 50},
                    "confirm_count": 12,
                }
            ]
        },
    )

    action: Annotated[str, Field(min_length=1, max_length=50)]
    params: dict[str, Any] = {}
    filter: CallNarrowing | None = None
    callids: Annotated[list[Key], Field(min_length=1, max_length=10_000)] | None = None
    confirm_count: Annotated[int, Field(ge=0, le=2**31)]

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.filter is None) == (self.callids is None):
            raise ValueError("give either filter or callids")
        return self


class BulkRefusal(BaseModel):
    """A call to which it was not done."""

    callid: str
    code: str
    detail: str


class BulkRead(BaseModel):
    """How far a deed on many calls is; the first hundred refusals."""

    job_id: UUID
    action: str
    state: str  # queued | running | done
    total: int
    done: int
    refused: int
    refusals: list[BulkRefusal]
    created_at: Moment
    finished_at: Moment | None
