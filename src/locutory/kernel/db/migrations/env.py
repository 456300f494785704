"""Alembic's environment: runs on the connection that `migrate` hands over."""

from alembic import context

from locutory.kernel.db.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
