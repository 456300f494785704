"""What others may know of a caller, and the errors that a caller may meet."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from locutory.kernel.db import Database
from locutory.kernel.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    TooLargeError,
    UnauthenticatedError,
    UnsupportedMediaError,
)


class Scopes:
    """What the kernel's own routes ask for; products add theirs as `<product>:<deed>`."""

    USERS_READ = "users:read"
    KEYS_MANAGE = "keys:manage"


def embedded(scope: str) -> str:
    """The scope's form for pages of other sites; routes that respect a key's filters ask for it.

    A page never has the scope itself, so a route that does not know of embedding refuses it.
    """
    return f"{scope}@embed"


class TenantStatus(StrEnum):
    """Only an active tenant lets its members in."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An organisation; `slug` is the `{bid}` of the paths."""

    id: UUID
    slug: str
    name: str
    timezone: str
    country_code: str | None
    currency: str | None
    status: TenantStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What somebody is in a tenant: roles such as `calls:supervisor`, and what these allow."""

    tenant: Tenant
    roles: tuple[str, ...]
    scopes: frozenset[str]


class PrincipalKind(StrEnum):
    """How a caller came in."""

    USER = "user"
    API_KEY = "key"
    EMBED = "embed"
    LOOPBACK = "loopback"


class KeyKind(StrEnum):
    """Whom a key is for: another system, or pages of another site."""

    SERVICE = "service"
    EMBED = "embed"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedTerms:
    """Where an embed key may be used, and what it is narrowed to in the words of its product."""

    origins: tuple[str, ...]
    filters: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A caller. `current` is the tenant that paths without a `{bid}` act in.

    `session_id` is the login that an access token came from, None for keys; `embed` binds a page
    of another site.
    """

    kind: PrincipalKind
    id: UUID
    name: str
    email: str | None = None
    platform_admin: bool = False
    password_temporary: bool = False
    memberships: tuple[Membership, ...] = ()
    current: Membership | None = None
    session_id: UUID | None = None
    embed: EmbedTerms | None = None

    @property
    def key(self) -> str:
        """`user:<id>`: the name for rate limits and the audit log."""
        return f"{self.kind}:{self.id}"

    @property
    def tenant(self) -> Tenant:
        """The current tenant. Raises NoTenant."""
        if self.current is None:
            raise NoTenant
        return self.current.tenant

    def membership(self, slug: str) -> Membership | None:
        """The membership in the tenant of that slug."""
        return next((m for m in self.memberships if m.tenant.slug == slug), None)

    def allows(self, scope: str) -> bool:
        """Whether the caller may do this in the current tenant."""
        return self.platform_admin or (self.current is not None and scope in self.current.scopes)

    def within(self, membership: Membership) -> "Principal":
        """The same caller, acting in another tenant."""
        return replace(self, current=membership)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A caller who was let into a tenant, with the tenant's rows."""

    principal: Principal
    tenant: Tenant
    db: Database


class BlobPutter(Protocol):
    """The part of a file store that pictures need."""

    async def put(self, key: str, data: bytes) -> None:
        """Store bytes durably."""
        ...

    async def get(self, key: str) -> bytes:
        """The whole content. Raises NotFoundError."""
        ...


class BadCredentials(UnauthenticatedError):
    """E-mail or password is wrong."""

    code = "BAD_CREDENTIALS"


class LoginLocked(RateLimitedError):
    """Too many failed logins; wait and try again."""

    code = "LOGIN_LOCKED"


class TokenInvalid(UnauthenticatedError):
    """The token is not valid (any more)."""

    code = "TOKEN_INVALID"


class PasswordChangeRequired(ForbiddenError):
    """Set a password of your own first (POST /auth/password)."""

    code = "PASSWORD_CHANGE_REQUIRED"


class ScopeMissing(ForbiddenError):
    """Your role does not allow this."""

    code = "SCOPE_MISSING"


class OriginDenied(ForbiddenError):
    """The embed key is not for this origin; make one that names it."""

    code = "ORIGIN_DENIED"


class EmbedForbidden(ForbiddenError):
    """Embedded pages may not do this; ask with a login or an API key."""

    code = "EMBED_FORBIDDEN"


class NoTenant(ForbiddenError):
    """You belong to no business here."""

    code = "NO_TENANT"


class TenantNotFound(NotFoundError):
    """There is no such business here."""

    code = "BID_NOT_FOUND"


class UserNotFound(NotFoundError):
    """There is no such user here."""

    code = "USER_NOT_FOUND"


class KeyNotFound(NotFoundError):
    """There is no such key here."""

    code = "KEY_NOT_FOUND"


class SlugTaken(ConflictError):
    """Another business has this bid."""

    code = "BID_TAKEN"


class EmailTaken(ConflictError):
    """Another user has this e-mail address."""

    code = "EMAIL_TAKEN"


class AlreadyMember(ConflictError):
    """This user belongs to the business already."""

    code = "ALREADY_MEMBER"


class LastAdmin(ConflictError):
    """The last administrator cannot be removed."""

    code = "LAST_ADMIN"


class NotAnImage(UnsupportedMediaError):
    """Send a PNG, JPEG, WebP or GIF."""

    code = "NOT_AN_IMAGE"


class ImageTooLarge(TooLargeError):
    """A picture has at most 2 MB."""

    code = "IMAGE_TOO_LARGE"
