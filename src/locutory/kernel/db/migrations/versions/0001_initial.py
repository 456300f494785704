"""All tables of the first version."""

from alembic import op

from locutory.kernel.db.base import Base
from locutory.kernel.db.dialect import fence_table
from locutory.kernel.db.fulltext import create_fulltext

revision = "0001_initial"
down_revision = None


def upgrade() -> None:
    connection = op.get_bind()
    Base.metadata.create_all(connection)
    for name, table in Base.metadata.tables.items():
        if not name.startswith("kernel_") and "tenant_id" in table.c:
            fence_table(connection, name)
    if "knowledge_chunk" in Base.metadata.tables:
        create_fulltext(connection, "knowledge_chunk")
