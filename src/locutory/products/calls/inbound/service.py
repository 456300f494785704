"""Use cases of inbound webhooks: who may deliver, and taking in what is delivered."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from pydantic import ValidationError
from sqlalchemy import delete, select

from locutory.kernel.audit import audit
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import Access, Tenant, TenantStatus
from locutory.kernel.auth.tokens import hashed, matches, new_secret
from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import Aad, Secrets
from locutory.kernel.db import Database, Session, Storage
from locutory.kernel.db.locks import hold
from locutory.kernel.errors import InvalidError, LocutoryError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.gate import UrlBlockedError
from locutory.kernel.http_errors import faults
from locutory.kernel.ids import new_id
from locutory.kernel.services import Services
from locutory.products.calls.inbound import payloads, queries
from locutory.products.calls.inbound.contract import (
    KEPT_DAYS,
    SCHEMES,
    BadSignature,
    Deed,
    Provider,
    Scheme,
    SecretUnfit,
)
from locutory.products.calls.inbound.models import CallHook, HookDelivery
from locutory.products.calls.inbound.schemas import DeliveryRead, HookRead, HookSet, HookShown
from locutory.products.calls.inbound.signatures import Sent, is_signed, public_key
from locutory.products.calls.notices.signing import new_secret as new_signing_secret
from locutory.products.calls.pipeline.addresses import note_blocked
from locutory.products.calls.pipeline.service.backlog import Backlog
from locutory.products.calls.records.contract import Direction
from locutory.products.calls.records.counting import CallCounters
from locutory.products.calls.sources.contract import CallOffer, Outcome, Taken
from locutory.products.calls.sources.merging import merged
from locutory.products.calls.sources.schemas import CallPush
from locutory.products.calls.sources.service import checked, take

_TOKEN_MARK = "whtok"
_FORGOTTEN_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A delivery that proved whose it is."""

    hook_id: UUID
    provider: Provider
    tenant: Tenant
    db: Database

    @property
    def actor(self) -> str:
        """The name for rate limits and the audit log."""
        return f"hook:{self.hook_id}"


async def list_hooks(access: Access, public_url: str | None) -> list[HookRead]:
    """The providers that may tell of calls, by name."""
    async with access.db.read() as session:
        found = await queries.hooks(session)
    return [_read(hook, access.tenant, public_url) for hook in found]


async def set_hook(
    access: Access, provider: Provider, data: HookSet, *, secrets: Secrets, public_url: str | None
) -> HookShown:
    """Let a provider tell of calls, or change how it proves itself. Raises SecretUnfit."""
    scheme = data.scheme or SCHEMES[provider][0]
    _require_fitting(provider, scheme, data.secret)
    token = f"{_TOKEN_MARK}_{new_secret()}" if scheme is Scheme.TOKEN else None
    made = None if scheme is Scheme.TOKEN or data.secret else new_signing_secret()
    secret = data.secret or made

    async def store(tx: Session) -> HookRead:
        await hold(tx, f"hook:{provider}")
        hook, now = await queries.find_hook(tx, provider), utc_now()
        if hook is None:
            hook = CallHook(id=new_id(), tenant_id=tx.tenant_id, provider=provider)
            tx.add(hook)
        _put_former_aside(hook, scheme, now, data.keep_former_s)
        hook.scheme, hook.updated_at = scheme, now
        hook.token_hash = None if token is None else hashed(token)
        hook.secret_enc = None if secret is None else secrets.ring.encrypt(secret, aad=_aad(hook))
        await tx.flush()
        detail = {"provider": provider, "scheme": scheme, "keep_former_s": data.keep_former_s}
        await _audited(tx, access, "hook.set", hook.id, **detail)
        return _read(hook, access.tenant, public_url)

    read = await access.db.write(store)
    shown = HookShown(**dict(read), secret=made, token=token)
    if token is not None:
        shown.path = f"{read.path}/{token}"
        shown.url = None if read.url is None else f"{read.url}/{token}"
    return shown


async def remove_hook(access: Access, provider: Provider) -> None:
    """Let a provider tell of calls no longer; its calls stay. Raises HookNotFound."""

    async def store(tx: Session) -> None:
        hook = await queries.get_hook(tx, provider)
        await tx.execute(delete(HookDelivery).where(HookDelivery.hook_id == hook.id))
        await tx.delete(hook)
        await _audited(tx, access, "hook.delete", hook.id, provider=provider)

    await access.db.write(store)


async def prove(
    storage: Storage,
    secrets: Secrets,
    sent: Sent,
    *,
    bid: str,
    provider: Provider,
    token: str | None,
) -> Proven:
    """Whose a delivery is. Raises BadSignature, also where there is no such business."""
    async with storage.read(None) as session:
        # what no text of the database can hold is no business's either
        tenant = None if "\0" in bid else await tenants.find_tenant(session, bid)
    if tenant is None or tenant.status != TenantStatus.ACTIVE:
        raise BadSignature
    db = storage.database(tenant.id)
    async with db.read() as session:
        hook = await queries.find_hook(session, provider)
    if hook is None or not _proves(hook, secrets, sent, token):
        raise BadSignature
    return Proven(hook_id=hook.id, provider=provider, tenant=tenant, db=db)


async def receive(
    proven: Proven, said: Mapping[str, Any], services: Services, direction: Direction
) -> DeliveryRead:
    """Take in what a delivery tells; the same one again changes nothing.

    Raises InvalidError, CallidInvalid, UrlBlockedError, BacklogFull.
    """
    counters = services.get(CallCounters)
    try:
        read = await _receive(proven, said, services, direction)
    except LocutoryError:
        counters.delivery(proven.provider, Deed.REJECTED)
        raise
    counters.delivery(proven.provider, read.result)
    if read.result == Outcome.CREATED:
        await counters.synced(proven.tenant.id, proven.provider, 1)
    return read


