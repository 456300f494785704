"""How code reads and writes (ADR 0003).

`db.read()` gives a short session; end it before you call an engine. `db.write(fn)` runs
`await fn(tx)` in a transaction and answers after the commit; nobody else commits. On SQLite one
task runs the waiting functions in one transaction, a SAVEPOINT each, so that one fsync serves
many; on PostgreSQL each function has its own transaction.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from structlog.contextvars import get_contextvars

from locutory.kernel.db.dialect import (
    in_transaction,
    is_sqlite,
    is_storage_failure,
    read_engine,
    sqlite_write_engine,
)
from locutory.kernel.db.listening import listen
from locutory.kernel.db.session import Session
from locutory.kernel.errors import StorageUnavailableError
from locutory.kernel.failpoints import failpoint
from locutory.kernel.settings import Settings
from locutory.kernel.signals import Signals

T = TypeVar("T")
WriteFn = Callable[[Session], Awaitable[T]]

_MOST_PER_COMMIT = 128
_CHECKPOINT_WAIT_MS = 1000
_inside_write: ContextVar[bool] = ContextVar("inside_write", default=False)


@dataclass(slots=True, eq=False)
class _Waiting:
    fn: WriteFn[Any]
    done: asyncio.Future[Any]
    info: dict[str, Any]
    session: Session | None = None
    result: Any = None
    error: BaseException | None = field(default=None)


class Storage:
    """The engines of one process and, on SQLite, its writer task. Open it, close it."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 8,
        busy_timeout_s: float = 10.0,
        answer_s: float = 20.0,
    ) -> None:
        self.url = url
        self.is_sqlite = is_sqlite(url)
        self.signals = Signals()
        self.shared: dict[str, Any] = {}  # what every session carries in its info
        self.quiet: set[str] = set()  # signals that reach other processes another way
        self._reader: AsyncEngine = read_engine(
            url, pool_size=pool_size, busy_timeout_s=busy_timeout_s, answer_s=answer_s
        )
        self._writer = (
            sqlite_write_engine(url, busy_timeout_s=busy_timeout_s) if self.is_sqlite else None
        )
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> "Storage":
        """The storage that the settings name."""
        database = settings.database
        return cls(
            settings.database_url,
            pool_size=database.pool_size,
            busy_timeout_s=database.busy_timeout_s,
            answer_s=database.answer_s,
        )

    async def open(self) -> None:
        """Start the writer task, or on PostgreSQL the one that hears other processes."""
        if self._writer is not None:
            self._task = asyncio.create_task(self._write_loop(self._writer), name="writer")
        else:
            self._task = asyncio.create_task(listen(self.url, self.signals), name="listener")

    async def close(self) -> None:
        """Finish what waits, then let go of every connection."""
        if self._task is not None:
            while self._waiting:
                await asyncio.gather(*(w.done for w in self._waiting), return_exceptions=True)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._reader.dispose()
        if self._writer is not None:
            await self._writer.dispose()

    async def empty_log(self) -> bool:
        """Write SQLite's log into the database and cut it to nothing, else old pages stay in it.

        False while somebody still reads or writes by it: ask again. PostgreSQL keeps house itself.
        """
        if self._writer is None:
            return True
        async with self._writer.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            return not await asyncio.to_thread(_checkpoint, raw)

    def _info(self, tenant_id: UUID | None) -> dict[str, Any]:
        correlation_id = get_contextvars().get("correlation_id")
        return {"tenant_id": tenant_id, "correlation_id": correlation_id, **self.shared}

    def database(self, tenant_id: UUID | None = None) -> "Database":
        """A handle for one tenant, or for the kernel's own tables."""
        return Database(self, tenant_id)

    @asynccontextmanager
    async def read(self, tenant_id: UUID | None) -> AsyncIterator[Session]:
        """A session that reads."""
        async with Session(
            self._reader, expire_on_commit=False, autoflush=False, info=self._info(tenant_id)
        ) as session:
            try:
                yield session
            except Exception as error:
                raise _translated(error) from error

    async def write(self, tenant_id: UUID | None, fn: WriteFn[T]) -> T:
        """Run `fn` in a transaction; return its result after the commit."""
        if _inside_write.get():
            raise RuntimeError("db.write inside db.write: pass the session instead")
        if self._writer is None:
            return await self._write_alone(tenant_id, fn)
        if self._task is None:
            raise RuntimeError("the storage is not open")
        done = asyncio.get_running_loop().create_future()
        waiting = _Waiting(fn, done, self._info(tenant_id))
        self._waiting.append(waiting)
        self._wake.set()
        # a caller that is cancelled leaves its write to be finished: half a write does not exist
        return await asyncio.shield(waiting.done)

    async def _write_alone(self, tenant_id: UUID | None, fn: WriteFn[T]) -> T:
        token = _inside_write.set(True)
        try:
            async with Session(
                self._reader, expire_on_commit=False, info=self._info(tenant_id)
            ) as session:
                result = await fn(session)
                await session.flush()
                names = session.info.get("signals", set())
                abroad = names - self.quiet
                if abroad:
                    await session.execute(
                        _NOTIFY, {"names": ",".join(abroad)}, execution_options={"fenced": True}
                    )
                failpoint("db.before_commit")
                await session.commit()
                failpoint("db.committed")
        except Exception as error:
            raise _translated(error) from error
        finally:
            _inside_write.reset(token)
        self.signals.notify(names)
        _act_after(session)
        return result

    async def _write_loop(self, engine: AsyncEngine) -> None:
        _inside_write.set(True)
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = self._waiting[:_MOST_PER_COMMIT]
                del self._waiting[: len(batch)]
                await self._commit_together(engine, batch)

    async def _commit_together(self, engine: AsyncEngine, batch: list[_Waiting]) -> None:
        signals: set[str] = set()
        try:
            async with engine.connect() as connection:
                await connection.begin()
                for waiting in batch:
                    await self._run_one(connection, waiting)
                failpoint("db.before_commit")
                await connection.commit()
                failpoint("db.committed")
        except Exception as error:
            for waiting in batch:
                waiting.error = waiting.error or _translated(error)
        except BaseException:
            for waiting in batch:
                waiting.done.cancel()
            raise
        for waiting in batch:
            if waiting.done.done():
                continue
            if waiting.error is not None:
                waiting.done.set_exception(waiting.error)
                # a caller that went away must not turn this into a warning at exit
                waiting.done.exception()
            else:
                if waiting.session is not None:
                    signals |= waiting.session.info.get("signals", set())
                    _act_after(waiting.session)
                waiting.done.set_result(waiting.result)
        self.signals.notify(signals)

    async def _run_one(self, connection: AsyncConnection, waiting: _Waiting) -> None:
        session = Session(
            connection,
            join_transaction_mode="create_savepoint",
            expire_on_commit=False,
            info=waiting.info,
        )
        waiting.session = session
        try:
            waiting.result = await waiting.fn(session)
            await session.commit()
        except Exception as error:
            waiting.error = _translated(error)
            if not await in_transaction(connection):
                # SQLite gave up the whole transaction: what the batch wrote before is gone as well
                raise StorageUnavailableError(retry_after=1) from error
            await session.rollback()
        finally:
            await session.close()


