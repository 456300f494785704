"""What models used, and batches of requests to them."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import UtcDateTime, fence_table

revision = "0018_llm_runtime"
down_revision = '0017_bus'


def upgrade() -> None:
    op.create_table('llm_calls',
    sa.Column('day', sa.String(), nullable=False),
    sa.Column('purpose', sa.String(), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('model', sa.String(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('error_code', sa.String(), nullable=True),
    sa.Column('tokens_in', sa.BigInteger(), nullable=False),
    sa.Column('tokens_out', sa.BigInteger(), nullable=False),
    sa.Column('cost_micros', sa.BigInteger(), nullable=True),
    sa.Column('estimated', sa.Boolean(), nullable=False),
    sa.Column('latency_ms', sa.BigInteger(), nullable=False),
    sa.Column('ttft_ms', sa.BigInteger(), nullable=True),
    sa.Column('correlation_id', sa.String(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_llm_calls'))
    )
    op.create_index('ix_llm_calls_spent', 'llm_calls', ['tenant_id', 'day', 'cost_micros'], unique=False)
    op.create_index('ix_llm_calls_time', 'llm_calls', ['tenant_id', 'created_at', 'id'], unique=False)
    op.create_table('runtime_batch',
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.Column('max_concurrency', sa.BigInteger(), nullable=False),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('finished_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_runtime_batch'))
    )
    op.create_table('runtime_batch_item',
    sa.Column('batch_id', sa.Uuid(), nullable=False),
    sa.Column('no', sa.BigInteger(), nullable=False),
    sa.Column('item_id', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('tries', sa.BigInteger(), nullable=False),
    sa.Column('request_enc', sa.LargeBinary(), nullable=False),
    sa.Column('answer_enc', sa.LargeBinary(), nullable=True),
    sa.Column('error_code', sa.String(), nullable=True),
    sa.Column('error_detail', sa.String(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['batch_id'], ['runtime_batch.id'], name=op.f('fk_runtime_batch_item_batch_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_runtime_batch_item')),
    sa.UniqueConstraint('tenant_id', 'batch_id', 'no', name=op.f('uq_runtime_batch_item_tenant_id_batch_id_no'))
    )
    op.create_index('ix_runtime_batch_item_state', 'runtime_batch_item', ['tenant_id', 'batch_id', 'state', 'no'], unique=False)
    for table in ['llm_calls', 'runtime_batch', 'runtime_batch_item']:
        fence_table(op.get_bind(), table)
