"""How the JSON of a CRM that nobody here knows is read and written, as a connection says it."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from locutory.engines.crm.filling import names_in

Pointer = Annotated[str, StringConstraints(max_length=200, pattern=r"^(/[^\x00-\x1f]*)?$")]
Path = Annotated[str, StringConstraints(max_length=1000, pattern=r"^/[\x21-\x7e]*$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LeadList(_Part):
    """Where leads that changed are listed, page by page.

    `path` may name {since}, {until}, {page}, {size} and {cursor}; `items` and `cursor` are
    places in the answer. A page with fewer than `size` items is the last one.
    """

    path: Path
    items: Pointer = ""
    paging: Literal["none", "page", "cursor"] = "none"
    first_page: Annotated[int, Field(ge=0, le=1)] = 1
    size: Annotated[int, Field(ge=1, le=5000)] = 100
    cursor: Pointer | None = None

    @model_validator(mode="after")
    def _pages_are_asked_for(self) -> Self:
        needed = {"none": set(), "page": {"page"}, "cursor": {"cursor"}}[self.paging]
        known = {"since", "until", "size", *needed}
        _check_names(self.path, known=known, needed=needed)
        if (self.cursor is not None) is not (self.paging == "cursor"):
            raise ValueError("cursor is where an answer says the next one, with paging cursor")
        return self


class LeadFields(_Part):
    """Where the parts of a lead stand within an item; of `name` the parts are joined."""

    lead_id: Pointer
    phones: Annotated[list[Pointer], Field(min_length=1, max_length=10)]
    name: Annotated[list[Pointer], Field(max_length=5)] = []
    email: Pointer | None = None
    stage: Pointer | None = None
    owner: Pointer | None = None
    source: Pointer | None = None
    modified_at: Pointer | None = None
    deleted: Pointer | None = None
    attributes: Annotated[dict[Word, Pointer], Field(max_length=50)] = {}


class ByPhone(_Part):
    """Where leads are asked for by {phone}."""

    path: Path
    items: Pointer = ""

    @model_validator(mode="after")
    def _names_the_phone(self) -> Self:
        _check_names(self.path, known={"phone"}, needed={"phone"})
        return self


class ActivityList(_Part):
    """Where a lead's newest activities are, by {lead_id} and {limit}."""

    path: Path
    items: Pointer = ""
    activity_id: Pointer
    event_code: Pointer | None = None
    event_name: Pointer
    occurred_at: Pointer
    data: Annotated[dict[Word, Pointer], Field(max_length=50)] = {}

    @model_validator(mode="after")
    def _names_the_lead(self) -> Self:
        _check_names(self.path, known={"lead_id", "limit"}, needed={"lead_id"})
        return self


class NoteForm(_Part):
    """How a note is written: texts of `body` may name its parts, and one must hold {text}.

    Those are {lead_id}, {text}, {subject}, {mark}, {at}, {duration_s}, {direction},
    {customer_phone}, {agent_id} and {url}.
    """

    path: Path
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    body: dict[str, Any]
    id: Pointer | None = None

    @model_validator(mode="after")
    def _holds_the_text(self) -> Self:
        _check_names(self.path, known={"lead_id"}, needed=set())
        found = names_in(self.body)
        if "text" not in found:
            raise ValueError("body: {text} stands nowhere, and so the mark would not either")
        unknown = sorted(found - NOTE_PARTS)
        if unknown:
            raise ValueError(f"body: there is no {{{unknown[0]}}}")
        return self


class HttpJsonMapping(_Part):
    """All of it. Without `activities` notes cannot be found again, so none are written.

    `times` is how times are written in addresses and notes; both ways of `auth` beside bearer
    and basic need the `auth_name` of a header or a query's parameter.
    """

    leads: LeadList
    lead: LeadFields
    by_phone: ByPhone | None = None
    activities: ActivityList | None = None
    write: NoteForm | None = None
    times: Literal["iso", "plain", "unix", "unix_ms"] = "iso"
    auth: Literal["none", "bearer", "basic", "header", "query"] = "bearer"
    auth_name: Word | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.write is not None and (self.activities is None or not self.activities.data):
            raise ValueError("write: needs activities with the data in which a note's text stands")
        if (self.auth_name is not None) is not (self.auth in ("header", "query")):
            raise ValueError("auth_name: the header's or parameter's name, with auth header, query")
        return self


NOTE_PARTS = frozenset(
    {
        *("lead_id", "text", "subject", "mark", "at", "duration_s", "direction"),
        *("customer_phone", "agent_id", "url"),
    }
)


def _check_names(path: str, *, known: set[str], needed: set[str]) -> None:
    found = names_in(path)
    if found - known:
        raise ValueError(f"path: there is no {{{min(found - known)}}} here")
    if needed - found:
        raise ValueError(f"path: {{{min(needed - found)}}} stands nowhere")
