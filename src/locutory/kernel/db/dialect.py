"""The one place where SQLite and PostgreSQL differ.

SQLite writes run on a connection that executes on the event loop's own thread: a statement costs
microseconds there and a thread hop would cost more than the statement (measured 8-10x). What can
wait goes elsewhere: the lock is awaited, the commit (an fsync) runs in a thread. Reads use
aiosqlite, so that a slow one never holds the loop.
"""

import asyncio
import sqlite3
import time
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Connection,
    DateTime,
    Dialect,
    LargeBinary,
    String,
    event,
    text,
)
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import AsyncAdaptedQueuePool, Pool
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlalchemy.util import await_only

from locutory.kernel.clock import from_ms, to_ms

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Bytes = LargeBinary


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time, milliseconds: integer on SQLite, timestamptz on PostgreSQL."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        ms = to_ms(value)
        return from_ms(ms) if dialect.name == "postgresql" else ms

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if dialect.name == "postgresql" else from_ms(value)


class IdText(TypeDecorator[str]):
    """An id as the text that `str(UUID)` gives, for reading ids by the ten thousand.

    `type_coerce(column, IdText)` spares SQLite's rows an object each, which costs ten times as
    much as the text.
    """

    impl = String
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            return str(value)
        return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


class now_ms(FunctionElement[int]):  # noqa: N801 - a SQL function
    """The database's clock in milliseconds; leases are judged by it, never by a worker's clock."""

    type = BigInteger()
    inherit_cache = True
    name = "now_ms"


@compiles(now_ms, "sqlite")
def _now_ms_sqlite(element: now_ms, compiler: SQLCompiler, **kw: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_ms_postgresql(element: now_ms, compiler: SQLCompiler, **kw: Any) -> str:
    # not now(): that is the start of the transaction, and a lease may end within it
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


class json_has_text(FunctionElement[bool]):  # noqa: N801 - a SQL function
    """Whether a JSON list (first) has this lower-case text (second), whatever its case."""

    type = Boolean()
    inherit_cache = True
    name = "json_has_text"


@compiles(json_has_text, "sqlite")
def _json_has_text_sqlite(element: json_has_text, compiler: SQLCompiler, **kw: Any) -> str:
    listed, wanted = (compiler.process(part, **kw) for part in element.clauses)
    return f"EXISTS (SELECT 1 FROM json_each({listed}) AS j WHERE lower(j.value) = {wanted})"


@compiles(json_has_text, "postgresql")
def _json_has_text_postgresql(element: json_has_text, compiler: SQLCompiler, **kw: Any) -> str:
    listed, wanted = (compiler.process(part, **kw) for part in element.clauses)
    texts = f"jsonb_array_elements_text({listed}) AS j(value)"
    return f"EXISTS (SELECT 1 FROM {texts} WHERE lower(j.value) = {wanted})"


class _Cursor(sqlite3.Cursor):
    async def _async_soft_close(self) -> None:
        """What SQLAlchemy's async results ask of a cursor; there is nothing to wait for here."""


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)


class InlineSQLite(SQLiteDialect_pysqlite):
    """sqlite3 under an async engine, executing on the loop's thread; see the module's docstring."""

    is_async = True
    supports_statement_cache = True
    driver = "inline"

    @classmethod
    def get_pool_class(cls, url: Any) -> type[Pool]:
        return AsyncAdaptedQueuePool

    def get_driver_connection(self, connection: Any) -> Any:
        return connection

    def do_begin(self, dbapi_connection: Any) -> None:
        """`BEGIN IMMEDIATE`, awaiting the lock without holding the loop."""
        deadline = time.monotonic() + self.busy_timeout_s
        pause_s = 0.0005
        while True:
            try:
                dbapi_connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not is_locked(error) or time.monotonic() > deadline:
                    raise
            await_only(asyncio.sleep(pause_s))
            pause_s = min(pause_s * 2, 0.02)

    def do_commit(self, dbapi_connection: Any) -> None:
        if dbapi_connection.in_transaction:
            loop = asyncio.get_running_loop()
            await_only(loop.run_in_executor(None, dbapi_connection.commit))

    busy_timeout_s = 10.0


