"""Changes of a table as Debezium tells them, in place of a poll."""

from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from tests.conftest import Resident
from tests.products.calls.sources.conftest import Intake

from locutory.products.calls.records.models import CallRecord

pytestmark = pytest.mark.both_databases

MAPPING = {
    "table": "6004_callhistory",
    "row_id": "id",
    "updated_at": "updated_at",
    "callid": "callid",
    "started_at": "starttime",
    "duration": "talk",
    "disposition": "dialstatus",
    "direction": "direction",
    "customer_phone": "callfrom",
    "audio_url": "filename",
    "extra": ["note"],
    "filters": [{"column": "dialstatus", "op": "eq", "value": "ANSWER"}],
}
PHONE = "+919876543210"
AT = 1_767_614_400_000  # 2026-01-05 12:00 as a DATETIME is written: as if it were UTC


def row(callid: Any, **other: Any) -> dict[str, Any]:
    plain = {
        "id": 1,
        "callid": callid,
        "starttime": AT,
        "talk": 60,
        "dialstatus": "answer",
        "direction": "Incoming",
        "callfrom": PHONE,
        "filename": f"https://example.org/{callid}.wav",
        "note": "vip",
        "secret_column": "never read",
    }
    return plain | other


def change(
    callid: Any, *, op: str = "c", at_ms: int = 1000, table: str = "6004_callhistory", **other: Any
) -> dict[str, Any]:
    now = row(callid, **other)
    rows = {"before": now, "after": None} if op == "d" else {"before": None, "after": now}
    origin = {"connector": "mysql", "db": "pbx", "table": table, "ts_ms": at_ms}
    return {**rows, "source": origin, "op": op, "ts_ms": at_ms + 5}


async def connect(intake: Intake, **mapping: Any) -> str:
    body = {"name": "PBX", "kind": "push", "mapping": {**MAPPING, **mapping}, "tz": "Asia/Kolkata"}
    return str((await intake.told("POST", "/pipeline/{bid}/sources", json=body))["id"])


async def tell(intake: Intake, events: Any, *, source: str = "PBX") -> httpx2.Response:
    reply: httpx2.Response = await intake.ask(
        "POST", "/ingest/{bid}/cdc", params={"source": source}, json=events
    )
    return reply


async def results(intake: Intake, events: Any) -> list[tuple[str, str | None]]:
    reply = await tell(intake, events)
    assert reply.status_code == 200, reply.text
    items = reply.json()["items"]
    return [(one["result"], one["error"] and one["error"]["error_code"]) for one in items]


async def stored(intake: Intake) -> dict[str, CallRecord]:
    async with intake.db.read() as session:
        return {one.callid: one for one in await session.scalars(select(CallRecord))}


async def test_rows_become_calls_by_the_mapping(intake: Intake) -> None:
    id_ = await connect(intake)
    typed = {"field": "starttime", "type": "int64", "name": "io.debezium.time.MicroTimestamp"}
    schema = {"fields": [{"field": "after", "fields": [typed]}]}
    wrapped = {"schema": schema, "payload": change("c2", op="r", starttime=AT * 1000)}

    reply = await tell(intake, [change("c1"), wrapped], source=id_)

    assert {k: v for k, v in reply.json().items() if k != "items"} == {
        "accepted": 2,
        "duplicates": 0,
        "rejected": 0,
        "ignored": 0,
    }
    for call in (await stored(intake)).values():
        assert str(call.started_at) == "2026-01-05 06:30:00+00:00"
        assert str(call.ended_at) == "2026-01-05 06:31:00+00:00"
        assert (call.direction, call.phone_last4) == ("inbound", "3210")
        assert call.custom == {"duration_s": 60.0, "note": "vip"}


async def test_one_event_alone_is_taken_too(intake: Intake) -> None:
    await connect(intake)

    assert await results(intake, change("c1")) == [("created", None)]
    assert await results(intake, change("c1", at_ms=1000)) == [("duplicate", None)]


