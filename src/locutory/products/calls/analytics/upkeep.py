"""Keeping the read models: marked calls are read, made facts, and their days summed anew.

A fact is computed from a read that began after its mark was read; the write takes it only if the
mark is still the same, so no change between the two is lost. Days are summed from facts, never
added to, so that they equal a full recomputation however often a call changed.
"""

import asyncio
import time
from collections import ChainMap, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import (
    BigInteger,
    BindParameter,
    String,
    TextualSelect,
    Uuid,
    bindparam,
    delete,
    insert,
    select,
    text,
)

from locutory.kernel.auth import people
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import Tenant
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Database, Session, Storage
from locutory.kernel.db.base import table_of
from locutory.kernel.db.dialect import Json
from locutory.kernel.db.locks import hold
from locutory.kernel.ids import new_id
from locutory.kernel.signals import pause
from locutory.products.calls.analytics import queries
from locutory.products.calls.analytics.contract import Grain, Granularity
from locutory.products.calls.analytics.facts import fact_of
from locutory.products.calls.analytics.measures import COUNTS, MEASURE_KEYS, PARTS
from locutory.products.calls.analytics.periods import Span, bucket_start
from locutory.products.calls.analytics.queries import FENCED, day, day_key, fact
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.models import StaleCall

log = structlog.get_logger(__name__)

BATCH = 200
_DAYS_PER_WRITE = 8
_GATHER_S = 1.0  # what is marked within this is made anew together
_SWEEP_S = 60.0
_SWEPT_CALLS = 1000
_SWEPT_TENANTS = 50
_MOST_DUTY = 0.1  # of one core, for businesses whose days are very full
_LONGEST_PAUSE_S = 10.0
_stale = table_of(StaleCall)
_DIMENSIONS = ("day", "month", "agent", "direction", "template", "engine")
_KEY_SUMS = ("calls", "occurrences", "yes", "partial", "no", "unknown", "amount")
_DAY_SUMS = (*COUNTS, *(f"{key}_{part}" for key in MEASURE_KEYS for part in PARTS))
Pair = tuple[int, str]  # day and agent


def _text(sql: str, **types: Any) -> TextualSelect:
    """A statement over one day, or the days from one to another, of one business.

    Text, because an expression of 170 sums takes longer to hash, each time, than to run.
    """
    parameters: list[BindParameter[Any]] = [
        bindparam("tenant", type_=Uuid()),
        bindparam("day", type_=BigInteger()),
    ]
    if ":end" in sql:
        parameters.append(bindparam("end", type_=BigInteger()))
    if ":agents" in sql:
        parameters.append(bindparam("agents", expanding=True, type_=String()))
    return text(sql).bindparams(*parameters).columns(**types)


def _listed(*parts: str) -> str:
    return ", ".join(parts)


_OF_AGENTS = "FROM calls_fact WHERE tenant_id = :tenant AND day = :day AND agent IN :agents"
_MOMENTS = [
    part
    for key in MEASURE_KEYS
    for part in (
        f"count({key}) AS {key}_n",
        f"coalesce(sum({key}), 0) AS {key}_sum",
        f"coalesce(sum({key} * {key}), 0) AS {key}_sq",
    )
]
_SUMMED_COUNTS = [f"sum({name}) AS {name}" for name in COUNTS]
_SUM_FACTS = _text(
    f"SELECT {_listed(*_DIMENSIONS, 'max(agent_name) AS agent_name', *_SUMMED_COUNTS, *_MOMENTS)}"
    f" {_OF_AGENTS} GROUP BY {_listed(*_DIMENSIONS)}"
)
_LIST_FACTS = _text(
    f"SELECT {_listed(*_DIMENSIONS, 'score_bin', 'lag_bin', 'keys')} {_OF_AGENTS}", keys=Json
)
_NAMED = ("kind", "key")


