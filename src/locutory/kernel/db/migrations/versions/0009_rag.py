"""Vectors by generation, so that a collection can be filled anew beside the one in use."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import UtcDateTime, fence_table

revision = "0009_rag"
down_revision = "0008_analytics"


def upgrade() -> None:
    op.create_table('knowledge_reindex',
    sa.Column('collection', sa.String(), nullable=False),
    sa.Column('generation', sa.BigInteger(), nullable=False),
    sa.Column('embedder', sa.String(), nullable=False),
    sa.Column('dimension', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('done', sa.BigInteger(), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.Column('finished_at', UtcDateTime(), nullable=True),
    sa.Column('detail', sa.String(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_knowledge_reindex')),
    sa.UniqueConstraint('tenant_id', 'collection', 'generation', name=op.f('uq_knowledge_reindex_tenant_id_collection_generation'))
    )
    op.create_table('knowledge_vector',
    sa.Column('chunk_id', sa.Uuid(), nullable=False),
    sa.Column('collection', sa.String(), nullable=False),
    sa.Column('generation', sa.BigInteger(), nullable=False),
    sa.Column('vector', sa.LargeBinary(), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['chunk_id'], ['knowledge_chunk.id'], name=op.f('fk_knowledge_vector_chunk_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_knowledge_vector')),
    sa.UniqueConstraint('chunk_id', 'generation', name=op.f('uq_knowledge_vector_chunk_id_generation'))
    )
    op.create_index('ix_knowledge_vector_new', 'knowledge_vector', ['tenant_id', 'collection', 'generation', 'revision'], unique=False)
    op.add_column('knowledge_collection', sa.Column('embedder', sa.String(), nullable=False, server_default=""))
    op.add_column('knowledge_collection', sa.Column('dimension', sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column('knowledge_collection', sa.Column('generation', sa.BigInteger(), nullable=False, server_default="1"))
    move_vectors()
    op.drop_index(op.f('ix_knowledge_chunk_new'), table_name='knowledge_chunk')
    op.drop_column('knowledge_chunk', 'embedder')
    op.drop_column('knowledge_chunk', 'vector')
    op.drop_column('knowledge_chunk', 'revision')
    op.drop_index(op.f('ix_knowledge_session_owner'), table_name='knowledge_session')
    op.create_index('ix_knowledge_session_owner', 'knowledge_session', ['tenant_id', 'owner', 'updated_at', 'id'], unique=False)
    for table in ['knowledge_reindex', 'knowledge_vector']:
        fence_table(op.get_bind(), table)


def move_vectors() -> None:
    """The newest chunk of a collection says whose vectors it has; others' are left to a reindex."""
    newest = (
        "FROM knowledge_chunk c WHERE c.tenant_id = knowledge_collection.tenant_id"
        " AND c.collection = knowledge_collection.collection ORDER BY c.revision DESC LIMIT 1"
    )
    op.execute(f"UPDATE knowledge_collection SET embedder = coalesce((SELECT c.embedder {newest}), '')")
    op.execute(f"UPDATE knowledge_collection SET dimension = coalesce((SELECT length(c.vector) / 4 {newest}), 0)")
    op.execute(
        "INSERT INTO knowledge_vector"
        " (id, tenant_id, created_at, chunk_id, collection, generation, vector, revision)"
        " SELECT c.id, c.tenant_id, c.created_at, c.id, c.collection, 1, c.vector, c.revision"
        " FROM knowledge_chunk c JOIN knowledge_collection k"
        " ON k.tenant_id = c.tenant_id AND k.collection = c.collection AND k.embedder = c.embedder"
    )
