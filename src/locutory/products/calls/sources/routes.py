"""Taking calls in over HTTP. Everything heavy is a job: the answer comes at once."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Body, Form, Query, Request, Response, UploadFile

from locutory.engines.blobs import BlobStore
from locutory.kernel.auth.contract import Access, ScopeMissing
from locutory.kernel.auth.dependencies import SecuredRouter, SettledPrincipal, TheAuth, access
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session, Storage
from locutory.kernel.http.client import HttpClient
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.ratelimit import rate_limit
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline.service.backlog import Backlog
from locutory.products.calls.records.contract import Consent, Direction
from locutory.products.calls.records.counting import CallCounters
from locutory.products.calls.sources import changing, service, source_routes
from locutory.products.calls.sources.contract import Outcome
from locutory.products.calls.sources.schemas import (
    AudioTaken,
    CallsPush,
    ChangesResult,
    PushResult,
    UpdateCall,
    UpdateCallTaken,
)

router = SecuredRouter(tags=["calls ingest"], dependencies=[rate_limit("ingest")])
_PUSH_BYTES = 16 * 1024 * 1024  # 500 calls of 32 kB
Feeder = Annotated[Access, access("calls:ingest")]


@router.post("/ingest/{bid}/calls", response_model=PushResult, max_body_size=_PUSH_BYTES)
async def push_calls(
    request: Request, feeder: Feeder, data: CallsPush, idempotent: Idempotent
) -> Response:
    """Register 1 to 500 finished calls; each is judged for itself."""
    services: Services = request.app.state.services
    await services.get(Backlog).require_room(feeder.tenant.id)
    gate, secrets = services.get(HttpClient).gate, services.get(Secrets)
    items = [service.judge(item, gate) for item in data.calls]
    actor = feeder.principal.key
    new = 0

    async def store(tx: Session) -> PushResult:
        nonlocal new
        result = await service.push(tx, items, actor=actor, secrets=secrets)
        new = result.accepted
        return result

    answer = await idempotent.write(feeder.db, store, 200)
    await services.get(CallCounters).synced(feeder.tenant.id, "push", new)
    return answer


@router.post("/ingest/{bid}/cdc", response_model=ChangesResult, max_body_size=_PUSH_BYTES)
async def push_changes(
    request: Request,
    feeder: Feeder,
    idempotent: Idempotent,
    source: Annotated[str, Query(min_length=1, max_length=200, description="its id or name")],
    data: Annotated[dict[str, Any] | list[dict[str, Any] | None], Body()],
) -> Response:
    """Tell of 1 to 500 changes in a source's table, as Debezium writes them.

    With or without their `schema`; each is judged for itself, and older ones than those that were
    taken change nothing.
    """
    services: Services = request.app.state.services
    await services.get(Backlog).require_room(feeder.tenant.id)
    gate, secrets = services.get(HttpClient).gate, services.get(Secrets)
    batch = await changing.look_through(feeder.db, source, data, gate)
    actor, new = feeder.principal.key, 0

    async def store(tx: Session) -> ChangesResult:
        nonlocal new
        result = await changing.store(tx, batch, actor=actor, secrets=secrets)
        new = sum(item.result == Outcome.CREATED for item in result.items)
        return result

    answer = await idempotent.write(feeder.db, store, 200)
    await services.get(CallCounters).synced(feeder.tenant.id, "cdc", new)
    return answer


@router.post("/ingest/{bid}/audio", status_code=202, response_model=AudioTaken)
async def upload_audio(
    request: Request,
    feeder: Feeder,
    idempotent: Idempotent,
    file: UploadFile,
    callid: Annotated[str | None, Form()] = None,
    transcript: UploadFile | None = None,
    direction: Annotated[Direction, Form()] = Direction.UNKNOWN,
    customer_phone: Annotated[str | None, Form()] = None,
    agent_id: Annotated[str | None, Form()] = None,
    agent_name: Annotated[str | None, Form()] = None,
    started_at: Annotated[datetime | None, Form()] = None,
    consent: Annotated[Consent | None, Form()] = None,
) -> Response:
    """Upload a recording, with its transcript if there is one."""
    services: Services = request.app.state.services
    settings: Settings = request.app.state.settings
    await services.get(Backlog).require_room(feeder.tenant.id)
    upload = service.described(
        callid=callid,
        direction=direction,
        customer_phone=customer_phone,
        agent_id=agent_id,
        agent_name=agent_name,
        started_at=started_at,
        consent=consent,
    )
    offer = await service.receive(
        services.get(BlobStore),
        services.get(Secrets).ring,
        feeder.tenant.id,
        upload,
        file.file,
        name=file.filename or "",
        transcript=None if transcript is None else transcript.file,
        transcript_name=None if transcript is None else transcript.filename,
        scratch=settings.data_dir / "tmp",
        max_audio_bytes=settings.media.max_audio_bytes,
    )
    actor, secrets = feeder.principal.key, services.get(Secrets)
    answer = await idempotent.write(
        feeder.db, lambda tx: service.upload(tx, offer, actor=actor, secrets=secrets), 202
    )
    await services.get(CallCounters).synced(feeder.tenant.id, "upload", 1)
    return answer


@router.post("/update-call", response_model=UpdateCallTaken, max_body_size=_PUSH_BYTES)
async def update_call(
    request: Request,
    auth: TheAuth,
    principal: SettledPrincipal,
    data: UpdateCall,
    idempotent: Idempotent,
) -> Response:
    """The old relay's way in: one call with its business in the body."""
    inside = await auth.enter(principal, data.bid)
    if not inside.allows("calls:ingest"):
        raise ScopeMissing
    services: Services = request.app.state.services
    await services.get(Backlog).require_room(inside.tenant.id)
    storage: Storage = request.app.state.storage
    secrets = services.get(Secrets)
    db = storage.database(inside.tenant.id)
    offer = await service.admit(db, data, services.get(HttpClient).gate, actor=inside.key)

    async def store(tx: Any) -> UpdateCallTaken:
        taken = (await service.take(tx, [offer], actor=inside.key, secrets=secrets))[0]
        return UpdateCallTaken(
            status="ok", bid=data.bid, callid=taken.callid, id=taken.id, result=taken.outcome
        )

    answer = await idempotent.write(db, store, 200)
    await services.get(CallCounters).synced(inside.tenant.id, "relay", 1)
    return answer


router.include_router(source_routes.router)
