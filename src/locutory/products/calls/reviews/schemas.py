"""Wire shapes of templates, scores and reviews."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    StrictBool,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from locutory.capabilities.analysis.api import MOST_PARAMETERS, template_faults
from locutory.capabilities.analysis.contract import GradingMode, ParameterType, TemplateStatus
from locutory.kernel.auth.schemas import Moment
from locutory.kernel.clock import as_utc
from locutory.products.calls.records.contract import Direction
from locutory.products.calls.reviews.contract import (
    FIGURES,
    MOST_PREVIEWED,
    Outcome,
    ReviewKind,
    ReviewState,
)

Limit = Annotated[datetime, AfterValidator(as_utc)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Words = Annotated[str, StringConstraints(max_length=2000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
_Terms = Annotated[list[Name], Field(max_length=200)]


class ParameterWrite(BaseModel):
    """A question; `options` and `binding` say more, by its type.

    scale `options: {max}` · enum `options: {points: {option: 0-1}}` · number `options: {min, max}`
    · metric `binding: {metric, bands: [[low, high, points]]}`, half-open, null for no bound ·
    phrase `binding: {phrases, present, role, from_ms, to_ms, from_share, to_share}`.
    """

    model_config = ConfigDict(extra="forbid")

    key: Key
    section: Line
    question: Line
    type: ParameterType
    weight: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 1
    critical: bool = False
    na_allowed: bool = True
    guidance: Words = ""
    options: dict[str, Any] = {}
    binding: dict[str, Any] = {}


class AppliesIfWrite(BaseModel):
    """Which calls the template is for: one of each list that is not empty."""

    model_config = ConfigDict(extra="forbid")

    directions: Annotated[list[Direction], Field(max_length=10)] = []
    agents: _Terms = []
    teams: Annotated[_Terms, Field(description="of the roster of floor agents")] = []
    tags: _Terms = []
    languages: Annotated[_Terms, Field(description="by prefix: `en` is also `en-IN`")] = []


class TemplateWrite(BaseModel):
    """A scoring template. All faults come at once, each with its place."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Sales call",
                    "grading_mode": "auto",
                    "applies_if": {"directions": ["outbound"]},
                    "pass_mark": 75,
                    "parameters": [
                        {
                            "key": "greeting",
                            "section": "Opening",
                            "question": "Did the agent greet the customer?",
                            "type": "phrase",
                            "weight": 10,
                            "binding": {"phrases": ["good morning", "hello"], "role": "agent"},
                        },
                        {
                            "key": "need",
                            "section": "Talk",
                            "question": "How well was the need found out?",
                            "type": "scale",
                            "weight": 20,
                            "options": {"max": 5},
                        },
                    ],
                }
            ]
        },
    )

    name: Name
    grading_mode: GradingMode = GradingMode.AUTO
    applies_if: AppliesIfWrite = AppliesIfWrite()
    pass_mark: Percent = 70
    critical_cap: Annotated[
        Percent | None, Field(description="the total of a failed critical parameter, else 0")
    ] = None
    parameters: Annotated[list[ParameterWrite], Field(min_length=1, max_length=MOST_PARAMETERS)]

    @model_validator(mode="wrap")
    @classmethod
    def _all_faults(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        faults = [_fault(*fault) for fault in template_faults(data, metrics=FIGURES)]
        try:
            made = handler(data)
        except ValidationError as error:
            found = [_fault(e["loc"], e["type"], e["msg"]) for e in error.errors()]
            raise ValidationError.from_exception_data(cls.__name__, found + faults) from error
        if faults:
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return made


def _fault(place: tuple[int | str, ...], code: str, message: str) -> InitErrorDetails:
    # as a value: a message with braces is no template
    error = PydanticCustomError(code, "{message}", {"message": message})
    return InitErrorDetails(type=error, loc=place, input=None)


class ParameterRead(BaseModel):
    """A question of a template."""

    key: str
    section: str
    question: str
    type: str
    weight: float
    critical: bool
    na_allowed: bool
    guidance: str
    options: dict[str, Any]
    binding: dict[str, Any]


class TemplateRead(BaseModel):
    """A version of a template, by default the newest; `published_version` is the one that scores.

    `id` stays over all versions. To change a published version makes the next one, a draft.
    """

    id: UUID
    name: str
    version: int
    status: str
    published_version: int | None
    grading_mode: str
    applies_if: AppliesIfWrite
    pass_mark: float
    critical_cap: float | None
    parameters: list[ParameterRead]
    created_by: str
    created_at: Moment
    updated_at: Moment
    published_at: Moment | None


class TemplatePage(BaseModel):
    """A page of templates by name."""

    items: list[TemplateRead]
    next_cursor: str | None


class TemplateList(BaseModel):
    """How templates are asked for; archived ones come only with `status=archived`."""

    model_config = ConfigDict(extra="forbid")

    status: TemplateStatus | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class VersionAsk(BaseModel):
    """Which version is asked for."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int | None, Field(ge=1, le=1_000_000)] = None


class PreviewAsk(BaseModel):
    """The calls that a template is tried on; the newest ones where none are named."""

    model_config = ConfigDict(extra="forbid")

    callids: Annotated[list[Name], Field(max_length=MOST_PREVIEWED)] = []
    limit: Annotated[int, Field(ge=1, le=MOST_PREVIEWED)] = 5
    version: Annotated[int | None, Field(ge=1, le=1_000_000)] = None


class PreviewRow(BaseModel):
    """What the template would make of a call; `error` says why it made nothing of it."""

    callid: str
    score: dict[str, Any] | None
    present: Annotated[float | None, Field(description="the call's score as it is")]
    error: str | None


class PreviewRead(BaseModel):
    """A trial; nothing of it is kept."""

    template_id: UUID
    version: int
    engine: str
    items: list[PreviewRow]


class QualityTemplate(BaseModel):
    """The template without its questions."""

    id: UUID
    name: str
    version: int
    grading_mode: str
    pass_mark: float
    critical_cap: float | None
    built_in: bool


class QualityParameters(BaseModel):
    """What a business's calls are scored by where no template with conditions fits."""

    template: QualityTemplate
    parameters: list[ParameterRead]


Figure = Annotated[int, Field(strict=True, ge=-(2**53), le=2**53)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Choice = Annotated[str, StringConstraints(strict=True, max_length=300)]
Value = StrictBool | Figure | Number | Choice | None


class AnswerWrite(BaseModel):
    """An answer to one parameter; `na` that it does not apply. A phrase: whether it was said."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, StringConstraints(max_length=64)]
    value: Value = None
    na: bool = False
    comment: Words = ""


class ReasonWrite(BaseModel):
    """Why the score of one parameter is wrong."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, StringConstraints(max_length=64)]
    reason: Line


_Answers = Annotated[list[AnswerWrite], Field(max_length=MOST_PARAMETERS)]
_Reasons = Annotated[list[ReasonWrite], Field(max_length=MOST_PARAMETERS)]


class ReviewCreate(BaseModel):
    """A review to be done, or one that is done already (`state: submitted`, with answers).

    `reviewer_id` is yourself where it is left out; null means whoever takes it. A `dispute` is
    opened by the agent (or for them) against a score that nobody reviewed, with `reasons`.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"kind": "review", "due_at": "2026-02-01T00:00:00Z"},
                {"answers": [{"key": "courtesy", "value": True}], "state": "submitted"},
                {"kind": "dispute", "reasons": [{"key": "greeting", "reason": "I said hello"}]},
            ]
        },
    )

    kind: ReviewKind = ReviewKind.REVIEW
    reviewer_id: UUID | None = None
    due_at: Limit | None = None
    comment: Words = ""
    answers: _Answers = []
    reasons: _Reasons = []
    state: Literal["open", "submitted"] = "open"


class ReviewUpdate(BaseModel):
    """What is left out stays. `state: submitted` makes the answers final."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "answers": [
                        {"key": "need_understood", "value": 4, "comment": "confirmed at 02:10"},
                        {"key": "solution", "na": True},
                    ],
                    "state": "submitted",
                }
            ]
        },
    )

    reviewer_id: UUID | None = None
    due_at: Limit | None = None
    comment: Words | None = None
    answers: _Answers | None = None
    state: Literal["open", "submitted"] = "open"


