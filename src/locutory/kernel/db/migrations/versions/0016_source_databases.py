"""Source databases: where they are, how they are read, and how far."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table

revision = "0016_source_databases"
down_revision = "0015_speech_job"


def upgrade() -> None:
    op.create_table('calls_sync_watermark',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('cursor', Json, nullable=False),
    sa.Column('moves', sa.BigInteger(), nullable=False),
    sa.Column('last_ok_at', UtcDateTime(), nullable=True),
    sa.Column('last_error', sa.String(), nullable=True),
    sa.Column('rows_total', sa.BigInteger(), nullable=False),
    sa.Column('stale_after_s', sa.BigInteger(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_sync_watermark')),
    sa.UniqueConstraint('tenant_id', 'name', name=op.f('uq_calls_sync_watermark_tenant_id_name'))
    )
    op.add_column('calls_source', sa.Column('place_enc', sa.LargeBinary(), nullable=True))
    op.add_column('calls_source', sa.Column('mapping', Json, nullable=True))
    op.add_column('calls_source', sa.Column('preset', sa.String(), nullable=True))
    op.add_column('calls_source', sa.Column('poll_interval_s', sa.BigInteger(), nullable=True))
    op.add_column('calls_source', sa.Column('overlap_s', sa.BigInteger(), nullable=True))
    op.add_column('calls_source', sa.Column('batch_size', sa.BigInteger(), nullable=True))
    op.add_column('calls_source', sa.Column('tz', sa.String(), nullable=True))
    for table in ['calls_sync_watermark']:
        fence_table(op.get_bind(), table)
