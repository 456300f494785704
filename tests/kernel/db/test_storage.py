"""How code reads and writes: together, all or nothing, and only its own tenant's rows."""

import asyncio
import sqlite3
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Select, create_engine, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from locutory.kernel.db import Session, Storage
from locutory.kernel.db.dialect import grant_to
from locutory.kernel.db.session import TenantFenceError
from locutory.kernel.errors import StorageUnavailableError
from locutory.products.calls.records.models import CallMetric, CallTranscript

pytestmark = pytest.mark.both_databases
ONE, TWO = UUID(int=1), UUID(int=2)


def metric(**fields: object) -> CallMetric:
    return CallMetric(call_id=uuid4(), transcript_version=1, basis="channel", figures={}, **fields)


async def put(storage: Storage, tenant: UUID, *rows: object) -> None:
    async def add(tx: Session) -> None:
        tx.add_all(rows)

    await storage.database(tenant).write(add)


async def count(storage: Storage, tenant: UUID) -> int:
    async with storage.database(tenant).read() as session:
        return len((await session.scalars(select(CallMetric))).all())


async def test_a_tenant_sees_its_own_rows_only(storage: Storage) -> None:
    await put(storage, ONE, metric(), metric())
    await put(storage, TWO, metric())

    assert await count(storage, ONE) == 2
    assert await count(storage, TWO) == 1


async def test_an_update_reaches_its_own_rows_only(storage: Storage) -> None:
    await put(storage, ONE, metric())
    await put(storage, TWO, metric())

    await storage.database(ONE).write(
        lambda tx: tx.execute(update(CallMetric).values(basis="acoustic"))
    )

    async with storage.database(TWO).read() as session:
        assert (await session.scalars(select(CallMetric.basis))).all() == ["channel"]


_M = CallMetric
COUNTS = {
    "of a column": select(func.count(_M.id)),
    "of everything": select(func.count()).select_from(_M),
    "of everything, with a condition": select(func.count()).where(_M.basis == "channel"),
    "of a subquery": select(func.count()).select_from(select(_M.id).subquery()),
    "of a common table expression": select(func.count()).select_from(select(_M.id).cte()),
    "in a scalar subquery": select(select(func.count()).select_from(_M).scalar_subquery()),
    "beside another model": select(func.count(CallTranscript.id) + 2).where(
        select(_M.id).where(_M.basis == "channel").exists()
    ),
}


@pytest.mark.parametrize("statement", COUNTS.values(), ids=COUNTS.keys())
async def test_a_count_is_of_its_own_rows_however_it_is_written(
    storage: Storage, statement: Select[tuple[int]]
) -> None:
    await put(storage, ONE, metric(), metric())
    await put(storage, TWO, metric())

    async with storage.database(ONE).read() as session:
        assert await session.scalar(statement) == 2
    with pytest.raises(TenantFenceError):
        async with storage.read(None) as session:
            await session.scalar(statement)


async def test_without_a_tenant_nothing_is_answered(storage: Storage) -> None:
    with pytest.raises(TenantFenceError):
        async with storage.read(None) as session:
            await session.scalars(select(CallMetric))
    with pytest.raises(TenantFenceError):
        await storage.database().write(lambda tx: tx.execute(update(CallMetric).values(basis="x")))


async def test_raw_sql_must_say_that_it_is_fenced(storage: Storage) -> None:
    with pytest.raises(TenantFenceError):
        async with storage.read(ONE) as session:
            await session.execute(text("SELECT * FROM calls_metric"))


async def test_a_row_of_another_tenant_cannot_be_written(storage: Storage) -> None:
    with pytest.raises(TenantFenceError):
        await put(storage, ONE, metric(tenant_id=TWO))
    row = {
        "tenant_id": TWO,
        "call_id": uuid4(),
        "transcript_version": 1,
        "basis": "",
        "figures": {},
    }
    with pytest.raises(TenantFenceError):
        await storage.database(ONE).write(lambda tx: tx.execute(insert(CallMetric), [row]))

    assert await count(storage, TWO) == 0


async def test_a_failing_function_takes_only_itself_back(storage: Storage) -> None:
    async def fail(tx: Session) -> None:
        tx.add(metric())
        await tx.flush()
        raise ValueError("no")

    results = await asyncio.gather(
        put(storage, ONE, metric()),
        storage.database(ONE).write(fail),
        put(storage, ONE, metric()),
        return_exceptions=True,
    )

    assert [type(r) for r in results] == [type(None), ValueError, type(None)]
    assert await count(storage, ONE) == 2


async def test_a_write_inside_a_write_is_refused(storage: Storage) -> None:
    async def nested(tx: Session) -> None:
        await storage.database(ONE).write(lambda inner: inner.flush())

    with pytest.raises(RuntimeError, match="inside"):
        await storage.database(ONE).write(nested)


