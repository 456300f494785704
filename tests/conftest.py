"""Databases for tests: SQLite always, PostgreSQL where LOCUTORY_TEST_DB or a mark asks for it."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

import locutory.kernel.audit.models
import locutory.kernel.events.models
import locutory.kernel.jobs.models
import locutory.products.calls.records.models  # noqa: F401 - every table is known before migrating
from locutory.kernel.db import Storage
from locutory.kernel.db.migrate import migrate

POSTGRESQL = os.environ.get(
    "LOCUTORY_TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)


def _postgresql_answers() -> bool:
    try:
        engine = create_engine(POSTGRESQL.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        engine.dispose()
    except Exception:
        return False
    return True


@pytest.fixture(scope="session")
def postgresql_server() -> str:
    if not _postgresql_answers():
        pytest.skip(f"no PostgreSQL answers at {POSTGRESQL}")
    return POSTGRESQL


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The address of an empty database of its own."""
    name = f"locutory_{uuid4().hex[:12]}"
    admin = create_engine(
        postgresql_server.replace("postgresql:", "postgresql+psycopg:"),
        isolation_level="AUTOCOMMIT",
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    base, _, _ = postgresql_server.rpartition("/")
    yield f"{base}/{name}".replace("postgresql:", "postgresql+psycopg:")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`database_url` runs on SQLite, or on PostgreSQL by DB=postgresql, or on both by mark."""
    if "database_url" not in metafunc.fixturenames:
        return
    if metafunc.definition.get_closest_marker("both_databases"):
        kinds = ["sqlite", "postgresql"]
    else:
        kinds = [os.environ.get("LOCUTORY_TEST_DB", "sqlite")]
    metafunc.parametrize("database_kind", kinds, scope="function", indirect=True)


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if database_kind == "postgresql":
        url: str = request.getfixturevalue("postgresql_url")
    else:
        url = f"sqlite+aiosqlite:///{tmp_path / 'locutory.db'}"
    migrate(url)
    return url


@pytest.fixture
async def storage(database_url: str) -> AsyncIterator[Storage]:
    storage = Storage(database_url)
    await storage.open()
    yield storage
    await storage.close()
