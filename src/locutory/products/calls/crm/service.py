"""Use cases of a connection: saying where the CRM is, trying it, and how it stands."""

from locutory.engines.crm import CrmClient
from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.kernel.errors import ErrorClass, LocutoryError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.ids import new_id
from locutory.kernel.jobs import admin, enqueue
from locutory.kernel.jobs.queue import hurry
from locutory.kernel.services import Services
from locutory.products.calls.crm import queries
from locutory.products.calls.crm.connecting import Kept, client_of, kept_of, sealed
from locutory.products.calls.crm.contract import CredentialsMissing, Provider, WriteState
from locutory.products.calls.crm.models import CrmConnection
from locutory.products.calls.crm.schemas import (
    Credentials,
    CrmConfig,
    CrmRead,
    CrmSettings,
    CrmStatus,
    CrmTest,
    ImportRead,
    WriteBack,
)
from locutory.products.calls.crm.syncing import mark_name, sync_key, sync_of
from locutory.products.calls.leads.contract import CRM_QUEUE
from locutory.products.calls.leads.queries import count_leads
from locutory.products.calls.pipeline.queries import find_watermark
from locutory.products.calls.pipeline.service.watermarks import is_stale, shown

_IMPORTS = 10


async def read_config(access: Access, secrets: Secrets) -> CrmRead:
    """The connection without its secrets. Raises CrmNotConnected."""
    async with access.db.read() as session:
        row = await queries.get_connection(session)
    return _read(row, kept_of(row, secrets))


async def write_config(access: Access, data: CrmConfig, services: Services) -> CrmRead:
    """Connect a CRM, or change how. Raises UrlBlockedError, CredentialsMissing.

    Another provider or address is read from the beginning; leads of before stay until they are
    erased. A queue that was shut since the old credentials were refused is open again.
    """
    if data.url is not None:
        services.get(HttpClient).gate.check_url(data.url)
    secrets = services.get(Secrets)

    async def store(tx: Session) -> CrmRead:
        row = await queries.find_connection(tx)
        before = None if row is None else kept_of(row, secrets)
        elsewhere = (
            row is None
            or before is None
            or _place(row.provider, before)
            != (
                data.provider,
                data.url,
                data.path,
            )
        )
        given = data.credentials
        if given is None and not elsewhere and before is not None:
            given = Credentials.model_validate(before["credentials"])
        if given is None or not given.fitting(data.provider):
            given = given or Credentials()
            if not given.fitting(data.provider):
                message = CredentialsMissing.__doc__ or ""
                fault = {"field": "credentials", "code": CredentialsMissing.code}
                raise CredentialsMissing(errors=[{**fault, "message": message}])
        if row is None:
            row = CrmConnection(id=new_id(), provider=data.provider, looks=0, health={})
            tx.add(row)
        elif elsewhere:
            await _forget_place(tx, row.provider)
            row.health = {}
        kept: Kept = {"url": data.url, "path": data.path, "credentials": given.model_dump()}
        row.provider, row.enabled = data.provider, data.enabled
        row.place_enc = sealed(kept, tx.tenant_id, row.id, secrets)
        row.settings = data.settings.model_dump(mode="json")
        row.writeback = data.writeback.model_dump(mode="json")
        row.updated_at = utc_now()
        await tx.flush()
        await admin.reopen(tx, tx.tenant_id, CRM_QUEUE)
        if row.enabled:
            await enqueue(tx, sync_of(row))
            await hurry(tx, sync_key(row))
        else:
            row.looks += 1  # the sync that waits is none of this connection's any more
        await audit(
            tx,
            actor=access.principal.key,
            action="crm.configure",
            object=f"crm:{row.provider}",
            host=data.url,
            path=data.path,
            credentials=data.credentials is not None,
        )
        return _read(row, kept)

    return await access.db.write(store)


async def test(access: Access, services: Services) -> CrmTest:
    """Try the connection; success opens a queue that was shut. Raises CrmNotConnected."""
    async with access.db.read() as session:
        row = await queries.get_connection(session)
    client: CrmClient = client_of(row, access.tenant, services)
    try:
        checked = await client.check()
    except LocutoryError as error:
        if error.cls is ErrorClass.INTERNAL_BUG:
            raise
        return CrmTest(ok=False, detail=error.detail, error_code=error.error_code, sample=0)

    async def go_on(tx: Session) -> None:
        if await admin.reopen(tx, tx.tenant_id, CRM_QUEUE):
            actor = access.principal.key
            await audit(tx, actor=actor, action="queue.resume", object=CRM_QUEUE)

    await access.db.write(go_on)
    return CrmTest(ok=True, detail=checked.detail, error_code=None, sample=checked.sample)


async def status(access: Access) -> CrmStatus:
    """How far leads were read, what holds that up, and what was written and imported."""
    async with access.db.read() as session:
        row = await queries.find_connection(session)
        mark = None
        if row is not None:
            mark = await find_watermark(session, mark_name(row.provider))
        gates = await admin.gates_of(session, session.tenant_id)
        gate = gates.get(CRM_QUEUE) or gates.get("*")
        counts = await queries.writeback_counts(session)
        imports = await queries.latest_imports(session, _IMPORTS)
        number = await count_leads(session)
    return CrmStatus(
        provider=None if row is None else Provider(row.provider),
        enabled=row is not None and row.enabled,
        leads=number,
        watermark=None if mark is None else shown([mark])[0],
        stale=mark is not None and is_stale(mark, utc_now()),
        health={} if row is None else row.health,
        blocked=None if gate is None else f"{gate.code}: {gate.detail or ''}"[:500],
        writebacks={state: counts.get(state, 0) for state in WriteState},
        imports=[ImportRead.model_validate(one) for one in imports],
    )


async def _forget_place(tx: Session, provider: str) -> None:
    mark = await find_watermark(tx, mark_name(provider))
    if mark is not None:
        await tx.delete(mark)
        await tx.flush()


def _place(provider: str, kept: Kept) -> tuple[str, str | None, str | None]:
    return provider, kept["url"], kept["path"]


def _read(row: CrmConnection, kept: Kept) -> CrmRead:
    return CrmRead(
        provider=Provider(row.provider),
        enabled=row.enabled,
        url=kept["url"],
        path=kept["path"],
        configured=any(value is not None for value in kept["credentials"].values()),
        settings=CrmSettings.model_validate(row.settings),
        writeback=WriteBack.model_validate(row.writeback),
        updated_at=row.updated_at,
    )
