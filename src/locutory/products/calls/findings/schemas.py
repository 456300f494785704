"""Wire shapes of objection types, occurrences, moments and reclassifications."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from locutory.kernel.auth.schemas import Moment
from locutory.products.calls.records.schemas import Limit

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
_Line = r"^[^\x00-\x1f]+$"
Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=_Line)
]
Phrase = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120, pattern=_Line)
]
Playbook = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00]*$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,8})?$")]
Synonyms = Annotated[
    dict[Language, Annotated[list[Phrase], Field(max_length=200)]], Field(max_length=20)
]
Speaker = Literal["agent", "customer"]
Callid = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_Line)]
Handled = Literal["yes", "partial", "no", "unknown"]


class TypeCreate(BaseModel):
    """A type of objection of one's own; `synonyms` are phrases by language code."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "key": "parking",
                    "label": "Parking",
                    "synonyms": {"en": ["nowhere to park"], "hi": ["parking ki dikkat"]},
                    "playbook": "Tell of the garage behind the house.",
                }
            ]
        },
    )

    key: Key
    label: Label
    synonyms: Synonyms = {}
    playbook: Playbook = ""
    enabled: bool = True


class TypeUpdate(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid")

    label: Label = ""
    synonyms: Synonyms = {}
    playbook: Playbook = ""
    enabled: bool = True


class TypeRead(BaseModel):
    """`built_in` types also have patterns of their own; `version` is the ETag, 0 if unchanged."""

    key: str
    label: str
    synonyms: dict[str, list[str]]
    playbook: str
    enabled: bool
    built_in: bool
    version: int
    updated_at: Moment | None


class TypePage(BaseModel):
    items: list[TypeRead]
    next_cursor: str | None


class ObjectionList(BaseModel):
    """How objections are asked for; newest calls first. Unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    type: Annotated[str | None, Field(max_length=64)] = None
    handled: Handled | None = None
    from_: Annotated[Limit | None, Field(alias="from", description="first start, inclusive")] = None
    to: Annotated[Limit | None, Field(description="last start, exclusive")] = None
    agent: Annotated[str | None, Field(max_length=128)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class ObjectionRead(BaseModel):
    """One objection. `start_ms` is the time of the turn; `evidence_ok` whether it was said so."""

    callid: str
    type: str
    quote: str
    segment: int
    start_ms: int
    handled: Handled
    response_segment: int | None
    source: str
    evidence_ok: bool
    started_at: Moment | None
    agent: str | None
    agent_id: str | None


class ObjectionPage(BaseModel):
    items: list[ObjectionRead]
    next_cursor: str | None


class SummaryAsk(BaseModel):
    """Which calls are summed up. Unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[Limit | None, Field(alias="from", description="first start, inclusive")] = None
    to: Annotated[Limit | None, Field(description="last start, exclusive")] = None
    agent: Annotated[str | None, Field(max_length=128)] = None


class Example(BaseModel):
    callid: str
    quote: str
    segment: int
    start_ms: int
    handled: Handled


class TypeSummary(BaseModel):
    """`share` is calls with the type / calls with text; `handled_rate` yes / (yes+partial+no)."""

    type: str
    label: str
    calls: int
    occurrences: int
    share: float | None
    per_100_calls: float | None
    handled: dict[str, int]
    handled_rate: float | None
    examples: list[Example]


class SummaryRead(BaseModel):
    """The types that occur, most frequent first."""

    calls_with_text: int
    items: list[TypeSummary]


class ReclassifyAsk(BaseModel):
    """Which calls, by their start, half-open; without limits all that have words."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[Limit | None, Field(alias="from")] = None
    to: Limit | None = None


class ReclassifyRead(BaseModel):
    """How far a run is; `state` is running, done or failed."""

    id: UUID
    state: str
    total: int
    done: int
    changed: int
    detail: str | None
    created_at: Moment
    finished_at: Moment | None


class RuleBody(BaseModel):
    """What makes a moment; all that is set must hold.

    Ranges of time are half-open, in ms or in shares of the call (0 to 1).
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "phrase",
                    "phrases": ["this call is recorded"],
                    "present": False,
                    "role": "agent",
                    "to_ms": 60000,
                }
            ]
        },
    )

    kind: Literal["phrase", "sentiment", "silence", "interruption"]
    phrases: Annotated[list[Phrase], Field(max_length=100)] = []
    present: bool = True
    role: Speaker | None = None
    from_ms: Annotated[int | None, Field(ge=0, le=86_400_000)] = None
    to_ms: Annotated[int | None, Field(ge=1, le=86_400_000)] = None
    from_share: Annotated[float | None, Field(ge=0, le=1)] = None
    to_share: Annotated[float | None, Field(gt=0, le=1)] = None
    sentiment_below: Annotated[float | None, Field(ge=-1, le=1)] = None
    sentiment_above: Annotated[float | None, Field(ge=-1, le=1)] = None
    min_ms: Annotated[int | None, Field(ge=1, le=3_600_000)] = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "phrase" and not self.phrases:
            raise ValueError("a phrase rule needs phrases")
        if self.kind == "phrase" and not any(_has_word(phrase) for phrase in self.phrases):
            raise ValueError("phrases need words")
        felt = self.sentiment_below is not None or self.sentiment_above is not None
        if self.kind == "sentiment" and not felt:
            raise ValueError("a sentiment rule needs sentiment_below or sentiment_above")
        if self.kind == "silence" and self.min_ms is None:
            raise ValueError("a silence rule needs min_ms")
        if self.kind != "phrase" and not self.present:
            raise ValueError("only a phrase can be absent")
        return self


def _has_word(phrase: str) -> bool:
    return any(char.isalnum() for char in phrase)


class MomentCreate(BaseModel):
    """A rule to keep."""

    model_config = ConfigDict(extra="forbid")

    key: Key
    name: Label
    rule: RuleBody
    enabled: bool = True


class MomentUpdate(BaseModel):
    """What is left out stays; a rule is replaced whole."""

    model_config = ConfigDict(extra="forbid")

    name: Label = ""
    rule: RuleBody | None = None
    enabled: bool = True


class MomentRead(BaseModel):
    id: UUID
    key: str
    name: str
    rule: dict[str, Any]
    enabled: bool
    version: int
    updated_at: Moment


class MomentPage(BaseModel):
    items: list[MomentRead]
    next_cursor: str | None


class MomentTest(BaseModel):
    """Calls to try a rule on; `rule` tries a draft in place of what is stored."""

    model_config = ConfigDict(extra="forbid")

    callids: Annotated[list[Callid], Field(min_length=1, max_length=20)]
    rule: RuleBody | None = None


class SpanRead(BaseModel):
    """Where a rule matched; without turns where words are absent."""

    first_idx: int | None
    last_idx: int | None
    start_ms: int
    end_ms: int
    quote: str


class MomentTested(BaseModel):
    """`has_words` false: nothing could be looked for in the words."""

    callid: str
    matched: bool
    has_words: bool
    spans: list[SpanRead]


class MomentTestRead(BaseModel):
    items: list[MomentTested]
