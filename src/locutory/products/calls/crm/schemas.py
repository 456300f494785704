"""Wire shapes of connections to CRMs."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from locutory.engines.crm import HttpJsonMapping, NoteKind
from locutory.kernel.auth.schemas import Moment
from locutory.kernel.clock import as_utc
from locutory.products.calls.crm.contract import ImportState, Provider, WriteState
from locutory.products.calls.pipeline.schemas import WatermarkRead

Address = Annotated[str, StringConstraints(pattern=r"^https?://[\x21-\x7e]{1,500}$")]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[\x20-\x7e]+$")]
FilePath = Annotated[str, StringConstraints(max_length=1000, pattern=r"^/[^\x00]*[^\x00/]$")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Value = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_NEEDED = {
    Provider.LEADSQUARED: ("access_key", "secret_key"),
    Provider.SALESFORCE: ("client_id", "client_secret"),
    Provider.HTTP_JSON: (),
    Provider.CSV: (),
}


class Credentials(BaseModel):
    """What proves us to the CRM; none of it ever comes back."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    access_key: Secret | None = None
    secret_key: Secret | None = None
    client_id: Secret | None = None
    client_secret: Secret | None = None
    refresh_token: Secret | None = None
    token: Secret | None = None
    user: Secret | None = None
    password: Secret | None = None

    def fitting(self, provider: Provider) -> bool:
        """Whether what this provider needs is there."""
        return all(getattr(self, name) is not None for name in _NEEDED[provider])


class Rate(BaseModel):
    """So many calls in any so many seconds, as the account's plan allows."""

    model_config = ConfigDict(extra="forbid")

    calls: Annotated[int, Field(ge=1, le=1000)] = 5
    per_s: Annotated[float, Field(ge=0.1, le=3600, allow_inf_nan=False)] = 5.0


class CrmSettings(BaseModel):
    """How leads are read. `attributes` are further fields of a lead, by the CRM's own names.

    Leads that were changed last before `since` are not read. `activity_event` is LeadSquared's code
    for notes; `mapping` is for http_json.
    """

    model_config = ConfigDict(extra="forbid")

    sync_interval_s: Annotated[int, Field(ge=15, le=86_400)] = 300
    since: Annotated[datetime, AfterValidator(as_utc)] = _BEGINNING
    page_size: Annotated[int | None, Field(ge=1, le=5000)] = None
    attributes: Annotated[list[FieldName], Field(max_length=50)] = []
    activity_event: Annotated[int, Field(ge=1, le=100_000)] = 201
    rate: Rate = Rate()
    mapping: HttpJsonMapping | None = None


class WriteBack(BaseModel):
    """What is written of a call: a note, or an entry of the CRM's log of calls.

    Without `on_done` only what a person asks for is written. `fields` go along as they are.
    """

    model_config = ConfigDict(extra="forbid")

    on_done: bool = False
    kind: NoteKind = NoteKind.NOTE
    fields: Annotated[dict[FieldName, Value], Field(max_length=20)] = {}


class CrmConfig(BaseModel):
    """A connection. `url` is the CRM's own address, `path` the file's of csv.

    Credentials that are left out stay, unless provider or address change.
    """

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={
            "examples": [
                {
                    "provider": "leadsquared",
                    "url": "https://api-in21.leadsquared.com",
                    "credentials": {"access_key": "u$r0123", "secret_key": "0123abcd"},
                    "settings": {"attributes": ["mx_Budget"], "rate": {"calls": 5, "per_s": 5}},
                    "writeback": {"on_done": True},
                }
            ]
        },
    )

    provider: Provider
    enabled: bool = True
    url: Address | None = None
    path: FilePath | None = None
    credentials: Credentials | None = None
    settings: CrmSettings = CrmSettings()
    writeback: WriteBack = WriteBack()

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.provider is Provider.CSV:
            if self.path is None or self.url is not None:
                raise ValueError("csv has a path and no url")
            if self.writeback.on_done:
                raise ValueError("nothing is written into a file")
            return self
        if self.url is None or self.path is not None:
            raise ValueError(f"{self.provider} has a url and no path")
        if (self.settings.mapping is not None) is not (self.provider is Provider.HTTP_JSON):
            raise ValueError("a mapping is for http_json, which needs one")
        return self


class CrmRead(BaseModel):
    """A connection; of its credentials only whether they are there."""

    provider: Provider
    enabled: bool
    url: str | None
    path: str | None
    configured: bool
    settings: CrmSettings
    writeback: WriteBack
    updated_at: Moment


class CrmTest(BaseModel):
    """What came of trying a connection; nothing was changed. `sample` counts leads."""

    ok: bool
    detail: str
    error_code: str | None
    sample: int


class FaultRead(BaseModel):
    """A row that is no lead, by its line."""

    line: int
    reason: str


class ImportRead(BaseModel):
    """A file of leads and what became of it; `faults` are the first hundred."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    state: ImportState
    created: int
    updated: int
    unchanged: int
    rejected: int
    faults: list[FaultRead]
    error: str | None
    created_at: Moment
    finished_at: Moment | None


class ImportTaken(ImportRead):
    """An import that was taken on, with the job that reads the file."""

    job_id: UUID


class CrmStatus(BaseModel):
    """How a business stands with its CRM; `blocked` is why nothing asks it now.

    `health` is what the last sync came to; `stale`, whether that is too long ago.
    """

    provider: Provider | None
    enabled: bool
    leads: int
    watermark: WatermarkRead | None
    stale: bool
    health: dict[str, Any]
    blocked: str | None
    writebacks: dict[WriteState, int]
    imports: list[ImportRead]


class SyncTaken(BaseModel):
    """A sync runs as soon as a worker is free."""

    state: Literal["queued"] = "queued"


class WritebackRead(BaseModel):
    """A note on a call; `external_id` is the CRM's own id of it, empty where it gave none."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    provider: str
    kind: NoteKind
    state: WriteState
    lead_id: str | None
    external_id: str | None
    attempts: int
    error: str | None
    created_at: Moment
    updated_at: Moment