async def _receive(
    proven: Proven, said: Mapping[str, Any], services: Services, direction: Direction
) -> DeliveryRead:
    around = payloads.Around(zone=ZoneInfo(proven.tenant.timezone), direction=direction)
    told = payloads.told(proven.provider, said, around)
    if told is None:
        return DeliveryRead(callid=None, id=None, result=Deed.ACKNOWLEDGED)
    await services.get(Backlog).require_room(proven.tenant.id)
    offer, fields = await _admitted(proven, told, services)
    digest = hashlib.sha256(orjson.dumps(dict(said), option=orjson.OPT_SORT_KEYS)).hexdigest()
    secrets = services.get(Secrets)

    async def store(tx: Session) -> Taken | None:
        await hold(tx, f"call:{offer.callid}")
        if await queries.has_come(tx, proven.hook_id, digest):
            return None
        await _forget_old(tx)
        tx.add(HookDelivery(hook_id=proven.hook_id, digest=digest))
        whole = await merged(tx, offer, fields, told.guessed, secrets)
        return (await take(tx, [whole], actor=proven.actor, secrets=secrets))[0]

    taken = await proven.db.write(store)
    if taken is None:
        return DeliveryRead(callid=offer.callid, id=None, result=Deed.DUPLICATE)
    return DeliveryRead(callid=taken.callid, id=taken.id, result=taken.outcome)


async def _admitted(
    proven: Proven, told: payloads.Told, services: Services
) -> tuple[CallOffer, set[str]]:
    """The offer and the names of what it tells; a blocked address is noted for the auditors."""
    try:
        push = CallPush.model_validate(told.fields)
        offer = checked(push, services.get(HttpClient).gate)
    except ValidationError as error:
        raise InvalidError(errors=faults(error.errors())) from error
    except UrlBlockedError as error:
        callid, reason = str(push.callid), error.detail
        await proven.db.write(lambda tx: note_blocked(tx, callid, reason, actor=proven.actor))
        raise
    fields = {name for name in push.model_fields_set if getattr(push, name) is not None}
    return replace(offer, time_suspect=told.suspect), fields


def _require_fitting(provider: Provider, scheme: Scheme, secret: str | None) -> None:
    """Raise SecretUnfit for a scheme or a secret that the provider does not have."""
    if scheme not in SCHEMES[provider]:
        can = ", ".join(SCHEMES[provider])
        raise _unfit("scheme", f"{provider} proves itself by {can}")
    if scheme is Scheme.TOKEN and secret is not None:
        raise _unfit("secret", "a token is made here, not given")
    if scheme.is_given and secret is None:
        raise _unfit("secret", f"give what {provider} signs with; it cannot be made here")
    if scheme is Scheme.ED25519 and secret is not None:
        try:
            public_key(secret)
        except ValueError as error:
            raise _unfit("secret", str(error)) from error


def _unfit(name: str, message: str) -> SecretUnfit:
    return SecretUnfit(
        message, errors=[{"field": name, "code": SecretUnfit.code, "message": message}]
    )


def _put_former_aside(hook: CallHook, scheme: Scheme, now: datetime, keep_s: int) -> None:
    """Keep the secret that held till now for a while; one of another scheme proves nothing."""
    kept = keep_s > 0 and hook.scheme == scheme
    hook.former_secret_enc = hook.secret_enc if kept else None
    hook.former_token_hash = hook.token_hash if kept else None
    hook.former_until = now + timedelta(seconds=keep_s) if kept else None


def _proves(hook: CallHook, secrets: Secrets, sent: Sent, token: str | None) -> bool:
    """Whether a delivery has the token, or is signed with the secret, that holds now."""
    held = [(hook.secret_enc, hook.token_hash)]
    if hook.former_until is not None and hook.former_until > utc_now():
        held.append((hook.former_secret_enc, hook.former_token_hash))
    return any([*_proofs(hook, held, secrets, sent, token)])


def _proofs(
    hook: CallHook,
    held: list[tuple[bytes | None, str | None]],
    secrets: Secrets,
    sent: Sent,
    token: str | None,
) -> Iterator[bool]:
    for secret_enc, token_hash in held:
        if token_hash is not None:
            yield token is not None and matches(token, token_hash)
        elif secret_enc is not None:
            secret = secrets.ring.decrypt_text(secret_enc, aad=_aad(hook))
            yield is_signed(Scheme(hook.scheme), secret, sent)


async def _forget_old(tx: Session) -> None:
    """Delete a portion of the deliveries that are older than thirty days."""
    before = utc_now() - timedelta(days=KEPT_DAYS)
    old = select(HookDelivery.id).where(HookDelivery.created_at < before)
    await tx.execute(delete(HookDelivery).where(HookDelivery.id.in_(old.limit(_FORGOTTEN_AT_ONCE))))


def _read(hook: CallHook, tenant: Tenant, public_url: str | None) -> HookRead:
    path = f"/ingest/{tenant.slug}/webhooks/{hook.provider}"
    return HookRead(
        id=hook.id,
        provider=Provider(hook.provider),
        scheme=Scheme(hook.scheme),
        path=path,
        url=None if public_url is None else f"{public_url.rstrip('/')}{path}",
        former_until=hook.former_until,
        created_at=hook.created_at,
        updated_at=hook.updated_at,
    )


def _aad(hook: CallHook) -> Aad:
    return Aad(hook.tenant_id, CallHook.__tablename__, hook.id, "secret")


async def _audited(tx: Session, access: Access, action: str, hook_id: UUID, **detail: Any) -> None:
    await audit(tx, actor=access.principal.key, action=action, object=f"hook:{hook_id}", **detail)
