"""Shared jobs at speech providers, and slots at providers."""

import sqlalchemy as sa
from alembic import op

revision = "0021_speech"
down_revision = '0020_crm'


def upgrade() -> None:
    op.add_column('calls_speech_job', sa.Column('started', sa.Boolean(), nullable=True))
    op.create_table('kernel_provider',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('allowed', sa.Float(), nullable=False),
    sa.Column('lowered_ms', sa.BigInteger(), nullable=False),
    sa.Column('raised_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_kernel_provider'))
    )
    op.create_table('kernel_provider_slot',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('taken_ms', sa.BigInteger(), nullable=False),
    sa.Column('until_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_kernel_provider_slot'))
    )
    op.create_index(op.f('ix_kernel_provider_slot_provider'), 'kernel_provider_slot', ['provider'], unique=False)
