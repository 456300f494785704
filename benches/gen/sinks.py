"""Rows into tables as fast as each database takes them, past the program's own ways of writing."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.engine import make_url

from locutory.kernel.clock import to_ms
from locutory.kernel.db.migrate import sync_url


class Sink(Protocol):
    """A database that takes rows in bulk."""

    def put(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Add rows; JSON comes as text."""
        ...

    def close(self) -> None:
        """Make all of it durable."""
        ...


class SqliteSink:
    """One transaction a batch; syncs come at the end."""

    def __init__(self, url: str) -> None:
        path = make_url(sync_url(url)).database
        assert path is not None
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-524288"):
            self._connection.execute(f"PRAGMA {pragma}")
        sqlite3.register_adapter(UUID, lambda value: value.hex)
        sqlite3.register_adapter(datetime, to_ms)

    def put(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        marks = ", ".join("?" * len(columns))
        named = ", ".join(f'"{column}"' for column in columns)
        self._connection.execute("BEGIN")
        self._connection.executemany(f"INSERT INTO {table} ({named}) VALUES ({marks})", rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()


class PostgresqlSink:
    """COPY, as the owner of the schema."""

    def __init__(self, url: str) -> None:
        import psycopg

        address = make_url(url).set(drivername="postgresql")
        self._connection = psycopg.connect(address.render_as_string(hide_password=False))

    def put(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        named = ", ".join(f'"{column}"' for column in columns)
        statement = f"COPY {table} ({named}) FROM STDIN"
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
        self._connection.commit()

    def close(self) -> None:
        self._connection.autocommit = True
        self._connection.execute("ANALYZE")
        self._connection.close()


def sink_of(url: str) -> Sink:
    """The sink of a database."""
    return SqliteSink(url) if url.startswith("sqlite") else PostgresqlSink(url)
