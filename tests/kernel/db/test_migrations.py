"""The history of the schema leads to what the models say, on both databases."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from locutory import app
from locutory.kernel.db import TenantModel, migrate
from locutory.kernel.db.base import Base

pytestmark = [
    pytest.mark.both_databases,
    pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression"),
    pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based"),
]
assert app.MODULES


def _is_ours(thing: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
    if kind == "table":
        return not (name or "").startswith("knowledge_chunk_fts")
    # made by hand: indexes on expressions, the full-text column and its index
    return name not in {
        "words",
        "ix_knowledge_chunk_words",
        "ix_calls_record_score",
        "ix_calls_record_duration",
        "ix_calls_record_sentiment",
    }


def test_models_and_migrations_agree(database_url: str) -> None:
    engine = create_engine(migrate.sync_url(database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _is_ours})

        differences = compare_metadata(context, Base.metadata)
    engine.dispose()

    assert differences == [], "write a migration: scripts/new_migration.py"


def test_the_indexes_on_expressions_are_there(database_url: str) -> None:
    engine = create_engine(migrate.sync_url(database_url))
    catalog = (
        "SELECT name FROM sqlite_master WHERE type = 'index'"
        if engine.dialect.name == "sqlite"
        else "SELECT indexname FROM pg_indexes"
    )
    with engine.connect() as connection:
        names = set(connection.scalars(text(catalog)))
    engine.dispose()

    assert {f"ix_calls_record_{name}" for name in ("score", "duration", "sentiment")} <= names


def test_every_tenant_table_is_fenced_on_postgresql(database_url: str) -> None:
    engine = create_engine(migrate.sync_url(database_url))
    if engine.dialect.name == "sqlite":
        pytest.skip("row-level security is PostgreSQL's")
    tenant_tables = {
        mapper.local_table.name  # type: ignore[attr-defined] # a table, not an alias
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, TenantModel)
    }

    with engine.connect() as connection:
        fenced = set(connection.scalars(text("SELECT relname FROM pg_class WHERE relrowsecurity")))
    engine.dispose()

    assert tenant_tables <= fenced


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    assert migrate.migrate(database_url) == migrate.head()
    assert migrate.current(database_url) == migrate.head()
    engine = create_engine(migrate.sync_url(database_url))
    assert inspect(engine).has_table("kernel_job")
    engine.dispose()
