"""What a business says of a source database, and what of it is kept and shown."""

from typing import Any
from uuid import UUID

from pydantic import ValidationError

from locutory.engines.databases import get_database
from locutory.kernel.auth.contract import Access, Tenant
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.kernel.errors import ConfigError, InvalidError
from locutory.kernel.http_errors import faults
from locutory.kernel.jobs import enqueue
from locutory.kernel.jobs.queue import hurry
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline.models import SyncWatermark
from locutory.products.calls.pipeline.queries import find_watermark
from locutory.products.calls.sources.connecting import (
    Kept,
    default_port,
    kept_of,
    require_host,
    sealed,
)
from locutory.products.calls.sources.contract import SourceKind, SourceKindUnavailable
from locutory.products.calls.sources.mapping import TableMapping, mcube
from locutory.products.calls.sources.models import CallSource
from locutory.products.calls.sources.passes import Cursor
from locutory.products.calls.sources.polling import (
    BASE_S,
    BATCH,
    OVERLAP_S,
    poll_key,
    poll_of,
    watermark_name,
)
from locutory.products.calls.sources.source_schemas import (
    ConnectionRead,
    SourceCreate,
    SourceRead,
    SourceUpdate,
)

FOR_FOLDERS = frozenset({"path", "after", "direction"})
FOR_DATABASES = frozenset(
    {"connection", "mapping", "preset", "poll_interval_s", "overlap_s", "batch_size", "tz"}
)
FOR_CHANGES = frozenset({"mapping", "tz"})


def require_fitting(kind: SourceKind, given: set[str]) -> None:
    """Raise InvalidError for what sources of this kind do not have."""
    strange = given & (FOR_FOLDERS if kind.is_database else FOR_DATABASES)
    if kind is SourceKind.PUSH and "mapping" in given:
        strange -= FOR_CHANGES
    if strange:
        message = f"a source of kind {kind} has none of this"
        found = [
            {"field": name, "code": "FIELD_MISPLACED", "message": message}
            for name in sorted(strange)
        ]
        raise InvalidError(message, errors=found)


def check_new(access: Access, data: SourceCreate, settings: Settings) -> None:
    """Raise SourceKindUnavailable, SourceHostForbidden, or InvalidError with every fault."""
    try:
        get_database(data.kind)
    except ConfigError as error:
        fault = {"field": "kind", "code": SourceKindUnavailable.code, "message": error.detail}
        raise SourceKindUnavailable(error.detail, errors=[fault]) from error
    found = []
    if data.connection is None:
        found.append(("connection", "a database has a connection"))
    if (data.mapping is None) == (data.preset is None):
        found.append(("mapping", "a database has a mapping or a preset"))
    if found:
        listed = [{"field": f, "code": "INVALID", "message": m} for f, m in found]
        raise InvalidError(found[0][1], errors=listed)
    assert data.connection is not None
    port = data.connection.port or default_port(data.kind)
    require_host(access.principal, settings.intake, data.connection.host, port)


def new_values(tenant: Tenant, data: SourceCreate, id_: UUID, secrets: Secrets) -> dict[str, Any]:
    """The columns of a new source database that was checked."""
    assert data.connection is not None
    kept = data.connection.model_dump(mode="json")
    kept["port"] = kept["port"] or default_port(data.kind)
    mapping = data.mapping or TableMapping.model_validate(mcube(tenant.slug))
    return {
        "place_enc": sealed(kept, tenant.id, id_, secrets),
        "mapping": mapping.model_dump(mode="json"),
        "preset": data.preset,
        "poll_interval_s": data.poll_interval_s or BASE_S,
        "overlap_s": OVERLAP_S if data.overlap_s is None else data.overlap_s,
        "batch_size": data.batch_size or BATCH,
        "tz": data.tz or tenant.timezone,
    }


async def begin(tx: Session, source: CallSource) -> None:
    """Give a new source its watermark and its first poll."""
    tx.add(SyncWatermark(name=watermark_name(source.id), cursor=Cursor().stored()))
    await tx.flush()
    if source.enabled:
        await enqueue(tx, poll_of(source))


def changed_connection(
    access: Access, row: CallSource, data: SourceUpdate, settings: Settings, secrets: Secrets
) -> Kept | None:
    """The connection as it will be, None if it stays. Raises SourceHostForbidden, InvalidError.

    A stored password is not sent to a server that it was not given for.
    """
    if "connection" not in data.model_fields_set:
        return None
    before = kept_of(row, secrets)
    given = data.connection.model_dump(mode="json", exclude_unset=True)
    after = {**before, **given}
    if not after["port"]:
        after["port"] = default_port(row.kind)
    places = [(kept["host"], kept["port"]) for kept in (before, after)]
    weaker = before["tls"] != after["tls"] and after["tls"] != "verify"
    if places[0] != places[1]:
        require_host(access.principal, settings.intake, after["host"], after["port"])
    if (places[0] != places[1] or weaker) and before["password"] and "password" not in given:
        message = "another server, or weaker tls, needs the password anew"
        fault = {"field": "connection.password", "code": "PASSWORD_NEEDED", "message": message}
        raise InvalidError(message, errors=[fault])
    missing = [name for name in ("host", "database", "user") if not after[name]]
    if missing:
        message = "this cannot be empty"
        raise InvalidError(
            message,
            errors=[
                {"field": f"connection.{name}", "code": "INVALID", "message": message}
                for name in missing
            ],
        )
    return after


async def go_on(tx: Session, row: CallSource, *, elsewhere: bool) -> None:
    """Let a source that was changed be read soon, from the beginning if it is another table."""
    mark = await find_watermark(tx, watermark_name(row.id))
    if mark is not None:
        mark.moves += 1
        mark.stale_after_s = None
        if elsewhere:
            mark.cursor = Cursor().stored()
    await tx.flush()
    if row.enabled:
        await enqueue(tx, poll_of(row))
        await hurry(tx, poll_key(row))


def place_of(kept: Kept, mapping: TableMapping) -> tuple[Any, ...]:
    """What a watermark belongs to."""
    return (kept["host"], kept["port"], kept["database"], *mapping.place())


def read_of(row: CallSource, secrets: Secrets) -> SourceRead:
    """A source as it is answered: without its password."""
    found = SourceRead.model_validate(row)
    if row.place_enc is not None:
        kept = kept_of(row, secrets)
        found.connection = ConnectionRead(**kept, password_set=bool(kept["password"]))
    return found


def mapping_of(row: CallSource) -> TableMapping:
    """The mapping of a source that has one. Raises InvalidError for one of another version."""
    try:
        return TableMapping.model_validate(row.mapping)
    except ValidationError as error:
        raise InvalidError(errors=faults(error.errors())) from error
