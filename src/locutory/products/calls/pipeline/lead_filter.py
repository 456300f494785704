"""Whether only calls with leads are worked, and when that cannot be asked for (calls spec, 5.4.3).

Nothing here may let a CRM that is empty, wrong or silent stop the calls, unless somebody chose so.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LEAD_NOT_MATCHED = "lead_not_matched"
"""The `status_reason` of a call that waits for its customer to become a lead."""

Hours = Annotated[int, Field(ge=1, le=8760)]


class LeadMode(StrEnum):
    """All calls; all, those with leads first; or those with leads only."""

    OFF = "off"
    PREFER = "prefer"
    REQUIRE = "require"


class LeadFilter(BaseModel):
    """What a business asks for. `require` acts as `prefer` while leads are missing or old.

    They are old when no sync has ended for `lead_stale_h`; with `require_strict` that stops calls.
    A call without a lead is looked at again for `lead_wait_h`.
    """

    model_config = ConfigDict(extra="forbid")

    mode: LeadMode = LeadMode.PREFER
    require_strict: bool = False
    lead_wait_h: Hours = 72
    lead_stale_h: Hours = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadCache:
    """What is known of leads: whether there are any, and since when no sync has ended."""

    filled: bool
    age_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What was asked for, what is done, and why that differs."""

    mode: LeadMode
    acting: LeadMode
    reason: str | None = None

    @property
    def requires(self) -> bool:
        """Whether calls without leads are kept out now."""
        return self.acting is LeadMode.REQUIRE


EVERYBODY = Standing(mode=LeadMode.OFF, acting=LeadMode.OFF)


def standing_of(asked: LeadFilter, cache: LeadCache) -> Standing:
    """What the filter does with leads as they are known now."""
    why = None
    if asked.mode is LeadMode.REQUIRE:
        if not cache.filled:
            why = "no lead is known here"
        elif cache.age_s is None:
            why = "no sync of leads has ended yet"
        elif cache.age_s > asked.lead_stale_h * 3600:
            why = f"no sync of leads has ended for {cache.age_s / 3600:.0f} h"
    if why is None:
        return Standing(mode=asked.mode, acting=asked.mode)
    if asked.require_strict:
        return Standing(mode=asked.mode, acting=asked.mode, reason=f"{why}: no call is worked")
    return Standing(mode=asked.mode, acting=LeadMode.PREFER, reason=f"{why}: all calls are worked")