async def test_a_caller_that_goes_away_leaves_a_whole_write(storage: Storage) -> None:
    task = asyncio.create_task(put(storage, ONE, metric()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await put(storage, ONE, metric())

    assert await count(storage, ONE) in (1, 2)


async def test_a_faulty_statement_is_no_failure_of_the_store(storage: Storage) -> None:
    async def ask_for_nothing() -> None:
        async with storage.read(None) as session:
            await session.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(DBAPIError, match="no_such_table"):
        await ask_for_nothing()


async def test_what_postgresql_gives_up_is_told_as_its_own_failure(storage: Storage) -> None:
    if storage.is_sqlite:
        pytest.skip("PostgreSQL's time limit")

    async def wait_too_long() -> None:
        async with storage.read(None) as session:
            await session.execute(text("SET LOCAL statement_timeout = 1"))
            await session.execute(text("SELECT pg_sleep(10)"))

    with pytest.raises(StorageUnavailableError):
        await wait_too_long()


async def test_a_locked_database_is_said_and_nothing_is_lost(storage: Storage) -> None:
    if not storage.is_sqlite:
        pytest.skip("SQLite's lock")
    path = storage.url.removeprefix("sqlite+aiosqlite:///")
    impatient = Storage(storage.url, busy_timeout_s=0.05)
    await impatient.open()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageUnavailableError):
        await put(impatient, ONE, metric())
    other.execute("ROLLBACK")
    other.close()
    await put(impatient, ONE, metric())

    assert await count(impatient, ONE) == 1
    await impatient.close()


async def test_a_full_disk_is_said_and_nothing_is_lost(storage: Storage) -> None:
    if not storage.is_sqlite:
        pytest.skip("SQLite's page limit stands for the disk")
    await put(storage, ONE, metric())
    large = {"text": "x" * 400_000}

    async def limit(tx: Session) -> None:
        pages = (await tx.execute(text("PRAGMA page_count"))).scalar_one()
        await tx.execute(text(f"PRAGMA max_page_count = {pages + 5}"))

    await storage.database().write(limit)

    with pytest.raises(StorageUnavailableError):
        await put(storage, ONE, metric(), _large(large))

    await storage.database().write(lambda tx: tx.execute(text("PRAGMA max_page_count = 100000000")))
    await put(storage, ONE, metric())
    assert await count(storage, ONE) == 2


async def test_a_full_disk_refuses_all_that_was_to_be_committed_together(storage: Storage) -> None:
    if not storage.is_sqlite:
        pytest.skip("a server's disk is not ours to fill")

    async def limit(tx: Session) -> None:
        pages = (await tx.execute(text("PRAGMA page_count"))).scalar_one()
        await tx.execute(text(f"PRAGMA max_page_count = {pages + 5}"))

    await storage.database().write(limit)
    sizes = [1, 1, 1_000_000, 1, 1]

    ends = await asyncio.gather(
        *(put(storage, ONE, _large({"note": "x" * size})) for size in sizes),
        return_exceptions=True,
    )

    assert await count(storage, ONE) == sum(end is None for end in ends)
    assert {type(end) for end in ends if end is not None} == {StorageUnavailableError}


def _large(figures: dict[str, str]) -> CallMetric:
    return CallMetric(call_id=uuid4(), transcript_version=1, basis="channel", figures=figures)


async def test_postgresql_fences_even_what_our_hook_would_miss(storage: Storage) -> None:
    if storage.is_sqlite:
        pytest.skip("row-level security is PostgreSQL's")
    await put(storage, ONE, metric())
    await put(storage, TWO, metric())
    role = f"locutory_app_{uuid4().hex[:8]}"
    engine = create_engine(storage.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN NOBYPASSRLS"))
        grant_to(connection, role)
    plain = Storage(storage.url.replace("//postgres@", f"//{role}@"))
    try:
        async with plain.read(ONE) as session:
            rows = await session.execute(
                text("SELECT tenant_id FROM calls_metric"), execution_options={"fenced": True}
            )
            assert rows.scalars().all() == [ONE]
        async with plain.read(None) as session:
            rows = await session.execute(text("SELECT tenant_id FROM calls_metric"))
            assert rows.scalars().all() == []
    finally:
        await plain.close()
        with engine.connect() as connection:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
        engine.dispose()


async def test_another_process_is_woken_after_a_commit(storage: Storage) -> None:
    if storage.is_sqlite:
        pytest.skip("on SQLite other processes look by themselves")
    other = Storage(storage.url)
    await other.open()
    woken = other.signals.listen("jobs")

    async def tell(tx: Session) -> None:
        tx.signal("jobs")

    async with asyncio.timeout(10):
        while not woken.is_set():  # the other's LISTEN takes a moment
            await storage.database().write(tell)
            await asyncio.sleep(0.02)

    await other.close()
