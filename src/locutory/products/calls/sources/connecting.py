"""Where a business's source database is: who may say so, how it is kept, and how it is entered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from locutory.engines.databases import DatabaseFault, Fault, Place, Rows, Tls, get_database
from locutory.kernel.auth.contract import Principal
from locutory.kernel.crypto import Aad, Secrets
from locutory.kernel.errors import ConfigError, InvalidError
from locutory.kernel.http.gate import Gate, UrlBlockedError
from locutory.kernel.http.resolving import gated_addresses
from locutory.kernel.services import Services
from locutory.kernel.settings import IntakeSettings, Settings
from locutory.products.calls.sources.contract import SourceHostForbidden, SourceKind
from locutory.products.calls.sources.models import CallSource

Kept = dict[str, Any]
"""Host, port, database, user, password and tls, as a source's row holds them encrypted."""


def gate_of(intake: IntakeSettings) -> Gate:
    """What of databases may be called: public addresses, and what the operator listed."""
    return Gate(intake.database_hosts)


def require_host(principal: Principal, intake: IntakeSettings, host: str, port: int) -> None:
    """Raise SourceHostForbidden, or InvalidError for a host that may not be called at all."""
    gate = gate_of(intake)
    if gate.is_allowed(host.rstrip(".").lower(), port):
        return
    if not principal.platform_admin:
        raise SourceHostForbidden
    try:
        gate.check_host(host, port)
    except UrlBlockedError as error:
        detail = f"{error.detail} LOCUTORY_INTAKE__DATABASE_HOSTS lists private hosts."
        fault = {"field": "connection.host", "code": error.error_code, "message": detail}
        raise InvalidError(detail, code=error.error_code, errors=[fault]) from error


def default_port(kind: str) -> int:
    """The port of that kind of server."""
    return 3306 if kind == SourceKind.MYSQL else 5432


def sealed(kept: Kept, tenant_id: UUID, source_id: UUID, secrets: Secrets) -> bytes:
    """The connection as a source's row holds it."""
    return secrets.ring.encrypt(orjson.dumps(kept), aad=_aad(tenant_id, source_id))


def kept_of(source: CallSource, secrets: Secrets) -> Kept:
    """The connection of a source that has one."""
    assert source.place_enc is not None
    aad = _aad(source.tenant_id, source.id)
    kept: Kept = orjson.loads(secrets.ring.decrypt(source.place_enc, aad=aad))
    return kept


def _aad(tenant_id: UUID, source_id: UUID) -> Aad:
    return Aad(str(tenant_id), CallSource.__tablename__, str(source_id), "place")


def zone_of(source: CallSource) -> tzinfo:
    """The zone of the source's times without an offset."""
    return ZoneInfo(source.tz or "UTC")


@asynccontextmanager
async def entered(source: CallSource, services: Services) -> AsyncIterator[Rows]:
    """A reading session with a source's database. Raises DatabaseFault.

    The name is resolved once, and the connection goes to what was let through.
    """
    intake = services.get(Settings).intake
    kept = kept_of(source, services.get(Secrets))
    try:
        reader = get_database(source.kind)
        addresses = await gated_addresses(gate_of(intake), kept["host"], kept["port"])
    except ConfigError as error:
        raise DatabaseFault(Fault.FAILED, error.detail, engine=source.kind) from error
    except UrlBlockedError as error:
        raise DatabaseFault(Fault.HOST, error.detail, engine=source.kind) from error
    except OSError as error:
        words = f"{kept['host']} does not resolve"
        raise DatabaseFault(Fault.UNREACHABLE, words, engine=source.kind) from error
    place = Place(
        host=kept["host"],
        addresses=addresses,
        port=kept["port"],
        database=kept["database"],
        user=kept["user"],
        password=kept["password"],
        tls=Tls(kept["tls"]),
        connect_s=intake.connect_timeout_s,
        timeout_s=intake.statement_timeout_s,
    )
    async with reader.open(place) as rows:
        yield rows
