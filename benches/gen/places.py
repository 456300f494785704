"""A data directory with one business and a key, ready to be filled and served."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from benches.api_child import BID, _business, settings_in
from locutory.app import Server, compose
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import Principal, PrincipalKind
from locutory.kernel.auth.keys import create_key
from locutory.kernel.ids import KERNEL
from locutory.kernel.settings import Settings
from locutory.products.calls.businesses.contract import ROLES, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where calls can be put and who may read them."""

    folder: Path
    url: str
    tenant_id: UUID
    bid: str
    key: str


def settings_at(folder: Path, url: str | None) -> Settings:
    """Production's settings on a folder, and on another database where one is named."""
    settings = settings_in(folder)
    if url is not None:
        settings.database.url = url
    return settings


async def place(folder: Path, url: str | None = None) -> Place:
    """Make the business and its key; a database of PostgreSQL must be migrated already."""
    server = compose(settings_at(folder, url))
    async with server.running(work=False):
        tenant = await server.storage.database().write(_business)
        key = await key_to(server, tenant.id)
        url = server.storage.url
        return Place(folder=folder, url=url, tenant_id=tenant.id, bid=BID, key=key)


async def key_to(server: Server, tenant_id: UUID) -> str:
    """A key that may do what the business's administrator may."""
    async with server.storage.read(None) as session:
        tenant = await tenants.find_tenant_by_id(session, tenant_id)
    assert tenant is not None
    operator = Principal(
        kind=PrincipalKind.LOOPBACK,
        id=KERNEL,
        name="bench",
        platform_admin=True,
        current=server.auth.membership_of_admin(tenant),
    )
    scopes = sorted(ROLES[Role.BUSINESS_ADMIN])
    _, text = await create_key(server.auth, operator, name="all", scopes=scopes, expires_at=None)
    return text
