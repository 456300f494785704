"""How far a table was read: where the next page begins, and what is remembered of the last one.

A pass has up to three legs. `changed` reads by (updated_at, row_id) from some way before the
watermark, so that what was written late is seen; its place is kept with every page, the watermark
moves when the leg ends. `new` reads by row_id what is behind the last one seen, where there is no
time of change. `again` reads the rows of the last day anew, once an hour, since nothing else
tells that one of those has changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from locutory.engines.databases import Column, Condition, Moment, Op, Query, Value
from locutory.kernel.clock import rfc3339
from locutory.products.calls.sources.mapping import TableMapping
from locutory.products.calls.sources.moments import earliest, local_start

AGAIN_EVERY = timedelta(hours=1)
AGAIN_SPAN = timedelta(hours=24)
_CLOCKS_MOVE = timedelta(hours=2)
CHANGED, NEW, AGAIN = "changed", "new", "again"

Mark = str | int


class MarkUnusable(ValueError):
    """A row's place cannot be kept: its row_id is neither number nor text, or is null."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the table was read.

    `ts` is the watermark, in UTC; `id` the last row_id of the leg `new`; `leg`, `pass_ts` and
    `pass_id` are the place within the pass, in the columns' own terms; `high` is the latest time
    that the pass has seen; `again_at` when the last day was read anew.
    """

    ts: datetime | None = None
    id: Mark | None = None
    leg: str | None = None
    pass_ts: str | None = None
    pass_id: Mark | None = None
    high: datetime | None = None
    again_at: datetime | None = None

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Cursor":
        """From the form that is stored."""
        place = kept.get("pass") or {}
        return cls(
            ts=_moment(kept.get("ts")),
            id=kept.get("id"),
            leg=place.get("leg"),
            pass_ts=place.get("ts"),
            pass_id=place.get("id"),
            high=_moment(place.get("high")),
            again_at=_moment(kept.get("again_at")),
        )

    def stored(self) -> dict[str, Any]:
        """The form that is stored, and shown."""
        place = {
            "leg": self.leg,
            "ts": self.pass_ts,
            "id": self.pass_id,
            "high": _shown(self.high),
        }
        return {
            "ts": _shown(self.ts),
            "id": self.id,
            "pass": None if self.leg is None else place,
            "again_at": _shown(self.again_at),
        }


def _shown(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as it was found, and how it is read. `now` is the earlier of the two clocks.

    What changed before `since` is not read where nothing else was read before.
    """

    mapping: TableMapping
    columns: Mapping[str, Column]
    zone: tzinfo
    overlap: timedelta
    batch: int
    now: datetime
    since: datetime | None = None

    @property
    def updated_at(self) -> Column | None:
        """The column that tells of changes; without one, or with another type, there is none."""
        name = self.mapping.updated_at
        return None if name is None else self.columns[name]

    @property
    def started_at(self) -> Column | None:
        """The column of beginnings, if it can be compared with a time."""
        name = self.mapping.started_at
        column = None if name is None else self.columns[name]
        return column if column is not None and column.is_time else None

    def legs(self, cursor: Cursor) -> list[str]:
        """What a pass consists of, in order."""
        changes, due = self.updated_at, self._due(cursor)
        legs = [] if changes is None else [CHANGED]
        # a column that takes no null may hold -infinity or 0000-00-00 all the same
        if changes is None or changes.nullable or due:
            legs.append(NEW)
        if due and cursor.again_at is not None and self.started_at is not None:
            legs.append(AGAIN)
        return legs

    def _due(self, cursor: Cursor) -> bool:
        return cursor.again_at is None or self.now - cursor.again_at >= AGAIN_EVERY

    def query(self, cursor: Cursor, leg: str) -> Query:
        """The next page of a leg."""
        where = list(self.mapping.conditions())
        order: tuple[str, ...] = (self.mapping.row_id,)
        after: tuple[Value, ...] = ()
        going_on = cursor.leg == leg and cursor.pass_id is not None
        changes = self.updated_at
        if leg == CHANGED:
            assert changes is not None
            order = (changes.name, self.mapping.row_id)
            where.append(Condition(changes.name, Op.TIMELY))
            if going_on:
                after = (Moment(cursor.pass_ts or ""), cursor.pass_id)
            elif (start := self._start(cursor)) is not None:
                within = self.overlap + _CLOCKS_MOVE
                where.append(Condition(changes.name, Op.GTE, self.terms(changes, start, within)))
        else:
            if changes is not None:
                where.append(Condition(changes.name, Op.TIMELESS))
            if leg == AGAIN:
                assert self.started_at is not None
                begun = self.terms(self.started_at, self.now - AGAIN_SPAN, AGAIN_SPAN)
                where.append(Condition(self.started_at.name, Op.GTE, begun))
            place = cursor.pass_id if leg == AGAIN else cursor.id
            after = () if place is None else (place,)
        return Query(
            table=self.mapping.table,
            schema=self.mapping.schema_name,
            columns=self.mapping.wanted(),
            where=tuple(where),
            order=order,
            after=after,
            limit=self.batch,
        )

    def _start(self, cursor: Cursor) -> datetime | None:
        return self.since if cursor.ts is None else cursor.ts - self.overlap

    def terms(self, column: Column, moment: datetime, within: timedelta) -> Moment:
        """A moment as the column would write it, so that no later row lies before it.

        Clocks that were set back are minded if that was `within` so long after the moment.
        """
        if column.aware:
            return Moment(_text(moment.astimezone(UTC)))
        return Moment(_text(local_start(moment, self.now, self.zone, within)))

    def behind(self, cursor: Cursor, leg: str, rows: Sequence[Mapping[str, Any]]) -> Cursor:
        """The cursor behind a page. Raises MarkUnusable."""
        full = len(rows) >= self.batch
        moved = replace(cursor, leg=leg)
        if rows:
            last = rows[-1]
            id_ = mark_of(last[self.mapping.row_id])
            if leg == NEW:
                moved = replace(moved, id=id_)
            elif leg == AGAIN:
                moved = replace(moved, pass_id=id_)
            else:
                name = self.mapping.updated_at or ""
                high = self._high([cursor.high, *(row[name] for row in rows)])
                moved = replace(moved, pass_ts=_text(last[name]), pass_id=id_, high=high)
        return moved if full else self._ended(moved, leg)

    def _high(self, times: Sequence[Any]) -> datetime | None:
        """The latest of these times; what no calendar has comes as text and does not count."""
        real = [earliest(one, self.zone) for one in times if isinstance(one, datetime)]
        return max(real, default=None)

    def _ended(self, cursor: Cursor, leg: str) -> Cursor:
        legs = self.legs(cursor)
        following = legs[legs.index(leg) + 1 :] if leg in legs else []
        ts, again_at = cursor.ts, cursor.again_at
        if leg == CHANGED and cursor.high is not None:
            reached = min(cursor.high, self.now)
            ts = reached if ts is None else max(ts, reached)
        if not following and self._due(cursor):
            again_at = self.now
        return replace(
            cursor,
            ts=ts,
            again_at=again_at,
            leg=following[0] if following else None,
            pass_ts=None,
            pass_id=None,
            high=None,
        )


def mark_of(value: Any) -> Mark:
    """A row_id as a cursor keeps it. Raises MarkUnusable."""
    if isinstance(value, bool) or value is None or isinstance(value, bytes | float):
        raise MarkUnusable("row_id is a column of numbers or texts without nulls")
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return value
    return str(value)


def _text(value: Any) -> str:
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)