def _act_after(session: Session) -> None:
    for act in session.info.get("after_commit", ()):
        act()


def _checkpoint(connection: Any) -> bool:
    """Whether somebody stood in the way. Past SQLAlchemy: no log is cut within a transaction."""
    connection.execute(f"PRAGMA busy_timeout={_CHECKPOINT_WAIT_MS}")
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute("PRAGMA busy_timeout=0")  # the writer awaits the lock by itself
    return bool(busy)


_NOTIFY = text("SELECT pg_notify('locutory', :names)")


def _translated(error: Exception) -> Exception:
    if is_storage_failure(error):
        unavailable = StorageUnavailableError(retry_after=1)
        unavailable.__cause__ = error
        return unavailable
    return error


@dataclass(frozen=True, slots=True)
class Database:
    """The storage as one tenant (or the kernel, tenant_id None) sees it."""

    storage: Storage
    tenant_id: UUID | None = None

    def read(self) -> contextlib.AbstractAsyncContextManager[Session]:
        """A short reading session: `async with db.read() as session`."""
        return self.storage.read(self.tenant_id)

    async def write(self, fn: WriteFn[T]) -> T:
        """Run `await fn(tx)` in one transaction; answer after the commit.

        `fn` is short and awaits nothing but the session. Raises what `fn` raises, with nothing
        stored; StorageUnavailableError where the database itself failed.
        """
        return await self.storage.write(self.tenant_id, fn)

    def bound_to(self, tenant_id: UUID | None) -> "Database":
        """The same storage for another tenant."""
        return Database(self.storage, tenant_id)
