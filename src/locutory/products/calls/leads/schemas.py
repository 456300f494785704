"""Wire shapes of leads."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from locutory.kernel.auth.schemas import Moment

PageSize = Annotated[int, Field(ge=1, le=200)]
Word = Annotated[str, Field(min_length=1, max_length=200)]


class LeadList(BaseModel):
    """How a list of leads is asked for; the one that was changed last comes first."""

    model_config = ConfigDict(extra="forbid")

    phone: Annotated[str | None, Field(max_length=32, description="a whole number")] = None
    stage: Word | None = None
    owner: Word | None = None
    limit: PageSize = 50
    cursor: str | None = None


class LeadRow(BaseModel):
    """A lead in a list, the person's name masked. `matched`: a call has it."""

    lead_id: str
    provider: str
    name_masked: str | None
    phone_masked: str | None
    stage: str | None
    owner: str | None
    source: str | None
    matched: bool
    modified_at: Moment
    fetched_at: Moment


class LeadPage(BaseModel):
    """A page of leads."""

    items: list[LeadRow]
    next_cursor: str | None


class LeadRead(LeadRow):
    """A lead; what names the person is null, and attributes are left out, without `pii:read`."""

    name: str | None
    email: str | None
    phones: list[str]
    attributes: dict[str, Any]
    activities_at: Moment | None


class ActivityList(BaseModel):
    """How a list of activities is asked for."""

    model_config = ConfigDict(extra="forbid")

    limit: PageSize = 50
    cursor: str | None = None


class ActivityRead(BaseModel):
    """Something that happened with a lead; `data` is left out without `pii:read`."""

    activity_id: str
    event_code: str | None
    event_name: str
    occurred_at: Moment
    data: dict[str, Any]


class ActivityPage(BaseModel):
    """A page of activities, newest first."""

    items: list[ActivityRead]
    next_cursor: str | None
