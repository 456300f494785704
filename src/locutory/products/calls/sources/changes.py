"""Change events of databases as Debezium writes them: what they say of a row. Pure.

Source: Debezium's pages on its connectors, "Change events" and "Data types".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from locutory.kernel.errors import InputError
from locutory.products.calls.sources.mapping import RowFilter, TableMapping
from locutory.products.calls.sources.tablerows import RowUnusable, text_of

_NOT_SENT = "__debezium_unavailable_value"  # a long value of PostgreSQL that did not change
_EPOCH = datetime(1970, 1, 1)
_TIMES = ("started_at", "answered_at", "ended_at", "updated_at")
_UNREAD = ("row_id", "updated_at")  # a poll goes by them, an event brings its own order
_UNITS_PER_S = {
    "io.debezium.time.Timestamp": 10**3,
    "org.apache.kafka.connect.data.Timestamp": 10**3,
    "io.debezium.time.MicroTimestamp": 10**6,
    "io.debezium.time.NanoTimestamp": 10**9,
}
_LONGEST_S = 7 * 86_400  # as a duration in seconds; what is larger counts microseconds


class Ignored(StrEnum):
    """Why a change is not taken though nothing is wrong with it."""

    TOMBSTONE = "CDC_TOMBSTONE"
    DELETED = "CDC_DELETED"
    NO_ROW = "CDC_NO_ROW"
    OTHER_TABLE = "CDC_OTHER_TABLE"
    FILTERED = "CDC_FILTERED"
    TOO_OLD = "CDC_TOO_OLD"
    SUPERSEDED = "CDC_SUPERSEDED"
    STALE = "CDC_STALE"


REASONS: Mapping[Ignored, str] = {
    Ignored.TOMBSTONE: "a tombstone says nothing of a call",
    Ignored.DELETED: "the row was deleted over there; the call stays",
    Ignored.NO_ROW: "this event is not about a row",
    Ignored.OTHER_TABLE: "this is another table than the source's",
    Ignored.FILTERED: "the mapping's filters keep this row out",
    Ignored.TOO_OLD: "the call began before the source's `since`",
    Ignored.SUPERSEDED: "a later change of the same call is in this request",
    Ignored.STALE: "a later change of this call was taken before",
}


class ChangeMalformed(InputError):
    """This is no change event."""

    code = "CDC_MALFORMED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to a row; `at_ms` is when, by the database's own clock.

    Of a deleted one nothing is told but perhaps the call's id.
    """

    callid: str | None
    at_ms: int
    values: Mapping[str, Any]
    deleted: bool


def change_of(event: Any, mapping: TableMapping) -> Change | Ignored:
    """Read an event with or without its `schema`. Raises ChangeMalformed, RowUnusable."""
    envelope, kinds = _opened(event)
    if envelope is None:
        return Ignored.TOMBSTONE
    op, origin = envelope.get("op"), envelope.get("source")
    if op in ("t", "m"):
        return Ignored.NO_ROW
    if op not in ("c", "u", "r", "d"):
        raise ChangeMalformed("op is one of c, u, r, d; unwrapped rows have none")
    if not isinstance(origin, Mapping):
        raise ChangeMalformed("an event says its source")
    at_ms = origin.get("ts_ms")
    if not isinstance(at_ms, int) or isinstance(at_ms, bool) or not 0 < at_ms < 2**62:
        raise ChangeMalformed("source.ts_ms says when the row changed")
    if _is_other(origin, mapping):
        return Ignored.OTHER_TABLE
    row = envelope.get("before" if op == "d" else "after")
    if op == "d":
        callid = text_of(row.get(mapping.callid)) if isinstance(row, Mapping) else None
        return Change(callid=callid, at_ms=at_ms, values={}, deleted=True)
    if not isinstance(row, Mapping):
        raise ChangeMalformed("after is the row as it is now")
    values = _values(row, mapping, kinds)
    return Change(callid=text_of(values[mapping.callid]), at_ms=at_ms, values=values, deleted=False)


