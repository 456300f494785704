"""Wire shapes of logins, people and keys, with the field names of both seeds that print them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

from locutory.kernel.clock import rfc3339

Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$"
    ),
]
NewPassword = Annotated[str, StringConstraints(min_length=10, max_length=200)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Slug = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
_AnyPassword = Annotated[str, StringConstraints(max_length=1000)]


class LoginAsk(BaseModel):
    """`tenant` is a bid; without it, the first one by name of its slug becomes the current one."""

    email: Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=254)]
    password: _AnyPassword
    tenant: str | None = None


class RefreshAsk(BaseModel):
    """`tenant` (a bid) makes another tenant the current one."""

    refresh_token: Annotated[str, StringConstraints(max_length=200)]
    tenant: str | None = None


class PasswordAsk(BaseModel):
    """A change of one's own password."""

    current_password: _AnyPassword
    new_password: NewPassword


class TicketAsk(BaseModel):
    """Without `bid`, the ticket is for the current tenant."""

    bid: str | None = None


class EmbedAsk(BaseModel):
    """What an embedded page shows."""

    embed_key: Annotated[str, StringConstraints(max_length=200)]


class EmbedRead(BaseModel):
    """A token for one page; ask again before `expires_in` seconds are over. `filters` are fixed."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    bid: str
    scopes: list[str]
    filters: dict[str, Any]


class KeyCreate(BaseModel):
    """A key has no more scopes than whoever makes it."""

    name: Name
    scopes: Annotated[list[str], Field(min_length=1, max_length=50)]
    expires_at: datetime | None = None


class PageAsk(BaseModel):
    """How a list is asked for. Unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class BusinessRole(BaseModel):
    """What one is where. `role` is the first of `roles`, without its product."""

    bid: str
    name: str
    role: str
    roles: list[str]


class UserBrief(BaseModel):
    id: UUID
    name: str
    email: str


class LoginRead(BaseModel):
    """`expires_in` is in seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"]
    expires_in: int
    user: UserBrief
    businesses: list[BusinessRole]
    password_change_required: bool


class MeRead(BaseModel):
    """Who is calling. `permissions` are the scopes in the current tenant."""

    id: UUID
    user_id: UUID
    kind: str
    email: str | None
    name: str
    full_name: str
    platform_admin: bool
    tenant: str | None
    role: str | None
    roles: list[str]
    permissions: list[str]
    businesses: list[BusinessRole]
    avatar_url: str | None
    password_change_required: bool


class ClaimsRead(BaseModel):
    """What a valid token says. `exp` is in seconds since the epoch, null for a lasting key."""

    valid: Literal[True]
    sub: str
    roles: list[str]
    scopes: list[str]
    bids: list[str]
    exp: int | None


class TicketRead(BaseModel):
    """A ticket for one EventSource, as `?ticket=`; `expires_in` is in seconds."""

    ticket: str
    expires_in: int


class PersonRead(BaseModel):
    id: UUID
    email: str
    name: str
    roles: list[str]
    avatar_url: str | None
    joined_at: Moment


class PersonPage(BaseModel):
    items: list[PersonRead]
    next_cursor: str | None


class AvatarRead(BaseModel):
    avatar_url: str


class KeyRead(BaseModel):
    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_by: str
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None


class KeyCreated(KeyRead):
    """`key` is shown this once."""

    key: str


class KeyPage(BaseModel):
    items: list[KeyRead]
    next_cursor: str | None
