"""The pipeline's configuration, use and alerts; shares and dead letters in more orders."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table

revision = "0007_pipeline"
down_revision = "0006_records"


def upgrade() -> None:
    op.create_table('calls_alert',
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('about', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('severity', sa.String(), nullable=False),
    sa.Column('detail', sa.String(), nullable=False),
    sa.Column('since', UtcDateTime(), nullable=False),
    sa.Column('fired_at', UtcDateTime(), nullable=True),
    sa.Column('resolved_at', UtcDateTime(), nullable=True),
    sa.Column('acked_at', UtcDateTime(), nullable=True),
    sa.Column('acked_by', sa.String(), nullable=True),
    sa.Column('ack_note', sa.String(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_alert'))
    )
    op.create_index('ix_calls_alert_since', 'calls_alert', ['tenant_id', 'since', 'id'], unique=False)
    op.create_index('ix_calls_alert_state', 'calls_alert', ['tenant_id', 'state', 'since', 'id'], unique=False)
    op.create_index('uq_calls_alert_open', 'calls_alert', ['tenant_id', 'key', 'about'], unique=True, sqlite_where=sa.text("state != 'resolved'"), postgresql_where=sa.text("state != 'resolved'"))
    op.create_table('calls_pipeline_config',
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('config', Json, nullable=False),
    sa.Column('actor', sa.String(), nullable=False),
    sa.Column('note', sa.String(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_pipeline_config')),
    sa.UniqueConstraint('tenant_id', 'version', name=op.f('uq_calls_pipeline_config_tenant_id_version'))
    )
    op.create_table('calls_usage',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('stage', sa.String(), nullable=False),
    sa.Column('run_no', sa.BigInteger(), nullable=False),
    sa.Column('day', sa.String(), nullable=False),
    sa.Column('engine', sa.String(), nullable=False),
    sa.Column('audio_ms', sa.BigInteger(), nullable=False),
    sa.Column('tokens_in', sa.BigInteger(), nullable=False),
    sa.Column('tokens_out', sa.BigInteger(), nullable=False),
    sa.Column('cost_micros', sa.BigInteger(), nullable=False),
    sa.Column('degraded', sa.Boolean(), nullable=False),
    sa.Column('results', sa.BigInteger(), nullable=False),
    sa.Column('unsupported', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_usage'))
    )
    op.create_index('ix_calls_usage_call', 'calls_usage', ['call_id'], unique=False)
    op.create_index('ix_calls_usage_day', 'calls_usage', ['tenant_id', 'day', 'stage'], unique=False)
    op.create_index('ix_calls_usage_stage', 'calls_usage', ['tenant_id', 'stage', 'created_at'], unique=False)
    op.drop_index(op.f('ix_kernel_job_dead'), table_name='kernel_job', sqlite_where=sa.text("state = 'dead'"))
    op.create_index('ix_kernel_job_dead_all', 'kernel_job', ['tenant_id', 'finished_ms', 'id'], unique=False, sqlite_where=sa.text("state = 'dead'"), postgresql_where=sa.text("state = 'dead'"))
    op.create_index('ix_kernel_job_dead_class', 'kernel_job', ['tenant_id', 'error_class', 'finished_ms', 'id'], unique=False, sqlite_where=sa.text("state = 'dead'"), postgresql_where=sa.text("state = 'dead'"))
    op.create_index('ix_kernel_job_dead_code', 'kernel_job', ['tenant_id', 'error_code', 'finished_ms', 'id'], unique=False, sqlite_where=sa.text("state = 'dead'"), postgresql_where=sa.text("state = 'dead'"))
    op.create_index('ix_kernel_job_dead_queue', 'kernel_job', ['tenant_id', 'queue', 'finished_ms', 'id'], unique=False, sqlite_where=sa.text("state = 'dead'"), postgresql_where=sa.text("state = 'dead'"))
    op.add_column('kernel_job_gate', sa.Column('error_class', sa.String(), nullable=True))
    op.add_column('kernel_job_share', sa.Column('max_attempts', sa.BigInteger(), nullable=True))
    op.add_column('kernel_job_share', sa.Column('timeout_s', sa.BigInteger(), nullable=True))
    op.add_column('kernel_job_share', sa.Column('braked', sa.Boolean(), server_default=sa.false(), nullable=False))
    for table in ['calls_alert', 'calls_pipeline_config', 'calls_usage']:
        fence_table(op.get_bind(), table)

