"""The port to databases of others: a table's columns, and its rows by pages."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from locutory.kernel.errors import EngineError, ErrorClass


class Tls(StrEnum):
    """Not at all; encrypted, whoever answers; or only with a certificate that holds."""

    OFF = "off"
    REQUIRED = "required"
    VERIFY = "verify"


class Op(StrEnum):
    """How a column is compared. `timeless` and `timely` ask whether it holds a time at all."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    IN = "in"
    NOT_IN = "not_in"
    IS_NULL = "is_null"
    NOT_NULL = "not_null"
    TIMELESS = "timeless"
    TIMELY = "timely"


class Fault(StrEnum):
    """What stands in the way of reading."""

    HOST = "SOURCE_HOST_BLOCKED"
    UNREACHABLE = "SOURCE_UNREACHABLE"
    TLS = "SOURCE_TLS"
    AUTH = "SOURCE_AUTH"
    DATABASE = "SOURCE_DATABASE_MISSING"
    TABLE = "SOURCE_TABLE_MISSING"
    COLUMN = "SOURCE_COLUMN_MISSING"
    GRANT = "SOURCE_GRANT_MISSING"
    TIMEOUT = "SOURCE_TIMEOUT"
    BUSY = "SOURCE_BUSY"
    FAILED = "SOURCE_FAILED"


class DatabaseFault(EngineError):
    """The source database cannot be read."""

    status, code, cls = 502, Fault.FAILED, ErrorClass.TRANSIENT_NETWORK

    def __init__(self, fault: Fault, words: str, *, engine: str) -> None:
        """`words` are the driver's own, without secrets."""
        self.fault = fault
        super().__init__(words, engine=engine, code=fault)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in the terms of its column, as text; with `+00:00` where the column knows moments."""

    text: str


Value = str | int | float | bool | Moment | Sequence[str | int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a database is and who reads it; `addresses` are those that were let through.

    `timeout_s` bounds a statement, on the server and, with some grace, here.
    """

    host: str
    addresses: tuple[str, ...]
    port: int
    database: str
    user: str
    password: str
    tls: Tls
    connect_s: float
    timeout_s: float

    def __repr__(self) -> str:
        return f"Place({self.host}:{self.port})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that the account may see. `is_time`: date and time; `aware`: in UTC by its type."""

    name: str
    type: str
    nullable: bool
    is_time: bool
    aware: bool


@dataclass(frozen=True, slots=True)
class Index:
    """An index by its columns, in order."""

    columns: tuple[str, ...]
    unique: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison; the value is bound, never written into the statement."""

    column: str
    op: Op
    value: Value = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A page of a table: rows in `order`, those after `after` (a value for each of `order`)."""

    table: str
    schema: str | None
    columns: tuple[str, ...]
    where: tuple[Condition, ...] = ()
    order: tuple[str, ...] = ()
    after: tuple[Value, ...] = ()
    limit: int = 500


class Rows(Protocol):
    """An open, reading session. Every method raises DatabaseFault."""

    async def columns(self, table: str, schema: str | None) -> list[Column]:
        """The table's columns, in order; empty where there is no such table for this account."""
        ...

    async def indexes(self, table: str, schema: str | None) -> list[Index]:
        """The table's indexes, as far as the account may see them."""
        ...

    async def page(self, query: Query) -> list[dict[str, Any]]:
        """Rows by column. Times are aware where the column knows moments, else naive.

        What is no time of a calendar, such as 0000-00-00, comes as the server's text.
        """
        ...

    async def now(self) -> datetime:
        """The server's clock, in UTC."""
        ...

    async def may_write(self, table: str, schema: str | None) -> bool:
        """Whether the account has more rights on the table than it needs."""
        ...


class Database(Protocol):
    """How sessions of one kind of server are opened."""

    kind: str
    default_port: int

    def open(self, place: Place) -> AbstractAsyncContextManager[Rows]:
        """A session that reads only, closed with the context. Raises DatabaseFault."""
        ...


def without_secrets(words: str, secrets: Collection[str]) -> str:
    """A driver's words on one line, at most 300 characters, with none of `secrets` in them."""
    for secret in filter(None, secrets):
        words = words.replace(secret, "[secret]")
    return " ".join(words.split())[:300]
