"""What a question for a count asks, and what is counted for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

SQL = "sql"  # the engine that counts rows
ANY = "*"  # an objection of whatever type


class Measure(StrEnum):
    """What a figure is."""

    CALLS = "calls"
    SHARE = "share"
    AVERAGE = "average"


class Value(StrEnum):
    """What of a call can be averaged or bounded."""

    SCORE = "score"  # 0-100
    DURATION = "duration"  # seconds
    SENTIMENT = "sentiment"  # -1 to 1
    TALK_RATIO = "talk_ratio"  # percent of the talking that is the agent's
    BANT = "bant"  # 0-100


class Group(StrEnum):
    """What figures can be split by."""

    STATUS = "status"
    DIRECTION = "direction"
    AGENT = "agent"
    LANGUAGE = "language"
    SENTIMENT = "sentiment"
    OBJECTION = "objection"
    TOPIC = "topic"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def is_time(self) -> bool:
        """Whether its parts are stretches of time."""
        return self in (Group.DAY, Group.WEEK, Group.MONTH)


class Rank(StrEnum):
    """Which end of a split is asked for."""

    MOST = "most"
    LEAST = "least"


class Sentiment(StrEnum):
    """A call's sentiment in a word: beyond 0.2 to either side, or between (spec, 11)."""

    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


SENTIMENT_EDGE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of whole days in the business's time zone, half-open."""

    name: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A limit of a value, in its unit; `strict` leaves the limit itself out."""

    value: Value
    least: bool
    number: float
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which calls are meant; every condition must hold, of a tuple of phrases any."""

    phrases: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    status: str | None = None
    direction: str | None = None
    sentiment: Sentiment | None = None
    language: str | None = None
    agent: str | None = None  # its id
    agent_name: str | None = None
    bounds: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A question that was understood in full. `versus` is the period to compare with."""

    measure: Measure
    value: Value | None = None
    where: Where = Where()
    group: Group | None = None
    rank: Rank | None = None
    top: int | None = None
    period: Period | None = None
    versus: Period | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a business calls its people and things: folded name to key."""

    agents: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # to (id, name)
    topics: Mapping[str, str] = field(default_factory=dict)
    objections: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number: of `n` calls; None where there is nothing to average.

    `previous` is the number of the period that is compared with.
    """

    key: str
    label: str
    value: float | None
    n: int
    previous: float | None = None
