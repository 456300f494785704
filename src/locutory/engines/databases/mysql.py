"""MySQL and MariaDB, by aiomysql."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import aiomysql
from aiomysql.connection import Connection
from pymysql.constants import CLIENT, FIELD_TYPE
from pymysql.err import Error, OperationalError

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
_LOCK_WAIT_S = 10
_NO_TLS, _NO_PLUGIN = 2026, 2059  # the client library's own numbers for these
_TIMES = {"datetime", "timestamp"}
_FAULTS = {
    Fault.AUTH: (1045, 1698, 1862, 3118, 3955, 4151, _NO_PLUGIN),
    Fault.DATABASE: (1049,),
    Fault.TABLE: (1146,),
    Fault.COLUMN: (1054,),
    Fault.GRANT: (1044, 1142, 1143, 1227, 1370),
    Fault.TIMEOUT: (1969, 3024, 1317),
    Fault.BUSY: (1040, 1203, 1205, 1213, 1226),
    Fault.TLS: (_NO_TLS, 3159),
    Fault.UNREACHABLE: (1053, 1129, 1130, 1152, 1927, 2002, 2003, 2005, 2006, 2013, 2055),
}
_BY_NUMBER = {number: fault for fault, numbers in _FAULTS.items() for number in numbers}
_READING = frozenset({"USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "PROXY"})

_COLUMNS = """
    SELECT column_name, data_type, is_nullable FROM information_schema.columns
    WHERE table_schema = coalesce(%s, database()) AND table_name = %s ORDER BY ordinal_position
"""
_INDEXES = """
    SELECT index_name, column_name, non_unique FROM information_schema.statistics
    WHERE table_schema = coalesce(%s, database()) AND table_name = %s
    ORDER BY index_name, seq_in_index
"""


def _bind(value: Any) -> Any:
    # a session in UTC compares TIMESTAMP columns with texts in UTC; MariaDB reads no offset
    return value.text.removesuffix("+00:00") if isinstance(value, Moment) else value


# 0000-00-00 and what is like it stands where there is no time; such rows never grow newer
_WRITER = Writer(quote="`", timeless="{0} IS NULL OR {0} < '1000-01-01'", bind=_bind)


class MySql:
    """Reads MySQL and MariaDB."""

    kind = "mysql"
    default_port = 3306

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Rows]:
        """A session in UTC that may not write."""
        connection = _Connection(place)
        try:
            with _faults(place):
                async with asyncio.timeout(place.connect_s):
                    await connection.begin_session()
            rows = _MySqlRows(connection, place)
            await rows.prepare()
            yield rows
        finally:
            connection.close()


class _Connection(Connection):  # type: ignore[misc] # aiomysql has no types
    """A connection to a checked address that never sends a password in the clear."""

    def __init__(self, place: Place) -> None:
        super().__init__(
            host=place.addresses[0],
            port=place.port,
            user=place.user,
            # the driver sends latin-1, servers hash what clients in UTF-8 told them
            password=place.password.encode().decode("latin-1"),
            db=place.database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=place.connect_s,
            ssl=_context(place.tls),
        )
        self._name = place.host

    async def begin_session(self) -> None:
        await self._connect()

    def close(self) -> None:
        """Let go at once: TLS would wait for the server's goodbye long after we have left."""
        if self._writer:
            self._writer.transport.abort()
        super().close()

    async def _request_authentication(self) -> None:
        encrypted = self._ssl_context is not None
        if encrypted and not self.server_capabilities & CLIENT.SSL:
            raise OperationalError(_NO_TLS, "the server offers no TLS")
        self._refuse_plain(self._server_auth_plugin, encrypted=encrypted)
        self._host = self._name  # the certificate is the name's, not the address's
        await super()._request_authentication()

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        self._refuse_plain(plugin_name.decode(), encrypted=self._secure)
        return await super()._process_auth(plugin_name, auth_packet)

    def _refuse_plain(self, plugin: str, *, encrypted: bool) -> None:
        if plugin in ("mysql_clear_password", "mysql_old_password") and not encrypted:
            raise OperationalError(_NO_PLUGIN, f"{plugin} is not answered without TLS")


