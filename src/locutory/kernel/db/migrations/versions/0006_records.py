"""What people do with calls: tags, comments, deeds on many; the roster of floor agents."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table

revision = "0006_records"
down_revision = "0005_reviews"


def upgrade() -> None:
    op.create_table('calls_bulk',
    sa.Column('action', sa.String(), nullable=False),
    sa.Column('params', Json, nullable=False),
    sa.Column('actor', sa.String(), nullable=False),
    sa.Column('callids', Json, nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('refused_count', sa.BigInteger(), nullable=False),
    sa.Column('refused', Json, nullable=False),
    sa.Column('finished_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_bulk'))
    )
    op.create_table('calls_comment',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.Column('author_name', sa.String(), nullable=False),
    sa.Column('at_ms', sa.BigInteger(), nullable=True),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_comment'))
    )
    op.create_index('ix_calls_comment_call', 'calls_comment', ['call_id', 'id'], unique=False)
    op.create_table('calls_floor_agent',
    sa.Column('external_id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('phones_enc', sa.LargeBinary(), nullable=True),
    sa.Column('team', sa.String(), nullable=True),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_floor_agent')),
    sa.UniqueConstraint('tenant_id', 'external_id', name=op.f('uq_calls_floor_agent_tenant_id_external_id'))
    )
    op.create_index('ix_calls_floor_agent_user', 'calls_floor_agent', ['tenant_id', 'user_id'], unique=False)
    op.create_table('calls_tag',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('tag', sa.String(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_tag')),
    sa.UniqueConstraint('call_id', 'tag', name=op.f('uq_calls_tag_call_id_tag'))
    )
    op.create_index('ix_calls_tag_tag', 'calls_tag', ['tenant_id', 'tag', 'call_id'], unique=False)
    op.create_index('ix_calls_record_last4', 'calls_record', ['tenant_id', 'phone_last4'], unique=False, sqlite_where=sa.text('phone_last4 IS NOT NULL'), postgresql_where=sa.text('phone_last4 IS NOT NULL'))
    op.create_index('ix_calls_record_low_asr', 'calls_record', ['tenant_id', 'asr_quality', 'id'], unique=False, sqlite_where=sa.text('asr_quality < 0.5'), postgresql_where=sa.text('asr_quality < 0.5'))
    op.create_index('ix_calls_record_marks', 'calls_record', ['tenant_id', 'degraded', 'has_words'], unique=False)
    op.create_index('ix_calls_record_own', 'calls_record', ['tenant_id', 'id'], unique=False)
    op.create_index('ix_calls_record_phone_hash', 'calls_record', ['tenant_id', 'customer_phone_hash'], unique=False, sqlite_where=sa.text('customer_phone_hash IS NOT NULL'), postgresql_where=sa.text('customer_phone_hash IS NOT NULL'))
    op.create_index('ix_calls_record_stage', 'calls_record', ['tenant_id', 'stage'], unique=False)
    for table in ['calls_bulk', 'calls_comment', 'calls_floor_agent', 'calls_tag']:
        fence_table(op.get_bind(), table)
