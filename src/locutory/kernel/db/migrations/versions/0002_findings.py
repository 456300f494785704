"""What is found in calls, and which calls' read models are behind."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table

revision = "0002_findings"
down_revision = "0001_initial"


def upgrade() -> None:
    op.create_table('calls_moment',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('rule_key', sa.String(), nullable=False),
    sa.Column('first_idx', sa.BigInteger(), nullable=True),
    sa.Column('last_idx', sa.BigInteger(), nullable=True),
    sa.Column('start_ms', sa.BigInteger(), nullable=False),
    sa.Column('end_ms', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_moment'))
    )
    op.create_index('ix_calls_moment_call', 'calls_moment', ['call_id'], unique=False)
    op.create_index('ix_calls_moment_rule', 'calls_moment', ['tenant_id', 'rule_key', 'call_id'], unique=False)
    op.create_table('calls_objection',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('type_key', sa.String(), nullable=False),
    sa.Column('turn_idx', sa.BigInteger(), nullable=False),
    sa.Column('start_ms', sa.BigInteger(), nullable=False),
    sa.Column('quote', sa.String(), nullable=False),
    sa.Column('handled', sa.String(), nullable=False),
    sa.Column('response_idx', sa.BigInteger(), nullable=True),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('evidence_ok', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_objection'))
    )
    op.create_index('ix_calls_objection_call', 'calls_objection', ['call_id'], unique=False)
    op.create_index('ix_calls_objection_type', 'calls_objection', ['tenant_id', 'type_key', 'call_id'], unique=False)
    op.create_table('calls_stale',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('mark', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_stale')),
    sa.UniqueConstraint('call_id', name=op.f('uq_calls_stale_call_id'))
    )
    op.create_index('ix_calls_stale_tenant', 'calls_stale', ['tenant_id', 'id'], unique=False)
    op.create_table('calls_topic',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('topic_key', sa.String(), nullable=False),
    sa.Column('label', sa.String(), nullable=False),
    sa.Column('share', sa.Float(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_topic'))
    )
    op.create_index('ix_calls_topic_call', 'calls_topic', ['call_id'], unique=False)
    op.create_index('ix_calls_topic_topic', 'calls_topic', ['tenant_id', 'topic_key', 'call_id'], unique=False)
    op.add_column('calls_record', sa.Column('asr_quality', sa.Float(), nullable=True))
    op.add_column('calls_record', sa.Column('tags', Json, nullable=False, server_default=sa.text("'[]'")))
    op.add_column('calls_record', sa.Column('legal_hold', sa.Boolean(), nullable=False, server_default=sa.false()))
    for table in ['calls_moment', 'calls_objection', 'calls_stale', 'calls_topic']:
        fence_table(op.get_bind(), table)
