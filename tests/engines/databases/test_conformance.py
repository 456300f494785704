"""One body of tests for every kind of source database, on real servers."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.conftest import free_port
from tests.source_databases import HISTORY, PASSWORD, SourceServer

from locutory.engines.databases import (
    Condition,
    DatabaseFault,
    Fault,
    Index,
    Moment,
    Op,
    Place,
    Query,
    Tls,
    get_database,
)

NOON = datetime(2026, 1, 5, 12)


def place_of(source: SourceServer, **other: Any) -> Place:
    place = Place(
        host=source.host,
        addresses=(source.host,),
        port=source.port,
        database=source.database,
        user=source.reader,
        password=PASSWORD,
        tls=Tls.OFF,
        connect_s=5,
        timeout_s=5,
    )
    return replace(place, **other)


def query(**other: Any) -> Query:
    plain = {"table": HISTORY, "schema": None, "columns": ("id", "callid"), "order": ("id",)}
    return Query(**plain | other)


async def page(source: SourceServer, asked: Query, **place: Any) -> list[dict[str, Any]]:
    async with get_database(source.kind).open(place_of(source, **place)) as rows:
        return await rows.page(asked)


async def fault(source: SourceServer, asked: Query | None = None, **place: Any) -> DatabaseFault:
    with pytest.raises(DatabaseFault) as caught:
        await page(source, asked or query(), **place)
    assert PASSWORD not in str(caught.value)
    return caught.value


async def test_a_page_holds_the_rows_behind_a_place_in_order(source: SourceServer) -> None:
    source.make_history()
    source.put(*({"callid": f"c{n}", "updated_at": NOON} for n in range(5)))
    order, columns = ("updated_at", "id"), ("id", "updated_at")
    first = await page(source, query(order=order, columns=columns, limit=2))
    at = (Moment(str(first[-1]["updated_at"])), first[-1]["id"])

    rest = await page(source, query(order=order, columns=columns, after=at))

    assert [row["id"] for row in first + rest] == [1, 2, 3, 4, 5]
    assert first[0]["updated_at"] == NOON


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        (Condition("callid", Op.EQ, "c1"), [1]),
        (Condition("callid", Op.NE, "c1"), [2, 3]),
        (Condition("id", Op.GTE, 2), [2, 3]),
        (Condition("id", Op.IN, (1, 3)), [1, 3]),
        (Condition("callid", Op.NOT_IN, ("c1", "c2")), [3]),
        (Condition("note", Op.IS_NULL), [1, 2]),
        (Condition("note", Op.NOT_NULL), [3]),
        (Condition("updated_at", Op.TIMELESS), [3]),
        (Condition("updated_at", Op.TIMELY), [1, 2]),
        (Condition("updated_at", Op.LT, Moment("2026-01-06 00:00:00")), [1]),
        (Condition("callid", Op.EQ, "c1' OR '1'='1"), []),
        (Condition("callid", Op.EQ, "c1\\' OR 1=1 -- %s"), []),
    ],
)
async def test_a_condition_holds(
    source: SourceServer, condition: Condition, ids: list[int]
) -> None:
    source.make_history()
    source.put(
        {"callid": "c1", "note": None, "updated_at": NOON},
        {"callid": "c2", "note": None, "updated_at": NOON.replace(day=6)},
        {"callid": "c3", "note": "x", "updated_at": None},
    )

    found = await page(source, query(where=(condition,)))

    assert [row["id"] for row in found] == ids


async def test_columns_and_indexes_are_told(source: SourceServer) -> None:
    source.make_history(updated_at="NOT NULL")

    async with get_database(source.kind).open(place_of(source)) as rows:
        columns = {column.name: column for column in await rows.columns(HISTORY, None)}
        indexes = await rows.indexes(HISTORY, None)
        nothing = await rows.columns("no_such_table", None)

    assert list(columns)[:3] == ["id", "callid", "starttime"]
    assert columns["starttime"].is_time
    assert columns["starttime"].nullable
    assert not columns["updated_at"].nullable
    assert not columns["updated_at"].aware
    assert not columns["callid"].is_time
    assert Index(("id",), unique=True) in indexes
    assert ("updated_at", "id") in [index.columns for index in indexes]
    assert nothing == []


async def test_moments_come_in_utc_whatever_the_servers_zone(source: SourceServer) -> None:
    type_ = "TIMESTAMP" if source.kind == "mysql" else "TIMESTAMPTZ"
    source.run(f"CREATE TABLE moments (id INT PRIMARY KEY, at {type_} NULL)")
    source.let_read("moments")
    zone = "time_zone = '+05:30'" if source.kind == "mysql" else "timezone = 'Asia/Kolkata'"
    source.run(f"SET SESSION {zone}")
    source.run("INSERT INTO moments VALUES (1, '2026-01-05 17:30:00'), (2, '2026-01-05 18:30:00')")
    asked = query(table="moments", columns=("id", "at"))
    later = Condition("at", Op.GT, Moment("2026-01-05 12:00:00+00:00"))

    found = await page(source, asked)
    after = await page(source, replace(asked, where=(later,)))

    assert found[0]["at"] == NOON.replace(tzinfo=UTC)
    assert [row["id"] for row in after] == [2]


async def test_texts_of_every_plane_arrive(source: SourceServer) -> None:
    source.make_history()
    source.put({"callid": "c1", "note": "नमस्ते 😀 'a' \\ \" %s"})

    found = await page(source, query(columns=("note",)))

    assert found == [{"note": "नमस्ते 😀 'a' \\ \" %s"}]


async def test_a_time_of_no_calendar_costs_no_other_row(source: SourceServer) -> None:
    source.make_history()
    odd = "0000-00-00 00:00:00" if source.kind == "mysql" else "infinity"
    source.put({"callid": "c1", "starttime": odd}, {"callid": "c2", "starttime": NOON})

    found = await page(source, query(columns=("callid", "starttime")))

    assert [row["starttime"] for row in found] == [odd, NOON]


async def test_the_session_may_not_write(source: SourceServer) -> None:
    source.make_history()
    to = f"'{source.reader}'@'%'" if source.kind == "mysql" else source.reader
    source.run(f"GRANT INSERT ON {source.quoted(HISTORY)} TO {to}")
    async with get_database(source.kind).open(place_of(source)) as rows:
        may = await rows.may_write(HISTORY, None)
        run: Any = rows._all if source.kind == "mysql" else rows._run  # type: ignore[attr-defined]

        with pytest.raises(DatabaseFault):
            await run(f"INSERT INTO {source.quoted(HISTORY)} (callid) VALUES ('c1')")

    assert may
    assert source.run(f"SELECT count(*) FROM {source.quoted(HISTORY)}") == [(0,)]


async def test_an_account_that_only_reads_is_known_as_such(source: SourceServer) -> None:
    source.make_history()

    async with get_database(source.kind).open(place_of(source)) as rows:
        assert not await rows.may_write(HISTORY, None)


async def test_the_servers_clock_is_told_in_utc(source: SourceServer) -> None:
    source.make_history()
    async with get_database(source.kind).open(place_of(source)) as rows:
        now = await rows.now()

    assert abs((now - datetime.now(UTC)).total_seconds()) < 60


async def test_what_is_missing_is_told_apart(source: SourceServer) -> None:
    source.make_history()
    source.run("CREATE TABLE hidden (id INT PRIMARY KEY, callid VARCHAR(9))")
    assert (await fault(source, query(columns=("nothing",)))).fault is Fault.COLUMN
    assert (await fault(source, query(table="hidden"))).fault is Fault.GRANT
    assert (await fault(source, user="nobody")).fault is Fault.AUTH
    missing = await fault(source, query(table="no_such_table"))
    assert missing.fault in (Fault.TABLE, Fault.GRANT)


async def test_another_database_is_told_apart(source: SourceServer) -> None:
    found = await fault(source, database="no_such_database")

    assert found.fault in (Fault.DATABASE, Fault.GRANT)


async def test_a_wrong_password_is_named_and_not_quoted(mysql_source: SourceServer) -> None:
    found = await fault(mysql_source, password="wrong")

    assert found.fault is Fault.AUTH


async def test_a_port_where_nobody_listens_is_unreachable(source: SourceServer) -> None:
    assert (await fault(source, port=free_port())).fault is Fault.UNREACHABLE


async def test_a_server_that_says_nothing_is_given_up(source: SourceServer) -> None:
    held = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    found = await fault(source, port=port, connect_s=0.2)

    for writer in held:
        writer.close()
    server.close()
    assert found.fault in (Fault.UNREACHABLE, Fault.TIMEOUT)


async def test_something_else_than_a_database_is_a_fault(source: SourceServer) -> None:
    async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)
        writer.close()

    server = await asyncio.start_server(chat, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    found = await fault(source, port=port, connect_s=1)

    server.close()
    assert found.code


async def test_an_endless_statement_is_ended_by_the_server(source: SourceServer) -> None:
    endless = "SLEEP(60)" if source.kind == "mysql" else "pg_sleep(60)::text"
    source.run(f"CREATE VIEW endless AS SELECT 1 AS id, {endless} AS callid")
    source.let_read("endless")

    found = await fault(source, query(table="endless"), timeout_s=0.2)

    assert found.fault is Fault.TIMEOUT
    assert "too long" not in found.detail


async def test_a_table_that_is_locked_is_not_waited_for_without_end(source: SourceServer) -> None:
    source.make_history()
    other = source.other()
    with other.cursor() as cursor:
        if source.kind == "mysql":
            cursor.execute(f"LOCK TABLES {source.quoted(HISTORY)} WRITE")
        else:
            cursor.execute(f"LOCK TABLE {source.quoted(HISTORY)} IN ACCESS EXCLUSIVE MODE")

    found = await fault(source, timeout_s=0.2)

    other.close()
    assert found.fault in (Fault.TIMEOUT, Fault.BUSY)


async def test_tls_that_the_server_does_not_offer_is_refused(source: SourceServer) -> None:
    source.make_history()
    offers = "SHOW VARIABLES LIKE 'have_ssl'" if source.kind == "mysql" else "SHOW ssl"
    if source.run(offers)[0][-1] in ("YES", "on"):
        pytest.skip("this server offers TLS")

    assert (await fault(source, tls=Tls.REQUIRED)).fault is Fault.TLS


@pytest.mark.parametrize("name", ["a`b", 'a"b', "a b", "a;b", "", "a" * 65, "a%b", "é"])
async def test_what_is_no_identifier_never_reaches_a_server(
    source: SourceServer, name: str
) -> None:
    source.make_history()

    with pytest.raises((ValueError, DatabaseFault)):
        await page(source, query(columns=(name,)))
