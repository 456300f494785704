"""From a token to a principal: the object that every request passes."""

import asyncio
import contextlib
import ipaddress
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar, cast
from uuid import UUID
from weakref import WeakValueDictionary

from sqlalchemy import update

from locutory.kernel.auth import queries
from locutory.kernel.auth.contract import (
    EmbedTerms,
    KeyKind,
    Membership,
    Principal,
    PrincipalKind,
    Tenant,
    TenantNotFound,
    TenantStatus,
    TokenInvalid,
    embedded,
)
from locutory.kernel.auth.models import ApiKeyRow
from locutory.kernel.auth.passwords import Passwords
from locutory.kernel.auth.roles import Roles
from locutory.kernel.auth.tokens import EMBED_MARK, Tokens, matches, split_api_key
from locutory.kernel.clock import Clock, utc_now
from locutory.kernel.db import Session, Storage
from locutory.kernel.errors import ConfigError, StorageUnavailableError
from locutory.kernel.ids import KERNEL
from locutory.kernel.settings import Settings

T = TypeVar("T")

CHANGED = "auth"  # the signal of every commit that changes who may do what
_CACHE_S = 5.0
_CACHE_ENTRIES = 10_000
_KEY_USE_NOTED = timedelta(minutes=1)


class Lookups:
    """What was looked up in the last 5 s. A commit of this process that changes it empties it.

    Who asks for what is just being looked up waits for that look: when an entry ends under load,
    all requests of its key would else read the same rows at once.
    """

    def __init__(self, changed: asyncio.Event, *, monotonic: Callable[[], float]) -> None:
        self._changed = changed
        self._monotonic = monotonic
        self._entries: dict[Hashable, tuple[float, Any]] = {}
        self._loading: dict[Hashable, asyncio.Task[Any]] = {}
        self._generation = 0

    async def get(self, key: Hashable, load: Callable[[], Awaitable[T]]) -> T:
        """The cached value, or what `load` gives; failures are not kept."""
        self._forget_if_changed()
        now = self._monotonic()
        expires, value = self._entries.get(key, (0.0, None))
        if expires > now:
            return cast("T", value)
        loading = self._loading.get(key)
        if loading is None:
            loading = asyncio.create_task(self._load(key, load))
            self._loading[key] = loading
            loading.add_done_callback(lambda task: self._no_longer_loading(key, task))
        # a caller that is cancelled must not take the value from the others
        return cast("T", await asyncio.shield(loading))

    async def _load(self, key: Hashable, load: Callable[[], Awaitable[T]]) -> T:
        generation, began = self._generation, self._monotonic()
        loaded = await load()
        self._forget_if_changed()
        if generation == self._generation:  # else it was read before the change
            if len(self._entries) >= _CACHE_ENTRIES:
                self._entries.clear()
            self._entries[key] = (began + _CACHE_S, loaded)
        return loaded

    def _no_longer_loading(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        if self._loading.get(key) is task:
            del self._loading[key]
        if not task.cancelled():
            task.exception()  # whoever asked has it; nobody left is no warning at exit

    def _forget_if_changed(self) -> None:
        if self._changed.is_set():
            self._changed.clear()
            self._entries.clear()
            self._loading.clear()  # it may have read what was before the change
            self._generation += 1


class Auth:
    """Keys, roles and caches of one process.

    Raises ConfigError for a short `jwt_key`, and for `auth.mode=open_loopback` on an address
    that others can reach.
    """

    def __init__(
        self,
        storage: Storage,
        settings: Settings,
        roles: Roles,
        *,
        jwt_key: bytes,
        former_keys: Sequence[bytes] = (),
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings.auth
        self.open_loopback = self.settings.mode == "open_loopback"
        if self.open_loopback:
            check_open_loopback(settings.server.host)
        self.db = storage.database()
        self.roles = roles
        self.clock = clock
        self.passwords = Passwords(settings.auth)
        lifetime = timedelta(minutes=self.settings.access_minutes)
        self.tokens = Tokens(jwt_key, lifetime=lifetime, former_keys=former_keys, clock=clock)
        self._lookups = Lookups(storage.signals.listen(CHANGED), monotonic=monotonic)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def turn(self, who: str) -> asyncio.Lock:
        """The lock of one name's logins: guesses come one by one, so each is counted."""
        return self._turns.setdefault(who, asyncio.Lock())

    def close(self) -> None:
        """Let the threads of the password hasher go."""
        self.passwords.close()

    async def principal_of(self, token: str) -> Principal:
        """The caller behind an access token or API key. Raises TokenInvalid."""
        parts = split_api_key(token)
        if parts is not None:
            return await self.by_key(parts, KeyKind.SERVICE)
        if split_api_key(token, EMBED_MARK) is not None:
            raise TokenInvalid("exchange the embed key for a token first (POST /auth/embed)")
        claims = self.tokens.verify(token)
        if claims.kind is PrincipalKind.EMBED:
            return await self.by_key_id(claims.user_id)
        return await self.user(claims.user_id, claims.tenant_id, claims.session_id)

    async def by_key(self, parts: tuple[str, str], kind: KeyKind) -> Principal:
        """The caller with a key of this kind, by prefix and secret. Raises TokenInvalid."""
        prefix, secret = parts
        found = await self._lookups.get(("key", prefix), lambda: self._load_key(prefix))
        # the kind is asked for as well: its mark is not part of what is hashed
        if found is None or not matches(secret, found[0].hash) or found[0].kind != kind:
            raise TokenInvalid
        return await self._used(*found)

    async def by_key_id(self, key_id: UUID) -> Principal:
        """The embedded page of a token that names its key. Raises TokenInvalid."""
        found = await self._lookups.get(("key id", key_id), lambda: self._load_key_by_id(key_id))
        if found is None or found[0].kind != KeyKind.EMBED:
            raise TokenInvalid
        return await self._used(*found)

    async def embeds(self, origin: str) -> bool:
        """Whether any live embed key names this origin."""
        return origin in await self._lookups.get("origins", self._load_origins)

    async def _used(self, row: ApiKeyRow, principal: Principal) -> Principal:
        if row.expires_at is not None and row.expires_at <= self.clock():
            raise TokenInvalid("the key has expired", code="TOKEN_EXPIRED")
        await self._note_use(row)
        return principal

    async def user(
        self, user_id: UUID, tenant_id: UUID | None, session_id: UUID | None
    ) -> Principal:
        """A user, acting in a tenant. Raises TokenInvalid if user or login are no more."""
        key = ("user", user_id, tenant_id, session_id)
        found = await self._lookups.get(
            key, lambda: self._load_user(user_id, tenant_id, session_id)
        )
        if found is None:
            raise TokenInvalid
        return found

    async def api_key(self, key_id: UUID) -> Principal:
        """The caller behind a key, by the key's id. Raises TokenInvalid if it is no more."""
        async with self.db.read() as session:
            row = await queries.find_api_key_by_id(session, key_id)
            principal = None if row is None else await self._key_principal(session, row)
        if principal is None:
            raise TokenInvalid
        return principal

    async def loopback(self, tenant_id: UUID | None = None) -> Principal:
        """The administrator of `auth.mode=open_loopback`, by default in the first tenant."""
        return await self._lookups.get(
            ("loopback", tenant_id), lambda: self._load_loopback(tenant_id)
        )

    async def enter(self, principal: Principal, slug: str) -> Principal:
        """The caller inside a tenant. Raises TenantNotFound, also where there is one."""
        membership = principal.membership(slug)
        if membership is None and principal.platform_admin:
            tenant = await self._lookups.get(("tenant", slug), lambda: self._load_tenant(slug))
            membership = None if tenant is None else self.membership_of_admin(tenant)
        if membership is None:
            raise TenantNotFound
        return principal.within(membership)

    def membership_of_admin(self, tenant: Tenant) -> Membership:
        """What a platform administrator is in a tenant without being its member."""
        return Membership(tenant=tenant, roles=(), scopes=self.roles.scopes)

    async def memberships(self, session: Session, user_id: UUID) -> tuple[Membership, ...]:
        """The memberships of a user in active tenants, by slug."""
        return tuple(
            Membership(tenant=tenant, roles=roles, scopes=self.roles.scopes_of(roles))
            for tenant, roles in await queries.roles_by_tenant(session, user_id)
        )

    async def _load_user(
        self, user_id: UUID, tenant_id: UUID | None, session_id: UUID | None
    ) -> Principal | None:
        async with self.db.read() as session:
            row = await queries.find_user(session, user_id)
            if row is None or not row.active:
                return None
            if session_id is not None and not await queries.session_is_open(session, session_id):
                return None
            memberships = await self.memberships(session, user_id)
            current = next((m for m in memberships if m.tenant.id == tenant_id), None)
            if current is None and row.platform_admin and tenant_id is not None:
                tenant = await queries.find_tenant_by_id(session, tenant_id)
                current = None if tenant is None else self.membership_of_admin(tenant)
        return Principal(
            kind=PrincipalKind.USER,
            id=row.id,
            name=row.name,
            email=row.email,
            platform_admin=row.platform_admin,
            password_temporary=row.password_temporary,
            memberships=memberships,
            current=current,
            session_id=session_id,
        )

    async def _load_key(self, prefix: str) -> tuple[ApiKeyRow, Principal] | None:
        async with self.db.read() as session:
            row = await queries.find_api_key(session, prefix)
            principal = None if row is None else await self._key_principal(session, row)
        return None if row is None or principal is None else (row, principal)

    async def _load_key_by_id(self, key_id: UUID) -> tuple[ApiKeyRow, Principal] | None:
        async with self.db.read() as session:
            row = await queries.find_api_key_by_id(session, key_id)
            principal = None if row is None else await self._key_principal(session, row)
        return None if row is None or principal is None else (row, principal)

    async def _load_origins(self) -> frozenset[str]:
        async with self.db.read() as session:
            return await queries.embedding_origins(session, self.clock())

    async def _key_principal(self, session: Session, row: ApiKeyRow) -> Principal | None:
        tenant = await queries.find_tenant_by_id(session, row.tenant_id)
        if row.revoked_at is not None or tenant is None or tenant.status != TenantStatus.ACTIVE:
            return None
        scopes, terms = frozenset(row.scopes), None
        if row.kind == KeyKind.EMBED:
            scopes = frozenset(map(embedded, scopes))
            terms = EmbedTerms(origins=tuple(row.origins), filters=row.filters)
        membership = Membership(tenant=tenant, roles=(), scopes=scopes)
        return Principal(
            kind=PrincipalKind.API_KEY if terms is None else PrincipalKind.EMBED,
            id=row.id,
            name=row.name,
            memberships=(membership,),
            current=membership,
            embed=terms,
        )

    async def _note_use(self, row: ApiKeyRow) -> None:
        now = self.clock()
        if row.last_used_at is not None and now - row.last_used_at < _KEY_USE_NOTED:
            return
        row.last_used_at = now  # the cached row: the next requests need not write

        async def note(tx: Session) -> None:
            await tx.execute(
                update(ApiKeyRow).where(ApiKeyRow.id == row.id).values(last_used_at=now)
            )

        # reading must go on while the database takes no writes
        with contextlib.suppress(StorageUnavailableError):
            await self.db.write(note)

    async def _load_tenant(self, slug: str) -> Tenant | None:
        async with self.db.read() as session:
            return await queries.find_tenant(session, slug)

    async def _load_loopback(self, tenant_id: UUID | None) -> Principal:
        async with self.db.read() as session:
            among = None if tenant_id is None else (tenant_id,)
            first = await queries.list_tenants(session, among=among, limit=1)
        nobody = Principal(
            kind=PrincipalKind.LOOPBACK, id=KERNEL, name="local operator", platform_admin=True
        )
        return replace(nobody, current=self.membership_of_admin(first[0])) if first else nobody


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address((host or "").strip("[]")).is_loopback
    except ValueError:
        return False


def check_open_loopback(host: str) -> None:
    """Raise ConfigError unless the server's address is one that only this machine reaches."""
    if not is_loopback(host):
        raise ConfigError(
            f"auth.mode=open_loopback lets everyone in, but server.host={host} is reachable "
            "from outside: bind to 127.0.0.1 or use auth.mode=password",
            code="OPEN_LOOPBACK_EXPOSED",
        )
