"""Times as CRMs write them."""

from datetime import UTC, datetime
from typing import Any

from locutory.kernel.clock import as_utc, from_ms

_MS_FROM = 10_000_000_000
"""A larger number counts milliseconds: in seconds it would be the year 2286."""


def moment_of(value: Any) -> datetime | None:
    """The moment in UTC, None for what is none: ISO 8601, blank for T, or a Unix time."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        if isinstance(value, int | float):
            return from_ms(int(value if abs(value) >= _MS_FROM else value * 1000))
        text = str(value).strip()
        if text.lstrip("-").isdecimal() and len(text) >= 9:
            return moment_of(int(text))
        return as_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError, OSError):
        return None


def plain(moment: datetime) -> str:
    """`2026-01-02 03:04:05`, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso(moment: datetime) -> str:
    """`2026-01-02T03:04:05Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
