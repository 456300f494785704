"""Spans of time as people say them: `last week`, `past 10 days`, `in march`, `since 2026-03-01`."""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, tzinfo

from locutory.products.calls.insights.contract import Group, Period

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_DAY = r"\d{4}-\d{2}-\d{2}"
_HINDI = {
    "aaj": "today",
    "आज": "today",
    "is hafte": "this week",
    "इस हफ्ते": "this week",
    "pichle hafte": "last week",
    "पिछले हफ्ते": "last week",
    "is mahine": "this month",
    "इस महीने": "this month",
    "pichle mahine": "last month",
    "पिछले महीने": "last month",
}
_HINDI_SPAN = re.compile(rf"(?<!\w)(?:{'|'.join(_HINDI)})(?!\w)")
_UNIT = "week|month|quarter|year"
_SPAN = re.compile(
    r"\b(?:(?:in|during|over|for|from|since|on) )?(?:the )?"
    rf"(?:(?P<named>today|yesterday|(?:this|last|past|previous) (?:{_UNIT}))"
    r"|(?:last|past|previous) (?P<days>\d{1,3}) (?P<unit>days?|weeks?|months?))\b(?:'s)?"
    rf"|\b(?:in|during|for) (?P<month>{'|'.join(_MONTHS)})(?: (?P<year>\d{{4}}))?\b"
    rf"|\b(?:between|from) (?P<first>{_DAY}) (?:and|to|until) (?P<last>{_DAY})\b"
    rf"|\bsince (?P<since>{_DAY})\b|\bon (?P<on>{_DAY})\b"
)
_COMPARING = re.compile(
    r"\b(?:compare[ds]?(?: to| with)?|versus|vs\.?|against|difference between)\b"
)
# "this week with last", "compared to the previous one"
_ELLIPSIS = re.compile(
    r"\b(?:with|to|and|vs\.?|versus|against|than) (?:the )?(?:last|previous)(?: one)?"
    rf"(?! (?:{_UNIT}|\d))\b"
)
_Days = tuple[date, date]
_MOST_BUCKETS = {Group.DAY: 92, Group.WEEK: 60, Group.MONTH: 60}
_DEFAULT_BUCKETS = {Group.DAY: 14, Group.WEEK: 8, Group.MONTH: 6}


def find_period(text: str, now: datetime, zone: tzinfo) -> tuple[Period | None, str]:
    """The last period named in a folded text, and the text without any of them.

    Weeks begin on Monday. `last 7 days` are today and the six days before it. A follow-up repeats
    the question before, so the last period counts.
    """
    found, rest = find_periods(text, now, zone)
    return (found[-1] if found else None), rest


def find_periods(text: str, now: datetime, zone: tzinfo) -> tuple[list[Period], str]:
    """Every period named in a folded text in order, and the text with a bar in place of each."""
    text = _HINDI_SPAN.sub(lambda found: _HINDI[found[0]], text)
    today = now.astimezone(zone).date()
    periods = [one for m in _SPAN.finditer(text) if (one := _period(m, today, zone)) is not None]
    unknown = any(_period(m, today, zone) is None for m in _SPAN.finditer(text))
    return periods, text if unknown else _SPAN.sub(" | ", text)


def find_comparison(
    text: str, now: datetime, zone: tzinfo
) -> tuple[tuple[Period, Period] | None, str] | None:
    """The two periods that a folded text compares, and the rest of it.

    (None, text) when it compares nothing, None when it compares what is not two periods.
    """
    if not _COMPARING.search(text):
        return None, text
    today = now.astimezone(zone).date()
    elliptic = _ELLIPSIS.search(text)
    periods, rest = find_periods(_ELLIPSIS.sub(" | ", text), now, zone)
    if elliptic is not None and len(periods) == 1 and periods[0].name in _BEFORE:
        before = _BEFORE[periods[0].name]
        periods.append(_whole_days(before, _NAMED[before](today), zone))
    if len(periods) != 2:
        return None
    rest = re.sub(r"\b(?:with|to|and|than|between)\b(?=[\s|?.!]*(?:\||$))", " ", rest)
    return (periods[0], periods[1]), _COMPARING.sub(" ", rest)


