"""Copies of vectors in stores outside and what they have to forget; callbacks of batches."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import UtcDateTime, fence_table

revision = "0022_vector_copies"
down_revision = '0021_speech'


def upgrade() -> None:
    op.create_table('knowledge_copy',
    sa.Column('collection', sa.String(), nullable=False),
    sa.Column('place', sa.String(), nullable=False),
    sa.Column('generation', sa.BigInteger(), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('holder', sa.Uuid(), nullable=True),
    sa.Column('held_until_ms', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_knowledge_copy')),
    sa.UniqueConstraint('tenant_id', 'collection', 'place', 'generation', name=op.f('uq_knowledge_copy_tenant_id_collection_place_generation'))
    )
    op.create_table('knowledge_gone',
    sa.Column('copy_id', sa.Uuid(), nullable=False),
    sa.Column('chunk_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['copy_id'], ['knowledge_copy.id'], name=op.f('fk_knowledge_gone_copy_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_knowledge_gone'))
    )
    op.create_index(op.f('ix_knowledge_gone_copy_id'), 'knowledge_gone', ['copy_id'], unique=False)
    op.add_column('runtime_batch', sa.Column('callback_enc', sa.LargeBinary(), nullable=True))
    op.add_column('runtime_batch', sa.Column('callback_state', sa.String(), nullable=True))
    op.create_index('ix_runtime_batch_over', 'runtime_batch', ['tenant_id', 'finished_at'], unique=False)
    for table in ['knowledge_copy', 'knowledge_gone']:
        fence_table(op.get_bind(), table)
