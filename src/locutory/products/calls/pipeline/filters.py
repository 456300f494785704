"""Which calls are worked at all (calls spec, 5.4.2)."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from locutory.products.calls.pipeline.lead_filter import EVERYBODY, LEAD_NOT_MATCHED, Standing
from locutory.products.calls.records.contract import NO_CONSENT, Consent, Direction

PREFIX = "filtered_"
"""A `status_reason` that begins so may be another one under other filters."""

Word = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,100}$")]
Language = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", to_lower=True)
]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


class Filters(BaseModel):
    """Null or 100 per cent lets everything through; so does a fact that is not known.

    Not so consent: where it is required, it must be known.
    """

    model_config = ConfigDict(extra="forbid")

    min_duration_s: Seconds | None = None
    max_duration_s: Seconds | None = None
    directions: Annotated[list[Direction] | None, Field(min_length=1, max_length=4)] = None
    dispositions: Annotated[list[Word] | None, Field(min_length=1, max_length=100)] = None
    languages: Annotated[list[Language] | None, Field(min_length=1, max_length=50)] = None
    agents: Annotated[list[Word] | None, Field(min_length=1, max_length=1000)] = None
    sampling_percent: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 100
    require_consent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a call so far."""

    callid: str
    direction: str
    disposition: str | None = None
    agent_id: str | None = None
    duration_s: float | None = None
    language: str | None = None
    consent: str = Consent.UNKNOWN
    lead_matched: bool = False


def refusal(filters: Filters, facts: Facts, leads: Standing = EVERYBODY) -> str | None:
    """The `status_reason` of a call that the filters keep out, None for one that they let in."""
    if filters.require_consent and facts.consent != Consent.YES:
        return NO_CONSENT
    duration = facts.duration_s
    refused = {
        "direction": _outside(facts.direction, filters.directions),
        "disposition": _outside(facts.disposition, filters.dispositions),
        "agent": _outside(facts.agent_id, filters.agents),
        "too_short": _less(duration, filters.min_duration_s),
        "too_long": _less(filters.max_duration_s, duration),
        "language": _speaks_other(facts.language, filters.languages),
        "sampling": place(facts.callid) >= filters.sampling_percent,
    }
    for why, out in refused.items():
        if out:
            return PREFIX + why
    return LEAD_NOT_MATCHED if leads.requires and not facts.lead_matched else None


def place(callid: str) -> float:
    """Where a call stands in 0-100, the same each time; a sample takes those below its size."""
    digest = hashlib.sha256(callid.encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48 * 100


def _outside(value: str | None, wanted: Iterable[str] | None) -> bool:
    if value is None or wanted is None:
        return False
    return value.casefold() not in {word.casefold() for word in wanted}


def _less(value: float | None, bound: float | None) -> bool:
    return value is not None and bound is not None and value < bound


def _speaks_other(language: str | None, wanted: Iterable[str] | None) -> bool:
    """`hi` lets `hi-IN` in, not the other way round."""
    if language is None or wanted is None:
        return False
    spoken = language.lower()
    return not any(spoken == one or spoken.startswith(one + "-") for one in wanted)
