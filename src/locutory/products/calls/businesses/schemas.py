"""Wire shapes of businesses and their people."""

from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from locutory.kernel.auth.schemas import Email, Moment, Name, PageAsk, Slug
from locutory.products.calls.businesses.contract import Role


def _known_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("not the name of a time zone, such as Asia/Kolkata") from error
    return name


Timezone = Annotated[
    str, StringConstraints(min_length=1, max_length=64), AfterValidator(_known_timezone)
]
ExternalId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class BusinessCreate(BaseModel):
    """`country_code` is ISO 3166-1 alpha-2, `currency` ISO 4217."""

    model_config = ConfigDict(extra="forbid")

    bid: Slug
    name: Name
    timezone: Timezone = "UTC"
    country_code: Country | None = None
    currency: Currency | None = None


class BusinessUpdate(BaseModel):
    """What is left out stays; `country_code` and `currency` may be set to null."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    timezone: Timezone = ""
    country_code: Country | None = None
    currency: Currency | None = None


class BusinessRead(BaseModel):
    bid: str
    name: str
    timezone: str
    country_code: str | None
    currency: str | None
    status: str


class BusinessPage(BaseModel):
    items: list[BusinessRead]
    next_cursor: str | None


class MemberCreate(BaseModel):
    """An invitation. `name` is taken for new users only."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    name: Name
    role: Role
    floor_agent: ExternalId | None = None


class MemberUpdate(BaseModel):
    """What is left out stays; `floor_agent` may be set to null."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    floor_agent: ExternalId | None = None


class MemberRead(BaseModel):
    """`role` is the one in this product; `floor_agent` the external id of who this is on calls."""

    id: UUID
    email: str
    name: str
    role: str
    floor_agent: str | None
    joined_at: Moment


class MemberCreated(MemberRead):
    """`one_time_password` is shown this once; null for people who have a password already."""

    one_time_password: str | None


class MemberPage(BaseModel):
    items: list[MemberRead]
    next_cursor: str | None


class FloorAgentWrite(BaseModel):
    """A floor agent; `external_id` is what sources call them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"external_id": "a-17", "name": "Asha Rao", "phones": ["+911234567890"]},
            ]
        },
    )

    external_id: ExternalId
    name: Name
    phones: Annotated[
        list[Annotated[str, StringConstraints(min_length=3, max_length=32)]], Field(max_length=8)
    ] = []
    team: Annotated[str, StringConstraints(max_length=100)] | None = None
    active: bool = True


class RosterWrite(BaseModel):
    """The whole roster; who is missing becomes inactive."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[FloorAgentWrite], Field(max_length=2000)]


class FloorAgentRead(BaseModel):
    """A floor agent; of the phones only the last four digits are shown."""

    external_id: str
    name: str
    phones: list[str]
    team: str | None
    active: bool
    user_id: UUID | None


class FloorAgentPage(BaseModel):
    items: list[FloorAgentRead]
    next_cursor: str | None


class RosterAsk(PageAsk):
    """A page of the roster."""

    active: bool | None = None


class ImportFault(BaseModel):
    """A line that was not taken."""

    line: int
    message: str


class ImportRead(BaseModel):
    """What became of the lines; the first 200 faults."""

    created: int
    updated: int
    rejected: int
    faults: list[ImportFault]


class PurgeRead(BaseModel):
    """The business lets nobody in any more; its rows and files are being removed."""

    bid: str
    status: str
