"""Keys for machines: one tenant, some scopes, no password."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from locutory.kernel.audit import audit
from locutory.kernel.auth import queries
from locutory.kernel.auth.contract import KeyNotFound, Principal, ScopeMissing
from locutory.kernel.auth.gate import CHANGED, Auth
from locutory.kernel.auth.models import ApiKeyRow
from locutory.kernel.auth.tokens import hashed, new_api_key
from locutory.kernel.db import Session
from locutory.kernel.errors import InvalidError

_LAST = datetime.max.replace(tzinfo=UTC)  # what UTC can express


async def create_key(
    auth: Auth, by: Principal, *, name: str, scopes: list[str], expires_at: datetime | None
) -> tuple[ApiKeyRow, str]:
    """A key of the caller's tenant and its text, which is not to be had again.

    Raises ScopeMissing for a scope that the caller lacks, InvalidError for one that no role has
    or for an expiry in the past.
    """
    _check(auth, by, scopes, expires_at)
    prefix, secret, text = new_api_key()
    row = ApiKeyRow(
        tenant_id=by.tenant.id,
        name=name,
        prefix=prefix,
        hash=hashed(secret),
        scopes=sorted(set(scopes)),
        created_by=by.key,
        expires_at=expires_at,
    )

    async def store(tx: Session) -> None:
        tx.add(row)
        await tx.flush()
        await audit(
            tx, actor=by.key, action="key.create", object=f"key:{row.id}", scopes=row.scopes
        )

    await auth.db.bound_to(by.tenant.id).write(store)
    return row, text


async def list_keys(
    auth: Auth, by: Principal, *, after: UUID | None, limit: int
) -> Sequence[ApiKeyRow]:
    """The live keys of the caller's tenant, newest first, one more than `limit`."""
    async with auth.db.read() as session:
        return await queries.list_api_keys(session, by.tenant.id, after=after, limit=limit)


async def revoke_key(auth: Auth, by: Principal, key_id: UUID) -> None:
    """Make a key useless at once. Raises KeyNotFound, also for another tenant's key."""

    async def store(tx: Session) -> None:
        row = await queries.find_api_key_by_id(tx, key_id)
        if row is None or row.tenant_id != by.tenant.id or row.revoked_at is not None:
            raise KeyNotFound
        row.revoked_at = auth.clock()
        await audit(tx, actor=by.key, action="key.revoke", object=f"key:{key_id}")
        tx.signal(CHANGED)

    await auth.db.bound_to(by.tenant.id).write(store)


def _check(auth: Auth, by: Principal, scopes: list[str], expires_at: datetime | None) -> None:
    unknown = sorted(set(scopes) - auth.roles.scopes)
    if unknown:
        message = f"no such scope: {', '.join(unknown)}"
        fault = {"field": "scopes", "code": "SCOPE_UNKNOWN", "message": message}
        raise InvalidError(message, errors=[fault])
    if not all(by.allows(scope) for scope in scopes):
        raise ScopeMissing("a key cannot do what its maker may not do")
    if expires_at is None:
        return
    if expires_at.tzinfo is None or not auth.clock() < expires_at <= _LAST:
        message = "a time in the future, with its offset from UTC"
        fault = {"field": "expires_at", "code": "EXPIRY_INVALID", "message": message}
        raise InvalidError(message, errors=[fault])
