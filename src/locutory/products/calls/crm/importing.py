"""Files of leads: kept encrypted until a job has read them, row by row, with its place."""

import asyncio
import io
from collections.abc import Sequence
from itertools import islice
from typing import BinaryIO
from uuid import UUID

from locutory.engines.blobs import BlobStore
from locutory.engines.crm import Lead, LeadFault, leads_in
from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.queries import find_tenant_by_id
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import Aad, KeyRing, Secrets
from locutory.kernel.db import Session
from locutory.kernel.errors import TooLargeError
from locutory.kernel.failpoints import failpoint
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import Claimed, Context, Failure, JobSpec, enqueue
from locutory.products.calls.crm import queries
from locutory.products.calls.crm.contract import IMPORT, ImportState
from locutory.products.calls.crm.models import LeadImport
from locutory.products.calls.crm.schemas import ImportRead, ImportTaken
from locutory.products.calls.crm.syncing import mark_name
from locutory.products.calls.leads.contract import IMPORTED
from locutory.products.calls.leads.keeping import Prepared, Stored, prepared, store
from locutory.products.calls.pipeline.models import SyncWatermark
from locutory.products.calls.pipeline.queries import find_watermark
from locutory.products.calls.pipeline.service.linking import link_calls

MOST_BYTES = 64 * 1024 * 1024
_AT_ONCE = 250
_MOST_FAULTS = 100


async def kept_file(
    access: Access, file: BinaryIO, *, blobs: BlobStore, ring: KeyRing
) -> tuple[UUID, str]:
    """Store a file for its job; the import's id and the key. Raises TooLargeError, LeadFileInvalid.

    Its first row is read at once, so that a file of something else is refused here.
    """
    content = await asyncio.to_thread(file.read, MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise TooLargeError(f"more than {MOST_BYTES} bytes")
    await asyncio.to_thread(lambda: next(leads_in(io.BytesIO(content)), None))
    import_id, tenant_id = new_id(), access.tenant.id
    key = f"imports/{tenant_id}/{import_id}"
    sealed = await asyncio.to_thread(ring.encrypt, content, aad=_aad(tenant_id, key))
    await blobs.put(key, sealed)
    failpoint("calls.crm.import_kept")
    return import_id, key


async def begin(tx: Session, import_id: UUID, key: str, *, actor: str) -> ImportTaken:
    """Take an import on."""
    row = LeadImport(id=import_id, key=key, state=ImportState.QUEUED, created_by=actor)
    tx.add(row)
    await tx.flush()
    payload = {"import_id": str(import_id)}
    [job_id] = await enqueue(tx, JobSpec(kind=IMPORT, payload=payload))
    await audit(tx, actor=actor, action="crm.import", object=f"import:{import_id}")
    return ImportTaken(**dict(ImportRead.model_validate(row)), job_id=job_id)


async def read_file(ctx: Context) -> None:
    """The job of one import: portions of 250 rows; what was stored is not read again."""
    if "drop" in ctx.payload:
        await ctx.services.get(BlobStore).delete(ctx.payload["drop"])
        return
    import_id = UUID(ctx.payload["import_id"])
    secrets, blobs = ctx.services.get(Secrets), ctx.services.get(BlobStore)
    assert ctx.db.tenant_id is not None
    async with ctx.db.read() as session:
        row = await queries.find_import(session, import_id)
        tenant = await find_tenant_by_id(session, ctx.db.tenant_id)
    if row is None or tenant is None or row.key is None:
        return
    sealed = await blobs.get(row.key)
    content = await asyncio.to_thread(
        secrets.ring.decrypt, sealed, aad=_aad(row.tenant_id, row.key)
    )
    rows = leads_in(io.BytesIO(content))
    await asyncio.to_thread(lambda: list(islice(rows, row.position)))
    place = row.position
    while portion := await asyncio.to_thread(lambda: list(islice(rows, _AT_ONCE))):
        good = [one for one in portion if isinstance(one, Lead)]
        bad = [one for one in portion if isinstance(one, LeadFault)]
        batch = await asyncio.to_thread(prepared, good, tenant=tenant, secrets=secrets)
        place += len(portion)

        async def write(
            tx: Session,
            batch: Sequence[Prepared] = batch,
            bad: Sequence[LeadFault] = bad,
            place: int = place,
        ) -> None:
            stored = await store(tx, IMPORTED, batch, secrets=secrets)
            await _count(tx, import_id, stored, bad, place)

        await ctx.write(write)
        ctx.progress(place, 0, f"{place} rows")
    await link_calls(ctx.write, secrets)
    await ctx.finish(lambda tx: _finish(tx, import_id), _drop(row.key))


async def give_up(tx: Session, job: Claimed, failure: Failure) -> None:
    """Say why a file was not read to its end; what was stored stays."""
    if "drop" in job.payload:
        return
    row = await queries.find_import(tx, UUID(job.payload["import_id"]))
    if row is not None and row.state == ImportState.QUEUED:
        row.state, row.finished_at = ImportState.FAILED, utc_now()
        row.error = f"{failure.code}: {failure.detail}"[:500]
        if row.key is not None:
            await enqueue(tx, _drop(row.key))


def _drop(key: str) -> JobSpec:
    """The job that removes a file of people; by itself, so that no death leaves it lying."""
    return JobSpec(kind=IMPORT, payload={"drop": key})


async def _count(
    tx: Session, import_id: UUID, stored: Stored, bad: Sequence[LeadFault], place: int
) -> None:
    row = await queries.find_import(tx, import_id)
    if row is None:
        return
    row.position = place
    row.created += stored.created
    row.updated += stored.updated
    row.unchanged += stored.unchanged
    row.rejected += len(bad)
    faults = [{"line": one.place, "reason": one.reason} for one in bad]
    row.faults = [*row.faults, *faults][:_MOST_FAULTS]


async def _finish(tx: Session, import_id: UUID) -> None:
    """The end of an import counts as an answer: the lead filter need not think leads old."""
    now = utc_now()
    row = await queries.find_import(tx, import_id)
    if row is not None:
        row.state, row.key, row.finished_at = ImportState.DONE, None, now
    name = mark_name(IMPORTED)
    mark = await find_watermark(tx, name)
    if mark is None:
        mark = SyncWatermark(name=name, cursor={}, moves=0, rows_total=0)
        tx.add(mark)
    mark.last_ok_at = now
    if row is not None:
        mark.rows_total += row.created + row.updated
    await tx.flush()


def _aad(tenant_id: UUID, key: str) -> Aad:
    return Aad(tenant_id, "blob", key, "content")
