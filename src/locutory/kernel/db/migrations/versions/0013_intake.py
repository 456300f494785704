"""Embed keys."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json

revision = "0013_intake"
down_revision = "0011_exports"


def upgrade() -> None:
    op.add_column('kernel_api_key', sa.Column('kind', sa.String(), nullable=False, server_default="service"))
    op.add_column('kernel_api_key', sa.Column('origins', Json, nullable=False, server_default=sa.text("'[]'")))
    op.add_column('kernel_api_key', sa.Column('filters', Json, nullable=False, server_default=sa.text("'{}'")))
    op.drop_index(op.f('ix_kernel_api_key_tenant'), table_name='kernel_api_key')
    op.create_index('ix_kernel_api_key_tenant', 'kernel_api_key', ['tenant_id', 'kind', 'id'], unique=False)
    op.create_index('ix_kernel_api_key_kind', 'kernel_api_key', ['kind'], unique=False)
