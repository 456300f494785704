"""Full-text search in both databases, for tables with `id`, `fts_id`, `tenant_id` and `text`.

SQLite: an FTS5 table beside the rows, its rowid drawn from the row's id, a `scope` column that
holds the tenant as a token, so that a query meets its own tenant's words only. PostgreSQL: a
generated tsvector with a GIN index. Both fold case; neither stems, since calls come in many
languages.
"""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Uuid, bindparam, text

from locutory.kernel.db.session import Session

_WORD = re.compile(r"\w+", re.UNICODE)
_MOST_WORDS = 32
_FENCED = {"fenced": True}


def create_fulltext(connection: Connection, table: str) -> None:
    """Make the index of a table; called by its migration."""
    if connection.dialect.name == "sqlite":
        connection.execute(
            text(
                f"CREATE VIRTUAL TABLE {table}_fts USING fts5("
                'scope, text, tokenize="unicode61 remove_diacritics 2")'
            )
        )
        return
    connection.execute(
        text(
            f"ALTER TABLE {table} ADD COLUMN words tsvector "
            "GENERATED ALWAYS AS (to_tsvector('simple', text)) STORED"
        )
    )
    connection.execute(text(f"CREATE INDEX ix_{table}_words ON {table} USING gin (words)"))


def fts_id(id_: UUID) -> int:
    """The value of a row's `fts_id` column: 63 bits of its id, its number in the FTS5 table."""
    return id_.int >> 65  # these ids are hashes, so this much of them is as good as unique


def _scope(tenant_id: UUID) -> str:
    return f"t{tenant_id.hex}"


async def index_rows(tx: Session, table: str, rows: Sequence[tuple[UUID, str]]) -> None:
    """Make rows (id, text) findable; on PostgreSQL the column does it by itself."""
    if not rows or tx.get_bind().dialect.name != "sqlite":
        return
    await tx.execute(
        text(f"INSERT INTO {table}_fts (rowid, scope, text) VALUES (:rowid, :scope, :text)"),
        [
            {"rowid": fts_id(id_), "scope": _scope(tx.tenant_id), "text": content}
            for id_, content in rows
        ],
        execution_options=_FENCED,
    )


async def forget_rows(tx: Session, table: str, ids: Sequence[UUID]) -> None:
    """Make rows unfindable that are about to be deleted."""
    if not ids or tx.get_bind().dialect.name != "sqlite":
        return
    await tx.execute(
        text(f"DELETE FROM {table}_fts WHERE rowid = :rowid"),
        [{"rowid": fts_id(id_)} for id_ in ids],
        execution_options=_FENCED,
    )


def words_of(query: str) -> list[str]:
    """The words of a question, lower-cased, each once, 32 at most."""
    return list(dict.fromkeys(word.lower() for word in _WORD.findall(query)))[:_MOST_WORDS]


async def search(
    session: Session, table: str, query: str, *, where: str, parameters: dict[str, Any], limit: int
) -> list[UUID]:
    """Ids of the tenant's rows with any of the words, best first.

    `where` is a condition on the table's alias `r` with bound `parameters`; it is code, never
    input.
    """
    words = words_of(query)
    if not words:
        return []
    bound = {**parameters, "tenant": session.tenant_id, "limit": limit}
    if session.get_bind().dialect.name == "sqlite":
        alternatives = " OR ".join(f'"{word}"' for word in words)
        bound["match"] = f"scope:{_scope(session.tenant_id)} AND text:({alternatives})"
        statement = f"""
            SELECT r.id FROM {table}_fts f JOIN {table} r ON r.fts_id = f.rowid
            WHERE f.{table}_fts MATCH :match AND r.tenant_id = :tenant AND {where}
            ORDER BY f.rank LIMIT :limit
            """
    else:
        bound["match"] = " | ".join(f"'{word}'" for word in words)
        statement = f"""
            SELECT r.id FROM {table} r, to_tsquery('simple', :match) q
            WHERE r.words @@ q AND r.tenant_id = :tenant AND {where}
            ORDER BY ts_rank_cd(r.words, q) DESC, r.id LIMIT :limit
            """
    found = await session.execute(
        text(statement).bindparams(bindparam("tenant", type_=Uuid())).columns(id=Uuid()),
        bound,
        execution_options=_FENCED,
    )
    return list(found.scalars())
