"""Wire shapes of analytics."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, PlainValidator

from locutory.kernel.clock import as_utc
from locutory.products.calls.analytics.contract import Basis, EngineClass, Granularity
from locutory.products.calls.analytics.measures import METRICS
from locutory.products.calls.records.contract import Direction, Status

_DATE_LENGTH = len("2026-01-31")


def _day_or_moment(value: Any) -> Any:
    """A date stays one; what is longer is a time, UTC where it names no offset."""
    if isinstance(value, str) and len(value) == _DATE_LENGTH:
        return date.fromisoformat(value)
    if isinstance(value, str):
        return as_utc(datetime.fromisoformat(value))
    raise ValueError("a date such as 2026-01-31, or a time such as 2026-01-31T00:00:00Z")


Edge = Annotated[date | datetime, PlainValidator(_day_or_moment, json_schema_input_type=str)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


def _known_metric(key: str) -> str:
    if key not in METRICS:
        raise ValueError("not a metric; GET /analytics/catalog lists them")
    return key


MetricKey = Annotated[str, Field(max_length=64), AfterValidator(_known_metric)]


class Ask(BaseModel):
    """Which calls a view is about. Days are those of the business; unknown parameters are refused.

    Without `from` the 30 days before `to`; without `to` until today.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[
        Edge | None,
        Field(alias="from", description="first day, or a time in it", examples=["2026-01-01"]),
    ] = None
    to: Annotated[
        Edge | None,
        Field(description="the day after the last, or a time", examples=["2026-02-01"]),
    ] = None
    granularity: Granularity = Granularity.DAY
    agent: Annotated[Name | None, Field(description="id of a floor agent")] = None
    direction: Direction | None = None
    template: Annotated[Name | None, Field(description="scoring template")] = None
    include_rules: Annotated[
        bool, Field(description="also calls that rules judged, without a model")
    ] = True
    compare: Annotated[
        Literal["previous", "none"], Field(description="with as many days just before")
    ] = "previous"


class TrendAsk(Ask):
    metric: Annotated[list[MetricKey], Field(min_length=1, max_length=8)] = ["calls", "score"]


class KeysAsk(Ask):
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class BoardAsk(Ask):
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    cursor: str | None = None


class ScopeRead(BaseModel):
    """What was looked at; `to` is not part of it. `basis` says what answered."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[date, Field(alias="from")]
    to: date
    days: int
    timezone: str
    agent: str | None
    direction: str | None
    template: str | None
    include_rules: bool
    basis: Basis


class FigureRead(BaseModel):
    """A metric. `n` is how many calls it rests on; `better` 1, -1 or 0 for neither.

    What compares is null unless asked for. `significant`: both periods have 20 calls or more, and
    Welch's p is below 0.05; null where no test applies.
    """

    key: str
    label: str
    unit: str
    better: int
    n: int
    value: float | None
    sd: float | None
    previous: float | None
    previous_n: int | None
    delta_pct: float | None
    p_value: float | None
    significant: bool | None


class KeyRead(BaseModel):
    """A topic, objection or disposition: calls that have it, their share of `of` calls."""

    key: str
    label: str
    calls: int
    share_pct: float | None
    previous_share_pct: float | None
    delta_pct: float | None


class OverviewRead(BaseModel):
    """The tiles of the first page. `behind`: calls not in the figures yet, 1000 at most."""

    scope: ScopeRead
    tiles: list[FigureRead]
    bant: list[FigureRead]
    top_topics: list[KeyRead]
    top_objections: list[KeyRead]
    behind: int


class PointRead(BaseModel):
    """A bucket. `moving_mean` is over it and the six before it; changes are as in figures."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[date, Field(alias="from")]
    to: date
    n: int
    value: float | None
    moving_mean: float | None
    previous: float | None
    delta_pct: float | None
    significant: bool | None


class SeriesRead(BaseModel):
    """One metric over time; `engine` tells all calls from those judged by rules or a model."""

    metric: str
    engine: Literal["all", "rules", "model"]
    total: FigureRead
    points: list[PointRead]


class TrendsRead(BaseModel):
    scope: ScopeRead
    granularity: Granularity
    series: list[SeriesRead]


class BinRead(BaseModel):
    """Calls with a score from `low` to below `high`; the last bin holds 100 as well."""

    low: int
    high: int
    n: int


class PercentilesRead(BaseModel):
    """`basis` calls: exact. `basis` rollup: from bins, each off by at most `error` of its unit."""

    p10: float | None
    median: float | None
    p90: float | None
    basis: Basis
    error: float


class DistributionRead(BaseModel):
    """`insufficient` and `low_asr` calls have no place in the bins."""

    scope: ScopeRead
    bins: list[BinRead]
    score: FigureRead
    percentiles: PercentilesRead
    pass_rate: FigureRead
    auto_fail_rate: FigureRead
    insufficient: int
    low_asr: int


class FiguresRead(BaseModel):
    """Several metrics; one of them, `trend_of`, over time."""

    scope: ScopeRead
    figures: list[FigureRead]
    trend_of: str
    trend: list[PointRead]


class SentimentRead(FiguresRead):
    """`labels`: above 0.2 positive, below -0.2 negative."""

    labels: dict[str, int]


class TopicRead(KeyRead):
    minutes: float
    minutes_share_pct: float | None


class TopicsRead(BaseModel):
    scope: ScopeRead
    calls_with_text: int
    items: list[TopicRead]


class ObjectionRead(KeyRead):
    """`per_100` counts occurrences; `handled_rate_pct` is yes / (yes + partial + no)."""

    occurrences: int
    per_100: float | None
    handled_rate_pct: float | None
    yes: int
    partial: int
    no: int
    unknown: int


