"""People, made by the local operator."""

from locutory.app import compose
from locutory.kernel.auth import people
from locutory.kernel.auth import queries as tenants
from locutory.kernel.auth.contract import TenantNotFound
from locutory.kernel.db import Session
from locutory.kernel.settings import Settings
from locutory.products.calls.sources.operator import OPERATOR


async def make_user(
    settings: Settings, email: str, name: str, *, admin: bool, bid: str | None, role: str
) -> str:
    """Make a user, in a business if one is named; return the one-time password.

    Raises EmailTaken, TenantNotFound.
    """
    async with compose(settings).running(work=False) as server:
        password = people.one_time_password()
        password_hash = await server.auth.passwords.hash(password)

        async def make(tx: Session) -> None:
            new = people.NewUser(
                email=email,
                name=name,
                password_hash=password_hash,
                password_temporary=True,
                platform_admin=admin,
            )
            user_id = await people.create_user(tx, new, actor=OPERATOR)
            if bid is None:
                return
            tenant = await tenants.find_tenant(tx, bid)
            if tenant is None:
                raise TenantNotFound(f"no business {bid!r}")
            await people.add_member(tx, tenant.id, user_id, [role], actor=OPERATOR)

        await server.storage.database().write(make)
        return password
