"""Bringing the schema up to date, under a lock; Alembic is loaded only when there is work."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from locutory.kernel.db.dialect import grant_to, is_sqlite, is_storage_failure
from locutory.kernel.errors import ConfigError, StorageUnavailableError, first_line
from locutory.kernel.settings import DatabaseSettings, Settings

VERSIONS = Path(__file__).parent / "migrations" / "versions"
_LOCK_ID = 0x10C0708
_CONNECT_S = 10


def head() -> str:
    """The newest revision: versions are numbered files, `0001_initial.py`."""
    return max(path.stem for path in VERSIONS.glob("[0-9]*.py"))


def sync_url(url: str) -> str:
    """The address for a blocking driver."""
    return url.replace("sqlite+aiosqlite:", "sqlite:")


def async_url(url: str) -> str:
    """The address as the settings' own one is written."""
    return Settings(database=DatabaseSettings(url=url)).database_url


def grant(url: str, role: str) -> None:
    """Let the application's role read and write rows. PostgreSQL only; raises ConfigError."""
    if is_sqlite(url):
        raise ConfigError("SQLite knows no roles")
    with _engine(url) as engine, engine.begin() as connection:
        grant_to(connection, role)


def current(url: str) -> str | None:
    """The revision of the database, None if it is empty. Blocking.

    Raises StorageUnavailableError with the server's words.
    """
    path = make_url(url).database
    if is_sqlite(url) and path and not Path(path).exists():
        return None
    with _engine(url) as engine, engine.connect() as connection:
        return _revision(connection)


def migrate(url: str) -> str | None:
    """Bring the database to `head`; return the revision it had before. Blocking, safe to race."""
    if is_sqlite(url):
        Path(make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)
    with _engine(url) as engine, _lock(url, engine) as connection:
        before = _revision(connection)
        if before != head():
            _upgrade(connection)
        return before


def require_current(url: str) -> None:
    """Raise ConfigError unless the schema is at `head`. On PostgreSQL only `migrate` migrates.

    Raises StorageUnavailableError with the server's words.
    """
    found = current(url)
    if found != head():
        raise ConfigError(
            f"the database schema is {found or 'empty'}, this version needs {head()}: "
            "run `locutory migrate` as the schema's owner",
            code="SCHEMA_OLD",
        )


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    """A blocking engine that does not wait for ever; what the server says is told in a line."""
    bounded = {} if is_sqlite(url) else {"connect_timeout": _CONNECT_S}
    engine = create_engine(sync_url(url), connect_args=bounded)
    try:
        yield engine
    except DBAPIError as error:
        if not is_storage_failure(error):
            raise
        raise StorageUnavailableError(f"the database: {first_line(error.orig or error)}") from error
    finally:
        engine.dispose()


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


@contextmanager
def _lock(url: str, engine: Engine) -> Iterator[Connection]:
    if is_sqlite(url):
        lock_path = Path(f"{make_url(url).database}.migrate-lock")
        with lock_path.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            with engine.connect() as connection:
                yield connection
        return
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:id)"), {"id": _LOCK_ID})
        connection.commit()
        try:
            yield connection
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:id)"), {"id": _LOCK_ID})
            connection.commit()


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()
