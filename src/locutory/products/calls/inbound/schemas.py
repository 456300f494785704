"""Wire shapes of inbound webhooks."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from locutory.kernel.auth.schemas import Moment
from locutory.products.calls.inbound.contract import Provider, Scheme

SecretText = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[\x21-\x7e]{16,256}$")
]
WEEK_S = 604_800


class HookSet(BaseModel):
    """How a provider proves itself from now on.

    `secret` is what the provider signs with: Twilio's auth token, SignalWire's signing key, Telnyx'
    public key. Where it is left out one is made. The one before holds for `keep_former_s` more.
    """

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"scheme": "token", "keep_former_s": 86_400}]},
    )

    scheme: Scheme | None = None
    secret: SecretText | None = None
    keep_former_s: Annotated[int, Field(ge=0, le=WEEK_S)] = 0


class HookRead(BaseModel):
    """A provider that may tell of calls; secrets are never shown again.

    `path` is where it delivers, without the token if it has one; `url` the same with the server's
    public address, null where the operator gave none.
    """

    id: UUID
    provider: Provider
    scheme: Scheme
    path: str
    url: str | None
    former_until: Moment | None
    created_at: Moment
    updated_at: Moment


class HookShown(HookRead):
    """What was made, shown this once; `path` and `url` hold the token. Null is what was given."""

    secret: str | None
    token: str | None


class HookList(BaseModel):
    """Every provider that may tell of calls."""

    items: list[HookRead]
    next_cursor: None = None


class DeliveryRead(BaseModel):
    """What became of a delivery.

    created, updated, duplicate or source_changed; acknowledged where it told of no ended call.
    """

    callid: str | None
    id: str | None
    result: str
