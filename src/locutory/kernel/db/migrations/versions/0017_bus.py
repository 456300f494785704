"""How far events are told to the broker."""

import sqlalchemy as sa
from alembic import op

revision = "0017_bus"
down_revision = '0016_source_databases'


def upgrade() -> None:
    op.create_table('kernel_lease',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('holder', sa.String(), nullable=False),
    sa.Column('until_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_kernel_lease'))
    )
    op.create_table('kernel_relay',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', name=op.f('pk_kernel_relay'))
    )
