"""Use cases of sources: what there is, what it may watch, and whether that works."""

import asyncio
import os
import re
from contextlib import AsyncExitStack
from datetime import timedelta
from types import NoneType
from uuid import UUID

from sqlalchemy import delete

from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access, Tenant
from locutory.kernel.auth.schemas import PageAsk
from locutory.kernel.clock import from_ms, utc_now
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.kernel.errors import InvalidError, LocutoryError
from locutory.kernel.ids import new_id
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline.queries import find_watermark
from locutory.products.calls.sources import queries
from locutory.products.calls.sources.connecting import kept_of, sealed
from locutory.products.calls.sources.contract import (
    After,
    FolderNotAllowed,
    SourceKind,
    SourceKindUnavailable,
    SourceNameTaken,
)
from locutory.products.calls.sources.describing import (
    FOR_DATABASES,
    begin,
    changed_connection,
    check_new,
    go_on,
    mapping_of,
    new_values,
    place_of,
    read_of,
    require_fitting,
)
from locutory.products.calls.sources.looking import is_sidecar
from locutory.products.calls.sources.models import CallSource, IntakeFile, SeenChange
from locutory.products.calls.sources.places import entered, entries, may_write
from locutory.products.calls.sources.polling import watermark_name
from locutory.products.calls.sources.source_schemas import (
    Finding,
    SourceCreate,
    SourcePage,
    SourceRead,
    SourceTest,
    SourceUpdate,
)
from locutory.products.calls.sources.trying import tried
from locutory.products.calls.sources.watching import opened

_NEWEST = "sources"
_SAMPLE = 3
_DIGITS = re.compile(r"\d(?=\d{4})")
_FUTURE = timedelta(minutes=1)


async def list_sources(access: Access, ask: PageAsk, secrets: Secrets) -> SourcePage:
    """The business's sources, oldest first."""
    after = decode_cursor(ask.cursor, _NEWEST, NoneType)[1] if ask.cursor else None
    async with access.db.read() as session:
        found = await queries.sources(session, after=after, limit=ask.limit)
    rows, more = split_page(found, ask.limit)
    return SourcePage(
        items=[read_of(row, secrets) for row in rows],
        next_cursor=encode_cursor(_NEWEST, None, rows[-1].id) if more else None,
    )


async def check(access: Access, data: SourceCreate, settings: Settings) -> None:
    """Raise what stands against a new source.

    SourceKindUnavailable, FolderNotAllowed, SourceHostForbidden, or InvalidError with the faults.
    """
    if data.kind not in tuple(SourceKind):
        message = SourceKindUnavailable.__doc__ or ""
        fault = {"field": "kind", "code": SourceKindUnavailable.code, "message": message}
        raise SourceKindUnavailable(errors=[fault])
    kind = SourceKind(data.kind)
    require_fitting(kind, data.model_fields_set)
    if kind.is_database:
        check_new(access, data, settings)
        return
    if (data.path is None) == (data.kind == SourceKind.FOLDER):
        message = "a folder has a path, nothing else has"
        fault = {"field": "path", "code": "PATH_MISPLACED", "message": message}
        raise InvalidError(message, errors=[fault])
    if data.path is not None:
        await _check_folder(access, data.path, settings)


async def create(
    tx: Session, data: SourceCreate, *, tenant: Tenant, secrets: Secrets, actor: str
) -> SourceRead:
    """Keep a source that was checked. Raises SourceNameTaken."""
    await _require_free(tx, data.name)
    id_ = new_id()
    values = data.model_dump(exclude=set(FOR_DATABASES))
    if SourceKind(data.kind).is_database:
        values |= new_values(tenant, data, id_, secrets)
    elif data.mapping is not None:
        values |= {
            "mapping": data.mapping.model_dump(mode="json"),
            "tz": data.tz or tenant.timezone,
        }
    row = CallSource(id=id_, **values)
    tx.add(row)
    await tx.flush()
    if row.place_enc is not None:
        await begin(tx, row)
    await audit(
        tx,
        actor=actor,
        action="source.create",
        object=f"source:{row.id}",
        kind=row.kind,
        path=row.path,
        host=None if data.connection is None else data.connection.host,
    )
    return read_of(row, secrets)


async def update(
    access: Access, source_id: UUID, data: SourceUpdate, settings: Settings, secrets: Secrets
) -> SourceRead:
    """Change what the request names.

    Raises SourceNotFound, SourceNameTaken, FolderNotAllowed, SourceHostForbidden, InvalidError.
    """
    changes = data.model_dump(exclude_unset=True, exclude={"connection", "mapping"})
    async with access.db.read() as session:
        kind = SourceKind((await queries.get_source(session, source_id)).kind)
    require_fitting(kind, data.model_fields_set)
    if "path" in changes:
        whole = SourceCreate(name="any", kind=kind, path=changes["path"])
        await check(access, whole, settings)

    async def store(tx: Session) -> SourceRead:
        row = await queries.get_source(tx, source_id)
        if changes.get("name", row.name) != row.name:
            await _require_free(tx, changes["name"])
        if changes.get("path", row.path) != row.path:
            await _forget_files(tx, source_id)  # names of another folder
        for name, value in changes.items():
            setattr(row, name, value)
        if kind.is_database:
            await _redescribe(tx, access, row, data, settings, secrets)
        elif data.mapping is not None:
            row.mapping = data.mapping.model_dump(mode="json")
            row.tz = row.tz or access.tenant.timezone
        row.updated_at = utc_now()
        await tx.flush()
        await audit(
            tx,
            actor=access.principal.key,
            action="source.update",
            object=f"source:{source_id}",
            changed=sorted(data.model_fields_set),
        )
        return read_of(row, secrets)

    return await access.db.write(store)