def buckets(
    group: Group, period: Period | None, now: datetime, zone: tzinfo
) -> list[Period] | None:
    """The days, weeks or months of a period, named by their first day; None when too many.

    Without a period: the last 14 days, 8 weeks or 6 months, the current one included.
    """
    today = now.astimezone(zone).date()
    if period is None:
        first, end = _start(group, today), today + timedelta(days=1)
        for _ in range(_DEFAULT_BUCKETS[group] - 1):
            first = _start(group, first - timedelta(days=1))
    else:
        first = period.since.astimezone(zone).date()
        end = min(period.until.astimezone(zone).date(), today + timedelta(days=1))
        end = max(end, first + timedelta(days=1))
    found: list[Period] = []
    while first < end:
        following = min(_next(group, first), end)
        name = f"{first:%Y-%m}" if group is Group.MONTH else f"{first}"
        found.append(_whole_days(name, (first, following), zone))
        first = following
        if len(found) > _MOST_BUCKETS[group]:
            return None
    return found


def _start(group: Group, day: date) -> date:
    if group is Group.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if group is Group.MONTH else day


def _next(group: Group, first: date) -> date:
    length = {Group.DAY: 1, Group.WEEK: 7, Group.MONTH: 31}[group]
    return _start(group, _start(group, first) + timedelta(days=length))


def _period(found: re.Match[str], today: date, zone: tzinfo) -> Period | None:
    """None for days that no calendar has, or that end before they begin."""
    try:
        name, days = _days(found, today)
        return _whole_days(name, days, zone) if days[0] < days[1] else None
    except (ValueError, OverflowError):
        return None


def _days(found: re.Match[str], today: date) -> tuple[str, _Days]:
    if found["days"] is not None:
        count, unit = int(found["days"]), found["unit"].rstrip("s")
        of_days = {"day": 1, "week": 7, "month": 30}[unit]
        return f"last {count} {unit}s", _last_days(today, count * of_days)
    if found["month"] is not None:
        return _month(found["month"], found["year"], today)
    if found["first"] is not None:
        first, last = date.fromisoformat(found["first"]), date.fromisoformat(found["last"])
        return f"{first} to {last}", (first, last + timedelta(days=1))
    if found["since"] is not None:
        first = date.fromisoformat(found["since"])
        return f"since {first}", (first, max(first, today) + timedelta(days=1))
    if found["on"] is not None:
        day = date.fromisoformat(found["on"])
        return f"{day}", (day, day + timedelta(days=1))
    name = re.sub(r"^(?:past|previous)", "last", found["named"])
    return name, _NAMED[name](today)


def _month(name: str, year: str | None, today: date) -> tuple[str, _Days]:
    """The month of that year, else its last beginning."""
    number = _MONTHS.index(name) + 1
    of = int(year) if year else today.year - (number > today.month)
    first = date(of, number, 1)
    return f"{name.capitalize()} {of}", (first, (first + timedelta(days=31)).replace(day=1))


def _whole_days(name: str, days: _Days, zone: tzinfo) -> Period:
    since, until = (datetime.combine(day, time(), zone) for day in days)
    return Period(name=name, since=since, until=until)


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


def _this_quarter(today: date) -> _Days:
    first = today.replace(month=today.month - (today.month - 1) % 3, day=1)
    return first, (first + timedelta(days=95)).replace(day=1)


def _last_quarter(today: date) -> _Days:
    return _this_quarter(_this_quarter(today)[0] - timedelta(days=1))


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
    "this quarter": _this_quarter,
    "last quarter": _last_quarter,
    "this year": _this_year,
    "last year": _last_year,
}
_BEFORE = {
    "today": "yesterday",
    **{f"this {unit}": f"last {unit}" for unit in _UNIT.split("|")},
}