class DisputeWrite(BaseModel):
    """Which parameters are scored wrong, and why."""

    model_config = ConfigDict(extra="forbid")

    reasons: Annotated[_Reasons, Field(min_length=1)]
    comment: Words = ""


class ResolveWrite(BaseModel):
    """`uphold`: the score stands. `overturn`: these final answers replace it where they differ."""

    model_config = ConfigDict(extra="forbid")

    outcome: Outcome
    comment: Words = ""
    answers: _Answers = []


class ReviewRead(BaseModel):
    """A review. `allowed` names what may follow; `hidden` that answers stay blind to you."""

    id: UUID
    bid: str
    callid: str
    agent_id: str | None
    agent: str | None
    kind: str
    state: str
    allowed: list[str]
    reviewer_id: UUID | None
    template_id: UUID | None
    template_version: int | None
    hidden: bool
    answers: list[dict[str, Any]]
    comment: str
    total: float | None
    assigned_by: str
    due_at: Moment
    created_at: Moment
    submitted_at: Moment | None
    acknowledged_at: Moment | None
    disputed_at: Moment | None
    resolved_at: Moment | None
    dispute: dict[str, Any] | None
    resolution: dict[str, Any] | None


class CallReviews(BaseModel):
    """A call's reviews, oldest first, and the questions that a new one answers."""

    template: QualityParameters
    items: list[ReviewRead]


