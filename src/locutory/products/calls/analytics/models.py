"""The read models. Nothing here is a source: all of it can be made anew from the calls."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Float, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.db import TenantModel
from locutory.products.calls.analytics.measures import COUNTS, MEASURE_KEYS, PARTS


class CallFact(TenantModel):
    """One call as figures; `id` is the call's own.

    `day` (date.toordinal), `month` (12 · year + month - 1), `hour` and `weekday` (Monday 0) are in
    `zone`, the business's time zone. `agent` is "" where nobody is known. `score` and what follows
    from it is absent for calls of low transcript quality, which are counted as `low_asr`. `keys`
    lists `[kind, key, label, occurrences, yes, partial, no, unknown, amount]`. `seen_at` is the
    `updated_at` of the call that was read. A column for each measure and count comes on top.
    """

    __tablename__ = "calls_fact"

    zone: Mapped[str]
    day: Mapped[int]
    month: Mapped[int]
    hour: Mapped[int]
    weekday: Mapped[int]
    agent: Mapped[str]
    agent_name: Mapped[str | None]
    direction: Mapped[str]
    template: Mapped[str]
    engine: Mapped[str]
    status: Mapped[str]
    kind: Mapped[str]
    language: Mapped[str]
    disposition: Mapped[str]
    callid: Mapped[str]
    score_bin: Mapped[int | None]
    lag_bin: Mapped[int | None]
    keys: Mapped[list[Any]]
    seen_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_calls_fact_day", "tenant_id", "day", "agent"),
        Index("ix_calls_fact_agent", "tenant_id", "agent", "day"),
    )


class CallDay(TenantModel):
    """A day's calls summed up, or a month's, per direction, template and class of engine.

    With `grain` 1 there is a row per agent; with 0 the agents are summed up and `agent` is "".
    Grains 3 and 2 are the same for months; their `day` is the first of the month.
    `score_bins` and `lag_bins` are `{bin: calls}`. A column for each count and three for each
    measure come on top.
    """

    __tablename__ = "calls_day"

    grain: Mapped[int]
    day: Mapped[int]
    month: Mapped[int]
    agent: Mapped[str]
    agent_name: Mapped[str | None]
    direction: Mapped[str]
    template: Mapped[str]
    engine: Mapped[str]
    score_bins: Mapped[dict[str, Any]]
    lag_bins: Mapped[dict[str, Any]]

    __table_args__ = (
        UniqueConstraint("tenant_id", "grain", "day", "agent", "direction", "template", "engine"),
        Index("ix_calls_day_agent", "tenant_id", "grain", "agent", "day"),
    )


class CallDayKey(TenantModel):
    """How often something named was found in a day's calls; grain and dimensions as in CallDay.

    `kind` is topic, objection, disposition or judge (an analysis agent). `amount` is the time of a
    topic in milliseconds, or the cost of a judge in micro-units.
    """

    __tablename__ = "calls_day_key"

    kind: Mapped[str]
    key: Mapped[str]
    label: Mapped[str]
    grain: Mapped[int]
    day: Mapped[int]
    month: Mapped[int]
    agent: Mapped[str]
    direction: Mapped[str]
    template: Mapped[str]
    engine: Mapped[str]
    calls: Mapped[int]
    occurrences: Mapped[int]
    yes: Mapped[int]
    partial: Mapped[int]
    no: Mapped[int]
    unknown: Mapped[int]
    amount: Mapped[int]

    __table_args__ = (
        UniqueConstraint(
            *(
                "tenant_id",
                "grain",
                "kind",
                "day",
                "agent",
                "direction",
                "template",
                "engine",
                "key",
            )
        ),
        Index("ix_calls_day_key_agent", "tenant_id", "grain", "kind", "agent", "day"),
    )


# One list of measures for both tables, so that none can be forgotten in one of them.
for _key in MEASURE_KEYS:
    setattr(CallFact, _key, mapped_column(_key, Float, nullable=True))
    for _part in PARTS:
        _type = BigInteger if _part == "n" else Float
        setattr(CallDay, f"{_key}_{_part}", mapped_column(f"{_key}_{_part}", _type, nullable=False))
for _key in COUNTS:
    setattr(CallFact, _key, mapped_column(_key, BigInteger, nullable=False))
    setattr(CallDay, _key, mapped_column(_key, BigInteger, nullable=False))
