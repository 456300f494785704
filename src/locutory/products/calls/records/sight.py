"""Whose calls a caller may see: all of a business, or those of a floor agent's own."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from locutory.kernel.auth.contract import Access, Principal, Tenant
from locutory.kernel.auth.dependencies import access, stream_access
from locutory.kernel.db import Database
from locutory.products.calls.businesses.roster import own_agents

READ, OWN, PII = "calls:read", "calls:own", "pii:read"


@dataclass(frozen=True, slots=True)
class Reader:
    """A caller within a business; `own` are the agents whose calls they see, None for all."""

    access: Access
    own: tuple[str, ...] | None

    @property
    def db(self) -> Database:
        """The business's rows."""
        return self.access.db

    @property
    def tenant(self) -> Tenant:
        """The business."""
        return self.access.tenant

    @property
    def principal(self) -> Principal:
        """The caller."""
        return self.access.principal

    @property
    def actor(self) -> str:
        """The caller's name in the audit log."""
        return self.access.principal.key

    @property
    def sees_pii(self) -> bool:
        """Whether raw text and original recordings are for this caller."""
        return self.access.principal.allows(PII)


async def reader_of(inside: Access) -> Reader:
    """What the caller may see here."""
    if inside.principal.allows(READ):
        return Reader(inside, None)
    return Reader(inside, await own_agents(inside.db, inside.principal.id))


async def _reader(inside: Annotated[Access, access(READ, OWN)]) -> Reader:
    return await reader_of(inside)


async def _stream_reader(inside: Annotated[Access, stream_access(READ, OWN)]) -> Reader:
    return await reader_of(inside)


CallReader = Annotated[Reader, Depends(_reader)]
CallStreamReader = Annotated[Reader, Depends(_stream_reader)]
