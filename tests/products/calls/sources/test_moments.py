"""Times as telephony systems write them, and places in a table that clocks do not move."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from locutory.engines.databases import Column, Op
from locutory.products.calls.sources.mapping import TableMapping
from locutory.products.calls.sources.moments import (
    NoTime,
    earliest,
    local_start,
    moment_of,
    seconds_of,
)
from locutory.products.calls.sources.passes import AGAIN, CHANGED, NEW, Cursor, Table

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 1, 5, 12)
OVERLAP = timedelta(minutes=10)


@pytest.mark.parametrize(
    ("value", "moment", "suspect"),
    [
        (None, None, False),
        ("", None, False),
        ("  ", None, False),
        ("0000-00-00 00:00:00", None, True),
        ("infinity", None, True),
        (NOON, "2026-01-05T11:00:00", False),
        (NOON.replace(tzinfo=UTC), "2026-01-05T12:00:00", False),
        ("2026-01-05 12:00:00", "2026-01-05T11:00:00", False),
        ("2026-01-05T12:00:00.250Z", "2026-01-05T12:00:00.250", False),
        ("2026-01-05T12:00:00+05:30", "2026-01-05T06:30:00", False),
        (date(2026, 1, 5), "2026-01-04T23:00:00", False),
        (1_767_614_400, "2026-01-05T12:00:00", False),
        ("1767614400", "2026-01-05T12:00:00", False),
        (1_767_614_400_250, "2026-01-05T12:00:00.250", False),
        (Decimal("1767614400.25"), "2026-01-05T12:00:00.250", False),
        (0, None, False),
        (datetime(2026, 3, 29, 2, 30), "2026-03-29T01:30:00", True),
        (datetime(2025, 10, 26, 2, 30), "2025-10-26T00:30:00", False),
    ],
)
def test_a_value_is_a_moment(value: Any, moment: str | None, suspect: bool) -> None:
    expected = None if moment is None else datetime.fromisoformat(moment).replace(tzinfo=UTC)

    assert moment_of(value, BERLIN) == (expected, suspect)


@pytest.mark.parametrize(
    "value", ["yesterday", "05/01/2026", True, b"x", 10**30, datetime.max, "2026-13-01"]
)
def test_what_is_no_time_is_said_to_be_none(value: Any) -> None:
    with pytest.raises(NoTime):
        moment_of(value, ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (90, 90),
        ("90", 90),
        (Decimal("1.5"), 1.5),
        ("00:01:30", 90),
        ("1:30", 90),
        (timedelta(seconds=90), 90),
        (time(0, 1, 30), 90),
        ("about two", None),
        ("", None),
        (None, None),
        (-5, None),
        (float("nan"), None),
        (10**9, None),
        (b"x", None),
    ],
)
def test_a_duration_is_seconds(value: Any, seconds: float | None) -> None:
    assert seconds_of(value) == seconds


_CLOCKS_MOVED = {  # in UTC: set back, set forward, by half an hour, never
    "Europe/Berlin": datetime(2025, 10, 26, 1),
    "America/New_York": datetime(2026, 3, 8, 7),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 15),
    "UTC": datetime(2026, 1, 1),
}
_HOURS = st.timedeltas(timedelta(hours=-2), timedelta(hours=2))


@given(
    zone=st.sampled_from(list(_CLOCKS_MOVED)),
    around=_HOURS,
    later=st.timedeltas(timedelta(), timedelta(hours=3)),
)
@example(
    zone="Europe/Berlin", around=timedelta(minutes=-1), later=timedelta(minutes=11)
)  # 02:59 in summer time, then 02:10 in winter time
def test_a_row_that_is_written_later_never_lies_before_the_start(
    zone: str, around: timedelta, later: timedelta
) -> None:
    """However clocks were moved between: what the watermark is made of are naive times."""
    place = ZoneInfo(zone)
    seen = _CLOCKS_MOVED[zone].replace(tzinfo=UTC) + around
    written = seen + later
    watermark = earliest(seen.astimezone(place).replace(tzinfo=None), place)

    within = OVERLAP + timedelta(hours=2)
    start = local_start(watermark - OVERLAP, written, place, within)

    assert start <= written.astimezone(place).replace(tzinfo=None)


def table(**other: Any) -> Table:
    names = {"id": False, "updated_at": True, "starttime": True}
    columns = {
        name: Column(name=name, type="x", nullable=False, is_time=is_time, aware=False)
        for name, is_time in names.items()
    }
    mapping = {"table": "t", "row_id": "id", "callid": "id", "started_at": "starttime"}
    plain: dict[str, Any] = {
        "mapping": TableMapping.model_validate({**mapping, "updated_at": "updated_at"}),
        "columns": columns,
        "zone": BERLIN,
        "overlap": OVERLAP,
        "batch": 2,
        "now": datetime(2026, 1, 6, tzinfo=UTC),
    }
    return Table(**plain | other)


def rows(*ids: int) -> list[dict[str, Any]]:
    return [{"id": n, "updated_at": NOON + timedelta(minutes=n), "starttime": NOON} for n in ids]


def test_the_watermark_moves_when_the_leg_ends_and_the_place_with_every_page() -> None:
    t = table()

    inside = t.behind(Cursor(), CHANGED, rows(1, 2))
    ended = t.behind(inside, CHANGED, rows(3))

    assert (inside.ts, inside.leg, inside.pass_id) == (None, CHANGED, 2)
    assert inside.pass_ts == "2026-01-05 12:02:00"
    assert ended.ts == datetime(2026, 1, 5, 11, 3, tzinfo=UTC)
    assert (ended.leg, ended.pass_ts, ended.pass_id) == (NEW, None, None)


def test_a_cursor_is_the_same_after_it_was_stored() -> None:
    cursor = table().behind(Cursor(id=7), CHANGED, rows(1, 2))

    assert Cursor.of(cursor.stored()) == cursor
    assert Cursor.of({}) == Cursor()


def test_the_next_pass_begins_before_the_watermark_in_the_columns_terms() -> None:
    query = table().query(Cursor(ts=datetime(2026, 1, 5, 11, 3, tzinfo=UTC)), CHANGED)

    start = next(one for one in query.where if one.op is Op.GTE)
    assert str(start.value.text) == "2026-01-05 11:53:00"  # type: ignore[union-attr]
    assert query.after == ()


def test_a_time_that_no_calendar_has_does_not_move_the_watermark() -> None:
    page = [*rows(1), {"id": 2, "updated_at": "infinity", "starttime": NOON}]

    inside = table().behind(Cursor(), CHANGED, page)
    ended = table().behind(inside, CHANGED, [])

    assert inside.pass_ts == "infinity"
    assert ended.ts == datetime(2026, 1, 5, 11, 1, tzinfo=UTC)


def test_the_watermark_never_goes_back() -> None:
    later = datetime(2026, 1, 5, 20, tzinfo=UTC)

    assert table().behind(Cursor(ts=later), CHANGED, rows(1)).ts == later


def test_the_last_day_is_read_anew_once_an_hour() -> None:
    now = datetime(2026, 1, 6, tzinfo=UTC)
    fresh, due = (Cursor(again_at=now - timedelta(minutes=m)) for m in (59, 60))
    plain = {"table": "t", "row_id": "id", "callid": "id", "started_at": "starttime"}
    t = table(mapping=TableMapping.model_validate(plain))

    assert t.legs(Cursor()) == [NEW]
    assert t.legs(fresh) == [NEW]
    assert t.legs(due) == [NEW, AGAIN]
    assert table().legs(fresh) == [CHANGED]
    assert table().legs(due) == [CHANGED, NEW, AGAIN]
    assert t.behind(due, AGAIN, []).again_at == now
