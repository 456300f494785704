"""PostgreSQL, by psycopg."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.adapt import Loader
from psycopg.types import datetime as times

from locutory.engines.databases.base import (
    Column,
    DatabaseFault,
    Fault,
    Index,
    Moment,
    Place,
    Query,
    Rows,
    Tls,
    without_secrets,
)
from locutory.engines.databases.sql import Writer

_GRACE_S = 5.0
_SSLMODE = {Tls.OFF: "disable", Tls.REQUIRED: "require", Tls.VERIFY: "verify-full"}
_TIMES = {"timestamp without time zone", "timestamp with time zone"}
_BY_STATE = {
    "28P01": Fault.AUTH,
    "28000": Fault.AUTH,
    "3D000": Fault.DATABASE,
    "3F000": Fault.TABLE,
    "42P01": Fault.TABLE,
    "42703": Fault.COLUMN,
    "42501": Fault.GRANT,
    "57014": Fault.TIMEOUT,
    "55P03": Fault.BUSY,
    "53300": Fault.BUSY,
    "57P03": Fault.BUSY,
    "40001": Fault.BUSY,
    "40P01": Fault.BUSY,
    "57P01": Fault.UNREACHABLE,
    "57P02": Fault.UNREACHABLE,
}
# a connection that is refused carries no state, only words
_BY_WORDS = [
    (re.compile(words, re.IGNORECASE), fault)
    for words, fault in (
        (r"authentication failed|no password supplied|pg_hba\.conf", Fault.AUTH),
        (r'role ".*" (does not exist|is not permitted)', Fault.AUTH),
        (r'database ".*" does not exist', Fault.DATABASE),
        (r"permission denied", Fault.GRANT),
        (r"too many|remaining connection slots|starting up|shutting down", Fault.BUSY),
        (r"\bSSL\b|certificate", Fault.TLS),
    )
]

_COLUMNS = """
    SELECT column_name, data_type, is_nullable FROM information_schema.columns
    WHERE table_schema = coalesce(%s, current_schema()) AND table_name = %s
    ORDER BY ordinal_position
"""
_INDEXES = """
    SELECT i.indisunique AND i.indpred IS NULL, array_agg(a.attname::text ORDER BY k.place)
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(column_no, place)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.column_no
    WHERE n.nspname = coalesce(%s, current_schema()) AND c.relname = %s
    GROUP BY i.indexrelid, i.indisunique, i.indpred
"""
_MAY_WRITE = "SELECT has_table_privilege(%s, 'INSERT, UPDATE, DELETE, TRUNCATE')"


def _bind(value: Any) -> Any:
    # a text is bound without a type, so the server reads it as the column's own
    return value.text if isinstance(value, Moment) else value


_WRITER = Writer(quote='"', timeless="{0} IS NULL OR {0} = '-infinity'", bind=_bind)


class PostgreSql:
    """Reads PostgreSQL."""

    kind = "postgresql"
    default_port = 5432

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Rows]:
        """A session in UTC that may not write."""
        with _faults(place):
            try:
                async with asyncio.timeout(place.connect_s):
                    connection = await AsyncConnection.connect(**_parameters(place))
            except TimeoutError as error:
                words = "it does not answer"
                raise DatabaseFault(Fault.UNREACHABLE, words, engine="postgresql") from error
        try:
            _read_odd_times(connection)
            rows = _PostgreSqlRows(connection, place)
            await rows.prepare()
            yield rows
        finally:
            await connection.close()


def _parameters(place: Place) -> dict[str, Any]:
    """All that libpq would else take from the environment and files of the server's own user."""
    return {
        "host": place.host,
        "hostaddr": place.addresses[0],
        "port": place.port,
        "dbname": place.database,
        "user": place.user,
        "password": place.password,
        "passfile": "/dev/null",
        "sslmode": _SSLMODE[place.tls],
        **({"sslrootcert": "system"} if place.tls is Tls.VERIFY else {}),
        "gssencmode": "disable",
        "connect_timeout": max(2, int(place.connect_s)),
        "application_name": "locutory",
        "client_encoding": "utf8",
        "options": "",
        "autocommit": True,
        "prepare_threshold": None,
    }


