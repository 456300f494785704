"""Rows of a telephony system's history become calls: none is lost, none comes twice."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.products.calls.sources.telephony import NOON, PHONE, Telephony, call, now
from tests.source_databases import HISTORY

from locutory.kernel.settings import IntakeSettings, PipelineSettings
from locutory.products.calls.pipeline.contract import TRANSCRIBE
from locutory.products.calls.sources.polling import poll_once

pytestmark = pytest.mark.both_databases


async def test_rows_become_calls_and_the_watermark_follows(telephony: Telephony) -> None:
    telephony.source.put(*(call(f"c{n}", at=NOON + timedelta(minutes=n)) for n in range(3)))
    await telephony.connect()

    health = await telephony.poll()
    calls, mark = await telephony.calls(), await telephony.watermark()

    assert list(calls) == ["c0", "c1", "c2"]
    first = calls["c0"]
    assert (first.direction, first.agent_id, first.disposition) == ("inbound", "a-1", "ANSWER")
    assert first.started_at == NOON.replace(tzinfo=UTC)
    assert first.ended_at == (NOON + timedelta(minutes=2)).replace(tzinfo=UTC)
    assert (first.phone_last4, first.status) == ("3210", "pending")
    assert (health["taken"], health["error"]) == (3, None)
    assert mark["cursor"]["ts"] == "2026-01-05T12:02:00.000Z"
    assert mark["cursor"]["pass"] is None
    assert (mark["rows_total"], mark["last_error"], mark["stale"]) == (3, None, False)
    assert len(await telephony.jobs(TRANSCRIBE)) == 3


async def test_what_was_read_before_is_read_again_and_changes_nothing(
    telephony: Telephony,
) -> None:
    telephony.source.put(call("c1"), call("c2"))
    await telephony.connect()
    await telephony.poll()

    again = await telephony.poll()

    assert (again["read"], again["taken"], again["updated"], again["duplicates"]) == (2, 0, 0, 2)
    assert len(await telephony.jobs(TRANSCRIBE)) == 2
    assert (await telephony.watermark())["rows_total"] == 2


async def test_a_row_that_was_edited_late_updates_once(telephony: Telephony) -> None:
    began = now() - timedelta(minutes=5)
    telephony.source.put(call("c1", at=began), call("c2", at=began + timedelta(minutes=4)))
    await telephony.connect()
    await telephony.poll()
    table = telephony.source.quoted(HISTORY)
    late = began + timedelta(minutes=1)  # before the watermark, within the overlap
    telephony.source.run(
        f"UPDATE {table} SET dialstatus = 'BUSY', updated_at = %s WHERE callid = 'c1'", [late]
    )

    second, third = await telephony.poll(), await telephony.poll()

    assert (second["updated"], third["updated"]) == (1, 0)
    assert (await telephony.calls())["c1"].disposition == "BUSY"
    assert await telephony.callids() == ["c1", "c2"]


async def test_another_recording_is_noted_once_while_its_row_is_read_again(
    telephony: Telephony,
) -> None:
    telephony.source.put(call("c1"))
    await telephony.connect()
    await telephony.poll()
    table = telephony.source.quoted(HISTORY)
    telephony.source.run(f"UPDATE {table} SET filename = 'https://example.org/other.wav'")

    updates = [(await telephony.poll())["updated"] for _ in range(3)]
    telephony.source.run(f"UPDATE {table} SET filename = 'https://example.org/c1.wav', note = 'x'")
    back = await telephony.poll()

    assert updates == [1, 0, 0]
    assert back["updated"] == 1
    assert (await telephony.calls())["c1"].custom == {"note": "x"}


async def test_a_row_that_is_committed_late_is_not_lost(telephony: Telephony) -> None:
    began = now() - timedelta(minutes=5)
    telephony.source.put(call("c2", at=began + timedelta(minutes=4)))
    await telephony.connect()
    await telephony.poll()
    telephony.source.put(call("c1", at=began))

    await telephony.poll()

    assert await telephony.callids() == ["c1", "c2"]


async def test_two_thousand_rows_of_one_moment_all_come(telephony: Telephony) -> None:
    telephony.server.settings.pipeline = PipelineSettings(high_water=10_000)
    telephony.source.put(*(call(f"c{n:04}") for n in range(2000)))
    await telephony.connect(batch_size=300)

    health = await telephony.poll()
    again = await telephony.poll()

    assert health["taken"] == 2000
    assert len(await telephony.calls()) == 2000
    assert (again["read"], again["duplicates"]) == (2000, 2000)


async def test_an_overlap_of_more_rows_than_a_batch_goes_on(telephony: Telephony) -> None:
    telephony.source.put(*(call(f"c{n}") for n in range(10)))
    await telephony.connect(batch_size=2)
    await telephony.poll()
    telephony.source.put(call("last", at=NOON + timedelta(seconds=1)))

    health = await telephony.poll()

    assert (health["read"], health["taken"]) == (11, 1)


async def test_rows_without_a_time_of_change_come_as_well(telephony: Telephony) -> None:
    telephony.source.put(call("c1"), call("c2", updated_at=None))
    await telephony.connect()
    await telephony.poll()
    telephony.source.put(call("c3", updated_at=None))

    health = await telephony.poll()

    assert await telephony.callids() == ["c1", "c2", "c3"]
    assert health["taken"] == 1


async def test_zero_dates_are_read_and_doubted(mysql_telephony: Telephony) -> None:
    zero = "0000-00-00 00:00:00"
    row = call("c1", starttime=zero, endtime=zero, updated_at=zero)
    mysql_telephony.source.put(row, call("c2"))
    await mysql_telephony.connect()

    health = await mysql_telephony.poll()
    again = await mysql_telephony.poll()
    calls = await mysql_telephony.calls()

    assert (health["taken"], health["refused"], again["updated"]) == (2, 0, 0)
    assert calls["c1"].flags == ["time_suspect"]
    assert calls["c1"].ended_at is None
    assert calls["c2"].flags == []


async def test_nulls_and_texts_of_every_plane_are_taken_as_they_are(
    telephony: Telephony,
) -> None:
    blank = dict.fromkeys(("endtime", "direction", "callfrom", "callto", "filename"))
    telephony.source.put(call("c1", note="नमस्ते 😀", **blank), call("c2"))
    await telephony.connect()

    await telephony.poll()
    calls = await telephony.calls()

    assert calls["c1"].custom == {"note": "नमस्ते 😀"}
    assert (calls["c1"].direction, calls["c1"].phone_last4) == ("unknown", None)
    assert (calls["c1"].status, calls["c1"].status_reason) == ("skipped", "no_recording")


async def test_a_row_that_is_no_call_is_kept_with_the_reason_and_stops_nothing(
    telephony: Telephony,
) -> None:
    telephony.source.put(
        call("c1"),
        call("no call id/1", note=f"ring {PHONE}"),
        call("stream"),
        call(None),
        call("c2", filename="https://127.0.0.1/x.wav?token=planted"),
        call("c3", filename="x" * 5000),
        call("c4", at=NOON + timedelta(minutes=1)),
    )
    await telephony.connect(batch_size=2)

    health = await telephony.poll()
    again = await telephony.poll()
    letters = await telephony.letters()

    assert await telephony.callids() == ["c1", "c4"]
    assert (health["taken"], health["refused"], again["refused"]) == (2, 5, 0)
    assert (await telephony.watermark())["cursor"]["ts"] == "2026-01-05T12:01:00.000Z"
    codes = sorted(letter["code"] for letter in letters)
    assert codes == ["CALLID_INVALID"] * 3 + ["INVALID", "URL_BLOCKED"]
    first = next(one for one in letters if one["payload"]["row"]["callid"] == "no call id/1")
    assert first["payload"]["row"]["note"] == "ring [phone]"
    assert "9876543210" not in str(letters)
    assert "planted" not in str(letters)
    assert not any(letter["redrivable"] for letter in letters)


async def test_a_row_that_is_mended_comes_in(telephony: Telephony) -> None:
    telephony.source.put(call("not so good"))
    await telephony.connect()
    await telephony.poll()
    telephony.source.run(f"UPDATE {telephony.source.quoted(HISTORY)} SET callid = 'good'")

    await telephony.poll()

    assert await telephony.callids() == ["good"]


async def test_times_that_clocks_skipped_are_flagged(telephony: Telephony) -> None:
    skipped, shown_twice = datetime(2026, 3, 29, 2, 30), datetime(2025, 10, 26, 2, 30)
    telephony.source.put(
        call("skipped", at=skipped), call("twice", at=shown_twice), call("plain", at=NOON)
    )
    await telephony.connect(tz="Europe/Berlin")

    await telephony.poll()
    calls = await telephony.calls()

    assert calls["skipped"].flags == ["time_suspect"]
    assert calls["twice"].started_at == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    assert calls["plain"].started_at == datetime(2026, 1, 5, 11, tzinfo=UTC)
    assert calls["twice"].flags == calls["plain"].flags == []


async def test_rows_from_the_future_do_not_move_the_watermark_beyond_now(
    telephony: Telephony,
) -> None:
    telephony.source.put(call("c1"), call("c2", at=now() + timedelta(days=30)))
    await telephony.connect()
    await telephony.poll()
    telephony.source.put(call("c3", at=now()))

    health = await telephony.poll()
    reached = datetime.fromisoformat((await telephony.watermark())["cursor"]["ts"])

    assert health["taken"] == 1
    assert (await telephony.calls())["c2"].flags == ["time_suspect"]
    assert reached <= datetime.now(UTC)


async def test_without_a_time_of_change_rows_come_by_their_id(telephony: Telephony) -> None:
    telephony.source.put(*(call(f"c{n}") for n in range(5)))
    await telephony.connect(mapping={"updated_at": None}, batch_size=2)
    await telephony.poll()
    telephony.source.put(call("c5"))

    health = await telephony.poll()

    assert (health["read"], health["taken"]) == (1, 1)
    assert (await telephony.watermark())["cursor"]["id"] == 6


async def test_without_a_time_of_change_the_last_day_is_read_anew_each_hour(
    telephony: Telephony,
) -> None:
    recent = now() - timedelta(hours=2)
    telephony.source.put(call("old", at=NOON), call("c1", at=recent), call("c2", at=recent))
    await telephony.connect(mapping={"updated_at": None}, batch_size=1)
    await telephony.poll()
    table = telephony.source.quoted(HISTORY)
    telephony.source.run(f"UPDATE {table} SET dialstatus = 'BUSY'")
    soon = await telephony.poll()
    await telephony.let_pass(timedelta(hours=1))

    later, after = await telephony.poll(), await telephony.poll()
    calls = await telephony.calls()

    assert (soon["updated"], later["updated"], after["read"]) == (0, 2, 0)
    assert [calls[name].disposition for name in ("old", "c1", "c2")] == ["ANSWER", "BUSY", "BUSY"]


async def test_rows_are_filtered_where_they_are(telephony: Telephony) -> None:
    telephony.source.put(call("c1"), call("c2", dialstatus="BUSY"), call("c3"))
    await telephony.connect(
        mapping={
            "filters": [
                {"column": "dialstatus", "op": "in", "value": ["ANSWER", "x' OR '1'='1"]},
                {"column": "callid", "op": "ne", "value": "c3"},
            ]
        }
    )

    health = await telephony.poll()

    assert (health["read"], await telephony.callids()) == (1, ["c1"])


async def test_what_began_before_since_stays_out(telephony: Telephony) -> None:
    telephony.source.put(call("old", at=NOON - timedelta(days=1)), call("c1"))
    await telephony.connect(since="2026-01-05T00:00:00Z")

    await telephony.poll()

    assert await telephony.callids() == ["c1"]


async def test_of_two_rows_of_one_call_the_later_one_holds(telephony: Telephony) -> None:
    telephony.source.put(call("c1", note="first"), call("c1", note="second"))
    await telephony.connect()

    await telephony.poll()
    again = await telephony.poll()

    assert (await telephony.calls())["c1"].custom == {"note": "second"}
    assert again["updated"] == 0


async def test_what_was_read_from_a_place_that_was_moved_is_not_taken_in(
    telephony: Telephony,
) -> None:
    telephony.source.put(call("c1"))
    await telephony.connect()
    ahead = {"ts": "2026-01-20T00:00:00Z", "reason": "let the past be"}

    async def move_and_write(fn: Any) -> Any:
        path = f"/pipeline/{{bid}}/watermarks/source:{telephony.id}"
        await telephony.told("PUT", path, json=ahead)
        return await telephony.db.write(fn)

    services = telephony.server.services
    polled = await poll_once(telephony.db, services, UUID(telephony.id), move_and_write)

    assert polled is not None
    assert (polled.more, polled.taken, polled.error) == (True, 0, None)
    assert await telephony.callids() == []
    assert (await telephony.watermark())["cursor"]["ts"] == "2026-01-20T00:00:00.000Z"


async def test_polls_come_less_often_while_nothing_comes(telephony: Telephony) -> None:
    await telephony.connect()
    pauses = [(await telephony.poll())["pause_s"] for _ in range(7)]
    telephony.source.put(call("c1"))
    busy = (await telephony.poll())["pause_s"]

    assert pauses == [15, 30, 60, 120, 240, 300, 300]
    assert busy == 15
    waiting = [job for job in await telephony.jobs() if job.state == "delayed"]
    assert len(waiting) == 1


async def test_a_source_has_one_poll_at_a_time(telephony: Telephony) -> None:
    await telephony.connect()

    for _ in range(3):
        await telephony.told("POST", "/pipeline/{bid}/sync")

    assert [job.state for job in await telephony.jobs()] == ["queued"]


async def test_reading_pauses_while_many_calls_wait_and_resumes_at_half(
    telephony: Telephony,
) -> None:
    telephony.server.settings.pipeline = PipelineSettings(high_water=4)
    telephony.source.put(*(call(f"c{n}") for n in range(8)))
    await telephony.connect(batch_size=2)

    held = await telephony.poll()
    at_first = len(await telephony.calls())
    still = await telephony.poll()
    waiting = await telephony.jobs(TRANSCRIBE)
    telephony.server.settings.pipeline = PipelineSettings(high_water=10)
    more = await telephony.poll()

    assert (held["held"], held["taken"], at_first) == ("BACKLOG_HIGH", 4, 4)
    assert (still["held"], still["read"], len(waiting)) == ("BACKLOG_HIGH", 0, 4)
    assert (more["held"], len(await telephony.calls())) == (None, 8)


async def test_a_table_that_is_dropped_is_named_and_read_again_when_it_is_back(
    telephony: Telephony,
) -> None:
    telephony.source.put(call("c1"))
    await telephony.connect()
    await telephony.poll()
    telephony.source.run(f"DROP TABLE {telephony.source.quoted(HISTORY)}")

    gone = await telephony.poll()
    mark = await telephony.watermark()
    telephony.source.make_history()
    telephony.source.put(call("c1"), call("c2"))
    back = await telephony.poll()

    # a server does not tell every account what there is
    assert gone["error"].split(":")[0] in ("SOURCE_TABLE_MISSING", "SOURCE_GRANT_MISSING")
    assert gone["advice"]
    assert mark["last_error"] == gone["error"]
    assert (back["error"], back["taken"]) == (None, 1)
    assert (await telephony.watermark())["last_error"] is None


async def test_columns_that_are_not_there_are_named_with_those_that_are(
    telephony: Telephony,
) -> None:
    await telephony.connect(mapping={"callid": "call_uuid", "agent_name": "operator"})

    health = await telephony.poll()

    assert health["error"].startswith("SOURCE_COLUMN_MISSING: no column call_uuid, operator;")
    assert "callfrom" in health["error"]


async def test_a_time_of_change_that_is_no_time_is_refused(telephony: Telephony) -> None:
    await telephony.connect(mapping={"updated_at": "note"})

    health = await telephony.poll()

    assert health["error"].startswith("SOURCE_COLUMN_MISSING: note is")


async def test_an_account_without_rights_is_told_what_to_ask_for(telephony: Telephony) -> None:
    made = telephony.source
    made.run("CREATE TABLE calls_of_others (id INT PRIMARY KEY, callid VARCHAR(9))")
    plain = {"table": "calls_of_others", "row_id": "id", "callid": "callid"}
    await telephony.connect(mapping={**dict.fromkeys(telephony.body()["mapping"]), **plain})

    health = await telephony.poll()

    assert health["error"].startswith("SOURCE_GRANT_MISSING")
    assert "GRANT SELECT" in health["advice"]


async def test_a_wrong_password_waits_longer_each_time_until_it_is_mended(
    mysql_telephony: Telephony,
) -> None:
    telephony = mysql_telephony
    telephony.source.put(call("c1"))
    wrong = {**telephony.source.connection, "password": "wr0ng-planted"}
    await telephony.connect(connection=wrong)

    refused = [await telephony.poll() for _ in range(8)]
    await telephony.change(connection={"password": telephony.source.connection["password"]})
    await telephony.work()

    assert {health["error"].split(":")[0] for health in refused} == {"SOURCE_AUTH"}
    assert [health["pause_s"] for health in refused] == [15, 30, 60, 120, 240, 480, 900, 900]
    assert "planted" not in str(refused)
    assert await telephony.callids() == ["c1"]


async def test_a_server_that_is_down_is_tried_again(telephony: Telephony) -> None:
    telephony.source.put(call("c1"))
    await telephony.connect()
    hosts = telephony.server.settings.intake.database_hosts
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    telephony.server.settings.intake = IntakeSettings(
        database_hosts=(*hosts, f"127.0.0.1:{port}"), connect_timeout_s=1
    )
    connection = telephony.source.connection
    await telephony.change(connection={**connection, "host": "127.0.0.1", "port": port})

    down = await telephony.poll()
    await telephony.change(connection=connection)
    await telephony.work()

    assert down["error"].startswith("SOURCE_UNREACHABLE")
    assert await telephony.callids() == ["c1"]


async def test_a_statement_without_end_is_ended(telephony: Telephony) -> None:
    source = telephony.source
    endless = "SLEEP(60)" if source.kind == "mysql" else "pg_sleep(60)::text"
    source.run(
        f"CREATE VIEW endless AS SELECT id, callid, {endless} AS note FROM {source.quoted(HISTORY)}"
    )
    source.let_read("endless")
    source.put(call("c1"))
    telephony.server.settings.intake.statement_timeout_s = 0.3
    plain = {"table": "endless", "row_id": "id", "callid": "callid", "extra": ["note"]}
    await telephony.connect(mapping={**dict.fromkeys(telephony.body()["mapping"]), **plain})

    health = await telephony.poll()

    assert health["error"].startswith("SOURCE_TIMEOUT")
    assert "batch_size" in health["advice"]


async def test_a_host_that_is_no_longer_listed_is_not_called(telephony: Telephony) -> None:
    telephony.source.put(call("c1"))
    await telephony.connect()
    telephony.server.settings.intake = IntakeSettings()

    health = await telephony.poll()

    assert health["error"].startswith("SOURCE_HOST_BLOCKED")
    assert await telephony.callids() == []


async def test_a_source_that_is_switched_off_is_not_read(telephony: Telephony) -> None:
    await telephony.connect()
    await telephony.poll()
    await telephony.change(enabled=False)
    telephony.source.put(call("c1"))

    await telephony.poll()
    off = await telephony.callids()
    await telephony.change(enabled=True)
    await telephony.work()

    assert off == []
    assert await telephony.callids() == ["c1"]


async def test_calls_of_a_source_that_is_deleted_stay(telephony: Telephony) -> None:
    telephony.source.put(call("c1"))
    await telephony.connect()
    await telephony.poll()

    await telephony.told("DELETE", f"/pipeline/{{bid}}/sources/{telephony.id}")
    await telephony.told("POST", "/pipeline/{bid}/sync")
    await telephony.work()
    marks: dict[str, Any] = await telephony.told("GET", "/pipeline/{bid}/watermarks")

    assert await telephony.callids() == ["c1"]
    assert marks == {"items": []}
