"""Wire shapes of sources and backfills."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from locutory.kernel.auth.schemas import Moment, Name
from locutory.kernel.clock import as_utc
from locutory.products.calls.records.contract import Direction
from locutory.products.calls.sources.contract import After, BackfillState, SourceKind

When = Annotated[datetime, AfterValidator(as_utc)]
FolderPath = Annotated[
    str, StringConstraints(min_length=1, max_length=1000, pattern=r"^/[^\x00]*$")
]


class SourceCreate(BaseModel):
    """A source. `path`, `after`, `direction` and `since` are for folders.

    Files from before `since` are not taken; a backfill walks them.
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


class SourceUpdate(BaseModel):
    """What is left out stays; `since` may be set to null."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    enabled: bool = True
    path: FolderPath = ""
    after: After = After.MOVE
    direction: Direction = Direction.UNKNOWN
    since: When | None = None


class SourceRead(BaseModel):
    """A source; `health` is what its last look came to, empty before the first."""

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


class SourceTest(BaseModel):
    """What was found; nothing was taken in. `sample` are names with their digits masked."""

    ok: bool
    findings: list[Finding]
    recordings: int
    transcripts: int
    sample: list[str]


class BackfillCreate(BaseModel):
    """Files whose time lies from `from` until before `to`; `dry_run` only counts."""

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
    """A file that was refused."""

    name: str
    code: str
    detail: str


class BackfillRead(BaseModel):
    """How far a backfill is. Of a dry run `created` are those that would be.

    `files` are those in the range, `faults` the first hundred refusals.
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


class SyncRead(BaseModel):
    """How many folders are looked at."""

    looks: int
