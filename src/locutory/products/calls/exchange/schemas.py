"""Wire shapes of exports."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from locutory.kernel.auth.schemas import Moment
from locutory.products.calls.exchange.contract import Format, Kind, State
from locutory.products.calls.exchange.rows import COLUMNS
from locutory.products.calls.records.contract import Direction, Status
from locutory.products.calls.records.queries import CallFilter


class ExportFilter(BaseModel):
    """Which calls; times are half-open."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Moment | None = Field(default=None, alias="from")
    to: Moment | None = None
    status: Status | None = None
    direction: Direction | None = None
    agent: Annotated[str, Field(max_length=128)] | None = None
    min_score: Annotated[float, Field(ge=0, le=100)] | None = None
    max_score: Annotated[float, Field(ge=0, le=100)] | None = None
    callids: (
        Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=10_000)] | None
    ) = None

    def where(self) -> CallFilter:
        """The conditions of the list of calls."""
        return CallFilter(**dict(self))


class ExportCreate(BaseModel):
    """What to write and how; without `columns` all of the kind's."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "calls",
                    "format": "csv",
                    "filter": {"from": "2026-11-01T00:00:00Z", "status": "done"},
                    "columns": ["callid", "started_at", "score"],
                }
            ]
        },
    )

    kind: Kind
    format: Format
    filter: ExportFilter = ExportFilter()
    columns: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=64)] = []

    @model_validator(mode="after")
    def _fits(self) -> "ExportCreate":
        if self.format is Format.PCA_JSON and (self.kind is not Kind.CALLS or self.columns):
            raise ValueError("pca_json is for calls, whole")
        unknown = sorted(set(self.columns) - set(COLUMNS[self.kind]))
        if unknown:
            known = ", ".join(COLUMNS[self.kind])
            raise ValueError(f"no such column: {', '.join(unknown)}; there are {known}")
        return self


class BulkExport(ExportCreate):
    """The same for the calls of a deed on many."""

    @model_validator(mode="after")
    def _of_these_calls(self) -> "BulkExport":
        if self.kind is Kind.AUDIT or self.filter != ExportFilter():
            raise ValueError("what is exported are the calls that the deed names")
        return self


class ExportRead(BaseModel):
    """An export; `rows` and `size_bytes` once it is done, `error` when it failed."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: Kind
    format: Format
    filter: dict[str, Any]
    columns: list[str]
    state: State
    rows: int | None
    size_bytes: int | None
    error: str | None
    created_at: Moment
    finished_at: Moment | None


class ExportList(BaseModel):
    """A page to ask for."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class ExportPage(BaseModel):
    items: list[ExportRead]
    next_cursor: str | None