@dataclass(frozen=True, slots=True)
class _Roll:
    """Rows of the day tables that are summed up from finer rows of the same tables."""

    source: int
    target: int
    by: tuple[str, ...]
    sum_days: TextualSelect
    list_days: TextualSelect
    sum_keys: TextualSelect

    @classmethod
    def of(cls, source: int, target: int, *, by_agent: bool, monthly: bool) -> "_Roll":
        """The statements; `:end` is the first day after those that are summed up."""
        keep = {"day": not monthly, "agent": by_agent}
        by = tuple(name for name in _DIMENSIONS if keep.get(name, True))
        where = f"WHERE tenant_id = :tenant AND grain = {int(source)}"
        where += " AND day >= :day AND day < :end"
        where += " AND agent IN :agents" if by_agent else ""
        sums = [f"sum({name}) AS {name}" for name in _DAY_SUMS]
        found = [f"sum({name}) AS {name}" for name in _KEY_SUMS]
        return cls(
            source=source,
            target=target,
            by=by,
            sum_days=_text(
                f"SELECT {_listed(*by, 'max(agent_name) AS agent_name', *sums)}"
                f" FROM calls_day {where} GROUP BY {_listed(*by)}"
            ),
            list_days=_text(
                f"SELECT {_listed(*by, 'score_bins', 'lag_bins')} FROM calls_day {where}",
                score_bins=Json,
                lag_bins=Json,
            ),
            sum_keys=_text(
                f"SELECT {_listed(*_NAMED, *by, 'max(label) AS label', *found)}"
                f" FROM calls_day_key {where} GROUP BY {_listed(*_NAMED, *by)}"
            ),
        )


_DAYS = _Roll.of(Grain.AGENT, Grain.ALL, by_agent=False, monthly=False)
_AGENT_MONTHS = _Roll.of(Grain.AGENT, Grain.AGENT_MONTH, by_agent=True, monthly=True)
_MONTHS = _Roll.of(Grain.AGENT_MONTH, Grain.MONTH, by_agent=False, monthly=True)
_INSERTS = {table.name: insert(table) for table in (fact, day, day_key)}


class Keeper:
    """The task that keeps the read models of all businesses; one runs in every worker process."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._swept: dict[UUID, _Sweep] = {}
        self._last_swept: str | None = None
        self._stop = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work whenever calls were marked, and look for what was missed each minute."""
        self._stop = stop
        swept = time.monotonic() - _SWEEP_S
        with self._storage.signals.woken(stop, "calls.stale") as wake:
            while not stop.is_set():
                began = time.monotonic()
                try:
                    wake.clear()
                    await self.catch_up()
                    if began - swept >= _SWEEP_S:
                        swept = began
                        await self.sweep()
                except Exception:
                    log.exception("the read models could not be kept")
                took_s = time.monotonic() - began
                await pause(stop, min(_LONGEST_PAUSE_S, max(_GATHER_S, took_s / _MOST_DUTY)))
                await pause(wake, _SWEEP_S)

    async def catch_up(self) -> int:
        """Make anew all that is marked; return how many calls were read."""
        async with self._storage.read(None) as session:
            behind = await queries.tenants_behind(session)
        count = 0
        for tenant_id in behind:
            db = self._storage.database(tenant_id)
            async with self._storage.read(None) as session:
                tenant = await tenants.find_tenant_by_id(session, tenant_id)
            while tenant is not None and not self._stop.is_set():
                done = await refresh(db, zone_of(tenant))
                count += done
                if not done:
                    break
        return count

    async def sweep(self) -> int:
        """Mark a stretch of the calls whose facts are missing, old or left over; say how many."""
        kernel = self._storage.database()
        after = None if self._last_swept is None else (self._last_swept, UUID(int=0))
        found = await people.list_tenants(kernel, among=None, after=after, limit=_SWEPT_TENANTS)
        self._last_swept = found[-1].slug if len(found) > _SWEPT_TENANTS else None
        marked = 0
        for tenant in found[:_SWEPT_TENANTS]:
            sweep = self._swept.setdefault(tenant.id, _Sweep())
            db = self._storage.database(tenant.id)
            marked += await sweep.step(db, zone_of(tenant), self._stop)
        return marked


class _Sweep:
    """Where the search for what was missed has come to in one business."""

    def __init__(self) -> None:
        self._calls: UUID | None = None
        self._facts: UUID | None = None

    async def step(self, db: Database, zone: ZoneInfo, stop: asyncio.Event | None = None) -> int:
        """Look at a stretch of calls and of facts; go on while there is something to mend."""
        marked = 0
        look_at_calls = look_at_facts = True
        while (look_at_calls or look_at_facts) and not (stop and stop.is_set()):
            found: list[UUID] = []
            async with db.read() as session:
                if look_at_calls:
                    old, self._calls = await queries.unseen(
                        session, zone=zone.key, after=self._calls, limit=_SWEPT_CALLS
                    )
                    look_at_calls = bool(old) and self._calls is not None
                    found += old
                if look_at_facts:
                    gone, self._facts = await queries.orphans(
                        session, after=self._facts, limit=_SWEPT_CALLS
                    )
                    look_at_facts = bool(gone) and self._facts is not None
                    found += gone
            if found:
                await db.write(lambda tx, ids=tuple(found): mark_stale(tx, *ids))  # type: ignore[misc]
            marked += len(found)
        return marked


