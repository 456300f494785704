"""Wire shapes of sources and backfills."""

from datetime import datetime
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

from locutory.engines.databases import Tls
from locutory.kernel.auth.schemas import Moment, Name
from locutory.kernel.clock import as_utc
from locutory.products.calls.businesses.schemas import Timezone
from locutory.products.calls.pipeline.schemas import Reason
from locutory.products.calls.records.contract import Direction
from locutory.products.calls.sources.contract import After, BackfillState, SourceKind
from locutory.products.calls.sources.mapping import TableMapping

When = Annotated[datetime, AfterValidator(as_utc)]
FolderPath = Annotated[
    str, StringConstraints(min_length=1, max_length=1000, pattern=r"^/[^\x00]*$")
]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,253}$")]
DatabaseName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_$.-]{1,64}$")]
UserName = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")]
Password = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
RowId = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Port = Annotated[int, Field(ge=1, le=65_535)]
PollSeconds = Annotated[int, Field(ge=1, le=3600)]
OverlapSeconds = Annotated[int, Field(ge=0, le=86_400)]
BatchRows = Annotated[int, Field(ge=1, le=1000)]


class ConnectionCreate(BaseModel):
    """Where a source database is, and who reads it; the password never comes back.

    Without `port` it is the server's usual one. `tls`: off, required, or verify, which also asks
    for a certificate that holds.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    host: HostName
    port: Port | None = None
    database: DatabaseName
    user: UserName
    password: Password = ""
    tls: Tls = Tls.OFF


class ConnectionUpdate(BaseModel):
    """What is left out stays; another host or port needs the password anew."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    host: HostName = ""
    port: Port = 0
    database: DatabaseName = ""
    user: UserName = ""
    password: Password = ""
    tls: Tls = Tls.OFF


class ConnectionRead(BaseModel):
    """Where a source database is; of the password only whether there is one."""

    host: str
    port: int
    database: str
    user: str
    tls: Tls
    password_set: bool


class SourceCreate(BaseModel):
    """A source. `path`, `after` and `direction` are for folders.

    `mysql` and `postgresql` have a `connection` and a `mapping`, or a `preset` that guesses one;
    what pushes a table's changes has a `mapping` and no connection.
    What began before `since` is not taken; a backfill walks a folder's older files. `tz` is the
    zone of times without an offset; without it the business's own.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Dialler", "kind": "folder", "path": "/srv/recordings/6004"}]
        },
    )

    name: Name
    kind: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    enabled: bool = True
    path: FolderPath | None = None
    after: After = After.MOVE
    direction: Direction = Direction.UNKNOWN
    since: When | None = None
    connection: ConnectionCreate | None = None
    mapping: TableMapping | None = None
    preset: Literal["mcube"] | None = None
    poll_interval_s: PollSeconds | None = None
    overlap_s: OverlapSeconds | None = None
    batch_size: BatchRows | None = None
    tz: Timezone | None = None


class SourceUpdate(BaseModel):
    """What is left out stays; `since` may be set to null."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    enabled: bool = True
    path: FolderPath = ""
    after: After = After.MOVE
    direction: Direction = Direction.UNKNOWN
    since: When | None = None
    connection: ConnectionUpdate = ConnectionUpdate()
    mapping: TableMapping | None = None
    poll_interval_s: PollSeconds = 15
    overlap_s: OverlapSeconds = 600
    batch_size: BatchRows = 500
    tz: Timezone = "UTC"


class SourceRead(BaseModel):
    """A source; `health` is what its last look came to, empty before the first.

    What stands from `connection` on is null but for databases.
    """

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    kind: SourceKind
    enabled: bool
    path: str | None
    after: After
    direction: Direction
    since: Moment | None
    health: dict[str, Any]
    connection: ConnectionRead | None = None
    mapping: TableMapping | None
    preset: str | None
    poll_interval_s: int | None
    overlap_s: int | None
    batch_size: int | None
    tz: str | None
    created_at: Moment
    updated_at: Moment


class SourcePage(BaseModel):
    """The business's sources, oldest first."""

    items: list[SourceRead]
    next_cursor: str | None


class Finding(BaseModel):
    """One thing that was tried."""

    check: str
    ok: bool
    detail: str


class ColumnRead(BaseModel):
    """A column of a source's table."""

    name: str
    type: str


class SourceTest(BaseModel):
    """What was found; nothing was taken in. `sample` are names with their digits masked.

    Of a database: its table's `columns`, the first `rows` with phones masked, and how far its clock
    is ahead of ours. `ok` does not ask whether the account may also write, which it should not.
    """

    ok: bool
    findings: list[Finding]
    recordings: int = 0
    transcripts: int = 0
    sample: list[str] = []
    columns: list[ColumnRead] = []
    rows: list[dict[str, str | None]] = []
    clock_skew_s: float | None = None


class BackfillCreate(BaseModel):
    """What began from `from` until before `to`, by a file's time; `dry_run` only counts."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "source_id": "0198f0a0-0000-7000-8000-000000000001",
                    "from": "2026-01-01T00:00:00Z",
                    "to": "2026-02-01T00:00:00Z",
                    "dry_run": True,
                }
            ]
        },
    )

    source_id: UUID
    from_: Annotated[When, Field(alias="from")]
    to: When
    dry_run: bool = False

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError("from must be before to")
        return self


class BackfillFault(BaseModel):
    """A file or row that was refused."""

    name: str
    code: str
    detail: str


class BackfillRead(BaseModel):
    """How far a backfill is. Of a dry run `created` are those that would be.

    `files` are those in the range, of a database its rows so far; `faults` the first hundred
    refusals.
    """

    model_config = ConfigDict(from_attributes=True, serialize_by_alias=True)

    id: UUID
    source_id: UUID
    from_: Annotated[Moment, Field(serialization_alias="from")]
    to: Moment
    dry_run: bool
    state: BackfillState
    files: int
    created: int
    duplicates: int
    refused: int
    faults: list[BackfillFault]
    error: str | None
    created_at: Moment
    finished_at: Moment | None


class WatermarkMove(BaseModel):
    """Where to read on: what is left out stays, null is the beginning; the reason is audited."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"ts": "2026-01-01T00:00:00Z", "reason": "the mapping was mended"}]
        },
    )

    ts: When | None = None
    id: Annotated[int, Field(ge=-(2**63), lt=2**63)] | RowId | None = None
    reason: Reason

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if not self.model_fields_set & {"ts", "id"}:
            raise ValueError("say ts, id or both")
        return self


class SyncRead(BaseModel):
    """How many sources are looked at."""

    looks: int
