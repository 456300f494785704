"""Which columns of a source's table say what of a call, as a business describes it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from locutory.engines.databases import Condition, Op
from locutory.products.calls.records.contract import Direction

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_$]{1,64}$")]
Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Scalar = Annotated[int, Field(ge=-(2**63), lt=2**63)] | Text
_LISTS = frozenset({"in", "not_in"})
_BARE = frozenset({"is_null", "not_null"})

# as telephony systems write it; what is none of these is unknown
_DIRECTIONS: Mapping[str, Direction] = {
    **dict.fromkeys(("inbound", "incoming", "in", "ib"), Direction.INBOUND),
    **dict.fromkeys(("outbound", "outgoing", "out", "ob"), Direction.OUTBOUND),
    **dict.fromkeys(("internal", "local"), Direction.INTERNAL),
}


class RowFilter(BaseModel):
    """Rows that hold; `in` and `not_in` take a list, `is_null` and `not_null` nothing."""

    model_config = ConfigDict(extra="forbid")

    column: Identifier
    op: Literal["eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in", "is_null", "not_null"]
    value: Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.op in _BARE and self.value is not None:
            raise ValueError(f"{self.op} takes no value")
        if self.op in _LISTS and not isinstance(self.value, list):
            raise ValueError(f"{self.op} takes a list")
        if self.op not in _LISTS | _BARE and (self.value is None or isinstance(self.value, list)):
            raise ValueError(f"{self.op} takes one value")
        return self

    @property
    def condition(self) -> Condition:
        """As engines take it."""
        value = tuple(self.value) if isinstance(self.value, list) else self.value
        return Condition(self.column, Op(self.op), value)


class TableMapping(BaseModel):
    """A table and its columns by what they say.

    `row_id` is unique and grows; rows are read by `updated_at` and `row_id`, without
    `updated_at` by `row_id` alone. `extra` columns land in `custom`. `directions` says what values
    of the direction's column mean; `audio_base` stands before recordings that are no addresses.
    """

    model_config = ConfigDict(extra="forbid")

    table: Identifier
    schema_name: Identifier | None = None
    callid: Identifier
    row_id: Identifier
    updated_at: Identifier | None = None
    started_at: Identifier | None = None
    answered_at: Identifier | None = None
    ended_at: Identifier | None = None
    duration: Identifier | None = None
    disposition: Identifier | None = None
    direction: Identifier | None = None
    customer_phone: Identifier | None = None
    agent_id: Identifier | None = None
    agent_name: Identifier | None = None
    agent_phone: Identifier | None = None
    audio_url: Identifier | None = None
    extra: Annotated[list[Identifier], Field(max_length=50)] = []
    directions: Annotated[dict[Text, Direction], Field(max_length=50)] = {}
    audio_base: Annotated[str, StringConstraints(pattern=r"^https?://\S{1,500}$")] | None = None
    filters: Annotated[list[RowFilter], Field(max_length=20)] = []

    def columns(self) -> dict[str, str]:
        """The columns by our names, but the extra ones."""
        return {name: column for name in FIELDS if (column := getattr(self, name)) is not None}

    def wanted(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        return tuple(dict.fromkeys([*self.columns().values(), *self.extra]))

    def named(self) -> Iterator[str]:
        """Every column that is read or compared."""
        yield from dict.fromkeys([*self.wanted(), *(one.column for one in self.filters)])

    def conditions(self) -> tuple[Condition, ...]:
        """The filters as engines take them."""
        return tuple(one.condition for one in self.filters)

    def direction_of(self, value: str | None) -> Direction:
        """What a value of the direction's column means."""
        if value is None:
            return Direction.UNKNOWN
        own = {word.casefold(): direction for word, direction in self.directions.items()}
        return own.get(value.casefold()) or known_direction(value)

    def place(self) -> tuple[str | None, ...]:
        """What a watermark is bound to: with another of these it means nothing."""
        return self.schema_name, self.table, self.updated_at, self.row_id


def known_direction(word: str) -> Direction:
    """What a telephony system's word for a direction usually means."""
    return _DIRECTIONS.get(word.casefold(), Direction.UNKNOWN)


FIELDS = (
    *("callid", "row_id", "updated_at", "started_at", "answered_at", "ended_at", "duration"),
    *("disposition", "direction", "customer_phone", "agent_id", "agent_name", "agent_phone"),
    "audio_url",
)
PHONES = ("customer_phone", "agent_phone")


def mcube(bid: str) -> dict[str, Any]:
    """What an MCube history is believed to look like: a guess, to be confirmed by the test.

    Known are the table's name and the word for answered calls; the columns are those that the old
    relay's senders name.
    """
    return {
        "table": f"{bid}_callhistory",
        "row_id": "id",
        "callid": "callid",
        "started_at": "starttime",
        "ended_at": "endtime",
        "disposition": "dialstatus",
        "direction": "direction",
        "customer_phone": "callfrom",
        "agent_phone": "callto",
        "audio_url": "filename",
        "filters": [{"column": "dialstatus", "op": "eq", "value": "ANSWER"}],
    }
