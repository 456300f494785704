"""Source databases over HTTP: who may name one, what is shown of it, and what a test finds."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.conftest import Resident
from tests.products.calls.sources.telephony import MAPPING, NOON, PHONE, Telephony, call, now
from tests.source_databases import HISTORY, PASSWORD, SourceServer

from locutory.app import Server
from locutory.engines.blobs import BlobStore
from locutory.kernel.audit.models import AuditRow
from locutory.kernel.auth.models import UserRow
from locutory.kernel.db import Session
from locutory.kernel.settings import IntakeSettings
from locutory.products.calls.pipeline.disk import StoreLook
from locutory.products.calls.pipeline.models import SyncWatermark
from locutory.products.calls.pipeline.service.watch import watch_one
from locutory.products.calls.sources.models import CallSource

pytestmark = pytest.mark.both_databases

SOURCES = "/pipeline/{bid}/sources"
EXTERNAL = {"host": "db.example.org", "port": 3306}


async def watch(telephony: Telephony) -> None:
    store = StoreLook(telephony.server.services.get(BlobStore))
    await watch_one(telephony.db, telephony.server.settings, store)


async def become_platform_admin(server: Server, resident: Resident) -> None:
    async def raise_(tx: Session) -> None:
        of_user = UserRow.id == resident.user_id
        await tx.execute(
            update(UserRow).where(of_user).values(platform_admin=True),
            execution_options={"fenced": True},
        )

    await server.storage.database().write(raise_)


async def test_a_source_is_shown_without_its_password(telephony: Telephony) -> None:
    made = await telephony.connect()
    changed = await telephony.change(name="Old history", poll_interval_s=60)
    listed = (await telephony.told("GET", SOURCES))["items"]

    shown = {**telephony.source.connection, "tls": "off", "password_set": True}
    shown.pop("password")
    assert made["connection"] == shown
    assert made["mapping"]["callid"] == "callid"
    assert (made["poll_interval_s"], made["overlap_s"], made["batch_size"]) == (15, 600, 500)
    assert (changed["name"], changed["poll_interval_s"]) == ("Old history", 60)
    assert listed == [changed]
    assert PASSWORD not in str([made, changed, listed])


async def test_where_a_source_is_lies_encrypted(telephony: Telephony) -> None:
    await telephony.connect()
    async with telephony.db.read() as session:
        row = await session.scalar(select(CallSource))
        audited = list(await session.scalars(select(AuditRow)))

    assert row is not None
    assert row.place_enc is not None
    for hidden in (PASSWORD, telephony.source.reader):
        assert hidden.encode() not in row.place_enc
    assert PASSWORD not in str([vars(one) for one in audited])


async def test_a_business_names_no_host_that_the_operator_does_not_list(
    telephony: Telephony,
) -> None:
    connection = {**telephony.source.connection, **EXTERNAL}

    new = await telephony.ask("POST", SOURCES, json=telephony.body(connection=connection))
    await telephony.connect()
    moved = await telephony.ask(
        "PATCH", f"{SOURCES}/{telephony.id}", json={"connection": connection}
    )

    for refused in (new, moved):
        assert (refused.status_code, refused.json()["error_code"]) == (403, "SOURCE_HOST_FORBIDDEN")


async def test_a_platform_administrator_names_public_hosts_and_no_private_ones(
    telephony: Telephony,
) -> None:
    await become_platform_admin(telephony.server, telephony.resident)
    await telephony.resident.log_in()
    for number, host in enumerate(("10.0.0.5", "169.254.169.254", "2130706433", "[::1]", "::1")):
        connection = {**telephony.source.connection, "host": host, "port": 3306 + number}
        refused = await telephony.ask("POST", SOURCES, json=telephony.body(connection=connection))
        assert refused.status_code == 422, refused.text

    public = {**telephony.source.connection, **EXTERNAL}
    made = await telephony.told("POST", SOURCES, json=telephony.body(connection=public))

    assert made["connection"]["host"] == "db.example.org"


async def test_a_stored_password_is_not_sent_elsewhere(telephony: Telephony) -> None:
    await telephony.connect()
    hosts = telephony.server.settings.intake.database_hosts
    telephony.server.settings.intake = IntakeSettings(database_hosts=(*hosts, "127.0.0.1:9"))
    path = f"{SOURCES}/{telephony.id}"

    moved = await telephony.ask("PATCH", path, json={"connection": {"port": 9}})
    weaker = await telephony.ask("PATCH", path, json={"connection": {"tls": "required"}})
    renamed = await telephony.ask("PATCH", path, json={"connection": {"tls": "verify"}})

    for refused in (moved, weaker):
        assert refused.json()["errors"][0]["code"] == "PASSWORD_NEEDED"
    assert renamed.status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"connection": None},
        {"mapping": None},
        {"preset": "mcube"},
        {"path": "/srv/recordings"},
        {"tz": "Mars/Olympus"},
        {"batch_size": 0},
        {"overlap_s": -1},
        {"mapping": {**MAPPING, "table": "a`b"}},
        {"mapping": {**MAPPING, "callid": "a b"}},
        {"mapping": {**MAPPING, "extra": ["x; DROP TABLE y"]}},
        {"mapping": {**MAPPING, "filters": [{"column": "a", "op": "like", "value": "x"}]}},
        {"mapping": {**MAPPING, "filters": [{"column": "a", "op": "in", "value": "x"}]}},
        {"mapping": {**MAPPING, "filters": [{"column": "a", "op": "eq"}]}},
        {"mapping": {**MAPPING, "filters": [{"column": "a", "op": "is_null", "value": 1}]}},
    ],
)
async def test_what_does_not_fit_is_refused(telephony: Telephony, fault: dict[str, Any]) -> None:
    body = {name: v for name, v in {**telephony.body(), **fault}.items() if v is not None}

    reply = await telephony.ask("POST", SOURCES, json=body)

    assert reply.status_code == 422, reply.text
    assert PASSWORD not in reply.text


async def test_a_password_that_does_not_fit_is_not_quoted(telephony: Telephony) -> None:
    wrong = {**telephony.source.connection, "password": "planted\n" + "x" * 300}

    reply = await telephony.ask("POST", SOURCES, json=telephony.body(connection=wrong))

    assert reply.status_code == 422
    assert "planted" not in reply.text


async def test_a_test_shows_columns_and_rows_with_masked_phones(telephony: Telephony) -> None:
    telephony.source.put(*(call(f"c{n}", note=f"ring {PHONE}") for n in range(5)))
    await telephony.connect()

    found = await telephony.told("POST", f"{SOURCES}/{telephony.id}/test")

    assert found["ok"], found
    assert {"name": "callfrom"}.items() <= found["columns"][6].items()
    assert [row["callid"] for row in found["rows"]] == ["c0", "c1", "c2"]
    assert found["rows"][0]["callfrom"] == "•••••••••3210"
    assert found["rows"][0]["note"] == "ring [phone]"
    assert "9876543210" not in str(found)
    assert abs(found["clock_skew_s"]) < 60
    assert all(finding["ok"] for finding in found["findings"])
    assert await telephony.callids() == []


async def test_a_test_names_what_is_missing(telephony: Telephony) -> None:
    telephony.source.put(call("c1"))
    await telephony.connect(mapping={"callid": "uuid", "row_id": "callto", "updated_at": "note"})

    found = await telephony.told("POST", f"{SOURCES}/{telephony.id}/test")

    bad = {
        finding["check"]: finding["detail"] for finding in found["findings"] if not finding["ok"]
    }
    assert not found["ok"]
    assert "uuid" in str([f["detail"] for f in found["findings"] if f["check"] == "columns"])
    assert "no date and time" in str(found["findings"])
    assert "not known to be unique" in bad["row_id"]
    assert "reads the whole table" in bad["index"]
    assert "id" in [column["name"] for column in found["columns"]]


async def test_a_test_names_missing_grants(telephony: Telephony) -> None:
    source = telephony.source
    columns = "id, callid, starttime, endtime, dialstatus, direction, callto, filename, note"
    table = source.quoted(HISTORY)
    to = f"'{source.reader}'@'%'" if source.kind == "mysql" else source.reader
    source.run(f"REVOKE SELECT ON {table} FROM {to}")
    source.run(f"GRANT SELECT ({columns}, updated_at) ON {table} TO {to}")
    await telephony.connect()

    found = await telephony.told("POST", f"{SOURCES}/{telephony.id}/test")

    refused = [finding for finding in found["findings"] if finding["check"] == "grants"]
    assert not found["ok"]
    assert "GRANT SELECT" in refused[0]["detail"]
    assert len(refused) == 1


async def test_a_test_advises_an_account_that_only_reads(telephony: Telephony) -> None:
    source = telephony.source
    to = f"'{source.reader}'@'%'" if source.kind == "mysql" else source.reader
    source.run(f"GRANT DELETE ON {source.quoted(HISTORY)} TO {to}")
    await telephony.connect()

    found = await telephony.told("POST", f"{SOURCES}/{telephony.id}/test")

    assert [f["check"] for f in found["findings"] if not f["ok"]] == ["read_only"]
    assert found["ok"]


async def test_a_test_of_what_does_not_answer_says_so(telephony: Telephony) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    telephony.server.settings.intake = IntakeSettings(database_hosts=(f"127.0.0.1:{port}",))
    connection = {**telephony.source.connection, "host": "127.0.0.1", "port": port}
    await telephony.connect(connection=connection)

    found = await telephony.told("POST", f"{SOURCES}/{telephony.id}/test")

    assert [(f["check"], f["ok"]) for f in found["findings"]] == [("open", False)]
    assert "SOURCE_UNREACHABLE" in found["findings"][0]["detail"]


async def test_the_preset_for_mcube_is_a_guess_that_a_test_confirms(
    mysql_telephony: Telephony,
) -> None:
    telephony = mysql_telephony
    telephony.source.run(f"RENAME TABLE `{HISTORY}` TO `6004_callhistory`")
    telephony.source.let_read("6004_callhistory")
    rows = (call("c1"), call("c2", dialstatus="NOANSWER"))
    telephony.source.put(*rows, table="6004_callhistory")
    body = telephony.body(preset="mcube", name="MCube")
    body.pop("mapping")
    made = await telephony.told("POST", SOURCES, json=body)
    telephony.id = made["id"]

    found = await telephony.told("POST", f"{SOURCES}/{made['id']}/test")
    await telephony.poll()

    assert made["mapping"]["table"] == "6004_callhistory"
    assert "guess" in str(found["findings"])
    assert await telephony.callids() == ["c1"]


async def test_a_watermark_is_moved_with_a_reason(telephony: Telephony) -> None:
    telephony.source.put(call("c1"), call("c2", at=NOON + timedelta(days=1)))
    await telephony.connect()
    await telephony.poll()
    name = f"source:{telephony.id}"
    path = f"/pipeline/{{bid}}/watermarks/{name}"
    before = await telephony.watermark()

    moved = await telephony.told("PUT", path, json={"ts": None, "reason": "the mapping was wrong"})
    await telephony.work()
    again = await telephony.health()
    ahead = {"ts": "2026-01-20T00:00:00Z", "reason": "let the past be"}
    await telephony.told("PUT", path, json=ahead)
    telephony.source.put(call("late", at=NOON + timedelta(days=2)))
    await telephony.work()
    async with telephony.db.read() as session:
        of_moves = select(AuditRow).where(AuditRow.action == "watermark.move")
        audited = list(await session.scalars(of_moves))

    assert moved["cursor"]["ts"] is None
    assert (again["read"], again["duplicates"]) == (2, 2)
    assert (await telephony.watermark())["cursor"]["ts"] == "2026-01-20T00:00:00.000Z"
    assert await telephony.callids() == ["c1", "c2"]
    details = sorted((one.detail for one in audited), key=lambda one: str(one["reason"]))
    assert [one["reason"] for one in details] == ["let the past be", "the mapping was wrong"]
    assert details[1]["before"]["ts"] == before["cursor"]["ts"]


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("source:none", {"ts": None, "reason": "x"}, 404),
        (None, {"reason": "x"}, 422),
        (None, {"ts": None}, 422),
        (None, {"ts": "2099-01-01T00:00:00Z", "reason": "x"}, 422),
        (None, {"id": "a\x00b", "reason": "x"}, 422),
    ],
)
async def test_a_watermark_is_not_moved_anyhow(
    telephony: Telephony, name: str | None, body: dict[str, Any], status: int
) -> None:
    await telephony.connect()

    path = f"/pipeline/{{bid}}/watermarks/{name or f'source:{telephony.id}'}"
    reply = await telephony.ask("PUT", path, json=body)

    assert reply.status_code == status, reply.text


async def test_another_table_is_read_from_its_beginning(telephony: Telephony) -> None:
    telephony.source.put(call("c1", at=now()))
    await telephony.connect()
    await telephony.poll()
    telephony.source.make_history("other_history")
    telephony.source.put(call("c0"), table="other_history")

    await telephony.change(mapping={**MAPPING, "table": "other_history"})
    await telephony.work()

    assert await telephony.callids() == ["c0", "c1"]


async def test_the_status_shows_watermarks_and_a_stale_source_raises_an_alert(
    telephony: Telephony,
) -> None:
    await telephony.connect()
    await telephony.poll()
    fresh = await telephony.told("GET", "/pipeline/{bid}/status")
    await watch(telephony)
    quiet = (await telephony.told("GET", "/alerts/{bid}"))["items"]

    async def age(tx: Session) -> None:
        long_ago = datetime.now(UTC) - timedelta(minutes=31)
        await tx.execute(update(SyncWatermark).values(last_ok_at=long_ago))

    await telephony.db.write(age)
    await watch(telephony)
    alerts = (await telephony.told("GET", "/alerts/{bid}"))["items"]
    stale = await telephony.told("GET", "/pipeline/{bid}/status")
    await telephony.poll()
    await watch(telephony)
    ended = (await telephony.told("GET", "/alerts/{bid}"))["items"]

    name = f"source:{telephony.id}"
    assert [(m["name"], m["stale"]) for m in fresh["watermarks"]] == [(name, False)]
    assert [m["stale"] for m in stale["watermarks"]] == [True]
    mine = [one for one in alerts if one["key"] == "SourceStale"]
    assert "SourceStale" not in [one["key"] for one in quiet]
    assert [(one["about"], one["state"]) for one in mine] == [(name, "firing")]
    assert [one["state"] for one in ended if one["key"] == "SourceStale"] == ["resolved"]


async def test_a_source_of_another_business_is_read_by_that_one_alone(
    telephony: Telephony, theirs: Resident, source: SourceServer
) -> None:
    source.put(call("c1"))
    await telephony.connect()
    path = f"/pipeline/{theirs.bid}/watermarks/source:{telephony.id}"

    await telephony.poll()
    foreign = await theirs.ask("PUT", path, json={"ts": None, "reason": "x"})
    calls = (await theirs.ask("GET", f"/call-records/{theirs.bid}")).json()

    assert foreign.status_code == 404
    assert calls["items"] == []
