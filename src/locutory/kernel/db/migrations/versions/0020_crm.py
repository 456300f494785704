"""Connections to CRMs, their leads, and calls that have one."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table

revision = "0020_crm"
down_revision = '0019_pushes'


def upgrade() -> None:
    op.create_table('calls_crm_activity',
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('lead_id', sa.String(), nullable=False),
    sa.Column('activity_id', sa.String(), nullable=False),
    sa.Column('event_code', sa.String(), nullable=True),
    sa.Column('event_name', sa.String(), nullable=False),
    sa.Column('occurred_at', UtcDateTime(), nullable=False),
    sa.Column('data_enc', sa.LargeBinary(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_crm_activity')),
    sa.UniqueConstraint('tenant_id', 'provider', 'activity_id', name=op.f('uq_calls_crm_activity_tenant_id_provider_activity_id'))
    )
    op.create_index('ix_calls_crm_activity_lead', 'calls_crm_activity', ['tenant_id', 'provider', 'lead_id', 'occurred_at', 'id'], unique=False)
    op.create_table('calls_crm_connection',
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('place_enc', sa.LargeBinary(), nullable=False),
    sa.Column('settings', Json, nullable=False),
    sa.Column('writeback', Json, nullable=False),
    sa.Column('looks', sa.BigInteger(), nullable=False),
    sa.Column('health', Json, nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_crm_connection')),
    sa.UniqueConstraint('tenant_id', name=op.f('uq_calls_crm_connection_tenant_id'))
    )
    op.create_table('calls_crm_import',
    sa.Column('key', sa.String(), nullable=True),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('created', sa.BigInteger(), nullable=False),
    sa.Column('updated', sa.BigInteger(), nullable=False),
    sa.Column('unchanged', sa.BigInteger(), nullable=False),
    sa.Column('rejected', sa.BigInteger(), nullable=False),
    sa.Column('faults', Json, nullable=False),
    sa.Column('error', sa.String(), nullable=True),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('finished_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_crm_import'))
    )
    op.create_index('ix_calls_crm_import_time', 'calls_crm_import', ['tenant_id', 'id'], unique=False)
    op.create_table('calls_crm_lead',
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('lead_id', sa.String(), nullable=False),
    sa.Column('person_enc', sa.LargeBinary(), nullable=True),
    sa.Column('phone_last4', sa.String(), nullable=True),
    sa.Column('stage', sa.String(), nullable=True),
    sa.Column('owner', sa.String(), nullable=True),
    sa.Column('source', sa.String(), nullable=True),
    sa.Column('modified_at', UtcDateTime(), nullable=False),
    sa.Column('fetched_at', UtcDateTime(), nullable=False),
    sa.Column('deleted', sa.Boolean(), nullable=False),
    sa.Column('erased', sa.Boolean(), nullable=False),
    sa.Column('matched', sa.Boolean(), nullable=False),
    sa.Column('activities_at', UtcDateTime(), nullable=True),
    sa.Column('fetches', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_crm_lead')),
    sa.UniqueConstraint('tenant_id', 'provider', 'lead_id', name=op.f('uq_calls_crm_lead_tenant_id_provider_lead_id'))
    )
    op.create_index('ix_calls_crm_lead_lead', 'calls_crm_lead', ['tenant_id', 'lead_id'], unique=False)
    op.create_index('ix_calls_crm_lead_modified', 'calls_crm_lead', ['tenant_id', 'deleted', 'modified_at', 'id'], unique=False)
    op.create_index('ix_calls_crm_lead_owner', 'calls_crm_lead', ['tenant_id', 'deleted', 'owner', 'modified_at', 'id'], unique=False)
    op.create_index('ix_calls_crm_lead_stage', 'calls_crm_lead', ['tenant_id', 'deleted', 'stage', 'modified_at', 'id'], unique=False)
    op.create_table('calls_crm_lead_phone',
    sa.Column('phone_hash', sa.String(), nullable=False),
    sa.Column('lead_pk', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_crm_lead_phone')),
    sa.UniqueConstraint('tenant_id', 'phone_hash', 'lead_pk', name=op.f('uq_calls_crm_lead_phone_tenant_id_phone_hash_lead_pk'))
    )
    op.create_index('ix_calls_crm_lead_phone_lead', 'calls_crm_lead_phone', ['tenant_id', 'lead_pk'], unique=False)
    op.create_table('calls_crm_writeback',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('payload_hash', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('lead_id', sa.String(), nullable=True),
    sa.Column('external_id', sa.String(), nullable=True),
    sa.Column('attempts', sa.BigInteger(), nullable=False),
    sa.Column('error', sa.String(), nullable=True),
    sa.Column('actor', sa.String(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_crm_writeback')),
    sa.UniqueConstraint('call_id', 'provider', 'kind', 'payload_hash', name=op.f('uq_calls_crm_writeback_call_id_provider_kind_payload_hash'))
    )
    op.create_index('ix_calls_crm_writeback_state', 'calls_crm_writeback', ['tenant_id', 'state'], unique=False)
    op.add_column('calls_record', sa.Column('lead_id', sa.String(), nullable=True))
    op.add_column('calls_record', sa.Column('lead_match', sa.String(), server_default='unknown', nullable=False))
    op.add_column('calls_record', sa.Column('phone_key', sa.String(), nullable=True))
    op.add_column('calls_record', sa.Column('phone_tail_key', sa.String(), nullable=True))
    op.create_index('ix_calls_record_lead', 'calls_record', ['tenant_id', 'lead_id'], unique=False, sqlite_where=sa.text('lead_id IS NOT NULL'), postgresql_where=sa.text('lead_id IS NOT NULL'))
    for table in ['calls_crm_activity', 'calls_crm_connection', 'calls_crm_import', 'calls_crm_lead', 'calls_crm_lead_phone', 'calls_crm_writeback']:
        fence_table(op.get_bind(), table)
