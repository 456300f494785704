"""Requests for erasure, what retention let go, muted stretches, consent."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table

revision = "0012_privacy"
down_revision = "0011_exports"


def upgrade() -> None:
    op.create_table('calls_erasure',
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('subject_hash', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('requested_by', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.Column('done', sa.BigInteger(), nullable=False),
    sa.Column('held', Json, nullable=False),
    sa.Column('plan_enc', sa.LargeBinary(), nullable=True),
    sa.Column('callid_hashes', Json, nullable=False),
    sa.Column('counts', Json, nullable=False),
    sa.Column('error', sa.String(), nullable=True),
    sa.Column('taken_at', UtcDateTime(), nullable=False),
    sa.Column('finished_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_erasure'))
    )
    op.create_index('ix_calls_erasure_time', 'calls_erasure', ['tenant_id', 'created_at', 'id'], unique=False)
    op.add_column('calls_analysis', sa.Column('purged_at', UtcDateTime(), nullable=True))
    op.add_column('calls_record', sa.Column('audio_purged_at', UtcDateTime(), nullable=True))
    op.add_column('calls_record', sa.Column('consent', sa.String(), server_default='unknown', nullable=False))
    op.create_index('ix_calls_record_consent', 'calls_record', ['tenant_id', 'consent'], unique=False)
    op.add_column('calls_transcript', sa.Column('muted', Json, nullable=True))
    op.add_column('calls_transcript', sa.Column('purged_at', UtcDateTime(), nullable=True))
    for table in ['calls_erasure']:
        fence_table(op.get_bind(), table)
