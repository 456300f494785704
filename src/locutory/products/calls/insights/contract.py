"""What a question for a count asks."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SQL = "sql"  # the engine that counts rows


class Measure(StrEnum):
    """What can be counted."""

    CALLS = "calls"
    BY_STATUS = "by_status"
    MENTIONS = "mentions"
    SHARE = "share"
    AVERAGE_SCORE = "average_score"
    BUSIEST_AGENT = "busiest_agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of whole days in the business's time zone, half-open."""

    name: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A question that was understood in full. `phrases` are looked for word by word."""

    measure: Measure
    phrases: tuple[str, ...] = ()
    status: str | None = None
    direction: str | None = None
    period: Period | None = None
