"""A business's CRM: how it is kept, and the client that asks it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import orjson

from locutory.engines.crm import (
    CrmClient,
    CsvFile,
    HttpJson,
    LeadSquared,
    Line,
    Lines,
    OpenFile,
    Salesforce,
)
from locutory.kernel.auth.contract import Tenant
from locutory.kernel.clock import from_ms, rfc3339
from locutory.kernel.crypto import Aad, Secrets
from locutory.kernel.errors import EngineConfigError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.crm.contract import Provider
from locutory.products.calls.crm.models import CrmConnection
from locutory.products.calls.crm.schemas import CrmSettings
from locutory.products.calls.sources.contract import FileUnreadable, FolderNotAllowed
from locutory.products.calls.sources.places import entered, entries, open_file

Kept = dict[str, Any]
"""Address or path, and credentials, as a connection's row holds them encrypted."""


def sealed(kept: Kept, tenant_id: UUID, connection_id: UUID, secrets: Secrets) -> bytes:
    """Where a connection leads, as its row holds it."""
    return secrets.ring.encrypt(orjson.dumps(kept), aad=_aad(tenant_id, connection_id))


def kept_of(row: CrmConnection, secrets: Secrets) -> Kept:
    """Where a connection leads."""
    aad = _aad(row.tenant_id, row.id)
    kept: Kept = orjson.loads(secrets.ring.decrypt(row.place_enc, aad=aad))
    return kept


def _aad(tenant_id: UUID, connection_id: UUID) -> Aad:
    return Aad(tenant_id, CrmConnection.__tablename__, connection_id, "place")


def client_of(row: CrmConnection, tenant: Tenant, services: Services) -> CrmClient:
    """The client of a connection; all of a connection stand in one line."""
    kept = kept_of(row, services.get(Secrets))
    settings = CrmSettings.model_validate(row.settings)
    http = services.get(HttpClient)
    lines = services.get(Lines)
    rate, version = settings.rate, rfc3339(row.updated_at)
    line = lines.of(row.id, row.provider, rate.calls, rate.per_s, version=version)
    given: Kept = {k: v for k, v in kept["credentials"].items() if v is not None}
    match Provider(row.provider):
        case Provider.LEADSQUARED:
            return _leadsquared(http, line, kept["url"], given, settings)
        case Provider.SALESFORCE:
            return _salesforce(http, line, kept["url"], given, settings)
        case Provider.HTTP_JSON:
            assert settings.mapping is not None
            return HttpJson(
                http,
                line,
                base_url=kept["url"],
                mapping=settings.mapping,
                token=given.get("token"),
                user=given.get("user"),
                password=given.get("password"),
            )
    return CsvFile(lambda: _opened(services.get(Settings), tenant, kept["path"]))


def _leadsquared(
    http: HttpClient, line: Line, url: str, given: Kept, settings: CrmSettings
) -> CrmClient:
    return LeadSquared(
        http,
        line,
        base_url=url,
        access_key=given["access_key"],
        secret_key=given["secret_key"],
        attributes=settings.attributes,
        activity_event=settings.activity_event,
        page_size=settings.page_size or 1000,
    )


def _salesforce(
    http: HttpClient, line: Line, url: str, given: Kept, settings: CrmSettings
) -> CrmClient:
    return Salesforce(
        http,
        line,
        login_url=url,
        client_id=given["client_id"],
        client_secret=given["client_secret"],
        refresh_token=given.get("refresh_token"),
        attributes=settings.attributes,
        page_size=min(settings.page_size or 500, 2000),
    )


@contextmanager
def _opened(settings: Settings, tenant: Tenant, path: str) -> Iterator[OpenFile]:
    """The file below the business's own folder. Blocking. Raises OSError, EngineConfigError."""
    folder, _, name = path.rpartition("/")
    try:
        with entered(settings.intake.folders, tenant.slug, folder) as handle:
            found = next((entry for entry in entries(handle) if entry.name == name), None)
            file = None if found is None else open_file(handle, found)
            if file is None:
                raise FileNotFoundError(2, f"there is no {name}")
            with file:
                status = os.fstat(file.fileno())
                # what is moved here keeps its time of change: when it came counts as well
                changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
                yield OpenFile(file, from_ms(changed_ns // 1_000_000))
    except (FolderNotAllowed, FileUnreadable) as error:
        raise EngineConfigError(error.detail, engine=Provider.CSV) from error
