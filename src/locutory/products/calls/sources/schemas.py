"""Wire shapes of ingestion."""

import re
from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

from locutory.kernel.clock import as_utc
from locutory.products.calls.records.contract import Consent, Direction
from locutory.products.calls.sources.contract import CallOffer

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_KINDS = "^(call|meeting|voice_note|roleplay|showroom)$"


def _names(*names: str) -> AliasChoices:
    return AliasChoices(*names)


def _check_storable(fields: dict[str, Any]) -> None:
    """Raise ValueError for what parses as JSON and yet no database keeps."""
    try:
        text = orjson.dumps(fields)
    except TypeError as error:  # half a surrogate pair, an integer beyond 64 bits, 255 levels
        raise ValueError(f"this cannot be stored: {error}") from error
    if _NUL.search(text):
        raise ValueError("this cannot be stored: a NUL character")


class CallPush(BaseModel):
    """A finished call, as a source tells of it. Fields that we do not know land in `custom`.

    The aliases are those of the old relay, so that its senders need no change.
    """

    model_config = ConfigDict(extra="allow", populate_by_name=True, str_max_length=4096)

    callid: Annotated[str, Field(validation_alias=_names("callid", "call_id", "id"))]
    audio_url: Annotated[
        str | None,
        Field(validation_alias=_names("audio_url", "recording_url", "file_url", "filename")),
    ] = None
    kind: Annotated[str, Field(pattern=_KINDS)] = "call"
    direction: Direction = Direction.UNKNOWN
    customer_phone: Annotated[
        str | None,
        Field(validation_alias=_names("customer_phone", "customer_number", "callfrom", "phone")),
    ] = None
    agent_id: Annotated[
        str | None, Field(validation_alias=_names("agent_id", "agent_number", "callto"))
    ] = None
    agent_name: str | None = None
    disposition: Annotated[
        str | None, Field(validation_alias=_names("disposition", "dialstatus", "status"))
    ] = None
    consent: Consent | None = None
    started_at: Annotated[
        datetime | None,
        Field(validation_alias=_names("started_at", "starttime", "start_time")),
    ] = None
    ended_at: Annotated[
        datetime | None, Field(validation_alias=_names("ended_at", "endtime", "end_time"))
    ] = None
    custom: dict[str, Any] = Field(default_factory=dict)

    @field_validator("callid", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value

    @field_validator("started_at", "ended_at")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        return None if value is None else as_utc(value)

    @model_validator(mode="after")
    def _rest_to_custom(self) -> "CallPush":
        if self.model_extra:
            self.custom = {**self.model_extra, **self.custom}
        _check_storable(self.model_dump(mode="json", exclude={"started_at", "ended_at"}))
        return self

    def offer(self) -> CallOffer:
        """As our own word."""
        return CallOffer(
            callid=self.callid,
            audio_url=self.audio_url,
            kind=self.kind,
            direction=self.direction,
            customer_phone=self.customer_phone,
            agent_id=self.agent_id,
            agent_name=self.agent_name,
            disposition=self.disposition,
            consent=self.consent,
            started_at=self.started_at,
            ended_at=self.ended_at,
            custom=self.custom,
        )


class CallsPush(BaseModel):
    """1 to 500 calls; each is judged for itself."""

    calls: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=500)]


class ItemResult(BaseModel):
    """What became of one offered call."""

    callid: str | None
    result: str  # created | updated | duplicate | source_changed | rejected | ignored
    id: str | None
    error: dict[str, Any] | None


class PushResult(BaseModel):
    """What became of a batch."""

    accepted: int
    duplicates: int
    rejected: int
    items: list[ItemResult]


class ChangesResult(PushResult):
    """What became of change events; the `error` of an item that was ignored says why."""

    ignored: int


class Upload(BaseModel):
    """What comes with an uploaded recording."""

    callid: str | None
    direction: Direction
    customer_phone: str | None
    agent_id: str | None
    agent_name: str | None
    started_at: datetime | None
    consent: Consent | None = None

    @model_validator(mode="after")
    def _storable(self) -> "Upload":
        _check_storable(self.model_dump(mode="json", exclude={"started_at"}))
        return self


class AudioTaken(BaseModel):
    """An upload that was stored; its work goes on as jobs."""

    callid: str
    id: str
    result: str


class UpdateCall(CallPush):
    """The old relay's body: a call and its business."""

    bid: Annotated[str, Field(min_length=1, max_length=32)]


class UpdateCallTaken(BaseModel):
    """The old relay's answer."""

    status: str
    bid: str
    callid: str
    id: str
    result: str
