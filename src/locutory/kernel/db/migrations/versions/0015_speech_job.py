"""Jobs at speech providers, kept before they are started."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import UtcDateTime, fence_table

revision = "0015_speech_job"
down_revision = "0014_ranked"


def upgrade() -> None:
    op.create_table('calls_speech_job',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('epoch', sa.BigInteger(), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('ref', sa.String(), nullable=True),
    sa.Column('submissions', sa.BigInteger(), nullable=False),
    sa.Column('timeouts', sa.BigInteger(), nullable=False),
    sa.Column('submitted_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_speech_job')),
    sa.UniqueConstraint('call_id', 'epoch', 'provider', 'language', name=op.f('uq_calls_speech_job_call_id_epoch_provider_language'))
    )
    for table in ['calls_speech_job']:
        fence_table(op.get_bind(), table)
