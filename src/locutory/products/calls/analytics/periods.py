"""Days of a business: what a range means, its buckets, and the period before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from locutory.products.calls.analytics.contract import Granularity, RangeInvalid

DEFAULT_DAYS = 30
MOST_DAYS = 3660


@dataclass(frozen=True, slots=True)
class Span:
    """Days by `date.toordinal`, half-open."""

    first: int
    end: int

    @property
    def days(self) -> int:
        return self.end - self.first

    @property
    def previous(self) -> "Span":
        """As many days just before."""
        return Span(self.first - self.days, self.first)

    @property
    def months(self) -> "Span | None":
        """The whole months within, by their first days; None if there is none."""
        first = bucket_start(self.first, Granularity.MONTH)
        if first < self.first:
            first = _after(first, Granularity.MONTH)
        end = bucket_start(self.end, Granularity.MONTH)
        return Span(first, end) if first < end else None


def span_of(
    since: date | datetime | None, until: date | datetime | None, now: datetime, zone: tzinfo
) -> Span:
    """The days that are asked for; the last 30 with today if nothing is said.

    A time stands for its day in the business's time zone; an end within a day takes that day in.
    Raises RangeInvalid.
    """
    try:
        tomorrow = now.astimezone(zone).toordinal() + 1
        end = tomorrow if until is None else _end(until, zone)
        first = end - DEFAULT_DAYS if since is None else _day(since, zone)
    except OverflowError as error:
        raise RangeInvalid from error
    if not 1 <= end - first <= MOST_DAYS or first - MOST_DAYS < 1 or end > date.max.toordinal():
        raise RangeInvalid
    return Span(first, end)


def _day(moment: date | datetime, zone: tzinfo) -> int:
    return (moment.astimezone(zone) if isinstance(moment, datetime) else moment).toordinal()


def _end(moment: date | datetime, zone: tzinfo) -> int:
    if not isinstance(moment, datetime):
        return moment.toordinal()
    local = moment.astimezone(zone)
    at_midnight = (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
    return local.toordinal() + (0 if at_midnight else 1)


def buckets(span: Span, granularity: Granularity) -> list[Span]:
    """The buckets that a span touches, the first and last cut at its ends."""
    found: list[Span] = []
    start = span.first
    while start < span.end:
        end = min(_after(start, granularity), span.end)
        found.append(Span(start, end))
        start = end
    return found


def lead(span: Span, granularity: Granularity, count: int) -> int:
    """The first day of the bucket that lies `count` buckets before the span's own first."""
    first = bucket_start(span.first, granularity)
    for _ in range(count):
        first = bucket_start(first - 1, granularity)
    return first


def bucket_start(day: int, granularity: Granularity) -> int:
    """The first day of the bucket of a day."""
    if granularity is Granularity.DAY:
        return day
    if granularity is Granularity.WEEK:
        return day - (day - 1) % 7  # day 1 was a Monday
    return date.fromordinal(day).replace(day=1).toordinal()


def _after(day: int, granularity: Granularity) -> int:
    """The first day of the next bucket."""
    if granularity is Granularity.DAY:
        return day + 1
    if granularity is Granularity.WEEK:
        return bucket_start(day, granularity) + 7
    first = date.fromordinal(day).replace(day=1)
    return (first + timedelta(days=31)).replace(day=1).toordinal()


def month_of(day: date) -> int:
    """Months since year 0."""
    return 12 * day.year + day.month - 1


def month_name(month: int) -> str:
    """`2026-01`."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def place_of(day: int, spans: Sequence[Span]) -> int | None:
    """Which of the buckets, in order and without gaps, holds a day."""
    if not spans or not spans[0].first <= day < spans[-1].end:
        return None
    low, high = 0, len(spans) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if spans[middle].first <= day else (low, middle - 1)
    return low
