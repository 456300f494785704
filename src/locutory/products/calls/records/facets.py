"""How often each value occurs among the calls of a filter."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, select

from locutory.kernel.db import Session
from locutory.products.calls.records import queries
from locutory.products.calls.records.filters import (
    MOMENT,
    NEGATIVE,
    OBJECTION,
    POSITIVE,
    TAG,
    TOPIC,
    CallFilter,
    of_these,
)
from locutory.products.calls.records.models import CallRecord

COUNTED = 10_000
"""The newest so many calls are counted: more would keep a reader waiting and tell no more."""
MOST_VALUES = 50

_R = CallRecord
_PLAIN = ("status", "stage", "direction", "degraded", "has_text")
_FENCED = {"fenced": True}
_Counts = list[tuple[Any, str | None, int]]


async def count(db: Session, where: CallFilter) -> tuple[int, dict[str, _Counts]]:
    """How many calls were counted, and (value, label, count) by facet, most frequent first."""
    picked = await _picked(db, where)
    rows = (
        await db.execute(
            select(
                _R.status,
                _R.stage,
                _R.direction,
                _R.degraded,
                _R.has_words,
                _R.agent_id,
                _R.agent_name,
                _R.sentiment_score,
                _R.asr_quality,
            ).where(_R.id.in_(picked))
        )
    ).all()
    found = {name: _counted(row[at] for row in rows) for at, name in enumerate(_PLAIN)}
    names = {row.agent_id: row.agent_name for row in rows if row.agent_id is not None}
    agents = _counted(row.agent_id for row in rows if row.agent_id is not None)
    found["agent"] = [(agent, names[agent], number) for agent, _, number in agents]
    found["sentiment"] = _counted(
        _feeling(row.sentiment_score) for row in rows if row.sentiment_score is not None
    )
    found["low_asr"] = _counted(
        row.asr_quality is not None and row.asr_quality < 0.5 for row in rows
    )
    for name, table, key in (
        ("topic", TOPIC, "topic_key"),
        ("objection", OBJECTION, "type_key"),
        ("moment", MOMENT, "rule_key"),
        ("tag", TAG, "tag"),
    ):
        number = func.count(table.c.call_id.distinct()).label("number")
        statement = (
            select(table.c[key], number)
            .where(of_these(db, table, picked))
            .group_by(table.c[key])
            .order_by(number.desc(), table.c[key])
            .limit(MOST_VALUES)
        )
        values = await db.execute(statement, execution_options=_FENCED)
        found[name] = [(value, None, times) for value, times in values]
    return len(rows), found


async def _picked(db: Session, where: CallFilter) -> Any:
    """The newest calls of the filter, as a list of ids or as a query of them."""
    few = await where.few(db, "started_at")
    if few is not None:
        return list((await db.scalars(queries.among(db, where, few))).all())
    newest = select(_R.id).where(_R.tenant_id == db.tenant_id)
    narrowed = newest.where(*where.conditions(db, "started_at"))
    return narrowed.order_by(_R.started_at.desc(), _R.id.desc()).limit(COUNTED)


def _counted(values: Iterable[Any]) -> _Counts:
    ranked: Sequence[tuple[Any, int]] = Counter(values).most_common(MOST_VALUES)
    return [(value, None, number) for value, number in ranked]


def _feeling(value: float) -> str:
    if value > POSITIVE:
        return "positive"
    return "negative" if value < NEGATIVE else "neutral"
