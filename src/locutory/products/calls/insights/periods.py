"""Spans of time as people say them: `last week`, `today`, `past 10 days`."""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, tzinfo

from locutory.products.calls.insights.contract import Period

_SPAN = re.compile(
    r"\b(?:(?:in|during|over|for|from|since) )?(?:the )?"
    r"(?:(?P<named>today|yesterday|(?:this|last|past|previous) (?:week|month|year))"
    r"|(?:last|past|previous) (?P<days>\d{1,3}) days)\b(?:'s)?"
)
_Days = tuple[date, date]


def find_period(text: str, now: datetime, zone: tzinfo) -> tuple[Period | None, str]:
    """The last period named in a folded text, and the text without any of them.

    Weeks begin on Monday. `last 7 days` are today and the six days before it. A follow-up repeats
    the question before, so the last period counts.
    """
    spans = list(_SPAN.finditer(text))
    rest = _SPAN.sub(" ", text)
    if not spans:
        return None, rest
    today = now.astimezone(zone).date()
    last = spans[-1]
    if last["days"] is not None:
        name, (first, end) = f"last {last['days']} days", _last_days(today, int(last["days"]))
    else:
        name = re.sub(r"^(?:past|previous)", "last", last["named"])
        first, end = _NAMED[name](today)
    since, until = (datetime.combine(day, time(), zone) for day in (first, end))
    return Period(name=name, since=since, until=until), rest


def _last_days(today: date, count: int) -> _Days:
    tomorrow = today + timedelta(days=1)
    return tomorrow - timedelta(days=max(1, count)), tomorrow


def _this_week(today: date) -> _Days:
    monday = today - timedelta(days=today.weekday())
    return monday, monday + timedelta(days=7)


def _last_week(today: date) -> _Days:
    return _this_week(today - timedelta(days=7))


def _this_month(today: date) -> _Days:
    first = today.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def _last_month(today: date) -> _Days:
    return _this_month(today.replace(day=1) - timedelta(days=1))


def _this_year(today: date) -> _Days:
    return date(today.year, 1, 1), date(today.year + 1, 1, 1)


def _last_year(today: date) -> _Days:
    return _this_year(date(today.year - 1, 1, 1))


_NAMED: dict[str, Callable[[date], _Days]] = {
    "today": lambda today: _last_days(today, 1),
    "yesterday": lambda today: _last_days(today - timedelta(days=1), 1),
    "this week": _this_week,
    "last week": _last_week,
    "this month": _this_month,
    "last month": _last_month,
    "this year": _this_year,
    "last year": _last_year,
}
