"""Wire shapes of the pipeline."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from locutory.kernel.auth.schemas import Moment
from locutory.kernel.errors import ErrorClass
from locutory.products.calls.pipeline.config import Budgets, PipelineConfig
from locutory.products.calls.pipeline.contract import Action
from locutory.products.calls.pipeline.lead_filter import LeadMode
from locutory.products.calls.records.contract import Stage

PageSize = Annotated[int, Field(ge=1, le=200)]
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00]+$"),
]
Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/-]{1,100}$")]
Age = Annotated[float, Field(ge=0, le=10**9, allow_inf_nan=False)]


class QueueRead(BaseModel):
    """How much waits in one stage. `waiting` waits for a time, `retry` for another try.

    `braked`: it has half of its slots until fewer calls wait in the stage behind it.
    """

    ready: int
    running: int
    waiting: int
    retry: int
    blocked: int
    dead: int
    oldest_age_s: float | None
    braked: bool


class Blocked(BaseModel):
    """Why a stage does not go on."""

    stage: str
    state: str  # paused | blocked | once
    code: str
    detail: str


class AlertRead(BaseModel):
    """An alert; `about` is the stage or budget that it concerns, or empty."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    key: str
    about: str
    state: str
    severity: str
    detail: str
    since: Moment
    fired_at: Moment | None
    resolved_at: Moment | None
    acked_at: Moment | None
    acked_by: str | None
    ack_note: str | None


class AlertPage(BaseModel):
    """A page of alerts."""

    items: list[AlertRead]
    next_cursor: str | None


class AlertQuery(BaseModel):
    """Without a state, alerts that fire and those that have ended."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["firing", "resolved"] | None = None
    limit: PageSize = 50
    cursor: str | None = None


class Acknowledge(BaseModel):
    """`note` says what is done about it."""

    model_config = ConfigDict(extra="forbid")

    note: Reason | None = None


class WatermarkRead(BaseModel):
    """How far something was read. `ts` of the cursor is in UTC; `pass` is where reading goes on.

    `lag_s` counts since the source last answered; beyond its measure it is `stale`.
    """

    name: str
    cursor: dict[str, Any]
    last_ok_at: Moment | None
    last_error: str | None
    rows_total: int
    lag_s: float | None
    stale: bool


class WatermarkList(BaseModel):
    """All watermarks of a business, by name."""

    items: list[WatermarkRead]


class LeadFilterRead(BaseModel):
    """Whether calls need a lead: what was asked for, what is done, and why that differs.

    `age_s` counts since leads were last synced or imported.
    """

    mode: LeadMode
    acting: LeadMode
    reason: str | None
    leads: int
    age_s: float | None
    waiting: int  # calls that are kept out for want of a lead


class PipelineStatus(BaseModel):
    """Where a business's calls stand."""

    watermarks: list[WatermarkRead]
    status_counts: dict[str, int]
    queues: dict[str, QueueRead]
    throughput: dict[str, int]  # calls analysed in the last 5 minutes and hour
    eta_s: float | None
    lead_filter: LeadFilterRead
    providers: dict[str, str]
    blocked_reasons: list[Blocked]
    alerts: list[AlertRead]
    workers: bool  # whether somebody works the queues


class ControlAsk(BaseModel):
    """Without a stage, all of them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"action": "pause", "stage": "transcribe"}]},
    )

    action: Action
    stage: Stage | None = None
    reason: Reason | None = None


class StageHeld(BaseModel):
    """Whether a stage goes on."""

    state: str  # open | paused | blocked | once
    code: str | None
    ready: int
    running: int


class Controlled(BaseModel):
    """How every stage stands now."""

    action: str
    stages: dict[str, StageHeld]


class ConfigRead(BaseModel):
    """The configuration in force; version 0 is the default."""

    version: int
    config: PipelineConfig


class VersionRead(BaseModel):
    """A version of the configuration, and who made it."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    config: dict[str, Any]
    actor: str
    note: str
    created_at: Moment


class VersionPage(BaseModel):
    """A page of versions."""

    items: list[VersionRead]
    next_cursor: str | None


class PageAsk(BaseModel):
    """How a page is asked for."""

    model_config = ConfigDict(extra="forbid")

    limit: PageSize = 50
    cursor: str | None = None


