"""Calls from files of rows and from watched folders, at the command line."""

import asyncio
import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from locutory.app import Server, compose
from locutory.cli.ingest import work_if_nobody_does
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import TenantNotFound
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Database
from locutory.kernel.errors import InputError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.jobs.contract import Priority
from locutory.kernel.settings import Settings
from locutory.products.calls.exchange.writers import cell
from locutory.products.calls.records.queries import existing
from locutory.products.calls.sources import backfilling, operator, queries, watching
from locutory.products.calls.sources.contract import QUEUE, SourceNotFound
from locutory.products.calls.sources.rowfile import FileRow, count_lines, rows_of
from locutory.products.calls.sources.service import Judged, judge, push
from locutory.products.calls.sources.source_schemas import BackfillCreate, BackfillRead

_AT_ONCE = 500
_LOOK_S = 0.2


@dataclass(slots=True)
class Registered:
    """What became of a file's rows; `line` is the last one that is counted."""

    line: int = 0
    created: int = 0
    updated: int = 0
    known: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsAsk:
    """A file of rows and how it is read; `report` gets the rows that were rejected."""

    path: Path
    names: Mapping[str, str]
    dry_run: bool
    afresh: bool
    report: Path | None


async def run_rows(settings: Settings, bid: str, ask: RowsAsk, *, quiet: bool) -> Registered:
    """Register a file's rows behind the fresh calls; goes on where a former run was cut off."""
    notes = _Notes.of(settings, bid, ask.path)
    rows = rows_of(ask.path, ask.names)
    async with compose(settings).running(work=False) as server:
        business = await operator.business(server.storage, bid)
        db = server.storage.database(business.tenant.id)
        with ExitStack() as stack:
            so_far = Registered() if ask.afresh or ask.dry_run else notes.read()
            bar = stack.enter_context(_bar(quiet))
            report = None
            if ask.report is not None:
                report = stack.enter_context(_report(ask.report, again=so_far.line > 0))
            task = bar.add_task(ask.path.name, total=await asyncio.to_thread(count_lines, ask.path))
            while batch := await asyncio.to_thread(_next, rows, so_far.line):
                await _take_batch(server, db, batch, so_far, report, dry_run=ask.dry_run)
                if not ask.dry_run:
                    await asyncio.to_thread(notes.write, so_far)
                bar.update(task, completed=so_far.line)
            notes.forget(ask)
            return so_far


async def _take_batch(
    server: Server,
    db: Database,
    batch: Sequence[FileRow],
    so_far: Registered,
    report: Any,
    *,
    dry_run: bool,
) -> None:
    gate = server.services.get(HttpClient).gate
    good: list[tuple[FileRow, Judged]] = []
    for row in batch:
        if row.item is None:
            _reject(so_far, report, row.line, "", "ROW_UNREADABLE", row.fault or "")
            continue
        judged = judge(row.item, gate)
        if judged.error is not None:
            said = "; ".join(
                f"{fault['field']}: {fault['message']}"
                for fault in judged.error.extra.get("errors", ())
            )
            detail = said or judged.error.detail
            _reject(so_far, report, row.line, judged.callid, judged.error.error_code, detail)
            continue
        good.append((row, judged))
    items = [judged for _, judged in good]
    if dry_run:
        wanted = {judged.offer.callid for judged in items if judged.offer is not None}
        async with db.read() as session:
            there = await existing(session, sorted(wanted))
        so_far.known += len(there) + len(items) - len(wanted)
        so_far.created += len(wanted) - len(there)
    elif items:
        secrets = server.services.get(Secrets)
        result = await db.write(
            lambda tx: push(
                tx, items, actor=operator.OPERATOR, secrets=secrets, priority=Priority.BACKFILL
            )
        )
        new = sum(item.result == "created" for item in result.items)
        so_far.created += new
        so_far.updated += result.accepted - new
        so_far.known += result.duplicates
    so_far.line = batch[-1].line


def _reject(
    so_far: Registered, report: Any, line: int, callid: str | None, code: str, detail: str
) -> None:
    so_far.rejected += 1
    if report is not None:
        shown = (text.encode(errors="replace").decode() for text in (callid or "", code, detail))
        report.writerow([line, *map(cell, shown)])


