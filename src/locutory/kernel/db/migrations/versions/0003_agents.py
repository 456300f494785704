"""Agents of businesses, their versions, and trials of them."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table

revision = "0003_agents"
down_revision = "0002_findings"


def upgrade() -> None:
    op.create_table('analysis_agent',
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('published', sa.BigInteger(), nullable=True),
    sa.Column('archived', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_analysis_agent')),
    sa.UniqueConstraint('tenant_id', 'key', name=op.f('uq_analysis_agent_tenant_id_key'))
    )
    op.create_table('analysis_agent_version',
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('body', Json, nullable=False),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('updated_by', sa.String(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.Column('published_by', sa.String(), nullable=True),
    sa.Column('published_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_analysis_agent_version')),
    sa.UniqueConstraint('tenant_id', 'key', 'version', name=op.f('uq_analysis_agent_version_tenant_id_key_version'))
    )
    op.create_table('calls_agent_trial',
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('agent_key', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('ask', Json, nullable=False),
    sa.Column('report', Json, nullable=True),
    sa.Column('error', sa.String(), nullable=True),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('finished_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_agent_trial'))
    )
    op.create_index('ix_calls_agent_trial_agent', 'calls_agent_trial', ['tenant_id', 'kind', 'agent_key', 'created_at', 'id'], unique=False)
    op.create_index('ix_calls_agent_trial_kind', 'calls_agent_trial', ['tenant_id', 'kind', 'created_at', 'id'], unique=False)
    for table in ['analysis_agent', 'analysis_agent_version', 'calls_agent_trial']:
        fence_table(op.get_bind(), table)