class _PostgreSqlRows:
    def __init__(self, connection: AsyncConnection[Any], place: Place) -> None:
        self._connection = connection
        self._place = place

    async def prepare(self) -> None:
        """Let the server hold the promises: no write, no endless statement, no local time."""
        limit = int(self._place.timeout_s * 1000)
        for statement in (
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            f"SET statement_timeout = {limit}",
            f"SET lock_timeout = {min(10_000, limit)}",
            "SET timezone = 'UTC'",
            "SET datestyle = 'ISO'",
        ):
            await self._run(statement)

    async def columns(self, table: str, schema: str | None) -> list[Column]:
        return [
            Column(
                name=name,
                type=type_,
                nullable=nullable == "YES",
                is_time=type_ in _TIMES,
                aware=type_ == "timestamp with time zone",
            )
            for name, type_, nullable in await self._run(_COLUMNS, (schema, table))
        ]

    async def indexes(self, table: str, schema: str | None) -> list[Index]:
        found = await self._run(_INDEXES, (schema, table))
        return [Index(tuple(columns), bool(unique)) for unique, columns in found]

    async def page(self, query: Query) -> list[dict[str, Any]]:
        statement, values = _WRITER.page(query)
        found = await self._run(statement, values)
        return [
            {name: _in_utc(value) for name, value in zip(query.columns, row, strict=True)}
            for row in found
        ]

    async def now(self) -> datetime:
        (at,) = (await self._run("SELECT clock_timestamp()"))[0]
        found: datetime = at.astimezone(UTC)
        return found

    async def may_write(self, table: str, schema: str | None) -> bool:
        ((found,),) = await self._run(_MAY_WRITE, (_WRITER.table(table, schema),))
        return bool(found)

    async def _run(self, statement: str, values: Sequence[Any] | None = None) -> list[Any]:
        with _faults(self._place):
            async with asyncio.timeout(self._place.timeout_s + _GRACE_S):
                # bytes: the driver's type for texts is that of literals, which ours are not
                cursor = await self._connection.execute(statement.encode(), values)
                return [] if cursor.description is None else await cursor.fetchall()


def _in_utc(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return value


def _read_odd_times(connection: AsyncConnection[Any]) -> None:
    """Let infinity and years beyond a calendar come as text: one odd value is not all rows'."""
    for name, plain in (
        ("timestamp", times.TimestampLoader),
        ("timestamptz", times.TimestamptzLoader),
        ("date", times.DateLoader),
        ("time", times.TimeLoader),
        ("interval", times.IntervalLoader),
    ):
        connection.adapters.register_loader(name, _lenient(plain))


def _lenient(plain: type[Loader]) -> type[Loader]:
    class Lenient(plain):  # type: ignore[valid-type, misc] # a class made for each type
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except psycopg.DataError:
                return bytes(data).decode()

    return Lenient


@contextmanager
def _faults(place: Place) -> Iterator[None]:
    """Turn what the driver raises into a fault with the server's words."""
    try:
        yield
    except TimeoutError as error:
        raise DatabaseFault(Fault.TIMEOUT, "it took too long", engine="postgresql") from error
    except (psycopg.Error, OSError) as error:
        words = without_secrets(str(error), [place.password])
        raise DatabaseFault(_fault(error), words, engine="postgresql") from error


def _fault(error: Exception) -> Fault:
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return Fault.UNREACHABLE
    known = _BY_STATE.get(getattr(error, "sqlstate", None) or "")
    if known is not None:
        return known
    if isinstance(error, psycopg.OperationalError):
        said = (fault for words, fault in _BY_WORDS if words.search(str(error)))
        return next(said, Fault.UNREACHABLE)
    return Fault.FAILED