async def _redescribe(
    tx: Session,
    access: Access,
    row: CallSource,
    data: SourceUpdate,
    settings: Settings,
    secrets: Secrets,
) -> None:
    """Change a source database; another table is read from the beginning."""
    before = place_of(kept_of(row, secrets), mapping_of(row))
    kept = changed_connection(access, row, data, settings, secrets)
    if kept is not None:
        row.place_enc = sealed(kept, row.tenant_id, row.id, secrets)
    if data.mapping is not None:
        row.mapping = data.mapping.model_dump(mode="json")
        row.preset = None
    after = place_of(kept_of(row, secrets), mapping_of(row))
    await go_on(tx, row, elsewhere=before != after)


async def remove(access: Access, source_id: UUID) -> None:
    """Forget a source; its calls stay, and so do its files. Raises SourceNotFound."""

    async def store(tx: Session) -> None:
        row = await queries.get_source(tx, source_id)
        await _forget_files(tx, source_id)
        await tx.execute(delete(SeenChange).where(SeenChange.source_id == source_id))
        mark = await find_watermark(tx, watermark_name(source_id))
        if mark is not None:
            await tx.delete(mark)
        await tx.delete(row)
        await audit(
            tx,
            actor=access.principal.key,
            action="source.delete",
            object=f"source:{source_id}",
        )

    await access.db.write(store)


async def test(access: Access, source_id: UUID, services: Services) -> SourceTest:
    """Try a source; nothing is taken in, moved or written. Raises SourceNotFound."""
    async with access.db.read() as session:
        row = await queries.get_source(session, source_id)
    if row.place_enc is not None:
        return await tried(row, services)
    if row.path is None:
        slug = access.tenant.slug
        ways = "calls or /audio" if row.mapping is None else f"cdc?source={row.id}"
        finding = Finding(check="address", ok=True, detail=f"POST /ingest/{slug}/{ways}")
        return SourceTest(ok=True, findings=[finding])
    try:
        async with AsyncExitStack() as stack:
            handle = await opened(stack, services.get(Settings), access.tenant, row.path)
            return await asyncio.to_thread(_tried, handle, row)
    except LocutoryError as error:
        said = Finding(check="allowed", ok=False, detail=error.detail)
    except OSError as error:
        said = Finding(check="open", ok=False, detail=f"{error.strerror}: {row.path}")
    return SourceTest(ok=False, findings=[said])


def _tried(handle: int, row: CallSource) -> SourceTest:
    found = entries(handle)
    findings = [Finding(check="open", ok=True, detail=f"{len(found)} files in {row.path}")]
    if row.after == After.MOVE:
        able = may_write(handle)
        detail = "files can be moved" if able else "the server may not move files here"
        findings.append(Finding(check="move", ok=able, detail=detail))
    odd = sum(not entry.regular for entry in found)
    if odd:
        detail = f"{odd} links, pipes or devices, which are refused"
        findings.append(Finding(check="regular", ok=False, detail=detail))
    newest = max((entry.mtime_ns for entry in found), default=0)
    ahead = from_ms(newest // 1_000_000) > utc_now() + _FUTURE
    if ahead:
        detail = "files are from the future: the clocks differ"
        findings.append(Finding(check="clock", ok=False, detail=detail))
    unreadable = [e.name for e in found if not os.access(e.name, os.R_OK, dir_fd=handle)]
    if unreadable:
        detail = f"{len(unreadable)} files that the server may not read"
        findings.append(Finding(check="read", ok=False, detail=detail))
    transcripts = sum(is_sidecar(entry.name) for entry in found)
    heard = [entry.name for entry in found if entry.regular and not is_sidecar(entry.name)]
    return SourceTest(
        ok=all(finding.ok for finding in findings),
        findings=findings,
        recordings=len(heard),
        transcripts=transcripts,
        sample=[_masked(name) for name in heard[:_SAMPLE]],
    )


def _masked(name: str) -> str:
    """A name without the digits of numbers that it may hold, but their last four."""
    return _DIGITS.sub("•", name).encode(errors="replace").decode()


async def _check_folder(access: Access, path: str, settings: Settings) -> None:
    def enter() -> None:
        with entered(settings.intake.folders, access.tenant.slug, path):
            """That it opens is all that is asked."""

    try:
        await asyncio.to_thread(enter)
    except FolderNotAllowed as error:
        raise _misplaced(error.error_code, error.detail) from error
    except OSError as error:
        detail = f"{error.strerror}: {path}; make it and let the server read it"
        raise _misplaced("FOLDER_UNREADABLE", detail) from error


def _misplaced(code: str, message: str) -> FolderNotAllowed:
    fault = {"field": "path", "code": code, "message": message}
    return FolderNotAllowed(message, code=code, errors=[fault])


async def _require_free(tx: Session, name: str) -> None:
    if await queries.source_by_name(tx, name) is not None:
        raise SourceNameTaken


async def _forget_files(tx: Session, source_id: UUID) -> None:
    await tx.execute(delete(IntakeFile).where(IntakeFile.source_id == source_id))
