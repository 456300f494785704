"""SELECTs over people, tenants and keys. They name their tenant: these tables have no fence."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, String, and_, cast, select

from locutory.kernel.auth.contract import KeyKind, Tenant, TenantStatus
from locutory.kernel.auth.models import (
    ApiKeyRow,
    LoginFailureRow,
    MembershipRow,
    RefreshTokenRow,
    TenantRow,
    UserRow,
)
from locutory.kernel.db import Session
from locutory.kernel.paging import keyset

PersonRow = Row[tuple[UUID, str, str, str | None, datetime, list[str]]]


def tenant_of(row: TenantRow) -> Tenant:
    """The record of a row."""
    return Tenant(
        id=row.id,
        slug=row.slug,
        name=row.name,
        timezone=row.timezone,
        country_code=row.country_code,
        currency=row.currency,
        status=TenantStatus(row.status),
    )


async def find_tenant(session: Session, slug: str) -> Tenant | None:
    """The tenant of that slug, whatever its status."""
    row = await session.scalar(select(TenantRow).where(TenantRow.slug == slug))
    return None if row is None else tenant_of(row)


async def find_tenant_by_id(session: Session, tenant_id: UUID) -> Tenant | None:
    """The tenant of that id, whatever its status."""
    row = await session.get(TenantRow, tenant_id)
    return None if row is None else tenant_of(row)


async def list_tenants(
    session: Session,
    *,
    among: Collection[UUID] | None = None,
    after: tuple[Any, UUID] | None = None,
    limit: int,
) -> Sequence[Tenant]:
    """Tenants by slug, one more than `limit`; `among` None means all."""
    statement = select(TenantRow)
    if among is not None:
        statement = statement.where(TenantRow.id.in_(among))
    statement = keyset(
        statement,
        column=TenantRow.slug,
        id_column=TenantRow.id,
        after=after,
        descending=False,
        limit=limit,
    )
    return [tenant_of(row) for row in (await session.scalars(statement)).all()]


async def find_user(session: Session, user_id: UUID) -> UserRow | None:
    """The user of that id."""
    return await session.get(UserRow, user_id)


async def find_user_by_email(session: Session, email: str) -> UserRow | None:
    """The user of that address, which is given in lower case."""
    return await session.scalar(select(UserRow).where(UserRow.email == email))


async def roles_by_tenant(session: Session, user_id: UUID) -> list[tuple[Tenant, tuple[str, ...]]]:
    """The active tenants of a user with the roles there, by slug."""
    rows = await session.execute(
        select(TenantRow, MembershipRow.roles)
        .join(MembershipRow, MembershipRow.tenant_id == TenantRow.id)
        .where(MembershipRow.user_id == user_id, TenantRow.status == TenantStatus.ACTIVE)
        .order_by(TenantRow.slug)
    )
    return [(tenant_of(row), tuple(roles)) for row, roles in rows]


async def session_is_open(session: Session, session_id: UUID) -> bool:
    """Whether a login was neither ended by its owner nor revoked."""
    statement = (
        select(RefreshTokenRow.id)
        .where(RefreshTokenRow.family == session_id, RefreshTokenRow.revoked_at.is_(None))
        .limit(1)
    )
    return await session.scalar(statement) is not None


async def find_refresh_token(session: Session, hash_: str) -> RefreshTokenRow | None:
    """The refresh token with that hash."""
    return await session.scalar(select(RefreshTokenRow).where(RefreshTokenRow.hash == hash_))


async def latest_failures(session: Session, who: str, *, limit: int) -> Sequence[datetime]:
    """When the latest logins failed, newest first."""
    statement = (
        select(LoginFailureRow.at)
        .where(LoginFailureRow.who == who)
        .order_by(LoginFailureRow.at.desc())
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


async def find_api_key(session: Session, prefix: str) -> ApiKeyRow | None:
    """The key with that prefix, also when it is revoked."""
    return await session.scalar(select(ApiKeyRow).where(ApiKeyRow.prefix == prefix))


async def find_api_key_by_id(session: Session, key_id: UUID) -> ApiKeyRow | None:
    """The key of that id, also when it is revoked."""
    return await session.get(ApiKeyRow, key_id)


async def list_api_keys(
    session: Session, tenant_id: UUID, kind: KeyKind, *, after: UUID | None, limit: int
) -> Sequence[ApiKeyRow]:
    """A tenant's live keys of a kind, newest first, one more than `limit`."""
    statement = select(ApiKeyRow).where(
        ApiKeyRow.tenant_id == tenant_id,
        ApiKeyRow.kind == kind,
        ApiKeyRow.revoked_at.is_(None),
    )
    if after is not None:
        statement = statement.where(ApiKeyRow.id < after)
    statement = statement.order_by(ApiKeyRow.id.desc()).limit(limit + 1)
    return (await session.scalars(statement)).all()


async def embedding_origins(session: Session, now: datetime) -> frozenset[str]:
    """Every origin that some live embed key names, whoever's it is."""
    rows = await session.execute(
        select(ApiKeyRow.origins, ApiKeyRow.expires_at).where(
            ApiKeyRow.kind == KeyKind.EMBED, ApiKeyRow.revoked_at.is_(None)
        )
    )
    live = (origins for origins, expires_at in rows if expires_at is None or expires_at > now)
    return frozenset(origin for origins in live for origin in origins)


def _people(tenant_id: UUID) -> Any:
    return (
        select(
            UserRow.id,
            UserRow.email,
            UserRow.name,
            UserRow.avatar_key,
            MembershipRow.created_at,
            MembershipRow.roles,
        )
        .join(MembershipRow, MembershipRow.user_id == UserRow.id)
        .where(MembershipRow.tenant_id == tenant_id, UserRow.active.is_(True))
    )


async def list_people(
    session: Session,
    tenant_id: UUID,
    *,
    product: str | None = None,
    after: UUID | None,
    limit: int,
) -> Sequence[PersonRow]:
    """The active users of a tenant by id, one more than `limit`; perhaps of one product only."""
    statement = _people(tenant_id)
    if product is not None:
        # roles are a short JSON list of plain names, so its text can be searched
        statement = statement.where(cast(MembershipRow.roles, String).contains(f'"{product}:'))
    if after is not None:
        statement = statement.where(MembershipRow.user_id > after)
    statement = statement.order_by(MembershipRow.user_id).limit(limit + 1)
    return (await session.execute(statement)).all()


async def find_person(session: Session, tenant_id: UUID, user_id: UUID) -> PersonRow | None:
    """One active user of a tenant."""
    statement = _people(tenant_id).where(MembershipRow.user_id == user_id)
    return (await session.execute(statement)).first()


async def holders(session: Session, tenant_id: UUID, role: str) -> set[UUID]:
    """The active users who have a role in a tenant. JSON is searched here, not in SQL: small."""
    rows = await session.execute(
        select(MembershipRow.user_id, MembershipRow.roles)
        .join(UserRow, and_(UserRow.id == MembershipRow.user_id, UserRow.active.is_(True)))
        .where(MembershipRow.tenant_id == tenant_id)
    )
    return {user_id for user_id, roles in rows if role in roles}
