"""Exports."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table

revision = "0011_exports"
down_revision = "0010_notices"


def upgrade() -> None:
    op.create_table('calls_export',
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('format', sa.String(), nullable=False),
    sa.Column('filter', Json, nullable=False),
    sa.Column('columns', Json, nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('rows', sa.BigInteger(), nullable=True),
    sa.Column('size_bytes', sa.BigInteger(), nullable=True),
    sa.Column('key', sa.String(), nullable=True),
    sa.Column('error', sa.String(), nullable=True),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('finished_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_export'))
    )
    op.create_index('ix_calls_export_time', 'calls_export', ['tenant_id', 'created_at', 'id'], unique=False)
    for table in ['calls_export']:
        fence_table(op.get_bind(), table)