def zone_of(tenant: Tenant) -> ZoneInfo:
    """The business's time zone."""
    return ZoneInfo(tenant.timezone)


async def refresh(db: Database, zone: ZoneInfo, limit: int = BATCH) -> int:
    """Make facts of marked calls and sum their days; return how many marks were read."""
    async with db.read() as session:
        marks = await queries.marks(session, limit)
        told = await queries.told_of(session, marks) if marks else []
    if not marks:
        return 0
    rows = {}
    for one in told:
        try:
            rows[one.record.id] = fact_of(one, zone)
        except Exception:  # one odd call must not keep all others from being counted
            log.exception("a call cannot be counted", callid=one.record.callid)
    for some in _few_days_each(marks, rows):
        await db.write(lambda tx, some=some: _store(tx, some, rows))  # type: ignore[misc]
    return len(marks)


def _few_days_each(
    marks: Mapping[UUID, UUID], rows: Mapping[UUID, Mapping[str, Any]]
) -> Iterator[dict[UUID, UUID]]:
    """The marks in parts of few days: a write is short, however far back the calls reach."""
    by_day: dict[int, dict[UUID, UUID]] = defaultdict(dict)
    for id_, mark in marks.items():
        by_day[rows[id_]["day"] if id_ in rows else 0][id_] = mark
    parts = [by_day[number] for number in sorted(by_day)]
    for start in range(0, len(parts), _DAYS_PER_WRITE):
        yield dict(ChainMap(*parts[start : start + _DAYS_PER_WRITE]))


async def rebuild(db: Database, zone: ZoneInfo) -> None:
    """Drop the read models of a business and make them anew from all of its calls."""

    async def drop(tx: Session) -> None:
        for table in (fact, day, day_key):
            await tx.execute(
                delete(table).where(table.c.tenant_id == tx.tenant_id), execution_options=FENCED
            )

    await db.write(drop)
    await _Sweep().step(db, zone)
    while await refresh(db, zone):
        pass


async def _store(
    tx: Session, marks: Mapping[UUID, UUID], rows: Mapping[UUID, Mapping[str, Any]]
) -> None:
    await hold(tx, "calls.days")  # one process at a time sums a business's days
    mine = _stale.c.tenant_id == tx.tenant_id
    held = await tx.execute(
        select(_stale.c.call_id, _stale.c.mark)
        .where(mine, _stale.c.call_id.in_(marks))
        .order_by(_stale.c.call_id)
        .with_for_update(),
        execution_options=FENCED,
    )
    ids = [row.call_id for row in held if marks[row.call_id] == row.mark]
    if not ids:
        return
    known = (fact.c.tenant_id == tx.tenant_id, fact.c.id.in_(ids))
    before = await tx.execute(
        select(fact.c.day, fact.c.agent).where(*known), execution_options=FENCED
    )
    dirty: set[Pair] = {(row.day, row.agent) for row in before}
    await tx.execute(delete(fact).where(*known), execution_options=FENCED)
    now = utc_now()
    fresh = [
        {**rows[id_], "tenant_id": tx.tenant_id, "created_at": now} for id_ in ids if id_ in rows
    ]
    if fresh:
        await tx.execute(_INSERTS[fact.name], fresh, execution_options=FENCED)
    dirty |= {(row["day"], row["agent"]) for row in fresh}
    await sum_days(tx, dirty)
    await tx.execute(
        delete(_stale).where(mine, _stale.c.call_id.in_(ids)), execution_options=FENCED
    )


