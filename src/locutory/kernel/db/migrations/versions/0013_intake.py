"""Embed keys, sources and backfills."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table

revision = "0013_intake"
down_revision = "0012_privacy"


def upgrade() -> None:
    op.add_column('kernel_api_key', sa.Column('kind', sa.String(), nullable=False, server_default="service"))
    op.add_column('kernel_api_key', sa.Column('origins', Json, nullable=False, server_default=sa.text("'[]'")))
    op.add_column('kernel_api_key', sa.Column('filters', Json, nullable=False, server_default=sa.text("'{}'")))
    op.drop_index(op.f('ix_kernel_api_key_tenant'), table_name='kernel_api_key')
    op.create_index('ix_kernel_api_key_tenant', 'kernel_api_key', ['tenant_id', 'kind', 'id'], unique=False)
    op.create_index('ix_kernel_api_key_kind', 'kernel_api_key', ['kind'], unique=False)
    op.create_table('calls_backfill',
    sa.Column('source_id', sa.Uuid(), nullable=False),
    sa.Column('from_at', UtcDateTime(), nullable=False),
    sa.Column('to_at', UtcDateTime(), nullable=False),
    sa.Column('dry_run', sa.Boolean(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('files', sa.BigInteger(), nullable=False),
    sa.Column('created', sa.BigInteger(), nullable=False),
    sa.Column('duplicates', sa.BigInteger(), nullable=False),
    sa.Column('refused', sa.BigInteger(), nullable=False),
    sa.Column('position', sa.String(), nullable=False),
    sa.Column('faults', Json, nullable=False),
    sa.Column('error', sa.String(), nullable=True),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('finished_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_backfill'))
    )
    op.create_index('ix_calls_backfill_time', 'calls_backfill', ['tenant_id', 'id'], unique=False)
    op.create_table('calls_intake_file',
    sa.Column('source_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('size_bytes', sa.BigInteger(), nullable=False),
    sa.Column('mtime_ns', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('seen_at', UtcDateTime(), nullable=False),
    sa.Column('steady_since', UtcDateTime(), nullable=True),
    sa.Column('callid', sa.String(), nullable=True),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_intake_file')),
    sa.UniqueConstraint('source_id', 'name', name=op.f('uq_calls_intake_file_source_id_name'))
    )
    op.create_table('calls_source',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('path', sa.String(), nullable=True),
    sa.Column('after', sa.String(), nullable=False),
    sa.Column('direction', sa.String(), nullable=False),
    sa.Column('since', UtcDateTime(), nullable=True),
    sa.Column('looks', sa.BigInteger(), nullable=False),
    sa.Column('health', Json, nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_source')),
    sa.UniqueConstraint('tenant_id', 'name', name=op.f('uq_calls_source_tenant_id_name'))
    )
    for table in ['calls_backfill', 'calls_intake_file', 'calls_source']:
        fence_table(op.get_bind(), table)
