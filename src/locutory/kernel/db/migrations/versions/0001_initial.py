"""All tables of the first version."""

from alembic import op

from locutory.kernel.db.base import Base

revision = "0001_initial"
down_revision = None


def upgrade() -> None:
    Base.metadata.create_all(op.get_bind())
