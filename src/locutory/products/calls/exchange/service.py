"""Making exports: a job writes the file, a person fetches it within seven days."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import delete, select, update

from locutory.engines.blobs import BlobStore
from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access, ScopeMissing
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.kernel.errors import InputError
from locutory.kernel.jobs import Claimed, Context, Failure, JobSpec
from locutory.kernel.jobs.queue import enqueue
from locutory.kernel.paging import decode_cursor, encode_cursor, keyset, split_page
from locutory.kernel.scratch import work_folder
from locutory.kernel.settings import Settings
from locutory.products.calls.exchange.contract import (
    EXPORT,
    KEPT_DAYS,
    ExportNotFound,
    ExportNotReady,
    Format,
    Kind,
    State,
)
from locutory.products.calls.exchange.models import Export
from locutory.products.calls.exchange.rows import columns_of, rows_of
from locutory.products.calls.exchange.schemas import (
    ExportCreate,
    ExportFilter,
    ExportList,
    ExportPage,
    ExportRead,
)
from locutory.products.calls.exchange.writers import WRITERS, Row, TooManyRows

_NEWEST = "exports"
_AT_ONCE = 500  # rows that go to the writing thread together


class ExportTooLarge(InputError):
    """The format cannot hold so many rows; narrow the filter or use csv."""

    code = "EXPORT_TOO_LARGE"


def may_export(access: Access, kind: Kind) -> None:
    """Raise ScopeMissing unless the caller may take this out: the audit log is for managers."""
    if kind is Kind.AUDIT and not access.principal.allows("calls:manage"):
        raise ScopeMissing


async def create(tx: Session, data: ExportCreate, *, actor: str) -> ExportRead:
    """Ask for a file; the job that writes it starts with the commit."""
    columns = data.columns or list(columns_of(data.kind, data.format))
    filter_ = data.filter.model_dump(mode="json", by_alias=True, exclude_none=True)
    row = Export(
        kind=data.kind,
        format=data.format,
        filter=filter_,
        columns=columns,
        state=State.QUEUED,
        created_by=actor,
    )
    tx.add(row)
    await tx.flush()
    await enqueue(tx, JobSpec(kind=EXPORT, payload={"export_id": str(row.id)}))
    await audit(
        tx,
        actor=actor,
        action="export.create",
        object=f"export:{row.id}",
        kind=data.kind,
        format=data.format,
        # ten thousand names would say less than their number
        filter={**filter_, "callids": len(named)} if (named := filter_.get("callids")) else filter_,
    )
    return ExportRead.model_validate(row)


async def write_file(ctx: Context) -> None:
    """Write the file of one export. Running it again writes the same file anew."""
    async with ctx.db.read() as session:
        row = await session.scalar(select(Export).where(Export.id == _export_id(ctx.job)))
    if row is None or row.state == State.DONE:
        return
    kind, format_ = Kind(row.kind), Format(row.format)
    where = ExportFilter.model_validate(row.filter).where()
    key = f"exports/{row.tenant_id}/{row.id}.{format_.suffix}"
    blobs, settings = ctx.services.get(BlobStore), ctx.services.get(Settings)
    async with work_folder(settings.data_dir / "tmp") as folder:
        path = folder / f"export.{format_.suffix}"
        try:
            rows = await _written(
                ctx, path, format_, row.columns, rows_of(ctx.db, kind, format_, where)
            )
        except TooManyRows as error:
            raise ExportTooLarge(str(error)) from error
        size = path.stat().st_size
        await blobs.put_file(key, path)
    old = await _expired(ctx)
    for gone in filter(None, old.values()):
        await blobs.delete(gone)

    async def done(tx: Session) -> None:
        await tx.execute(
            update(Export)
            .where(Export.id == row.id)
            .values(state=State.DONE, rows=rows, size_bytes=size, key=key, finished_at=utc_now())
        )
        await tx.execute(delete(Export).where(Export.id.in_(old)))

    await ctx.finish(done)


async def _written(
    ctx: Context, path: Path, format_: Format, columns: list[str], rows: AsyncIterator[Row]
) -> int:
    """Write all rows to the file, in a thread, and say how far it is; return their number."""
    number, waiting = 0, list[Row]()
    writer = WRITERS[format_](path, columns)
    put = await asyncio.to_thread(writer.__enter__)

    def put_all(batch: list[Row]) -> None:
        for one in batch:
            put(one)

    failure: BaseException | None = None
    try:
        async for row in rows:
            number += 1
            waiting.append(row)
            if len(waiting) >= _AT_ONCE:
                await asyncio.to_thread(put_all, waiting)
                waiting = []
                ctx.progress(number, 0, f"{number} rows written")
        await asyncio.to_thread(put_all, waiting)
    except BaseException as error:
        failure = error
        raise
    finally:
        kind = None if failure is None else type(failure)
        await asyncio.to_thread(writer.__exit__, kind, failure, None)
    return number


async def _expired(ctx: Context) -> dict[UUID, str | None]:
    """The exports of the business that are past keeping, with their files if they have one."""
    before = utc_now() - timedelta(days=KEPT_DAYS)
    async with ctx.db.read() as session:
        found = await session.execute(
            select(Export.id, Export.key).where(Export.created_at < before).limit(100)
        )
        return {row.id: row.key for row in found}


async def give_up(tx: Session, job: Claimed, failure: Failure) -> None:
    """Say why there is no file, in the transaction that gives up."""
    await tx.execute(
        update(Export)
        .where(Export.id == _export_id(job))
        .values(
            state=State.FAILED,
            error=f"{failure.code}: {failure.detail}"[:500],
            finished_at=utc_now(),
        )
    )


async def list_exports(access: Access, ask: ExportList) -> ExportPage:
    """The business's exports, newest first."""
    after = decode_cursor(ask.cursor, _NEWEST, datetime) if ask.cursor else None
    statement = keyset(
        select(Export),
        column=Export.created_at,
        id_column=Export.id,
        after=after,
        descending=True,
        limit=ask.limit,
    )
    async with access.db.read() as session:
        found = (await session.scalars(statement)).all()
    rows, more = split_page(found, ask.limit)
    return ExportPage(
        items=[ExportRead.model_validate(row) for row in rows],
        next_cursor=encode_cursor(_NEWEST, rows[-1].created_at, rows[-1].id) if more else None,
    )


async def get(access: Access, export_id: UUID) -> Export:
    """One export. Raises ExportNotFound."""
    async with access.db.read() as session:
        row = await session.scalar(select(Export).where(Export.id == export_id))
    if row is None:
        raise ExportNotFound
    return row


async def download(
    access: Access, export_id: UUID, blobs: BlobStore
) -> tuple[Export, int, AsyncIterator[bytes]]:
    """The export, its size and its bytes; the download is audited. Raises ExportNotReady."""
    row = await get(access, export_id)
    may_export(access, Kind(row.kind))
    size = None if row.key is None else await blobs.size(row.key)
    if row.state != State.DONE or row.key is None or size is None:
        raise ExportNotReady
    key, actor = row.key, access.principal.key

    async def note(tx: Session) -> None:
        await audit(tx, actor=actor, action="export.download", object=f"export:{export_id}")

    await access.db.write(note)
    return row, size, blobs.read(key)


def _export_id(job: Claimed) -> UUID:
    return UUID(job.payload["export_id"])