async def test_what_is_older_than_what_was_taken_changes_nothing(intake: Intake) -> None:
    await connect(intake)

    first = await results(intake, change("c1", op="u", at_ms=2000, note="new"))
    late = await results(intake, change("c1", at_ms=1000, note="old"))
    both = await results(
        intake, [change("c2", op="u", at_ms=9, note="new"), change("c2", at_ms=8, note="old")]
    )

    assert (first, late) == ([("created", None)], [("ignored", "CDC_STALE")])
    assert both == [("created", None), ("ignored", "CDC_SUPERSEDED")]
    assert {call.custom["note"] for call in (await stored(intake)).values()} == {"new"}


async def test_a_deletion_is_noted_and_the_call_stays(intake: Intake) -> None:
    await connect(intake)
    await results(intake, change("c1", at_ms=1000))

    gone = await results(intake, [change("c1", op="d", at_ms=3000), None])
    late = await results(intake, change("c1", op="u", at_ms=2000, note="late"))

    assert gone == [("ignored", "CDC_DELETED"), ("ignored", "CDC_TOMBSTONE")]
    assert late == [("ignored", "CDC_STALE")]
    assert list(await stored(intake)) == ["c1"]


async def test_other_tables_and_filtered_rows_are_ignored(intake: Intake) -> None:
    await connect(intake)

    found = await results(
        intake,
        [
            change("c1", table="6004_agents"),
            change("c2", dialstatus="BUSY"),
            change("c3", dialstatus=None),
            {"payload": {"op": "t", "source": {}}},
        ],
    )

    codes = ["CDC_OTHER_TABLE", "CDC_FILTERED", "CDC_FILTERED", "CDC_NO_ROW"]
    assert found == [("ignored", code) for code in codes]
    assert await stored(intake) == {}


async def test_bad_rows_are_dead_letters_and_stop_no_others(intake: Intake) -> None:
    await connect(intake)
    short = change("c9")
    del short["after"]["callfrom"]
    events = [
        change("a b"),
        change("c1", starttime="soon"),
        change("c2", filename="http://169.254.169.254/x.wav"),
        {"callid": "c3", "callfrom": PHONE},
        short,
        change("c4"),
    ]

    found = await results(intake, events)
    await tell(intake, events)

    assert [result for result, _ in found] == ["rejected"] * 5 + ["created"]
    assert [code for _, code in found[1:5]] == [
        "ROW_TIME_INVALID",
        "URL_BLOCKED",
        "CDC_MALFORMED",
        "COLUMN_MISSING",
    ]
    letters = (await intake.told("GET", "/dlq/{bid}?stage=sync"))["items"]
    assert len(letters) == 5
    shown = [await intake.told("GET", f"/dlq/{{bid}}/{one['job_id']}") for one in letters]
    assert PHONE not in str(shown)


@pytest.mark.parametrize(
    ("events", "source", "status", "code"),
    [
        ([], "PBX", 422, "INVALID"),
        ([{}] * 501, "PBX", 422, "INVALID"),
        ("text", "PBX", 422, "INVALID"),
        ([{}], "Nobody", 404, "SOURCE_NOT_FOUND"),
        ([{}], "Relay", 422, "SOURCE_NOT_MAPPED"),
    ],
)
async def test_what_is_no_request_is_refused(
    intake: Intake, events: Any, source: str, status: int, code: str
) -> None:
    await connect(intake)
    await intake.told("POST", "/pipeline/{bid}/sources", json={"name": "Relay", "kind": "push"})

    reply = await tell(intake, events, source=source)

    assert (reply.status_code, reply.json()["error_code"]) == (status, code)


async def test_a_source_of_another_business_is_not_there(intake: Intake, theirs: Resident) -> None:
    id_ = await connect(intake)

    for bid, status in ((theirs.bid, "SOURCE_NOT_FOUND"), (intake.resident.bid, "BID_NOT_FOUND")):
        reply = await theirs.ask(
            "POST", f"/ingest/{bid}/cdc", params={"source": id_}, json=[change("c1")]
        )
        assert (reply.status_code, reply.json()["error_code"]) == (404, status)
    assert await stored(intake) == {}
