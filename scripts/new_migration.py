"""Write a migration from the difference between the models and the newest schema.

Run: .venv/bin/python scripts/new_migration.py NNNN_name "What it does."
Read what it wrote: it knows nothing of full-text tables, fences every table with a `tenant_id`
(kernel tables that have one are not to be fenced), and a new column that must not be null needs a
`server_default` for the rows that are there.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic.autogenerate import api
from alembic.migration import MigrationContext
from alembic.operations import ops
from sqlalchemy import JSON, create_engine

from locutory import app
from locutory.kernel.db import migrate
from locutory.kernel.db.base import Base
from locutory.kernel.db.dialect import UtcDateTime

assert app.MODULES, "every table is known"


def render(kind: str, thing: Any, context: Any) -> str | bool:
    if kind == "type" and isinstance(thing, UtcDateTime):
        return "UtcDateTime()"
    if kind == "type" and isinstance(thing, JSON):
        return "Json"
    return False


def is_ours(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    return not (kind == "table" and (name or "").startswith("knowledge_chunk_fts"))


def main() -> None:
    revision, message = sys.argv[1], sys.argv[2]
    before = migrate.head() if list(migrate.VERSIONS.glob("[0-9]*.py")) else None
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'new.db'}"
        if before is not None:
            migrate.migrate(url)
        engine = create_engine(url)
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"render_item": render, "include_object": is_ours}
            )
            script = api.produce_migrations(context, Base.metadata)
            assert script.upgrade_ops is not None
            fenced = [
                made.table_name
                for made in script.upgrade_ops.ops
                if isinstance(made, ops.CreateTableOp)
                and any(getattr(c, "name", None) == "tenant_id" for c in made.columns)
            ]
            body = api.render_python_code(
                script.upgrade_ops, render_item=render, migration_context=context
            )
    target = migrate.VERSIONS / f"{revision}.py"
    lines = [
        f'"""{message}"""',
        "",
        "import sqlalchemy as sa",
        "from alembic import op",
        "",
        "from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table",
        "",
        f'revision = "{revision}"',
        f"down_revision = {before!r}",
        "",
        "",
        "def upgrade() -> None:",
        *(line.rstrip() for line in body.splitlines() if "# ###" not in line),
        f"    for table in {fenced!r}:",
        "        fence_table(op.get_bind(), table)",
        "",
    ]
    target.write_text("\n".join(lines))
    print(target)


if __name__ == "__main__":
    main()
