"""Wire shapes of embed keys."""

import re
from datetime import datetime
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from locutory.kernel.auth.schemas import KeyRead, Name
from locutory.products.calls.embeds.contract import EmbedScope
from locutory.products.calls.records.schemas import CallNarrowing

_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_IMPLIED = {"https": 443, "http": 80}


def _checked_origin(text: str) -> str:
    """As browsers write it: lower case, without a port that the scheme implies."""
    origin = text.strip().lower().removesuffix("/")
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("an origin such as https://crm.example.org, without path or wildcard")
    parts = urlsplit(origin)
    if parts.port is not None and parts.port == _IMPLIED[parts.scheme]:
        return origin.rpartition(":")[0]
    return origin


Origin = Annotated[str, StringConstraints(max_length=300), AfterValidator(_checked_origin)]


class FixedFilter(CallNarrowing):
    """The words of the list of calls that hold for everything that a key shows."""

    @model_validator(mode="after")
    def _readable_by_pages(self) -> Self:
        if self.phone is not None:
            raise ValueError("phone: the page would read the number; narrow by a tag instead")
        return self


class EmbedKeyCreate(BaseModel):
    """A key for pages of some origins; `filters` are fixed, no request can widen them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Customer portal",
                    "scopes": ["calls:read"],
                    "origins": ["https://portal.example.org"],
                    "filters": {"tag": "portal", "from": "2026-01-01T00:00:00Z"},
                }
            ]
        },
    )

    name: Name
    scopes: Annotated[list[EmbedScope], Field(min_length=1, max_length=2)]
    origins: Annotated[list[Origin], Field(min_length=1, max_length=20)]
    filters: FixedFilter = FixedFilter()
    expires_at: datetime | None = None


class EmbedKeyRead(KeyRead):
    """An embed key without its secret."""

    origins: list[str]
    filters: dict[str, Any]


class EmbedKeyCreated(EmbedKeyRead):
    """`key` is shown this once."""

    key: str


class EmbedKeyPage(BaseModel):
    """Live keys, newest first."""

    items: list[EmbedKeyRead]
    next_cursor: str | None
