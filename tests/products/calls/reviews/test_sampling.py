"""Calls drawn for review: so many of each agent's week, once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from locutory.kernel.jobs import JobSpec, enqueue
from locutory.kernel.jobs.models import JobSchedule
from locutory.products.calls.reviews.contract import SAMPLE
from locutory.products.calls.reviews.service.sampling import choose, last_week, span

if TYPE_CHECKING:
    from tests.products.calls.reviews.conftest import Floor, Person

PATH = "/review-sampling/6004"
UTC_ZONE, KOLKATA = ZoneInfo("UTC"), ZoneInfo("Asia/Kolkata")


def test_each_agent_has_so_many_and_the_same_are_drawn_again() -> None:
    calls = [(UUID(int=n), f"a{n % 3}") for n in range(30)]

    drawn = choose(calls, Counter(), per_agent=2, seed="week:2026-W03")
    again = choose(calls[::-1], Counter(), per_agent=2, seed="week:2026-W03")
    other = choose(calls, Counter(), per_agent=2, seed="week:2026-W04")

    assert Counter(int(call) % 3 for call in drawn) == {0: 2, 1: 2, 2: 2}
    assert drawn == again != other


def test_every_call_is_drawn_about_as_often_as_any_other() -> None:
    calls = [(UUID(int=n), "a") for n in range(10)]

    times = Counter(
        call
        for week in range(2000)
        for call in choose(calls, Counter(), per_agent=3, seed=f"week:{week}")
    )

    # 600 each; the standard deviation is about 20
    assert all(500 < times[call] < 700 for call, _ in calls)


def test_who_had_some_already_gets_the_rest() -> None:
    calls = [(UUID(int=n), f"a{n % 2}") for n in range(10)]

    drawn = choose(calls, Counter({"a0": 1, "a1": 2}), per_agent=2, seed="x")

    assert [int(call) % 2 for call in drawn] == [0]


@pytest.mark.parametrize(
    ("now", "week"),
    [
        (datetime(2026, 1, 19, 13, tzinfo=UTC), "2026-W03"),
        (datetime(2026, 1, 18, 20, tzinfo=UTC), "2026-W03"),  # Monday already in Kolkata
        (datetime(2026, 1, 18, 12, tzinfo=UTC), "2026-W02"),
        (datetime(2026, 1, 5, 12, tzinfo=UTC), "2026-W01"),
        (datetime(2027, 1, 5, 12, tzinfo=UTC), "2026-W53"),
    ],
)
def test_the_last_week_is_the_business_s(now: datetime, week: str) -> None:
    assert last_week(now, KOLKATA) == week


def test_a_week_begins_on_monday_in_the_business_s_zone() -> None:
    since, until = span("2026-W03", KOLKATA)

    assert since == datetime(2026, 1, 11, 18, 30, tzinfo=UTC)
    assert until - since == timedelta(days=7)


@pytest.mark.both_databases
async def test_a_week_is_drawn_for_the_reviewers_in_turn(
    floor: "Floor", rita: "Person", sam: "Person"
) -> None:
    for n in range(6):
        await floor.call(f"c{n}", agent_id=f"a{n % 2}")
    await floor.call("later", began=datetime(2026, 1, 20, tzinfo=UTC))
    rule = {"per_agent": 2, "due_days": 3, "reviewers": [str(rita.id), str(sam.id)]}
    await sam.told("PUT", PATH, rule)

    first = await sam.told("POST", f"{PATH}/draw", {"week": "2026-W03"})
    again = await sam.told("POST", f"{PATH}/draw", {"week": "2026-W03"})

    queue = (await sam.told("GET", "/reviews"))["items"]
    assert (first["assigned"], again["assigned"]) == (4, 0)
    assert Counter(row["agent_id"] for row in queue) == {"a0": 2, "a1": 2}
    assert Counter(row["reviewer_id"] for row in queue) == {str(rita.id): 2, str(sam.id): 2}
    assert {row["state"] for row in queue} == {"open"}
    assert (await sam.ask("POST", f"{PATH}/draw", {"week": "2026-W54"})).status_code == 422


@pytest.mark.both_databases
async def test_the_weekly_draw_is_scheduled_and_runs_as_a_job(
    floor: "Floor", sam: "Person"
) -> None:
    await floor.call("one")
    await sam.told("PUT", PATH, {"per_agent": 1})

    async def due(tx: Any) -> None:
        for _ in range(2):
            await enqueue(tx, JobSpec(kind=SAMPLE, payload={"week": "2026-W03"}))

    await floor.db.write(due)
    await floor.settle()

    async with floor.server.storage.read(None) as session:
        drawn = select(JobSchedule).where(JobSchedule.kind == SAMPLE)
        [schedule] = (await session.scalars(drawn)).all()
    assert (schedule.cron, schedule.tenant_id) == ("0 13 * * 1", floor.tenant_id)
    [review] = (await sam.told("GET", "/reviews"))["items"]
    assert (review["callid"], review["reviewer_id"]) == ("one", None)

    await sam.told("PUT", PATH, {"enabled": False})
    await floor.call("two", agent_id="a2")
    await floor.db.write(due)
    await floor.settle()
    assert len((await sam.told("GET", "/reviews"))["items"]) == 1


@pytest.mark.both_databases
async def test_of_two_who_change_the_sampling_the_second_is_told(
    floor: "Floor", rita: "Person", sam: "Person"
) -> None:
    before = await sam.ask("GET", PATH)
    etag = {"if-match": before.headers["etag"]}

    first = await sam.ask("PUT", PATH, {"per_agent": 3}, **etag)
    second = await sam.ask("PUT", PATH, {"per_agent": 4}, **etag)

    assert before.json()["enabled"] is False
    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["error_code"] == "SAMPLING_CHANGED"
    assert (await rita.told("GET", PATH))["per_agent"] == 3
    assert await rita.refused("PUT", PATH, {"per_agent": 5}) == (403, "SCOPE_MISSING")
