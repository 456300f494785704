"""What a list of calls is narrowed to, and how few calls a condition leaves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Float,
    Select,
    String,
    TableClause,
    Uuid,
    and_,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.orm import InstrumentedAttribute

from locutory.capabilities.knowledge.api import says, sources_saying
from locutory.kernel.db import Session
from locutory.kernel.paging import AnySelect
from locutory.products.calls.records.contract import COLLECTION
from locutory.products.calls.records.models import LOW_ASR, VALUES, CallRecord, CallTag

FEW = 1_000
"""So many calls are sorted at once; more are met soon enough on the way through an index."""
POSITIVE, NEGATIVE = 0.2, -0.2
"""Beyond these a sentiment (-1 to 1) has its name, between them it is neutral (calls spec, 11)."""

_R = CallRecord
_FENCED = {"fenced": True}


def _found(name: str, key: str, *more: ColumnClause[Any]) -> TableClause:
    return table(
        name,
        column("tenant_id", Uuid()),
        column("call_id", Uuid()),
        column(key, String()),
        *more,
    )


# Findings know calls, so calls know the tables of findings by name only.
TOPIC = _found("calls_topic", "topic_key", column("share", Float()))
OBJECTION = _found("calls_objection", "type_key")
MOMENT = _found("calls_moment", "rule_key")
TAG = _found(CallTag.__tablename__, "tag")
_JOINED = (("topic", TOPIC), ("objection", OBJECTION), ("moment", MOMENT), ("tag", TAG))
_KEYS = {"topic": "topic_key", "objection": "type_key", "moment": "rule_key", "tag": "tag"}
# behind these columns their indexes have the order of the start, or of both values
_BY_START = frozenset({"status", "agent_id", "direction"})
_BY_VALUE = frozenset({"status", "has_words"})
_SORTED_BY = {
    "started_at": _BY_START | {"started_at"},
    "score": _BY_VALUE | {"score"},
    "sentiment": _BY_VALUE | {"sentiment"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """What a list of calls is narrowed to; None does not narrow.

    `own` are the agents whose calls the reader may see; `phones` and `phone_hashes` are any of
    the last four digits, or of the keyed hashes, of the customer's number. `fixed` holds beside
    all of these: what the reader's key is narrowed to. `callids` are the calls by name.
    """

    from_: datetime | None = None
    to: datetime | None = None
    status: str | None = None
    stage: str | None = None
    direction: str | None = None
    consent: str | None = None
    agent: str | None = None
    min_score: float | None = None
    max_score: float | None = None
    lead_id: str | None = None
    last4: str | None = None
    phone_hashes: Sequence[str] | None = None
    sentiment: str | None = None
    topic: str | None = None
    objection: str | None = None
    moment: str | None = None
    tag: str | None = None
    degraded: bool | None = None
    low_asr: bool | None = None
    has_text: bool | None = None
    q: str | None = None
    own: Sequence[str] | None = None
    callids: Sequence[str] | None = None
    fixed: "CallFilter | None" = None

    def apply(self, statement: AnySelect) -> AnySelect:
        """The statement with these conditions, without `q`; times are half-open."""
        narrowed = statement.where(*self._plain(None), *self._joined())
        return narrowed if self.fixed is None else self.fixed.apply(narrowed)

    def conditions(self, db: Session, sort: str | None = None) -> list[ColumnElement[bool]]:
        """All conditions, for a statement that walks the index of `sort`, or has its ids.

        SQLite knows nothing of how often a value occurs: so that it does not leave that index
        for one of theirs, the others' columns are written as expressions.
        """
        by_index = _SORTED_BY.get(sort or "", frozenset())
        found = [*self._plain(by_index if _is_sqlite(db) else None), *self._joined()]
        if self.q is not None:
            found.append(says(db, COLLECTION, self.q, _R.callid.expression))
        return found if self.fixed is None else [*found, *self.fixed.conditions(db, sort)]

    async def few(self, db: Session, sort: str) -> list[UUID] | None:
        """Calls among which are all that fit, by the first condition that leaves few; or None."""
        if self.q is not None:
            callids = await sources_saying(db, COLLECTION, self.q, limit=FEW)
            if callids is not None:
                named = select(_R.id).where(_R.callid.in_(callids))
                return list((await db.scalars(named)).all())
        for probe in self._probes(db, sort):
            rows = await db.execute(probe.limit(FEW + 1), execution_options=_FENCED)
            ids = list(dict.fromkeys(rows.scalars()))
            if len(ids) <= FEW:
                return ids
        return None if self.fixed is None else await self.fixed.few(db, sort)

    def _probes(self, db: Session, sort: str) -> list[Select[Any]]:
        probes = []
        for name, joined in _JOINED:
            value = getattr(self, name)
            if value is not None:
                of_tenant = joined.c.tenant_id == db.tenant_id
                named = joined.c[_KEYS[name]] == value
                probes.append(select(joined.c.call_id).where(of_tenant, named))
        times = self._times(_R.started_at)
        by_start = [c for c in self._equalities() if c.key in _BY_START]
        for own in self._equalities():
            value = self._equalities()[own]
            narrowed = times if own.key in _BY_START else []
            probes.append(select(_R.id).where(own == value, *narrowed))
        if self.phone_hashes is not None:
            probes.append(select(_R.id).where(_R.customer_phone_hash.in_(self.phone_hashes)))
        if self.own is not None:
            probes.append(select(_R.id).where(_R.agent_id.in_(self.own), *times))
        if self.low_asr:
            probes.append(select(_R.id).where(text(LOW_ASR)))
        marks = self._marks()
        if marks:
            probes.append(select(_R.id).where(*marks))
        for name, ranged in (
            ("score", self._scores(_value("score"))),
            ("sentiment", self._feelings(_value("sentiment"))),
        ):
            if ranged and sort != name:
                probes.append(select(_R.id).where(*ranged))
        if sort == "started_at" and len(probes) == 1 and len(by_start) == 1:
            return []  # that column's index has the order, whatever it leaves
        if times and sort != "started_at":
            probes.append(select(_R.id).where(*times))
        return probes

    def _equalities(self) -> dict[InstrumentedAttribute[Any], Any]:
        wanted: dict[InstrumentedAttribute[Any], Any] = {
            _R.lead_id: self.lead_id,
            _R.phone_last4: self.last4,
            _R.agent_id: self.agent,
            _R.status: self.status,
            _R.stage: self.stage,
            _R.direction: self.direction,
            _R.consent: self.consent,
        }
        return {own: value for own, value in wanted.items() if value is not None}

    def _marks(self) -> list[ColumnElement[bool]]:
        """On the index of both: where the first is free, it is named with all that it can be."""
        if self.degraded is None and self.has_text is None:
            return []
        first = [True, False] if self.degraded is None else [self.degraded]
        found: list[ColumnElement[bool]] = [_R.degraded.in_(first)]
        return found if self.has_text is None else [*found, _R.has_words == self.has_text]

    def _times(self, started: Any) -> list[ColumnElement[bool]]:
        bounds = [
            None if self.from_ is None else started >= self.from_,
            None if self.to is None else started < self.to,
        ]
        return [bound for bound in bounds if bound is not None]

    def _scores(self, value: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        if self.min_score is None and self.max_score is None:
            return []
        low = value >= (0 if self.min_score is None else self.min_score)
        return [low] if self.max_score is None else [low, value <= self.max_score]

    def _feelings(self, value: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        match self.sentiment:
            case "positive":
                return [value > POSITIVE]
            case "negative":
                return [value >= -1, value < NEGATIVE]
            case "neutral":
                return [value >= NEGATIVE, value <= POSITIVE]
        return []

    def _plain(self, by_index: frozenset[str] | None) -> list[ColumnElement[bool]]:
        """The conditions on the call's own row; of `by_index` columns an index may be used."""

        def of(own: InstrumentedAttribute[Any]) -> Any:
            if by_index is None or own.key in by_index:
                return own
            return literal_column(f"+{CallRecord.__tablename__}.{own.key}", own.type)

        def ranged(name: str) -> ColumnElement[Any]:
            known = by_index is None or name in by_index
            return _value(name) if known else literal_column(f"+{VALUES[name]}", Float())

        found = [*self._times(of(_R.started_at))]
        found += [of(own) == value for own, value in self._equalities().items()]
        if self.phone_hashes is not None:
            found.append(of(_R.customer_phone_hash).in_(self.phone_hashes))
        if self.own is not None:
            found.append(of(_R.agent_id).in_(self.own) if self.own else literal(False))
        if self.callids is not None:
            found.append(of(_R.callid).in_(self.callids))
        if self.degraded is not None:
            found.append(of(_R.degraded) == self.degraded)
        if self.has_text is not None:
            found.append(of(_R.has_words) == self.has_text)
        if self.low_asr is not None:
            low = func.coalesce(of(_R.asr_quality), 1.0) < 0.5
            found.append(low if self.low_asr else ~low)
        return [*found, *self._scores(ranged("score")), *self._feelings(ranged("sentiment"))]

    def _joined(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        for name, joined in _JOINED:
            value = getattr(self, name)
            if value is not None:
                here = select(literal(1)).where(
                    joined.c.call_id == _R.id,
                    joined.c.tenant_id == _R.tenant_id,
                    joined.c[_KEYS[name]] == value,
                )
                found.append(here.exists())
        return found


def of_these(db: Session, joined: TableClause, ids: Any) -> ColumnElement[bool]:
    """The tenant's rows of some calls, found by the call on both databases."""
    tenant: ColumnElement[Any] = joined.c.tenant_id
    if _is_sqlite(db):  # would rather read all rows of the tenant, in the order of the key
        tenant = literal_column(f"+{joined.name}.tenant_id", Uuid())
    return and_(joined.c.call_id.in_(ids), tenant == db.tenant_id)


def _value(name: str) -> ColumnElement[float]:
    return literal_column(VALUES[name], Float())


def _is_sqlite(db: Session) -> bool:
    return db.get_bind().dialect.name == "sqlite"
