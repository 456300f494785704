"""Where a call's recording is to be fetched: kept encrypted, since an address may carry a key."""

from uuid import UUID

from locutory.kernel.audit import audit
from locutory.kernel.crypto import Aad, Secrets
from locutory.kernel.db import Session
from locutory.products.calls.records.models import CallRecord


def sealed_url(tenant_id: UUID, call_id: UUID, url: str, secrets: Secrets) -> bytes:
    """The address as the call's row holds it."""
    return secrets.ring.encrypt(url, aad=_aad(tenant_id, call_id))


def audio_url(record: CallRecord, secrets: Secrets) -> str:
    """The address that the source gave. The record must have one."""
    assert record.audio_url_enc is not None
    aad = _aad(record.tenant_id, record.id)
    return secrets.ring.decrypt(record.audio_url_enc, aad=aad).decode()


async def note_blocked(tx: Session, callid: str, reason: str, *, actor: str) -> None:
    """Write down that a call came with an address that leads where it must not.

    The address itself stays out: it may carry a signature.
    """
    await audit(tx, actor=actor, action="url.blocked", object=f"call:{callid}", reason=reason)


def _aad(tenant_id: UUID, call_id: UUID) -> Aad:
    return Aad(str(tenant_id), CallRecord.__tablename__, str(call_id), "audio_url")