def _next(rows: Iterator[FileRow], after: int) -> list[FileRow]:
    return list(islice((row for row in rows if row.line > after), _AT_ONCE))


class _Notes:
    """How far a file is, beside the data: a batch that was cut off is offered again, harmlessly."""

    def __init__(self, path: Path, of: str) -> None:
        self._path = path
        self._of = of

    @classmethod
    def of(cls, settings: Settings, bid: str, path: Path) -> "_Notes":
        """The notes on this file as it is now. Raises InputError where there is no file."""
        try:
            status = path.stat()
        except OSError as error:
            raise InputError(f"{error.strerror}: {path}", code="NO_FILE") from error
        name = hashlib.sha256(f"{bid}|{path.resolve()}".encode()).hexdigest()[:16]
        place = settings.data_dir / "register" / f"{name}.json"
        return cls(place, f"{status.st_size}-{status.st_mtime_ns}")

    def read(self) -> Registered:
        """How far it is; from the start for a file that has changed."""
        with suppress(FileNotFoundError, orjson.JSONDecodeError, TypeError):
            kept = orjson.loads(self._path.read_bytes())
            if kept.pop("of", None) == self._of:
                return Registered(**kept)
        return Registered()

    def write(self, so_far: Registered) -> None:
        """Note it, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".part")
        draft.write_bytes(orjson.dumps({**asdict(so_far), "of": self._of}))
        draft.replace(self._path)

    def forget(self, ask: RowsAsk) -> None:
        """The file is through."""
        if not ask.dry_run:
            self._path.unlink(missing_ok=True)


@contextmanager
def _report(path: Path, *, again: bool) -> Iterator[Any]:
    """The rejected rows as CSV; gone on with where the file is."""
    with path.open("a" if again else "w", newline="") as file:
        writer = csv.writer(file)
        if not again:
            writer.writerow(["line", "callid", "code", "detail"])
        yield writer


def _bar(quiet: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("line {task.completed:.0f}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True, quiet=quiet), disable=quiet)


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkAsk:
    """A walk through a source's past."""

    source: str
    since: datetime
    until: datetime
    dry_run: bool
    wait: bool


async def run_backfill(settings: Settings, bid: str, ask: WalkAsk) -> BackfillRead:
    """Queue a walk; with `wait`, until it has ended. Raises TenantNotFound, SourceNotFound."""
    async with compose(settings).running(work=False) as server:
        db = await business_of(server, bid)
        async with db.read() as session:
            source = await queries.source_by_name(session, ask.source)
        if source is None:
            raise SourceNotFound(f"no source {ask.source!r}")
        data = BackfillCreate(
            source_id=source.id, from_=ask.since, to=ask.until, dry_run=ask.dry_run
        )
        asked = await db.write(lambda tx: backfilling.request(tx, data, actor=operator.OPERATOR))
        return await _ended(server, db, asked) if ask.wait else asked


async def _ended(server: Server, db: Database, asked: BackfillRead) -> BackfillRead:
    stop = asyncio.Event()
    working = asyncio.create_task(work_if_nobody_does(server, stop, {QUEUE}))
    try:
        while True:
            async with db.read() as session:
                row = await queries.get_backfill(session, asked.id)
            if row.finished_at is not None or working.done():
                return BackfillRead.model_validate(row)
            await asyncio.sleep(_LOOK_S)
    finally:
        stop.set()
        await working


async def run_watch(settings: Settings, bid: str) -> dict[str, dict[str, Any]]:
    """Look at a business's folders now, twice; what each came to. Raises TenantNotFound."""
    async with compose(settings).running(work=False) as server:
        db = await business_of(server, bid)
        async with db.read() as session:
            rows = await queries.watched(session)
        found: dict[str, dict[str, Any]] = {}
        for again in (False, True):
            if again and rows:
                await asyncio.sleep(settings.intake.settle_s)
            for row in rows:
                looked = await watching.look_once(db, server.services, row.id, db.write)
                if looked is not None:
                    found[row.name] = asdict(looked)
        return found


async def business_of(server: Server, bid: str) -> Database:
    """The business's rows. Raises TenantNotFound."""
    async with server.storage.read(None) as session:
        tenant = await tenants.find_tenant(session, bid)
    if tenant is None:
        raise TenantNotFound
    return server.storage.database(tenant.id)
