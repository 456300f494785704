"""Keys of a tenant: some scopes, no password. For other systems, or for pages of other sites."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from types import NoneType
from uuid import UUID

from locutory.kernel.audit import audit
from locutory.kernel.auth import queries
from locutory.kernel.auth.contract import (
    EmbedTerms,
    KeyKind,
    KeyNotFound,
    Principal,
    ScopeMissing,
)
from locutory.kernel.auth.gate import CHANGED, Auth
from locutory.kernel.auth.models import ApiKeyRow
from locutory.kernel.auth.schemas import KeyCreate, KeyCreated, KeyPage, KeyRead, PageAsk
from locutory.kernel.auth.tokens import EMBED_MARK, KEY_MARK, hashed, new_api_key
from locutory.kernel.db import Session
from locutory.kernel.errors import InvalidError
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page

_LAST = datetime.max.replace(tzinfo=UTC)  # what UTC can express
_NO_GROUPS: Mapping[str, Collection[str]] = {}


async def key_page(auth: Auth, by: Principal, ask: PageAsk) -> KeyPage:
    """The live API keys of the caller's tenant, newest first."""
    rows, next_cursor = await list_keys(auth, by, KeyKind.SERVICE, ask)
    return KeyPage(items=[key_read(row) for row in rows], next_cursor=next_cursor)


async def make_key(
    auth: Auth,
    by: Principal,
    data: KeyCreate,
    *,
    groups: Mapping[str, Collection[str]] = _NO_GROUPS,
) -> KeyCreated:
    """An API key of the caller's tenant; `groups` are names that stand for several scopes.

    Raises ScopeMissing for a scope that the caller lacks, InvalidError for one that no role has
    or for an expiry in the past.
    """
    scopes = sorted({one for name in data.scopes for one in groups.get(name, (name,))})
    unknown = sorted(set(scopes) - auth.roles.scopes)
    if unknown:
        message = f"no such scope: {', '.join(unknown)}"
        fault = {"field": "scopes", "code": "SCOPE_UNKNOWN", "message": message}
        raise InvalidError(message, errors=[fault])
    if not all(by.allows(scope) for scope in scopes):
        raise ScopeMissing("a key cannot do what its maker may not do")
    row, text = await create_key(
        auth, by, name=data.name, scopes=scopes, expires_at=data.expires_at
    )
    return KeyCreated(key=text, **dict(key_read(row)))


async def create_key(
    auth: Auth,
    by: Principal,
    *,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None,
    embed: EmbedTerms | None = None,
) -> tuple[ApiKeyRow, str]:
    """A key of the caller's tenant and its text, which is not to be had again.

    Whether the caller may give these scopes was looked at before. Raises InvalidError for an
    expiry in the past.
    """
    _check_expiry(auth, expires_at)
    prefix, secret, text = new_api_key(KEY_MARK if embed is None else EMBED_MARK)
    row = ApiKeyRow(
        tenant_id=by.tenant.id,
        kind=KeyKind.SERVICE if embed is None else KeyKind.EMBED,
        name=name,
        prefix=prefix,
        hash=hashed(secret),
        scopes=sorted(set(scopes)),
        origins=[] if embed is None else list(embed.origins),
        filters={} if embed is None else dict(embed.filters),
        created_by=by.key,
        expires_at=expires_at,
    )

    async def store(tx: Session) -> None:
        tx.add(row)
        await tx.flush()
        await audit(
            tx,
            actor=by.key,
            action="key.create",
            object=f"key:{row.id}",
            kind=row.kind,
            scopes=row.scopes,
            origins=row.origins,
        )
        tx.signal(CHANGED)

    await auth.db.bound_to(by.tenant.id).write(store)
    return row, text


async def list_keys(
    auth: Auth, by: Principal, kind: KeyKind, ask: PageAsk
) -> tuple[Sequence[ApiKeyRow], str | None]:
    """A page of the live keys of the caller's tenant, newest first, and where the next begins."""
    sort = "keys" if kind is KeyKind.SERVICE else f"{kind}-keys"
    after = decode_cursor(ask.cursor, sort, NoneType)[1] if ask.cursor else None
    async with auth.db.read() as session:
        found = await queries.list_api_keys(
            session, by.tenant.id, kind, after=after, limit=ask.limit
        )
    rows, more = split_page(found, ask.limit)
    return rows, encode_cursor(sort, None, rows[-1].id) if more else None


async def revoke_key(
    auth: Auth, by: Principal, key_id: UUID, kind: KeyKind = KeyKind.SERVICE
) -> None:
    """Make a key useless at once. Raises KeyNotFound, also for another tenant's or kind's key."""

    async def store(tx: Session) -> None:
        row = await queries.find_api_key_by_id(tx, key_id)
        known = row is not None and row.tenant_id == by.tenant.id and row.kind == kind
        if row is None or not known or row.revoked_at is not None:
            raise KeyNotFound
        row.revoked_at = auth.clock()
        await audit(tx, actor=by.key, action="key.revoke", object=f"key:{key_id}")
        tx.signal(CHANGED)

    await auth.db.bound_to(by.tenant.id).write(store)


def key_read(row: ApiKeyRow) -> KeyRead:
    """The wire shape of a key."""
    return KeyRead(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=row.scopes,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )


def _check_expiry(auth: Auth, expires_at: datetime | None) -> None:
    if expires_at is None:
        return
    if expires_at.tzinfo is None or not auth.clock() < expires_at <= _LAST:
        message = "a time in the future, with its offset from UTC"
        fault = {"field": "expires_at", "code": "EXPIRY_INVALID", "message": message}
        raise InvalidError(message, errors=[fault])