async def sum_days(tx: Session, dirty: Iterable[Pair]) -> None:
    """Sum the facts of these days and agents, and from these the days and months."""
    by_day: dict[int, set[str]] = defaultdict(set)
    by_month: dict[int, set[str]] = defaultdict(set)
    for number, agent in dirty:
        by_day[number].add(agent)
        by_month[bucket_start(number, Granularity.MONTH)].add(agent)
    for number in sorted(by_day):
        await _add(tx, *await _sum_agents(tx, number, sorted(by_day[number])))
    for number in sorted(by_day):
        await _add(tx, *await _rolled_up(tx, _DAYS, Span(number, number + 1), [""]))
    for number in sorted(by_month):
        span = Span(number, bucket_start(number + 31, Granularity.MONTH))
        await _add(tx, *await _rolled_up(tx, _AGENT_MONTHS, span, sorted(by_month[number])))
        await _add(tx, *await _rolled_up(tx, _MONTHS, span, [""]))


async def _sum_agents(
    tx: Session, number: int, agents: Sequence[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of some agents' day, from facts; the old ones are deleted."""
    await _forget(tx, number, Grain.AGENT, agents)
    asked = {"tenant": tx.tenant_id, "day": number, "agents": list(agents)}
    summed = await tx.execute(_SUM_FACTS, asked, execution_options=FENCED)
    rows = {tuple(row[: len(_DIMENSIONS)]): dict(row._mapping) for row in summed}
    for row in rows.values():
        row.update(grain=Grain.AGENT, score_bins={}, lag_bins={})
    listed = await tx.execute(_LIST_FACTS, asked, execution_options=FENCED)
    keys: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in listed:
        dimensions = tuple(one[: len(_DIMENSIONS)])
        row = rows[dimensions]
        for name, number_ in (("score_bins", one.score_bin), ("lag_bins", one.lag_bin)):
            if number_ is not None:
                row[name][str(number_)] = row[name].get(str(number_), 0) + 1
        for kind, key, label, *numbers in one[-1]:
            place = (*dimensions, kind, key)
            entry = keys.get(place)
            if entry is None:
                entry = keys[place] = {
                    **dict(zip(_DIMENSIONS, dimensions, strict=True)),
                    "kind": kind,
                    "key": key,
                    "label": label,
                    "grain": Grain.AGENT,
                    **dict.fromkeys(_KEY_SUMS, 0),
                }
            entry["label"] = max(entry["label"], label)
            entry["calls"] += 1
            for name, value in zip(_KEY_SUMS[1:], numbers, strict=True):
                entry[name] += value
    return list(rows.values()), list(keys.values())


async def _rolled_up(
    tx: Session, roll: _Roll, span: Span, agents: Sequence[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The coarser rows of some days, from the finer ones; the old ones are deleted."""
    await _forget(tx, span.first, roll.target, agents)
    asked: dict[str, Any] = {"tenant": tx.tenant_id, "day": span.first, "end": span.end}
    if "agent" in roll.by:
        asked["agents"] = list(agents)
    place: dict[str, Any] = {"grain": roll.target, "day": span.first}
    if "agent" not in roll.by:
        place["agent"] = ""
    found = await tx.execute(roll.sum_days, asked, execution_options=FENCED)
    size = len(roll.by)
    days = {
        tuple(row[:size]): {**row._mapping, **place, "score_bins": {}, "lag_bins": {}}
        for row in found
    }
    listed = await tx.execute(roll.list_days, asked, execution_options=FENCED)
    for one in listed:
        row = days[tuple(one[:size])]
        for name, bins in (("score_bins", one.score_bins), ("lag_bins", one.lag_bins)):
            for number, count in bins.items():
                row[name][number] = row[name].get(number, 0) + count
    if "agent" not in roll.by:
        for row in days.values():
            row["agent_name"] = None
    found = await tx.execute(roll.sum_keys, asked, execution_options=FENCED)
    keys = [{**row._mapping, **place} for row in found]
    return list(days.values()), keys


async def _forget(tx: Session, number: int, grain: int, agents: Sequence[str]) -> None:
    for table in (day, day_key):
        where = [table.c.tenant_id == tx.tenant_id, table.c.grain == grain, table.c.day == number]
        where.append(table.c.agent.in_(agents))
        await tx.execute(delete(table).where(*where), execution_options=FENCED)


async def _add(
    tx: Session, days: Sequence[Mapping[str, Any]], keys: Sequence[Mapping[str, Any]]
) -> None:
    now = utc_now()
    for table, rows in ((day, days), (day_key, keys)):
        if rows:
            await tx.execute(
                _INSERTS[table.name],
                [
                    {**row, "id": new_id(), "tenant_id": tx.tenant_id, "created_at": now}
                    for row in rows
                ],
                execution_options=FENCED,
            )
