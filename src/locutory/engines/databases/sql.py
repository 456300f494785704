"""Statements for a page of rows: names are quoted, values are bound."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from locutory.engines.databases.base import Condition, Op, Query

IDENTIFIER = re.compile(r"[A-Za-z0-9_$]{1,64}")
_SIGNS = {
    Op.EQ: "=",
    Op.NE: "<>",
    Op.LT: "<",
    Op.LTE: "<=",
    Op.GT: ">",
    Op.GTE: ">=",
}
Bind = Callable[[Any], Any]


class Writer:
    """Writes statements for one kind of server; both drivers mark a bound value with %s."""

    def __init__(self, *, quote: str, timeless: str, bind: Bind) -> None:
        """`timeless` is a condition on `{0}`, a quoted column; `bind` makes a value the driver's.

        The ranges of the values that databases write where they have no time lie in `timeless`.
        """
        self._quote = quote
        self._timeless = timeless
        self._bind = bind

    def name(self, name: str) -> str:
        """A quoted identifier. Raises ValueError for what is none."""
        if not IDENTIFIER.fullmatch(name):
            raise ValueError(f"not an identifier: {name!r}")
        return f"{self._quote}{name}{self._quote}"

    def table(self, table: str, schema: str | None) -> str:
        """A quoted table with its schema."""
        return self.name(table) if schema is None else f"{self.name(schema)}.{self.name(table)}"

    def page(self, query: Query) -> tuple[str, list[Any]]:
        """The statement and its values."""
        values: list[Any] = []
        wanted = [self._condition(one, values) for one in query.where]
        if query.after:
            wanted.append(self._after(query.order, query.after, values))
        parts = [
            f"SELECT {', '.join(map(self.name, query.columns))}",
            f"FROM {self.table(query.table, query.schema)}",
        ]
        if wanted:
            parts.append(f"WHERE {' AND '.join(wanted)}")
        if query.order:
            parts.append(f"ORDER BY {', '.join(map(self.name, query.order))}")
        parts.append(f"LIMIT {int(query.limit)}")
        return " ".join(parts), values

    def _condition(self, one: Condition, values: list[Any]) -> str:
        column = self.name(one.column)
        if one.op in _SIGNS:
            values.append(self._bind(one.value))
            return f"{column} {_SIGNS[one.op]} %s"
        if one.op in (Op.IN, Op.NOT_IN):
            assert isinstance(one.value, Sequence)
            values.extend(map(self._bind, one.value))
            sign = "IN" if one.op is Op.IN else "NOT IN"
            return f"{column} {sign} ({', '.join(['%s'] * len(one.value))})"
        if one.op is Op.TIMELESS:
            return f"({self._timeless.format(column)})"
        if one.op is Op.TIMELY:
            return f"NOT ({self._timeless.format(column)})"
        return f"{column} IS {'NULL' if one.op is Op.IS_NULL else 'NOT NULL'}"

    def _after(self, order: Sequence[str], after: Sequence[Any], values: list[Any]) -> str:
        """Rows behind a place; the first comparison alone is one that an index can serve."""
        first, *rest = map(self.name, order)
        if not rest:
            values.append(self._bind(after[0]))
            return f"{first} > %s"
        (second,) = rest
        values.extend(map(self._bind, (after[0], after[0], after[1])))
        return f"{first} >= %s AND ({first} > %s OR {second} > %s)"
