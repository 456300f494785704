"""Types of objections, moment rules, reclassifications."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table

revision = "0004_findings_rules"
down_revision = "0003_agents"


def upgrade() -> None:
    op.create_table('calls_moment_rule',
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('rule', Json, nullable=False),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_moment_rule')),
    sa.UniqueConstraint('tenant_id', 'key', name=op.f('uq_calls_moment_rule_tenant_id_key'))
    )
    op.create_table('calls_objection_type',
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('label', sa.String(), nullable=False),
    sa.Column('synonyms', Json, nullable=False),
    sa.Column('playbook', sa.String(), nullable=False),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_objection_type')),
    sa.UniqueConstraint('tenant_id', 'key', name=op.f('uq_calls_objection_type_tenant_id_key'))
    )
    op.create_table('calls_reclassification',
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('from_at', UtcDateTime(), nullable=True),
    sa.Column('to_at', UtcDateTime(), nullable=True),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.Column('done', sa.BigInteger(), nullable=False),
    sa.Column('changed', sa.BigInteger(), nullable=False),
    sa.Column('detail', sa.String(), nullable=True),
    sa.Column('requested_by', sa.String(), nullable=False),
    sa.Column('finished_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_reclassification'))
    )
    op.create_index('ix_calls_reclassification_state', 'calls_reclassification', ['tenant_id', 'state'], unique=False)
    op.add_column('calls_objection', sa.Column('started_at', UtcDateTime(), nullable=True))
    op.create_index('ix_calls_objection_handled', 'calls_objection', ['tenant_id', 'handled', 'started_at', 'id'], unique=False)
    op.create_index('ix_calls_objection_started', 'calls_objection', ['tenant_id', 'started_at', 'id'], unique=False)
    op.create_index('ix_calls_objection_type_started', 'calls_objection', ['tenant_id', 'type_key', 'started_at', 'id'], unique=False)
    for table in ['calls_moment_rule', 'calls_objection_type', 'calls_reclassification']:
        fence_table(op.get_bind(), table)
