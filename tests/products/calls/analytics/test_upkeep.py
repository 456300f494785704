"""The read models follow the calls: whatever happens to them, and however often."""

import asyncio
import math
import random
from collections import defaultdict
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, delete, select, text
from tests.products.calls.analytics.conftest import MODEL, RULES, at

from locutory import app
from locutory.kernel.db import Session, Storage
from locutory.kernel.db.dialect import grant_to
from locutory.kernel.ids import new_id
from locutory.products.calls.analytics import queries, upkeep
from locutory.products.calls.analytics.facts import fact_of
from locutory.products.calls.analytics.measures import COUNTS, MEASURE_KEYS
from locutory.products.calls.analytics.periods import Span
from locutory.products.calls.analytics.queries import FENCED, day, day_key
from locutory.products.calls.analytics.upkeep import Keeper, rebuild, refresh
from locutory.products.calls.findings.models import CallObjection, CallTopic
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.models import CallAnalysis, CallRecord

if TYPE_CHECKING:
    from tests.products.calls.analytics.conftest import House

pytestmark = pytest.mark.both_databases

BY = ("grain", "day", "agent", "direction", "template", "engine")
DAYS = ("2026-01-05", "2026-01-06", "2026-01-20", "2026-02-01", "2026-03-31")


async def stored(house: "House", table: Any, *more: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows of a day table by their dimensions, without ids and times of writing."""
    async with house.db.read() as session:
        mine = table.c.tenant_id == session.tenant_id
        found = await session.execute(select(table).where(mine), execution_options=FENCED)
        rows = [dict(row._mapping) for row in found]
    for row in rows:
        del row["id"], row["created_at"], row["tenant_id"]
    return {tuple(row[name] for name in (*BY, *more)): row for row in rows}


def assert_equal(ours: Any, theirs: Any) -> None:
    """Equal to 1e-9, relative."""
    assert ours.keys() == theirs.keys()
    for place, row in ours.items():
        for name, value in row.items():
            other = theirs[place][name]
            if isinstance(value, float):
                assert value == pytest.approx(other, rel=1e-9, abs=1e-9), (place, name)
            else:
                assert value == other, (place, name)


class Wild:
    """Does to calls what people and engines do to them."""

    def __init__(self, house: "House", seed: int) -> None:
        self.house, self.rng = house, random.Random(seed)
        self.ids: list[Any] = []

    def blob(self) -> dict[str, Any]:
        statuses = ("confirmed", "partial", "absent")
        return {
            "quality": {"template": self.rng.choice(("std", "sales")), "pass": True},
            "sentiment": {"trend": self.rng.uniform(-1, 1)},
            "bant": {"budget": {"status": self.rng.choice(statuses)}},
        }

    async def add(self) -> None:
        rng = self.rng
        id_ = await self.house.call(
            f"c{new_id()}",
            f"{rng.choice(DAYS)} {rng.randrange(24):02d}:00",
            agent_id=rng.choice(("x", "y", None)),
            direction=rng.choice(("inbound", "outbound")),
            overall_score=rng.choice((None, rng.uniform(0, 100))),
            sentiment_score=rng.uniform(-1, 1),
            figures={
                "talk_ratio": rng.random(),
                "wpm_agent": rng.choice((None, 1e6 * rng.random())),
            },
            analysis=self.blob(),
            meta=rng.choice((MODEL, RULES)),
            objections=[(rng.choice(("price", "need")), rng.choice(("yes", "no")))]
            * rng.randrange(3),
            topics=[("pricing", rng.random())],
            done_at=at("2026-01-25"),
        )
        self.ids.append(id_)

    async def edit(self) -> None:
        rng = self.rng
        changes = {
            "overall_score": rng.uniform(0, 100),
            "agent_id": rng.choice(("x", "y", "z")),
            "started_at": at(rng.choice(DAYS)),
            "status": rng.choice(("done", "failed")),
            "flags": rng.choice(([], ["low_asr_quality"])),
        }
        name = rng.choice(list(changes))
        await self.house.change(rng.choice(self.ids), **{name: changes[name]})

    async def remove(self) -> None:
        await self.house.delete(self.ids.pop(self.rng.randrange(len(self.ids))))

    async def analyse_again(self) -> None:
        id_, rng = self.rng.choice(self.ids), self.rng

        async def store(tx: Session) -> None:
            versions = select(CallAnalysis.version).where(CallAnalysis.call_id == id_)
            version = max((await tx.scalars(versions)).all()) + 1
            tx.add(
                CallAnalysis(
                    call_id=id_,
                    version=version,
                    transcript_version=1,
                    analysis=self.blob(),
                    meta=rng.choice((MODEL, RULES)),
                )
            )
            for table in (CallObjection, CallTopic):
                await tx.execute(delete(table).where(table.call_id == id_))
            tx.add(
                CallTopic(call_id=id_, topic_key="refund", label="Refund", share=0.3, source="x")
            )
            await tx.flush()
            await mark_stale(tx, id_)

        await self.house.db.write(store)

    async def step(self) -> None:
        deeds = [self.add] * 3 if len(self.ids) < 8 else [self.add, self.remove]
        if self.ids:
            deeds += [self.edit, self.edit, self.analyse_again]
        await self.rng.choice(deeds)()


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_read_models_equal_a_full_recomputation(house: "House", seed: int) -> None:
    wild = Wild(house, seed)
    for n in range(60):
        await wild.step()
        if n % 7 == 0:
            await house.keeper.catch_up()
    await house.keeper.catch_up()
    days, keys = await stored(house, day), await stored(house, day_key, "kind", "key")

    await rebuild(house.db, house.zone)

    assert days
    assert keys
    assert_equal(days, await stored(house, day))
    assert_equal(keys, await stored(house, day_key, "kind", "key"))


async def test_days_hold_the_plain_sums_of_their_calls(house: "House") -> None:
    """The same sums by another way: call by call, in Python."""
    wild = Wild(house, 3)
    for _ in range(25):
        await wild.add()
    for _ in range(10):
        await wild.edit()
    await house.keeper.catch_up()

    async with house.db.read() as session:
        told = await queries.told_of(session, wild.ids)
    facts = [fact_of(one, house.zone) for one in told]
    sums: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for one in facts:
        where = (one["day"], one["agent"], one["direction"], one["template"], one["engine"])
        month = date.fromordinal(one["day"]).replace(day=1).toordinal()
        for start, each, all_ in ((where[0], 1, 0), (month, 3, 2)):
            sums[(each, start, *where[1:])].append(one)
            sums[(all_, start, "", *where[2:])].append(one)
    rows = await stored(house, day)

    assert rows.keys() == sums.keys()
    for place, parts in sums.items():
        for name in COUNTS:
            assert rows[place][name] == sum(part[name] for part in parts), (place, name)
        for key in MEASURE_KEYS:
            values = [part[key] for part in parts if part[key] is not None]
            assert rows[place][f"{key}_n"] == len(values)
            for part, power in (("sum", 1), ("sq", 2)):
                expected = math.fsum(value**power for value in values)
                found = rows[place][f"{key}_{part}"]
                assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), (place, key, part)


async def test_a_range_says_the_same_by_months_and_call_by_call(house: "House") -> None:
    wild = Wild(house, 4)
    for _ in range(40):
        await wild.add()
    await house.keeper.catch_up()
    ranges = [
        ("2026-01-01", "2026-04-01"),
        ("2026-01-06", "2026-03-31"),
        ("2026-02-01", "2026-02-02"),
    ]
    columns = ("calls", "score_n", "score_sum", "talk_ratio_sq")

    async with house.db.read() as session:
        for first, end in ranges:
            span = Span(at(first).toordinal(), at(end).toordinal())
            for more in ({}, {"agents": ("x",)}, {"direction": "inbound"}):
                where = queries.Slice(span=span, **more)
                one_by_one = replace(where, min_score=-1.0)  # beyond the day tables
                for dimensions in ((), ("agent",), ("month", "template"), ("week",)):
                    found = await queries.sums(session, where, columns, dimensions)
                    for row in await queries.sums(session, one_by_one, columns, dimensions):
                        twin = next(r for r in found if all(r[d] == row[d] for d in dimensions))
                        assert twin["score_n"] == row["score_n"]
                        assert twin["score_sum"] == pytest.approx(row["score_sum"])
                    days = await queries.sums(session, where, columns, (*dimensions, "day"))
                    for name in columns:
                        whole = sum(row[name] for row in days)
                        assert sum(row[name] for row in found) == pytest.approx(whole)


async def test_a_call_that_changes_day_leaves_its_old_one(house: "House") -> None:
    id_ = await house.call("a", "2026-01-05 10:00")
    await house.keeper.catch_up()

    await house.change(id_, started_at=at("2026-01-09"), agent_id="x")
    await house.keeper.catch_up()

    rows = await stored(house, day)
    assert {(place[0], place[1]) for place in rows} == {
        *((grain, at("2026-01-09").toordinal()) for grain in (0, 1)),
        *((grain, at("2026-01-01").toordinal()) for grain in (2, 3)),
    }


async def test_a_deleted_call_leaves_no_trace(house: "House") -> None:
    id_ = await house.call("a", topics=[("pricing", 1.0)])
    await house.keeper.catch_up()

    await house.delete(id_)
    await house.keeper.catch_up()

    assert await stored(house, day) == {}
    assert await stored(house, day_key, "kind", "key") == {}


async def test_a_change_between_reading_and_writing_is_not_lost(house: "House") -> None:
    id_ = await house.call("a", overall_score=10.0)
    async with house.db.read() as session:
        marks = await queries.marks(session, 10)
        told = await queries.told_of(session, marks)
    old = {id_: fact_of(told[0], house.zone)}

    await house.change(id_, overall_score=20.0)
    await house.db.write(lambda tx: upkeep._store(tx, marks, old))

    assert await stored(house, day) == {}
    assert await refresh(house.db, house.zone) == 1
    scores = {row["score_sum"] for row in (await stored(house, day)).values()}
    assert scores == {20.0}
    assert await refresh(house.db, house.zone) == 0


async def test_reading_twice_changes_nothing(house: "House") -> None:
    id_ = await house.call("a", overall_score=10.0)
    await house.keeper.catch_up()
    before = await stored(house, day)

    await house.change(id_)
    await house.keeper.catch_up()

    assert await stored(house, day) == before


async def test_a_sweep_finds_calls_that_nobody_marked(house: "House") -> None:
    kept = await house.call("kept", overall_score=10.0)
    gone = await house.call("gone", "2026-01-06 10:00")
    await house.keeper.catch_up()

    async def behind_our_back(tx: Session) -> None:
        record = (await tx.scalars(select(CallRecord).where(CallRecord.id == kept))).one()
        record.overall_score = 30.0
        await tx.delete((await tx.scalars(select(CallRecord).where(CallRecord.id == gone))).one())
        tx.add(
            CallRecord(
                callid="new", started_at=at("2026-01-07"), source_hash="new", status="failed"
            )
        )

    await house.db.write(behind_our_back)
    assert await house.keeper.catch_up() == 0
    assert await house.keeper.sweep() == 3
    await house.keeper.catch_up()

    rows = [row for place, row in (await stored(house, day)).items() if place[0] == 0]
    assert {(row["day"], row["score_sum"], row["failed"]) for row in rows} == {
        (at("2026-01-05").toordinal(), 30.0, 0),
        (at("2026-01-07").toordinal(), 0.0, 1),
    }
    assert await house.keeper.sweep() == 0


async def test_another_time_zone_moves_calls_to_other_days(house: "House") -> None:
    await house.call("a", "2026-01-05 20:00")
    await house.keeper.catch_up()
    path = f"/businesses/{house.resident.bid}"
    await house.resident.ask("PATCH", path, json={"timezone": "Asia/Kolkata"})

    await house.keeper.sweep()
    await house.keeper.catch_up()

    moved = {place[:2] for place in await stored(house, day)}
    days, month = at("2026-01-06").toordinal(), at("2026-01-01").toordinal()
    assert moved == {(0, days), (1, days), (2, month), (3, month)}


async def test_odd_figures_from_outside_do_no_harm(house: "House") -> None:
    odd = {"talk_s": 1e300, "answered_at": "soon", "hold_s": "a lot"}
    await house.call("a", custom=odd, figures={"talk_ratio": "half", "turns": True})
    await house.call("b", analysis={"quality": [], "bant": {"budget": "x"}}, meta={"summary": 1})

    assert (await house.get("coverage"))["handle_time"]["value"] == 60
    assert [row["calls"] for row in (await stored(house, day)).values()] == [2] * 4


async def test_the_task_keeps_them_by_itself(house: "House") -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(house.keeper.run(stop))
    await house.call("a")

    async with asyncio.timeout(30):
        while not await stored(house, day):
            await asyncio.sleep(0.02)
        stop.set()
        await task


async def test_the_programs_role_sees_without_a_tenant_whose_calls_are_marked(
    house: "House", server: app.Server
) -> None:
    if server.storage.is_sqlite:
        pytest.skip("row-level security is PostgreSQL's")
    await house.call("a", overall_score=10.0)
    role = f"locutory_app_{uuid4().hex[:8]}"
    engine = create_engine(server.storage.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN NOBYPASSRLS"))
        grant_to(connection, role)
    plain = Storage(server.storage.url.replace("//postgres@", f"//{role}@"))
    await plain.open()
    try:
        assert await Keeper(plain).catch_up() == 1
        async with plain.read(None) as session:
            hidden = await session.execute(text("SELECT count(*) FROM calls_fact"))
            assert hidden.scalar_one() == 0
        assert len(await stored(house, day)) == 4
    finally:
        await plain.close()
        with engine.connect() as connection:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
        engine.dispose()
