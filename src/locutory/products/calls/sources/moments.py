"""Times and durations as telephony systems write them, in the source's own time zone."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any

_EPOCH = re.compile(r"\d{9,11}(\.\d+)?|\d{12,14}")
_ZERO = re.compile(r"0000-\d\d-\d\d|-?infinity", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,4}):(\d{1,2})(?::(\d{1,2})(?:\.\d+)?)?")
_MS = 10**11  # as seconds the year 5138: such a number counts milliseconds
_DAY_S = 86_400


class NoTime(ValueError):
    """This is no time."""


def moment_of(value: Any, zone: tzinfo) -> tuple[datetime | None, bool]:
    """A value as a moment in UTC, and whether that is doubtful. Raises NoTime.

    Doubtful is a time that clocks skipped, and one that the database keeps though no calendar has
    it (0000-00-00), which gives no moment. One that clocks showed twice counts as the first.
    """
    if value is None:
        return None, False
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None, False
        if _ZERO.match(value):
            return None, True
        value = _parsed(value)
    try:
        if isinstance(value, datetime):
            return _in_utc(value, zone)
        if isinstance(value, date):
            return _in_utc(datetime.combine(value, time()), zone)
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            number = float(value)
            seconds = number / 1000 if abs(number) >= _MS else number
            return (None, False) if seconds == 0 else (datetime.fromtimestamp(seconds, UTC), False)
    except (OverflowError, OSError, ValueError) as error:
        raise NoTime("a time beyond the calendar") from error
    raise NoTime("no time")


def _parsed(text: str) -> datetime | float:
    if _EPOCH.fullmatch(text):
        return float(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise NoTime("no time") from error


def _in_utc(moment: datetime, zone: tzinfo) -> tuple[datetime, bool]:
    if moment.tzinfo is not None:
        return moment.astimezone(UTC), False
    found = moment.replace(tzinfo=zone).astimezone(UTC)
    return found, found.astimezone(zone).replace(tzinfo=None) != moment


def earliest(moment: datetime, zone: tzinfo) -> datetime:
    """The first moment, in UTC, that a time of the source may mean where clocks were moved."""
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    both = (moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return min(both)


def local_start(moment: datetime, now: datetime, zone: tzinfo, within: timedelta) -> datetime:
    """The naive time from which on all lies that was written at `moment` or later.

    Where clocks were set back since, within `within` of the moment, later rows have earlier times.
    """
    began = moment.astimezone(zone)
    later = min(max(now, moment), moment + within).astimezone(zone)
    offsets = [one.utcoffset() or timedelta() for one in (began, later)]
    return began.replace(tzinfo=None, fold=0) - max(timedelta(), offsets[0] - offsets[1])


def seconds_of(value: Any) -> float | None:
    """A duration in seconds from a number, `HH:MM:SS`, `MM:SS` or a TIME; None for none."""
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, time):
        seconds = value.hour * 3600 + value.minute * 60 + value.second
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str):
        found = _CLOCK.fullmatch(value.strip())
        if found is not None:
            first, second, third = found.groups()
            parts = (first, second, third) if third is not None else ("0", first, second)
            seconds = sum(int(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=True))
        else:
            try:
                seconds = float(value)
            except ValueError:
                return None
    else:
        return None
    return seconds if 0 <= seconds <= 7 * _DAY_S else None
