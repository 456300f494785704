"""What a business may set of its pipeline. Every default works."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from locutory.kernel.errors import InvalidError
from locutory.kernel.http_errors import faults
from locutory.kernel.jobs.fairness import Share
from locutory.products.calls.pipeline.choice import SpeechChoice
from locutory.products.calls.pipeline.filters import Filters
from locutory.products.calls.pipeline.lead_filter import LeadFilter
from locutory.products.calls.records.contract import Stage

Days = Annotated[int, Field(ge=1, le=36_500)]


class StageConfig(BaseModel):
    """Null: as the server is set. `weight` is the share of slots beside other businesses."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = True
    concurrency: Annotated[int | None, Field(ge=1, le=1000)] = None
    weight: Annotated[int, Field(ge=1, le=10)] = 1
    max_attempts: Annotated[int | None, Field(ge=1, le=20)] = None
    timeout_s: Annotated[int | None, Field(ge=10, le=86_400)] = None

    def share(self) -> Share:
        """The same in the job engine's words."""
        return Share(self.weight, self.concurrency, self.max_attempts, self.timeout_s)


class Stages(BaseModel):
    """The stages of a call."""

    model_config = ConfigDict(extra="forbid")

    transcribe: StageConfig = StageConfig()
    analyze: StageConfig = StageConfig()
    index: StageConfig = StageConfig()

    def of(self, stage: Stage) -> StageConfig:
        """The configuration of one stage."""
        config: StageConfig = getattr(self, stage)
        return config


class Redaction(BaseModel):
    """What is replaced in transcripts. Numbers of cards, accounts and identities always are."""

    model_config = ConfigDict(extra="forbid")

    phone: bool = True
    email: bool = True
    address: bool = True
    birth_date: bool = True

    @property
    def kept(self) -> frozenset[str]:
        """The kinds that stay readable, as the redactor names them."""
        kinds = {"PHONE": self.phone, "EMAIL": self.email}
        kinds |= {"ADDRESS": self.address, "DOB": self.birth_date}
        return frozenset(kind for kind, replaced in kinds.items() if not replaced)


class Retention(BaseModel):
    """How long things are kept, in days after the call; null: for good.

    Leads are kept for `leads_days` after their last change in the CRM.
    """

    model_config = ConfigDict(extra="forbid")

    audio_days: Days | None = None
    transcript_days: Days | None = None
    analysis_days: Days | None = None
    leads_days: Days | None = None


class Budgets(BaseModel):
    """The most of a day (UTC); null: no bound. Money is in millionths of the currency."""

    model_config = ConfigDict(extra="forbid")

    audio_minutes: Annotated[int | None, Field(ge=0, le=10_000_000)] = None
    tokens: Annotated[int | None, Field(ge=0, le=10**12)] = None
    money_micros: Annotated[int | None, Field(ge=0, le=10**15)] = None


class PipelineConfig(BaseModel):
    """All of it. `agent_channel` says on which channel of stereo recordings the agent speaks."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "stages": {"transcribe": {"concurrency": 10, "weight": 2}},
                    "stt": {"fallback": ["embedded"]},
                    "filters": {"min_duration_s": 20, "directions": ["inbound"]},
                    "budgets": {"audio_minutes": 6000},
                    "retention": {"audio_days": 90},
                }
            ]
        },
    )

    stages: Stages = Stages()
    stt: SpeechChoice = SpeechChoice()
    filters: Filters = Filters()
    lead_filter: LeadFilter = LeadFilter()
    redaction: Redaction = Redaction()
    retention: Retention = Retention()
    budgets: Budgets = Budgets()
    agent_channel: Literal["left", "right", "auto"] = "auto"

    @model_validator(mode="after")
    def _durations_leave_room(self) -> Self:
        low, high = self.filters.min_duration_s, self.filters.max_duration_s
        if low is not None and high is not None and low > high:
            raise ValueError("filters: min_duration_s is more than max_duration_s")
        return self


def patched(config: PipelineConfig, change: dict[str, Any]) -> PipelineConfig:
    """The configuration with what `change` names replaced, objects part by part (RFC 7396).

    Null sets a part back to its default. Raises InvalidError with every fault.
    """
    whole = _merged(config.model_dump(mode="json"), change)
    try:
        return PipelineConfig.model_validate(whole)
    except ValidationError as error:
        raise InvalidError(errors=faults(error.errors())) from error


def _merged(whole: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(whole)
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
            if name not in whole:
                merged[name] = None  # an unknown name is to be refused, not forgotten
        elif isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = _merged(merged[name], value)
        else:
            merged[name] = value
    return merged