registry.register("sqlite.inline", __name__, "InlineSQLite")


def is_locked(error: BaseException) -> bool:
    """Whether SQLite says that somebody else holds the lock."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def is_storage_failure(error: BaseException) -> bool:
    """Whether the store itself failed (locked, full, gone), rather than the statement.

    PostgreSQL's drivers keep OperationalError for that; SQLite has it for faults of ours as well.
    """
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return False
    if not isinstance(error.orig, sqlite3.Error):
        return True
    words = str(error.orig).lower()
    return any(sign in words for sign in _FAILURES)


_FAILURES = (
    *("locked", "disk is full", "disk i/o", "readonly", "unable to open"),
    "no such savepoint",  # SQLite ended the transaction by itself: full, out of memory
)


async def in_transaction(connection: AsyncConnection) -> bool:
    """Whether SQLite still holds the transaction that was begun; a full disk makes it let go."""
    raw = await connection.get_raw_connection()
    return bool(raw.driver_connection and raw.driver_connection.in_transaction)


def is_sqlite(url: str) -> bool:
    """Whether the address means SQLite."""
    return url.startswith("sqlite")


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def read_engine(url: str, *, pool_size: int, busy_timeout_s: float, answer_s: float) -> AsyncEngine:
    """The engine for reading (and, on PostgreSQL, writing)."""
    if not is_sqlite(url):
        from locutory.kernel.db.patience import patient  # the driver is an extra

        return create_async_engine(
            url,
            connect_args={
                "async_creator_fn": patient(answer_s).connect,
                "connect_timeout": max(2, round(min(answer_s, 10.0))),
            },
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=answer_s,
            pool_pre_ping=True,
            json_serializer=_json,
            json_deserializer=orjson.loads,
        )
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=pool_size,
        max_overflow=pool_size,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        json_serializer=_json,
        json_deserializer=orjson.loads,
    )
    _on_connect(
        engine, [f"PRAGMA busy_timeout={int(busy_timeout_s * 1000)}", "PRAGMA query_only=1"]
    )
    return engine


def sqlite_write_engine(url: str, *, busy_timeout_s: float) -> AsyncEngine:
    """The engine with the one writing connection of this process."""
    engine = create_async_engine(
        url.replace("sqlite+aiosqlite:", "sqlite+inline:"),
        pool_size=1,
        max_overflow=0,
        connect_args={
            "check_same_thread": False,
            "isolation_level": None,
            "timeout": 0,
            "factory": _Connection,
        },
        json_serializer=_json,
        json_deserializer=orjson.loads,
    )
    engine.dialect.busy_timeout_s = busy_timeout_s  # type: ignore[attr-defined] # InlineSQLite's own
    _on_connect(
        engine,
        [
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "PRAGMA foreign_keys=ON",
            # what is erased must not be left lying in free pages
            "PRAGMA secure_delete=ON",
            "PRAGMA cache_size=-65536",
            "PRAGMA wal_autocheckpoint=4000",
        ],
    )
    return engine


def _on_connect(engine: AsyncEngine, statements: list[str]) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def run(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()


def fence_table(connection: Connection, table: str) -> None:
    """Row-level security for a tenant table, PostgreSQL only: no tenant set means no rows."""
    if connection.dialect.name != "postgresql":
        return
    tenant = "nullif(current_setting('locutory.tenant_id', true), '')::uuid"
    for statement in (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {table} USING (tenant_id = {tenant}) "
        f"WITH CHECK (tenant_id = {tenant})",
    ):
        connection.execute(text(statement))


def grant_to(connection: Connection, role: str) -> None:
    """Let the application's role read and write rows, and nothing more. PostgreSQL only."""
    quoted = connection.dialect.identifier_preparer.quote(role)
    for statement in (
        f"GRANT USAGE ON SCHEMA public TO {quoted}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}",
    ):
        connection.execute(text(statement))
