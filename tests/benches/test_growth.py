"""The generator makes what the program would have made, and every cell can be asked."""

import asyncio
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from benches.gen.calls import Plan, generate
from benches.gen.places import Place, place
from sqlalchemy import select

from benches import cells, growth
from locutory.kernel.db import Session
from locutory.products.calls.analytics.queries import FENCED, day, day_key, fact
from locutory.products.calls.analytics.upkeep import refresh
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.models import CallRecord

PLAN = Plan(calls=60, days=5, agents=4, judged=1.0, transcribed=1.0, seed=7)


@pytest.fixture
def stocked(tmp_path: Path) -> Place:
    """A small generated business."""
    made = asyncio.run(place(tmp_path))
    generate(made.url, made.tenant_id, PLAN)
    return made


async def contents(house: growth.House) -> list[list[dict[str, Any]]]:
    """The rows of the read models, without ids and times of writing."""
    db = house.server.storage.database(house.place.tenant_id)
    found = []
    async with db.read() as session:
        for table in (fact, day, day_key):
            mine = select(table).where(table.c.tenant_id == house.place.tenant_id)
            rows = [dict(r._mapping) for r in await session.execute(mine, execution_options=FENCED)]
            for row in rows:
                del row["created_at"]
                if table is not fact:
                    del row["id"]
            found.append(sorted(rows, key=str))
    return found


def test_generated_read_models_are_those_that_an_upkeep_makes(stocked: Place) -> None:
    async def check() -> None:
        async with growth.opened(stocked) as house:
            db = house.server.storage.database(stocked.tenant_id)
            before = await contents(house)

            async def mark(tx: Session) -> None:
                await mark_stale(tx, *(await tx.scalars(select(CallRecord.id))).all())

            await db.write(mark)
            while await refresh(db, ZoneInfo("UTC")):
                pass
            after = await contents(house)

        assert len(before[0]) == 60
        for ours, theirs in zip(before, after, strict=True):
            assert len(ours) == len(theirs)
            for one, other in zip(ours, theirs, strict=True):
                assert _alike(one, other)

    asyncio.run(check())


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    for name, value in one.items():
        expected = pytest.approx(other[name]) if isinstance(value, float) else other[name]
        assert value == expected, name
    return one.keys() == other.keys()


def test_every_list_and_view_answers_every_cell(stocked: Place) -> None:
    async def check() -> None:
        async with growth.opened(stocked) as house:
            asked = [*cells.lists(house.app), *cells.views(house.app)]
            for cell in asked:
                await house.ask(cell.target)

        routes = {cell.route for cell in asked}
        assert "/call-records/{bid}" in routes
        assert "/analytics/{bid}/floor-agents/{agent_id}" in routes
        assert len(asked) > 150

    asyncio.run(check())