class _MySqlRows:
    def __init__(self, connection: _Connection, place: Place) -> None:
        self._connection = connection
        self._place = place

    async def prepare(self) -> None:
        """Let the server hold the promises: no write, no endless statement, no local time."""
        version = (await self._all("SELECT version()"))[0][0]
        seconds = self._place.timeout_s
        limit = f"max_execution_time = {int(seconds * 1000)}"
        if "mariadb" in version.lower():
            limit = f"max_statement_time = {seconds:.3f}"
        waits = max(1, min(_LOCK_WAIT_S, int(seconds)))
        for statement in (
            "SET SESSION TRANSACTION READ ONLY",
            f"SET SESSION {limit}, lock_wait_timeout = {waits}",
            "SET SESSION time_zone = '+00:00', sql_mode = ''",
        ):
            await self._all(statement)

    async def columns(self, table: str, schema: str | None) -> list[Column]:
        return [
            Column(
                name=name,
                type=type_,
                nullable=nullable == "YES",
                is_time=type_ in _TIMES,
                aware=type_ == "timestamp",
            )
            for name, type_, nullable in await self._all(_COLUMNS, (schema, table))
        ]

    async def indexes(self, table: str, schema: str | None) -> list[Index]:
        found: dict[str, tuple[list[str], bool]] = {}
        for name, column, non_unique in await self._all(_INDEXES, (schema, table)):
            found.setdefault(name, ([], not non_unique))[0].append(column)
        return [Index(tuple(columns), unique) for columns, unique in found.values()]

    async def page(self, query: Query) -> list[dict[str, Any]]:
        statement, values = _WRITER.page(query)
        with _faults(self._place):
            async with asyncio.timeout(self._place.timeout_s + _GRACE_S):
                async with self._connection.cursor() as cursor:
                    await cursor.execute(statement, values)
                    rows = await cursor.fetchall()
                    aware = [field[1] == FIELD_TYPE.TIMESTAMP for field in cursor.description]
        return [
            {
                name: _in_utc(value) if in_utc else value
                for name, value, in_utc in zip(query.columns, row, aware, strict=True)
            }
            for row in rows
        ]

    async def now(self) -> datetime:
        (at,) = (await self._all("SELECT utc_timestamp(6)"))[0]
        found: datetime = at.replace(tzinfo=UTC)
        return found

    async def may_write(self, table: str, schema: str | None) -> bool:
        return any(_allows_more(grant) for (grant,) in await self._all("SHOW GRANTS"))

    async def _all(self, statement: str, values: Sequence[Any] | None = None) -> Sequence[Any]:
        with _faults(self._place):
            async with asyncio.timeout(self._place.timeout_s + _GRACE_S):
                async with self._connection.cursor() as cursor:
                    await cursor.execute(statement, values)
                    found: Sequence[Any] = await cursor.fetchall()
                    return found


def _in_utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _allows_more(grant: str) -> bool:
    """Whether a line of SHOW GRANTS names a right besides reading."""
    words = grant.removeprefix("GRANT ").partition(" ON ")[0]
    plain = "".join(part for part in words.split("(")[:1])
    rights = {right.strip() for right in plain.split(",")}
    return " ON " in grant and not rights <= _READING


def _context(tls: Tls) -> ssl.SSLContext | None:
    if tls is Tls.OFF:
        return None
    context = ssl.create_default_context()
    if tls is Tls.REQUIRED:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def _faults(place: Place) -> Iterator[None]:
    """Turn what the driver raises into a fault with the server's words."""
    try:
        yield
    except TimeoutError as error:
        raise DatabaseFault(Fault.TIMEOUT, "it took too long", engine="mysql") from error
    except ssl.SSLError as error:
        raise DatabaseFault(Fault.TLS, f"TLS: {error.reason}", engine="mysql") from error
    except (Error, OSError, aiomysql.Error) as error:
        raise _fault(error, place) from error
    except (UnicodeError, RuntimeError, AssertionError, IndexError, ValueError) as error:
        # what answers is no such server, or the connection broke within a packet
        words = f"the server's answer could not be read ({type(error).__name__})"
        raise DatabaseFault(Fault.FAILED, words, engine="mysql") from error


def _fault(error: BaseException, place: Place) -> DatabaseFault:
    number = error.args[0] if error.args else None
    words = str(error.args[1]) if len(error.args) > 1 else str(error)
    cause = error.__cause__
    if isinstance(cause, ssl.SSLError):
        return DatabaseFault(Fault.TLS, f"TLS: {cause.reason}", engine="mysql")
    if isinstance(cause, TimeoutError):
        return DatabaseFault(Fault.UNREACHABLE, "it does not answer", engine="mysql")
    fault = _BY_NUMBER.get(number) if isinstance(number, int) else None
    if fault is None:
        fault = Fault.UNREACHABLE if isinstance(error, OSError) else Fault.FAILED
    return DatabaseFault(fault, without_secrets(words, [place.password]), engine="mysql")
