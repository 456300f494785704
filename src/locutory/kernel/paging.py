"""Keyset pages: an opaque cursor says where the last page ended (DESIGN decision 4)."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import Select, SQLColumnExpression, and_, or_

from locutory.kernel.clock import from_ms, to_ms
from locutory.kernel.errors import InvalidError

T = TypeVar("T")
AnySelect = Select[*tuple[Any, ...]]


def encode_cursor(sort: str, value: Any, id_: UUID) -> str:
    """The cursor that continues after this row."""
    if isinstance(value, datetime):
        value = {"ms": to_ms(value)}
    body = orjson.dumps([sort, value, str(id_)])
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def decode_cursor(cursor: str, sort: str, kind: type) -> tuple[Any, UUID]:
    """The sort value, a `kind`, and id of the last row. Raises InvalidError if it does not fit.

    Numbers are floats: an integer may be larger than a database takes.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        of_sort, value, id_ = orjson.loads(base64.urlsafe_b64decode(padded))
        if of_sort != sort:
            raise ValueError("a cursor of another order")
        if isinstance(value, dict):
            value = from_ms(value["ms"])
        elif type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise ValueError("a cursor of another list")
        return value, UUID(id_)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, OverflowError) as error:
        fault = {
            "field": "cursor",
            "code": "CURSOR_INVALID",
            "message": "start from the first page",
        }
        raise InvalidError("the cursor does not fit this list", errors=[fault]) from error


def keyset(
    statement: AnySelect,
    *,
    column: SQLColumnExpression[Any],
    id_column: SQLColumnExpression[Any],
    after: tuple[Any, UUID] | None,
    descending: bool,
    limit: int,
) -> AnySelect:
    """Order by column and id, begin after the given row, fetch one more than `limit`."""
    if descending:
        statement = statement.order_by(column.desc(), id_column.desc())
    else:
        statement = statement.order_by(column.asc(), id_column.asc())
    if after is not None:
        value, id_ = after
        if descending:
            beyond = or_(column < value, and_(column == value, id_column < id_))
            bound = column <= value
        else:
            beyond = or_(column > value, and_(column == value, id_column > id_))
            bound = column >= value
        # the bound alone lets both databases enter the index at the right place
        statement = statement.where(bound, beyond)
    return statement.limit(limit + 1)


def split_page(rows: Sequence[T], limit: int) -> tuple[Sequence[T], bool]:
    """The page and whether there is more."""
    return rows[:limit], len(rows) > limit