def _opened(event: Any) -> tuple[Mapping[str, Any] | None, Mapping[str, str] | None]:
    """The envelope, and the logical types of the row's columns where the event tells them."""
    if event is None:
        return None, None
    if not isinstance(event, Mapping):
        raise ChangeMalformed
    if "op" in event or "payload" not in event:
        return event, None
    envelope = event["payload"]
    if envelope is not None and not isinstance(envelope, Mapping):
        raise ChangeMalformed
    return envelope, _kinds(event.get("schema"))


def _kinds(schema: Any) -> Mapping[str, str] | None:
    for part in _fields(schema):
        if part.get("field") == "after":
            return {
                str(column.get("field")): str(column.get("name") or "") for column in _fields(part)
            }
    return None


def _fields(schema: Any) -> Sequence[Mapping[str, Any]]:
    found = schema.get("fields") if isinstance(schema, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _is_other(origin: Mapping[str, Any], mapping: TableMapping) -> bool:
    table, schema = origin.get("table"), origin.get("schema")
    if table is not None and table != mapping.table:
        return True
    return bool(schema and mapping.schema_name and schema != mapping.schema_name)


def _values(
    row: Mapping[str, Any], mapping: TableMapping, kinds: Mapping[str, str] | None
) -> dict[str, Any]:
    """The mapped columns as a poll would have read them. Raises RowUnusable."""
    columns = mapping.columns()
    unread = {columns[name] for name in _UNREAD if name in columns}
    missing = [
        column
        for column in mapping.named()
        if column not in unread and (column not in row or row[column] == _NOT_SENT)
    ]
    if missing:
        raise RowUnusable(f"no column {', '.join(missing)}", code="COLUMN_MISSING")
    values = {column: row.get(column) for column in mapping.named()}
    for name in _TIMES:
        if name in columns:
            kind = None if kinds is None else kinds.get(columns[name], "")
            values[columns[name]] = _wall_clock(values[columns[name]], kind)
    length = columns.get("duration")
    if length is not None:
        values[length] = _duration(values[length])
    return values


def _wall_clock(value: Any, kind: str | None) -> Any:
    """A number of a DATETIME as that column shows it: Debezium writes it as if it were UTC.

    `kind` is the column's logical type, "" for a plain one, None where the event tells none: then
    the number's size says what it counts. Seconds stay, since only epochs are written so.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if kind == "io.debezium.time.Date":
        return _moved(value * 86_400, 1)
    if kind is not None:
        return _moved(value, _UNITS_PER_S[kind]) if kind in _UNITS_PER_S else value
    for least, units in ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3)):
        if abs(value) >= least:
            return _moved(value, units)
    return value


def _moved(value: int, units: int) -> Any:
    try:
        return _EPOCH + timedelta(microseconds=value * 10**6 // units)
    except OverflowError:
        return value


def _duration(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value > _LONGEST_S:
        return value / 10**6
    return value


def passes(filters: Sequence[RowFilter], values: Mapping[str, Any], *, folded: bool) -> bool:
    """Whether a row holds under the mapping's filters, as SQL would say.

    `folded`: texts are compared without regard to case, as MySQL does.
    """
    return all(_holds(one, values.get(one.column), folded) for one in filters)


def _holds(one: RowFilter, value: Any, folded: bool) -> bool:
    if one.op in ("is_null", "not_null"):
        return (value is None) == (one.op == "is_null")
    if value is None:  # no comparison with null is true
        return False
    given = one.value if isinstance(one.value, list) else [one.value]
    orders = [_order(value, other, folded) for other in given]
    return {
        "eq": orders[0] == 0,
        "ne": orders[0] != 0,
        "lt": orders[0] < 0,
        "lte": orders[0] <= 0,
        "gt": orders[0] > 0,
        "gte": orders[0] >= 0,
        "in": 0 in orders,
        "not_in": 0 not in orders,
    }[one.op]


def _order(value: Any, other: Any, folded: bool) -> int:
    """Below, at or above zero, as `value` is less, equal or more; numbers by their size."""
    if isinstance(other, int) or (isinstance(value, int | float) and not isinstance(value, bool)):
        try:
            left, right = Decimal(str(value)), Decimal(str(other))
            return (left > right) - (left < right)
        except InvalidOperation:
            pass
    texts = [str(text_of(part) or "") for part in (value, other)]
    if folded:
        texts = [text.casefold() for text in texts]
    return (texts[0] > texts[1]) - (texts[0] < texts[1])
