"""Tenants and their members: what products and the command line build their own routes on.

What changes anything runs inside the caller's `db.write`, so that it commits with the rest.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from locutory.kernel.audit import audit
from locutory.kernel.auth import queries
from locutory.kernel.auth.contract import (
    AlreadyMember,
    EmailTaken,
    LastAdmin,
    SlugTaken,
    Tenant,
    TenantNotFound,
    TenantStatus,
    UserNotFound,
)
from locutory.kernel.auth.gate import CHANGED
from locutory.kernel.auth.models import MembershipRow, TenantRow, UserRow
from locutory.kernel.auth.queries import PersonRow as PersonRow
from locutory.kernel.db import Database, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTenant:
    """A tenant to be made. `slug` matches `^[A-Za-z0-9_-]{1,32}$`; `timezone` is an IANA name."""

    slug: str
    name: str
    timezone: str = "UTC"
    country_code: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user to be made, with the hash of the first password (`Auth.passwords.hash`)."""

    email: str
    name: str
    password_hash: str
    password_temporary: bool = False
    platform_admin: bool = False


def one_time_password() -> str:
    """A first password, to be replaced by its owner: 96 random bits."""
    return secrets.token_urlsafe(12)


async def create_tenant(tx: Session, new: NewTenant, *, actor: str) -> Tenant:
    """Make a tenant. Raises SlugTaken."""
    row = TenantRow(
        slug=new.slug,
        name=new.name,
        timezone=new.timezone,
        country_code=new.country_code,
        currency=new.currency,
        status=TenantStatus.ACTIVE,
    )
    if await queries.find_tenant(tx, new.slug) is not None:
        raise SlugTaken
    tx.add(row)
    await _flush(tx, SlugTaken())
    await audit(tx, actor=actor, action="tenant.create", object=f"tenant:{row.id}", slug=new.slug)
    tx.signal(CHANGED)
    return queries.tenant_of(row)


async def update_tenant(
    tx: Session, tenant_id: UUID, changes: Mapping[str, Any], *, actor: str
) -> Tenant:
    """Change fields of a tenant by name. Raises TenantNotFound."""
    row = await tx.get(TenantRow, tenant_id)
    if row is None:
        raise TenantNotFound
    for field, value in changes.items():
        setattr(row, field, value)
    await audit(
        tx, actor=actor, action="tenant.update", object=f"tenant:{tenant_id}", changes=dict(changes)
    )
    tx.signal(CHANGED)
    return queries.tenant_of(row)


async def remove_tenant(
    tx: Session, tenant_id: UUID, *, actor: str, slug: str, **detail: Any
) -> None:
    """Take away a tenant's own row; its rows in other tables must be gone. Idempotent."""
    await tx.execute(delete(TenantRow).where(TenantRow.id == tenant_id))
    await audit(
        tx, actor=actor, action="tenant.remove", object=f"tenant:{tenant_id}", slug=slug, **detail
    )
    tx.signal(CHANGED)


async def create_user(tx: Session, new: NewUser, *, actor: str) -> UUID:
    """Make a user. Raises EmailTaken."""
    email = new.email.strip().lower()
    if await queries.find_user_by_email(tx, email) is not None:
        raise EmailTaken
    row = UserRow(
        email=email,
        name=new.name,
        password_hash=new.password_hash,
        password_temporary=new.password_temporary,
        platform_admin=new.platform_admin,
    )
    tx.add(row)
    await _flush(tx, EmailTaken())
    await audit(
        tx,
        actor=actor,
        action="user.create",
        object=f"user:{row.id}",
        platform_admin=new.platform_admin,
    )
    return row.id


