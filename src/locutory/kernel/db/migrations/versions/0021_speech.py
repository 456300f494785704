"""Shared jobs at speech providers, and slots at providers."""

import sqlalchemy as sa
from alembic import op

revision = "0021_speech"
down_revision = '0019_pushes'


def upgrade() -> None:
    op.add_column('calls_speech_job', sa.Column('started', sa.Boolean(), nullable=True))
