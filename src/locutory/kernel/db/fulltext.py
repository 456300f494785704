"""Full-text search in both databases, for tenants' tables with the columns `fts_id` and `text`.

SQLite: an FTS5 table beside the rows, its rowid drawn from the row's id, a `scope` column that
holds the tenant as a token, so that a query meets its own tenant's words only. PostgreSQL: a
generated tsvector with a GIN index. Both fold case; neither stems, since calls come in many
languages.
"""

import re
from collections.abc import Sequence
from typing import Any, TypeVarTuple
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Select,
    TableClause,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
    text,
)

from locutory.kernel.db.base import TenantModel
from locutory.kernel.db.session import Session

_Columns = TypeVarTuple("_Columns")

_WORD = re.compile(r"\w+", re.UNICODE)
_MOST_WORDS = 32
_PAGES_PER_STEP = 200
_FENCED = {"fenced": True}
_CHANGES = text("SELECT total_changes()")
_SIMPLE: ColumnElement[Any] = literal_column("'simple'::regconfig")


def create_fulltext(connection: Connection, table: str) -> None:
    """Make the index of a table; called by its migration."""
    if connection.dialect.name == "sqlite":
        connection.execute(
            text(
                f"CREATE VIRTUAL TABLE {table}_fts USING fts5("
                'scope, text, tokenize="unicode61 remove_diacritics 2")'
            )
        )
        # every row of a tenant has the scope's token: it must not weigh in the ranking
        connection.execute(
            text(f"INSERT INTO {table}_fts ({table}_fts, rank) VALUES ('rank', 'bm25(0.0, 1.0)')")
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


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


async def index_rows(tx: Session, table: str, rows: Sequence[tuple[UUID, str]]) -> None:
    """Make rows (id, text) findable; on PostgreSQL the column does it by itself."""
    if not rows or not _is_sqlite(tx):
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
    if not ids or not _is_sqlite(tx):
        return
    await tx.execute(
        text(f"DELETE FROM {table}_fts WHERE rowid = :rowid"),
        [{"rowid": fts_id(id_)} for id_ in ids],
        execution_options=_FENCED,
    )


async def purge_step(tx: Session, table: str, *, first: bool) -> bool:
    """Rewrite a part of the index without the words of deleted rows; True while there is more.

    FTS5 only marks a deleted row's words and drops them when it merges its segments. Begin with
    `first`; each step is a short write. PostgreSQL does it in its vacuum.
    """
    if not _is_sqlite(tx):
        return False
    before = await tx.scalar(_CHANGES, execution_options=_FENCED)
    await tx.execute(
        text(f"INSERT INTO {table}_fts ({table}_fts, rank) VALUES ('merge', :pages)"),
        {"pages": -_PAGES_PER_STEP if first else _PAGES_PER_STEP},
        execution_options=_FENCED,
    )
    after = await tx.scalar(_CHANGES, execution_options=_FENCED)
    return bool(after - before >= 2)  # FTS5's own sign that a merge did something


def words_of(query: str) -> list[str]:
    """The words of a question, lower-cased, each once, 32 at most."""
    return list(dict.fromkeys(word.lower() for word in _WORD.findall(query)))[:_MOST_WORDS]


def ranked(
    session: Session, statement: Select[*_Columns], model: type[TenantModel], query: str
) -> Select[*_Columns]:
    """Narrow to rows with any of the words, best first: BM25, on PostgreSQL `ts_rank`.

    `statement` selects columns of `model` by the ORM, so that the session adds the tenant.
    """
    any_word = words_of(query)
    if not any_word:
        return statement.where(literal(False))
    if _is_sqlite(session):
        match = " OR ".join(f'"{word}"' for word in any_word)
        matches = _matches(session, model, match, "rowid", "rank")
        joined = statement.join(matches, matches.c.rowid == _row_number(model))
        return joined.order_by(matches.c.rank, model.id)
    question = func.to_tsquery(_SIMPLE, " | ".join(f"'{word}'" for word in any_word))
    stored = _stored_words(model)
    return statement.where(stored.op("@@")(question)).order_by(
        func.ts_rank(stored, question, 1).desc(), model.id
    )


def containing(
    session: Session, statement: Select[*_Columns], model: type[TenantModel], phrases: Sequence[str]
) -> Select[*_Columns]:
    """Narrow to rows that contain any of the phrases: their words in a row, nothing stemmed."""
    known = [words for phrase in phrases if (words := _WORD.findall(phrase))]
    if not known:
        return statement.where(literal(False))
    if _is_sqlite(session):
        match = " OR ".join(f'"{" ".join(words)}"' for words in known)
        matches = _matches(session, model, match, "rowid")
        return statement.join(matches, matches.c.rowid == _row_number(model))
    any_phrase: ColumnElement[Any] = func.phraseto_tsquery(_SIMPLE, " ".join(known[0]))
    for words in known[1:]:
        any_phrase = any_phrase.op("||")(func.phraseto_tsquery(_SIMPLE, " ".join(words)))
    return statement.where(_stored_words(model).op("@@")(any_phrase))


def _stored_words(model: type[TenantModel]) -> ColumnElement[Any]:
    return literal_column(f"{model.__tablename__}.words")


def _matches(
    session: Session,
    model: type[TenantModel],
    match: str,
    *columns: str,
    limit: int | None = None,
) -> CTE:
    """What the FTS5 table finds, once: else SQLite may ask it anew for each row of the table."""
    name = f"{model.__tablename__}_fts"
    index = table(name, *(column(one) for one in columns))
    found = select(*index.c).where(literal_column(name).op("MATCH")(_bounded(session, match)))
    return found.limit(limit).cte("matches").prefix_with("MATERIALIZED")


def _row_number(model: type[TenantModel]) -> ColumnElement[int]:
    return literal_column(f"{model.__tablename__}.fts_id")


def saying(
    session: Session, model: type[TenantModel], phrases: Sequence[str]
) -> ColumnElement[bool]:
    """A condition for rows of `model` that contain every one of the phrases.

    Made for a few rows at a time that something else has chosen: each is looked up for itself.
    """
    known = [words for phrase in phrases if (words := _WORD.findall(phrase))]
    if not known:
        return literal(False)
    if _is_sqlite(session):
        index, name = _index_of(model)
        match = literal_column(name).op("MATCH")(_bounded(session, _every(known)))
        mine = index.c.rowid == _row_number(model)
        return select(literal(1)).select_from(index).where(match, mine).exists()
    return _stored_words(model).op("@@")(_every_phrase(known))


def first_found(
    session: Session,
    statement: Select[*_Columns],
    model: type[TenantModel],
    phrases: Sequence[str],
    *,
    limit: int,
) -> Select[*_Columns]:
    """The first so many rows that contain every phrase, in no order, however many there are.

    `statement` narrows to nothing else: then fewer rows than `limit` are all rows.
    """
    known = [words for phrase in phrases if (words := _WORD.findall(phrase))]
    if not known:
        return statement.where(literal(False))
    if _is_sqlite(session):
        matches = _matches(session, model, _every(known), "rowid", limit=limit)
        return statement.join(matches, matches.c.rowid == _row_number(model))
    return statement.where(_stored_words(model).op("@@")(_every_phrase(known))).limit(limit)


def _index_of(model: type[TenantModel]) -> tuple[TableClause, str]:
    name = f"{model.__tablename__}_fts"
    return table(name, column("rowid")), name


def _every(phrases: Sequence[Sequence[str]]) -> str:
    return " AND ".join(f'"{" ".join(words)}"' for words in phrases)


def _every_phrase(phrases: Sequence[Sequence[str]]) -> ColumnElement[Any]:
    joined: ColumnElement[Any] = func.phraseto_tsquery(_SIMPLE, " ".join(phrases[0]))
    for words in phrases[1:]:
        joined = joined.op("&&")(func.phraseto_tsquery(_SIMPLE, " ".join(words)))
    return joined


def _bounded(session: Session, match: str) -> str:
    return f"scope:{_scope(session.tenant_id)} AND text:({match})"