async def add_member(
    tx: Session, tenant_id: UUID, user_id: UUID, roles: list[str], *, actor: str
) -> None:
    """Give a user roles of one product in a tenant.

    Roles of other products stay. Raises AlreadyMember where the user has roles of this product.
    """
    products = {_product(role) for role in roles}
    row = await tx.get(MembershipRow, (tenant_id, user_id))
    if row is None:
        tx.add(MembershipRow(tenant_id=tenant_id, user_id=user_id, roles=roles))
        await _flush(tx, AlreadyMember())
    elif any(_product(role) in products for role in row.roles):
        raise AlreadyMember
    else:
        row.roles = [*row.roles, *roles]
    await _note(tx, "member.add", tenant_id, user_id, actor, roles)


async def set_roles(
    tx: Session,
    tenant_id: UUID,
    user_id: UUID,
    product: str,
    roles: list[str],
    *,
    keep_one: str,
    actor: str,
) -> None:
    """Replace a member's roles of one product; no roles at all end the membership.

    Raises UserNotFound where the user has no role of the product here, and LastAdmin if nobody
    with the role `keep_one` would be left.
    """
    # the tenant's row is the lock: two admins who remove each other at once would both succeed
    await tx.execute(select(TenantRow.id).where(TenantRow.id == tenant_id).with_for_update())
    row = await tx.get(MembershipRow, (tenant_id, user_id), populate_existing=True)
    if row is None or not any(_product(role) == product for role in row.roles):
        raise UserNotFound
    leaves = keep_one in row.roles and keep_one not in roles
    if leaves and await queries.holders(tx, tenant_id, keep_one) <= {user_id}:
        raise LastAdmin
    others = [role for role in row.roles if _product(role) != product]
    if others or roles:
        row.roles = [*others, *roles]
    else:
        await tx.delete(row)
    await _note(tx, "member.roles", tenant_id, user_id, actor, roles)


async def list_tenants(
    db: Database,
    *,
    among: Collection[UUID] | None,
    after: tuple[Any, UUID] | None,
    limit: int,
) -> Sequence[Tenant]:
    """Tenants by slug, one more than `limit`; `among` None means all."""
    async with db.read() as session:
        return await queries.list_tenants(session, among=among, after=after, limit=limit)


async def list_members(
    db: Database, tenant_id: UUID, *, product: str | None = None, after: UUID | None, limit: int
) -> Sequence[PersonRow]:
    """The active users of a tenant by id, one more than `limit`; perhaps of one product only."""
    async with db.read() as session:
        return await queries.list_people(
            session, tenant_id, product=product, after=after, limit=limit
        )


async def find_member(
    db: Database, tenant_id: UUID, user_id: UUID, *, product: str
) -> PersonRow | None:
    """An active user who has a role of this product in a tenant."""
    async with db.read() as session:
        row = await queries.find_person(session, tenant_id, user_id)
    if row is None or not any(_product(role) == product for role in row.roles):
        return None
    return row


async def find_user_id(tx: Session, email: str) -> UUID | None:
    """The id behind an e-mail address in lower case."""
    user = await queries.find_user_by_email(tx, email)
    return None if user is None else user.id


async def set_active(tx: Session, user_id: UUID, active: bool, *, actor: str) -> None:
    """Let a user in, or no longer. Raises UserNotFound."""
    found = await tx.execute(
        update(UserRow).where(UserRow.id == user_id).values(active=active).returning(UserRow.id)
    )
    if found.first() is None:
        raise UserNotFound
    await audit(tx, actor=actor, action="user.active", object=f"user:{user_id}", active=active)
    tx.signal(CHANGED)


def _product(role: str) -> str:
    return role.partition(":")[0]


async def _note(
    tx: Session, action: str, tenant_id: UUID, user_id: UUID, actor: str, roles: list[str]
) -> None:
    await audit(
        tx,
        actor=actor,
        action=action,
        object=f"user:{user_id}",
        tenant=str(tenant_id),
        roles=roles,
    )
    tx.signal(CHANGED)


async def _flush(tx: Session, clash: Exception) -> None:
    """Send the new row; a race that only a unique index can see ends as `clash`."""
    try:
        await tx.flush()
    except IntegrityError as error:
        raise clash from error
