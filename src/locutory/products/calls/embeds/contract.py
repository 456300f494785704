"""What others may name of embed keys."""

from enum import StrEnum

from locutory.kernel.errors import InvalidError


class EmbedScope(StrEnum):
    """What a page may show: calls, figures over calls."""

    CALLS = "calls:read"
    ANALYTICS = "analytics:read"


class FilterNotInFigures(InvalidError):
    """Figures can be narrowed to from, to, agent and direction only; make two keys."""

    code = "FILTER_NOT_IN_FIGURES"
