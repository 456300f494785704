"""Use cases over the kernel's tenants and members."""

from types import NoneType
from uuid import UUID

from locutory.kernel.auth import Access, Auth, Principal, Tenant, people
from locutory.kernel.auth.contract import TenantStatus, UserNotFound
from locutory.kernel.auth.people import NewTenant, NewUser
from locutory.kernel.db import Database, Session
from locutory.kernel.jobs import JobSpec, enqueue
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.products.calls.businesses import roster
from locutory.products.calls.businesses.contract import PRODUCT, PURGE, NotConfirmed, Role
from locutory.products.calls.businesses.schemas import (
    BusinessCreate,
    BusinessPage,
    BusinessRead,
    BusinessUpdate,
    MemberCreate,
    MemberCreated,
    MemberPage,
    MemberRead,
    MemberUpdate,
    PurgeRead,
)

_BUSINESSES, _MEMBERS = "businesses", "members"


async def list_businesses(
    auth: Auth, by: Principal, *, cursor: str | None, limit: int
) -> BusinessPage:
    """The caller's businesses by bid; all of them for a platform administrator."""
    after = decode_cursor(cursor, _BUSINESSES, str) if cursor else None
    among = None if by.platform_admin else [m.tenant.id for m in by.memberships]
    found = await people.list_tenants(auth.db, among=among, after=after, limit=limit)
    tenants, more = split_page(found, limit)
    last = tenants[-1] if more else None
    return BusinessPage(
        items=[read_business(tenant) for tenant in tenants],
        next_cursor=encode_cursor(_BUSINESSES, last.slug, last.id) if last else None,
    )


async def create_business(tx: Session, data: BusinessCreate, *, actor: str) -> BusinessRead:
    """Open a business. Raises SlugTaken."""
    new = NewTenant(
        slug=data.bid,
        name=data.name,
        timezone=data.timezone,
        country_code=data.country_code,
        currency=data.currency,
    )
    return read_business(await people.create_tenant(tx, new, actor=actor))


async def update_business(access: Access, data: BusinessUpdate) -> BusinessRead:
    """Change what the request names."""
    changes = data.model_dump(exclude_unset=True)

    async def store(tx: Session) -> Tenant:
        return await people.update_tenant(tx, access.tenant.id, changes, actor=access.principal.key)

    return read_business(await access.db.write(store) if changes else access.tenant)


async def list_members(access: Access, *, cursor: str | None, limit: int) -> MemberPage:
    """Who has a role of this product in the business."""
    after = decode_cursor(cursor, _MEMBERS, NoneType)[1] if cursor else None
    found = await people.list_members(
        access.db, access.tenant.id, product=PRODUCT, after=after, limit=limit
    )
    rows, more = split_page(found, limit)
    on_calls = await roster.agents_of(access.db, [row.id for row in rows])
    return MemberPage(
        items=[_member(row, on_calls.get(row.id)) for row in rows],
        next_cursor=encode_cursor(_MEMBERS, None, rows[-1].id) if more else None,
    )


async def invite(auth: Auth, access: Access, data: MemberCreate) -> MemberCreated:
    """Take somebody in, as a new user with a one-time password if need be. Raises AlreadyMember."""
    password = people.one_time_password()
    password_hash = await auth.passwords.hash(password)
    actor, tenant_id = access.principal.key, access.tenant.id

    async def store(tx: Session) -> tuple[UUID, bool]:
        user_id = await people.find_user_id(tx, data.email)
        known = user_id is not None
        if user_id is None:
            new = NewUser(
                email=data.email,
                name=data.name,
                password_hash=password_hash,
                password_temporary=True,
            )
            user_id = await people.create_user(tx, new, actor=actor)
        await people.add_member(tx, tenant_id, user_id, [data.role.full], actor=actor)
        if data.floor_agent is not None:
            await roster.link(tx, user_id, data.floor_agent, actor=actor)
        return user_id, known

    user_id, known = await access.db.write(store)
    member = await get_member(access.db, tenant_id, user_id)
    return MemberCreated(**dict(member), one_time_password=None if known else password)


async def change_member(access: Access, user_id: UUID, data: MemberUpdate) -> MemberRead:
    """Change what the request names. Raises UserNotFound, LastAdmin, FloorAgentNotFound."""
    await get_member(access.db, access.tenant.id, user_id)
    changes = data.model_dump(exclude_unset=True)

    async def store(tx: Session) -> None:
        if data.role is not None:
            await _set_roles(tx, access, user_id, [data.role.full])
        if "floor_agent" in changes:
            await roster.link(tx, user_id, data.floor_agent, actor=access.principal.key)

    await access.db.write(store)
    return await get_member(access.db, access.tenant.id, user_id)


async def remove_member(access: Access, user_id: UUID) -> None:
    """Take somebody's role in this product away. Raises UserNotFound, LastAdmin."""

    async def store(tx: Session) -> None:
        await _set_roles(tx, access, user_id, [])
        await roster.link(tx, user_id, None, actor=access.principal.key)

    await access.db.write(store)


async def delete_business(access: Access, confirm: str) -> PurgeRead:
    """Close a business at once; a job removes what it holds. Raises NotConfirmed."""
    if confirm != access.tenant.slug:
        raise NotConfirmed
    tenant_id, actor = access.tenant.id, access.principal.key

    async def store(tx: Session) -> Tenant:
        closed = await people.update_tenant(
            tx, tenant_id, {"status": TenantStatus.DELETING}, actor=actor
        )
        await enqueue(
            tx,
            JobSpec(
                kind=PURGE,
                payload={"tenant_id": str(tenant_id), "slug": closed.slug, "actor": actor},
                dedupe_key=f"purge:{tenant_id}",
            ),
        )
        return closed

    # the job is nobody's: the business's own jobs go with it
    closed = await access.db.bound_to(None).write(store)
    return PurgeRead(bid=closed.slug, status=closed.status)


async def get_member(db: Database, tenant_id: UUID, user_id: UUID) -> MemberRead:
    """One member. Raises UserNotFound."""
    row = await people.find_member(db, tenant_id, user_id, product=PRODUCT)
    if row is None:
        raise UserNotFound
    return _member(row, (await roster.agents_of(db, [user_id])).get(user_id))


def read_business(tenant: Tenant) -> BusinessRead:
    """The wire shape of a tenant."""
    return BusinessRead(
        bid=tenant.slug,
        name=tenant.name,
        timezone=tenant.timezone,
        country_code=tenant.country_code,
        currency=tenant.currency,
        status=tenant.status,
    )


async def _set_roles(tx: Session, access: Access, user_id: UUID, roles: list[str]) -> None:
    await people.set_roles(
        tx,
        access.tenant.id,
        user_id,
        PRODUCT,
        roles,
        keep_one=Role.BUSINESS_ADMIN.full,
        actor=access.principal.key,
    )


def _member(row: people.PersonRow, floor_agent: str | None) -> MemberRead:
    role = next(role for role in row.roles if role.startswith(f"{PRODUCT}:"))
    return MemberRead(
        id=row.id,
        email=row.email,
        name=row.name,
        role=role.partition(":")[2],
        floor_agent=floor_agent,
        joined_at=row.created_at,
    )