class Rollback(BaseModel):
    """Which version is to be in force again."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, le=10**9)]


class BudgetUse(BaseModel):
    """A budget and its use; `share` is of the limit."""

    limit: int | None
    used: float
    share: float | None


class BudgetsRead(BaseModel):
    """The budgets of a day and what is used of them; money in millionths of the currency.

    `version` is the configuration's, of which they are a part.
    """

    version: int
    budgets: Budgets
    day: str
    used: dict[str, BudgetUse]


class CostQuery(BaseModel):
    """Days in UTC, both inclusive."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[date | None, Field(alias="from")] = None
    to: date | None = None


class CostRow(BaseModel):
    """What a stage used on a day; the embedded engines cost nothing."""

    day: str
    stage: str
    runs: int
    audio_minutes: float
    tokens_in: int
    tokens_out: int
    cost_micros: int


class CostRead(BaseModel):
    """Use and cost by day and stage."""

    currency: str
    items: list[CostRow]
    total_cost_micros: int


class WorkerRead(BaseModel):
    """A worker process; `slots` by queue."""

    id: str
    alive: bool
    started_at: Moment
    heartbeat_at: Moment
    slots: dict[str, int]


class StageScale(BaseModel):
    """How many workers a stage has and would want; `mean_s` is a job's length lately."""

    workers: int
    slots: int
    mean_s: float
    desired_workers: int


class WorkersRead(BaseModel):
    """All workers, and what each stage wants."""

    workers: list[WorkerRead]
    stages: dict[str, StageScale]


class ProviderRead(BaseModel):
    """An engine; `embedded` ones need nothing outside."""

    kind: str
    name: str
    model: str | None
    embedded: bool
    concurrency: int | None
    timeout_s: float | None


class ProvidersRead(BaseModel):
    """The engines that the server asks."""

    items: list[ProviderRead]


class LetterSelect(BaseModel):
    """Which dead letters; what is left out does not narrow. Ages are since the death."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    stage: Token | None = None
    error_class: Annotated[ErrorClass | None, Field(alias="class")] = None
    code: Token | None = None
    min_age_s: Age | None = None
    max_age_s: Age | None = None


class LetterQuery(LetterSelect):
    """How a list of dead letters is asked for."""

    limit: PageSize = 50
    cursor: str | None = None


class LetterRow(BaseModel):
    """A job that will not run again without a person; `suggestion` says what may help."""

    model_config = ConfigDict(populate_by_name=True)

    job_id: str
    callid: str | None
    stage: str
    kind: str
    error_class: Annotated[str, Field(alias="class")]
    code: str
    message: str
    created_at: Moment
    died_at: Moment
    redrives: int
    redrivable: bool
    suggestion: str


class LetterPage(BaseModel):
    """A page of dead letters."""

    items: list[LetterRow]
    next_cursor: str | None


class AttemptRead(BaseModel):
    """A run that did not end well."""

    model_config = ConfigDict(populate_by_name=True)

    ended_at: Moment
    worker: str | None
    error_class: Annotated[str, Field(alias="class")]
    code: str
    message: str


class LetterDetail(LetterRow):
    """A dead letter with its attempts; the payload is masked."""

    payload: dict[str, Any]
    attempts: list[AttemptRead]


class Overrides(BaseModel):
    """What is to be done otherwise this time, where the stage can: `provider`, `language`."""

    model_config = ConfigDict(extra="forbid")

    provider: Token | None = None
    model: Token | None = None
    language: Annotated[
        str | None, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    ] = None

    def given(self) -> dict[str, str]:
        """Those that say something."""
        return self.model_dump(exclude_none=True)


class RedriveOne(BaseModel):
    """How one job is to run again."""

    model_config = ConfigDict(extra="forbid")

    overrides: Overrides = Overrides()


class RedriveMany(RedriveOne):
    """Which jobs are to run again; without a filter all."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"filter": {"stage": "transcribe", "class": "poison"}},
                {"filter": {"code": "AUDIO_UNDECODABLE"}, "overrides": {"provider": "stub"}},
            ]
        },
    )

    filter: LetterSelect = LetterSelect()


class Refused(BaseModel):
    """A job that was left dead, and why."""

    id: str
    why: str


class Redriven(BaseModel):
    """How many jobs are queued again, and which are not."""

    queued: int
    refused: list[Refused]


class Discard(BaseModel):
    """Why a job is given up."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
