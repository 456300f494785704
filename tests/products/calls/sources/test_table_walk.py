"""The past of a source database comes in by ranges of time, as often as one likes."""

from datetime import timedelta
from typing import Any

import pytest
from tests.products.calls.sources.telephony import NOON, Telephony, call

pytestmark = pytest.mark.both_databases


async def walk(telephony: Telephony, **other: Any) -> dict[str, Any]:
    span = {"from": "2026-01-05T00:00:00Z", "to": "2026-01-06T00:00:00Z"}
    ask = {"source_id": telephony.id, **span, **other}
    asked = await telephony.told("POST", "/ingest/{bid}/backfill", json=ask)
    await telephony.work()
    done: dict[str, Any] = await telephony.told("GET", f"/ingest/{{bid}}/backfill/{asked['id']}")
    return done


async def test_rows_of_a_range_are_counted_then_taken_then_known(telephony: Telephony) -> None:
    day = timedelta(days=1)
    telephony.source.put(
        call("before", at=NOON - day),
        *(call(f"c{n}", at=NOON + timedelta(minutes=n)) for n in range(5)),
        call("no id/1"),
        call("after", at=NOON + day),
    )
    await telephony.connect(enabled=False, batch_size=2)

    counted = await walk(telephony, dry_run=True)
    nothing = await telephony.callids()
    taken, again = await walk(telephony), await walk(telephony)

    figures = ("state", "files", "created", "duplicates", "refused", "error")
    assert [counted[name] for name in figures] == ["done", 6, 5, 0, 1, None]
    assert nothing == []
    assert [taken[name] for name in figures] == ["done", 6, 5, 0, 1, None]
    assert [again[name] for name in figures] == ["done", 6, 0, 5, 1, None]
    assert taken["faults"][0]["code"] == "CALLID_INVALID"
    assert await telephony.callids() == [f"c{n}" for n in range(5)]


async def test_the_range_is_one_of_moments_whatever_the_zone(telephony: Telephony) -> None:
    telephony.source.put(
        call("early", at=NOON.replace(hour=0, minute=30)),
        call("late", at=NOON.replace(day=6, hour=0, minute=30)),
    )
    await telephony.connect(enabled=False, tz="Europe/Berlin")

    await walk(telephony)

    assert await telephony.callids() == ["late"]  # half past eleven of the fifth, in UTC


async def test_a_table_without_times_cannot_be_walked(telephony: Telephony) -> None:
    await telephony.connect(enabled=False, mapping={"started_at": None})

    failed = await walk(telephony)

    assert failed["state"] == "failed"
    assert "started_at" in failed["error"]
