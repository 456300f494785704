"""Providers that tell of calls, what they delivered, and how far changes of tables are."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import UtcDateTime, fence_table

revision = "0019_pushes"
down_revision = '0018_llm_runtime'


def upgrade() -> None:
    op.create_table('calls_hook',
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('scheme', sa.String(), nullable=False),
    sa.Column('secret_enc', sa.LargeBinary(), nullable=True),
    sa.Column('token_hash', sa.String(), nullable=True),
    sa.Column('former_secret_enc', sa.LargeBinary(), nullable=True),
    sa.Column('former_token_hash', sa.String(), nullable=True),
    sa.Column('former_until', UtcDateTime(), nullable=True),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_hook')),
    sa.UniqueConstraint('tenant_id', 'provider', name=op.f('uq_calls_hook_tenant_id_provider'))
    )
    op.create_table('calls_hook_delivery',
    sa.Column('hook_id', sa.Uuid(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_hook_delivery')),
    sa.UniqueConstraint('tenant_id', 'hook_id', 'digest', name=op.f('uq_calls_hook_delivery_tenant_id_hook_id_digest'))
    )
    op.create_index('ix_calls_hook_delivery_age', 'calls_hook_delivery', ['tenant_id', 'created_at'], unique=False)
    op.create_table('calls_seen_change',
    sa.Column('source_id', sa.Uuid(), nullable=False),
    sa.Column('call_digest', sa.String(), nullable=False),
    sa.Column('at_ms', sa.BigInteger(), nullable=False),
    sa.Column('deleted', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_seen_change')),
    sa.UniqueConstraint('tenant_id', 'source_id', 'call_digest', name=op.f('uq_calls_seen_change_tenant_id_source_id_call_digest'))
    )
    for table in ['calls_hook', 'calls_hook_delivery', 'calls_seen_change']:
        fence_table(op.get_bind(), table)