class ObjectionsRead(BaseModel):
    scope: ScopeRead
    calls_with_text: int
    figures: list[FigureRead]
    items: list[ObjectionRead]


class ElementRead(BaseModel):
    element: str
    confirmed: int
    partial: int
    coverage: FigureRead


class BantRead(BaseModel):
    """`eligible`: calls with text that were judged for it."""

    scope: ScopeRead
    eligible: int
    elements: list[ElementRead]
    overall: FigureRead
    score: FigureRead


class OutcomesRead(BaseModel):
    scope: ScopeRead
    calls: int
    dispositions: list[KeyRead]
    figures: list[FigureRead]


class LagRead(BaseModel):
    """Seconds; `basis` rollup: from bins, each off by at most the share `relative_error`."""

    p50_s: float | None
    p95_s: float | None
    n: int
    basis: Basis
    relative_error: float


class CoverageRead(BaseModel):
    """`coverage` is done / (answered calls not skipped by policy)."""

    scope: ScopeRead
    statuses: dict[str, int]
    answered: int
    skipped_by_policy: int
    coverage: FigureRead
    lag: LagRead
    stages: list[FigureRead]
    handle_time: FigureRead
    handle_basis: dict[str, int]


class CostByRead(BaseModel):
    """Cost of a floor agent's calls, or of the answers of an analysis agent."""

    key: str
    label: str
    calls: int
    cost_micros: int


class JudgeRead(CostByRead):
    answers_model: int
    answers_cached: int
    answers_rules: int
    saved_micros_estimate: int | None


class CostDayRead(BaseModel):
    day: date
    calls: int
    cost_micros: int


class CostRead(BaseModel):
    """Micro-units of `currency`; calls whose engine told no price count as unpriced, not as free.

    The saving of a cached answer is estimated as the mean cost of the same agent's paid answers.
    """

    scope: ScopeRead
    currency: str | None
    cost_micros: int
    priced_calls: int
    unpriced_calls: int
    figures: list[FigureRead]
    tokens_in: int
    tokens_out: int
    saved_micros_estimate: int | None
    by_day: list[CostDayRead]
    by_floor_agent: list[CostByRead]
    by_agent: list[JudgeRead]


class BoardRow(BaseModel):
    """A floor agent. `rank_score` mixes few calls with the business's mean; see `too_few`."""

    agent_id: str
    name: str | None
    rank: int | None
    too_few: bool
    n: int
    calls: int
    score: float | None
    rank_score: float | None
    pass_pct: float | None
    talk_ratio: float | None
    dead_air_pct: float | None
    interruptions_per_10min: float | None
    sentiment_trend: float | None
    handled_objection_pct: float | None


class BoardRead(BaseModel):
    """Those with 5 scored calls or more by `rank_score`, ties by `n`; then those with too few."""

    scope: ScopeRead
    business_mean: float | None
    items: list[BoardRow]
    next_cursor: str | None


class AgentFigureRead(BaseModel):
    """A figure of one agent beside that of the business."""

    agent: FigureRead
    business: float | None


class CoachRead(BaseModel):
    """A call worth listening to, and why."""

    callid: str
    day: date
    reasons: list[str]
    score: float | None
    sentiment_trend: float | None
    longest_dead_air_ms: float | None
    interruptions_per_10min: float | None


class AgentRead(BaseModel):
    scope: ScopeRead
    row: BoardRow
    of_agents: int
    figures: list[AgentFigureRead]
    trend: list[PointRead]
    objections: list[ObjectionRead]
    coaching: Annotated[
        list[CoachRead], Field(description="of the period's newest 500 calls, those that stand out")
    ]


Dimension = Literal[
    "day",
    "week",
    "month",
    "hour",
    "weekday",
    "agent",
    "direction",
    "template",
    "engine",
    "status",
    "language",
    "disposition",
    "kind",
]


class QueryFilters(BaseModel):
    """`from` and `to` as in the views; the other names narrow."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[Edge | None, Field(alias="from")] = None
    to: Edge | None = None
    agents: Annotated[list[Name], Field(max_length=200)] = []
    direction: Direction | None = None
    template: Name | None = None
    engine: EngineClass | None = None
    status: Status | None = None
    language: Name | None = None
    disposition: Name | None = None
    kind: Name | None = None
    has_text: bool | None = None
    min_score: Annotated[float | None, Field(ge=0, le=100)] = None
    max_score: Annotated[float | None, Field(ge=0, le=100)] = None


class QueryAsk(BaseModel):
    """Metrics of the catalogue, split by up to two dimensions."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "metrics": ["calls", "score"],
                    "dimensions": ["agent", "week"],
                    "filters": {"from": "2026-01-01", "to": "2026-02-01"},
                    "limit": 100,
                }
            ]
        },
    )

    metrics: Annotated[list[MetricKey], Field(min_length=1, max_length=10)]
    dimensions: Annotated[list[Dimension], Field(max_length=2)] = []
    filters: QueryFilters = QueryFilters()
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class QueryRow(BaseModel):
    dimensions: dict[str, JsonValue]
    n: dict[str, int]
    values: dict[str, float | None]


class QueryRead(BaseModel):
    """Rows by time where time is a dimension, else by the first metric, the largest first."""

    scope: ScopeRead
    rows: list[QueryRow]
    truncated: bool


class MetricRead(BaseModel):
    """`kind`: mean over calls, ratio of sums, or sum."""

    key: str
    label: str
    unit: str
    kind: str
    better: int


class DimensionRead(BaseModel):
    """`rolled_up`: answered from the day tables, whatever the number of calls."""

    key: str
    rolled_up: bool


class CatalogRead(BaseModel):
    metrics: list[MetricRead]
    dimensions: list[DimensionRead]
    filters: list[str]
