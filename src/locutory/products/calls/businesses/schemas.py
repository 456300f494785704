"""Wire shapes of businesses and their people."""

from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from locutory.kernel.auth.schemas import Email, Moment, Name, Slug
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


class MemberUpdate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Role


class MemberRead(BaseModel):
    """`role` is the one in this product."""

    id: UUID
    email: str
    name: str
    role: str
    joined_at: Moment


class MemberCreated(MemberRead):
    """`one_time_password` is shown this once; null for people who have a password already."""

    one_time_password: str | None


class MemberPage(BaseModel):
    items: list[MemberRead]
    next_cursor: str | None
