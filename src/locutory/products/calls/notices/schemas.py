"""Wire shapes of webhooks, their deliveries and notices."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from locutory.kernel.auth.schemas import Moment, Name
from locutory.products.calls.notices.contract import DeliveryState, News

Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=8, max_length=2048)]
Events = Annotated[list[News], Field(min_length=1, max_length=len(News))]


class WebhookCreate(BaseModel):
    """An address to be told, and of what."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Ticket system",
                    "url": "https://hooks.example.com/locutory",
                    "events": ["call.done", "score.auto_fail"],
                }
            ]
        },
    )

    name: Name
    url: Url
    events: Events


class WebhookUpdate(BaseModel):
    """What is left out stays; `active: true` also forgets the failures that paused it."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    url: Url = ""
    events: Events = []
    active: bool = True


class WebhookRead(BaseModel):
    """A webhook without its address' path and its secret."""

    id: UUID
    name: str
    host: str
    events: list[News]
    active: bool
    paused_reason: str | None
    failures: int
    created_at: Moment


class WebhookCreated(WebhookRead):
    """The new webhook and the secret of its signatures, which is shown this once."""

    secret: str


class WebhookList(BaseModel):
    """All webhooks; there are at most fifty."""

    items: list[WebhookRead]
    next_cursor: None = None


class TestResult(BaseModel):
    """What came of a `ping`."""

    ok: bool
    status: int | None
    latency_ms: int
    error: str | None


class PageOf(BaseModel):
    """A page to ask for."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class DeliveryList(PageOf):
    """Which deliveries to list."""

    state: DeliveryState | None = None


class DeliveryRead(BaseModel):
    """One delivery; `error` has the last failure's own words."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    event_id: UUID
    news: News
    callid: str | None
    state: DeliveryState
    attempts: int
    status: int | None
    latency_ms: int | None
    error: str | None
    body_sha256: str
    created_at: Moment
    tried_at: Moment | None


class DeliveryPage(BaseModel):
    items: list[DeliveryRead]
    next_cursor: str | None


class NoticeRead(BaseModel):
    """A line of news; `unread` for the one who asks."""

    id: UUID
    news: News
    callid: str | None
    text: str
    at: Moment
    unread: bool


class NoticePage(BaseModel):
    """Newest first; `unread` counts up to 100."""

    items: list[NoticeRead]
    unread: int
    next_cursor: str | None


class NoticeSettings(BaseModel):
    """What makes a notice; a call is low when its score (0-100) is below `score_below`.

    The bound also decides when webhooks are told `score.low`.
    """

    model_config = ConfigDict(extra="forbid")

    news: Annotated[list[News], Field(max_length=len(News))]
    score_below: Annotated[float, Field(ge=0, le=100)]