class ReviewQueue(BaseModel):
    """How the queue is asked for; what is due first comes first."""

    model_config = ConfigDict(extra="forbid")

    bid: Annotated[list[str], Field(max_length=50)] = []
    state: ReviewState | None = None
    kind: ReviewKind | None = None
    mine: Annotated[bool, Field(description="only those assigned to you")] = False
    due: Annotated[Limit | None, Field(description="due before this moment")] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class ReviewPage(BaseModel):
    """A page of the queue."""

    items: list[ReviewRead]
    next_cursor: str | None


class SamplingWrite(BaseModel):
    """Each week `per_agent` calls of every agent are drawn, for these reviewers in turn.

    Without `reviewers`, whoever takes a review has it.
    """

    model_config = ConfigDict(extra="forbid")

    enabled: bool = True
    per_agent: Annotated[int, Field(ge=1, le=50)] = 2
    due_days: Annotated[int, Field(ge=1, le=60)] = 7
    min_duration_s: Annotated[int, Field(ge=0, le=86_400)] = 30
    reviewers: Annotated[list[UUID], Field(max_length=100)] = []


class SamplingRead(SamplingWrite):
    """How reviews are drawn; `updated_at` is null before anybody said so."""

    updated_by: str | None
    updated_at: Moment | None


class DrawAsk(BaseModel):
    """The ISO week to draw from, by default the last whole one."""

    model_config = ConfigDict(extra="forbid")

    week: Annotated[str | None, StringConstraints(pattern=r"^\d{4}-W\d{2}$")] = None


class DrawRead(BaseModel):
    """How many reviews a draw assigned now; a second draw of the week assigns none."""

    week: str
    assigned: int


class AgreementAsk(BaseModel):
    """The time of submission that is looked at, by default the last 90 days."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[Limit | None, Field(alias="from", description="inclusive")] = None
    to: Annotated[Limit | None, Field(description="exclusive")] = None
    template_id: UUID | None = None


class AgreementRead(BaseModel):
    """Of `n` pairs of answers: `percent` equal, and Cohen's `kappa` where it has a meaning."""

    n: int
    percent: float | None  # 0-100
    kappa: float | None  # at most 1
    weighted: bool  # with quadratic weights


class ParameterAgreement(BaseModel):
    """How far answers to one parameter agree."""

    template_id: UUID
    template: str
    key: str
    question: str
    type: str
    person_person: AgreementRead  # calibrations of one call, two by two
    person_ai: AgreementRead


class AgreementReport(BaseModel):
    """Agreement per parameter. `truncated` says that only the newest reviews were looked at."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[Moment, Field(alias="from")]
    to: Moment
    reviews: int
    truncated: bool
    parameters: list[ParameterAgreement]
