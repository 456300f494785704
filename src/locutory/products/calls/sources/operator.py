"""The local operator's way in: recordings on this machine, offered without HTTP."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict, Unpack

from locutory.engines.blobs import BlobStore
from locutory.kernel.auth import people
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import Tenant, TenantNotFound
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Database, Session, Storage
from locutory.kernel.failpoints import failpoint
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline.contract import AudioRef
from locutory.products.calls.pipeline.uploads import (
    MAX_SIDECAR_BYTES,
    keep_audio,
    keep_sidecar,
    spooled_file,
)
from locutory.products.calls.records.contract import Consent, Direction
from locutory.products.calls.sources.contract import CallOffer, Taken
from locutory.products.calls.sources.folder import Recording
from locutory.products.calls.sources.service import take

OPERATOR = "operator:local"


@dataclass(frozen=True, slots=True)
class Business:
    """A business that the operator works in, and whether it was made just now."""

    tenant: Tenant
    created: bool


class Described(TypedDict, total=False):
    """What an operator may know of a call besides its recording."""

    direction: Direction
    agent_id: str | None
    agent_name: str | None
    customer_phone: str | None
    disposition: str | None
    consent: Consent | None


async def business(storage: Storage, bid: str) -> Business:
    """The business of that slug; made if the installation has none yet.

    Raises TenantNotFound for an unknown one where there are others.
    """

    async def find_or_make(tx: Session) -> Business:
        found = await tenants.find_tenant(tx, bid)
        if found is not None:
            return Business(found, created=False)
        if await tenants.list_tenants(tx, limit=1):
            raise TenantNotFound(
                f"there is no business {bid!r}; `locutory calls register` makes one"
            )
        made = await people.create_tenant(tx, people.NewTenant(slug=bid, name=bid), actor=OPERATOR)
        return Business(made, created=True)

    return await storage.database().write(find_or_make)


async def offer(
    db: Database,
    services: Services,
    recording: Recording,
    *,
    scratch: Path,
    started_at: datetime | None = None,
    **described: Unpack[Described],
) -> Taken:
    """Store a recording's files and register its call; `described` is what else is known of it.

    Without `started_at` the file's time counts as the call's.
    """
    blobs, secrets = services.get(BlobStore), services.get(Secrets)
    assert db.tenant_id is not None
    limit = services.get(Settings).media.max_audio_bytes
    audio: AudioRef | None = None
    started = started_at
    if recording.path is not None:
        async with spooled_file(recording.path, scratch, limit) as file:
            audio = await keep_audio(blobs, db.tenant_id, recording.callid, file)
        stat = await asyncio.to_thread(recording.path.stat)
        started = started or datetime.fromtimestamp(stat.st_mtime, UTC)
    sidecar = None
    if recording.sidecar is not None:
        async with spooled_file(recording.sidecar, scratch, MAX_SIDECAR_BYTES) as file:
            sidecar = await keep_sidecar(blobs, secrets.ring, db.tenant_id, recording.callid, file)
    offered = CallOffer(
        callid=recording.callid,
        audio=audio,
        audio_url=recording.url,
        sidecar_key=sidecar,
        sidecar_name=None if recording.sidecar is None else recording.sidecar.name,
        started_at=started,
        **described,
    )
    failpoint("calls.ingest.files_kept")
    taken = await db.write(lambda tx: take(tx, [offered], actor=OPERATOR, secrets=secrets))
    failpoint("calls.ingest.committed")
    return taken[0]
