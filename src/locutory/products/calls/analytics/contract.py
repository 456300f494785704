"""What others may name of analytics: its dimensions and errors."""

from enum import StrEnum

from locutory.kernel.errors import InvalidError, NotFoundError

ANALYTICS = "analytics:read"
"""What lets pages of other sites see figures; people and systems need `calls:read`."""
FIXED = frozenset({"from", "to", "agent", "direction"})
"""The words of an embed key's filter that every view can be narrowed to."""


class Granularity(StrEnum):
    """How wide a bucket of a trend is; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class EngineClass(StrEnum):
    """Who judged a call: a model alone, rules (also beside a model), or nobody yet."""

    MODEL = "model"
    RULES = "rules"
    NONE = "none"


class Grain:
    """Which rows of the day tables: one for all agents together, or one for each.

    Rows of a month stand at its first day.
    """

    ALL = 0
    AGENT = 1
    MONTH = 2
    AGENT_MONTH = 3


class Basis(StrEnum):
    """What an answer was computed from."""

    ROLLUP = "rollup"
    CALLS = "calls"


class FloorAgentNotFound(NotFoundError):
    """There is no call of such a floor agent here."""

    code = "FLOOR_AGENT_NOT_FOUND"


class BeyondKey(NotFoundError):
    """The key of this page shows none of these calls."""

    code = "BEYOND_KEY"


class RangeInvalid(InvalidError):
    """Ask for 1 to 3660 days, the end after the start."""

    code = "RANGE_INVALID"
