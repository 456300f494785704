"""Webhooks with their delivery log, and notices."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table

revision = "0010_notices"
down_revision = "0009_rag"


def upgrade() -> None:
    op.create_table('calls_delivery',
    sa.Column('webhook_id', sa.Uuid(), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('news', sa.String(), nullable=False),
    sa.Column('callid', sa.String(), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('body_sha256', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('attempts', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.BigInteger(), nullable=True),
    sa.Column('latency_ms', sa.BigInteger(), nullable=True),
    sa.Column('error', sa.String(), nullable=True),
    sa.Column('tried_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_delivery')),
    sa.UniqueConstraint('webhook_id', 'event_id', 'news', name=op.f('uq_calls_delivery_webhook_id_event_id_news'))
    )
    op.create_index('ix_calls_delivery_age', 'calls_delivery', ['tenant_id', 'created_at'], unique=False)
    op.create_index('ix_calls_delivery_state', 'calls_delivery', ['webhook_id', 'state', 'created_at', 'id'], unique=False)
    op.create_index('ix_calls_delivery_webhook', 'calls_delivery', ['webhook_id', 'created_at', 'id'], unique=False)
    op.create_table('calls_notice',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('news', sa.String(), nullable=False),
    sa.Column('callid', sa.String(), nullable=True),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_notice')),
    sa.UniqueConstraint('tenant_id', 'event_id', 'news', name=op.f('uq_calls_notice_tenant_id_event_id_news'))
    )
    op.create_index('ix_calls_notice_time', 'calls_notice', ['tenant_id', 'created_at', 'id'], unique=False)
    op.create_table('calls_notice_seen',
    sa.Column('principal', sa.String(), nullable=False),
    sa.Column('seen_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_notice_seen')),
    sa.UniqueConstraint('tenant_id', 'principal', name=op.f('uq_calls_notice_seen_tenant_id_principal'))
    )
    op.create_table('calls_notice_setting',
    sa.Column('news', Json, nullable=False),
    sa.Column('score_below', sa.Float(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_notice_setting')),
    sa.UniqueConstraint('tenant_id', name=op.f('uq_calls_notice_setting_tenant_id'))
    )
    op.create_table('calls_webhook',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('host', sa.String(), nullable=False),
    sa.Column('url_enc', sa.LargeBinary(), nullable=False),
    sa.Column('secret_enc', sa.LargeBinary(), nullable=False),
    sa.Column('events', Json, nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('paused_reason', sa.String(), nullable=True),
    sa.Column('failures', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_webhook'))
    )
    op.create_index('ix_calls_webhook_tenant', 'calls_webhook', ['tenant_id', 'id'], unique=False)
    for table in ['calls_delivery', 'calls_notice', 'calls_notice_seen', 'calls_notice_setting', 'calls_webhook']:
        fence_table(op.get_bind(), table)
