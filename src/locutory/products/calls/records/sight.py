"""Whose calls a caller may see: all of a business, a floor agent's own, those of an embed key."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Request

from locutory.kernel.auth.contract import (
    Access,
    EmbedForbidden,
    Principal,
    Tenant,
    embedded,
)
from locutory.kernel.auth.dependencies import access, stream_access
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Database
from locutory.products.calls.businesses.roster import own_agents
from locutory.products.calls.records.filters import CallFilter
from locutory.products.calls.records.narrowing import filter_of
from locutory.products.calls.records.schemas import CallNarrowing

READ, OWN, PII = "calls:read", "calls:own", "pii:read"


@dataclass(frozen=True, slots=True)
class Reader:
    """A caller within a business; `own` are the agents whose calls they see, None for all.

    `fixed` is what the embed key of a page is narrowed to.
    """

    access: Access
    own: tuple[str, ...] | None
    fixed: CallFilter | None = None

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

    def narrowed(self, where: CallFilter) -> CallFilter:
        """The conditions of a request with those that hold for this caller in any case.

        Raises EmbedForbidden where a page looks for a number: its visitors could try them all.
        """
        if self.fixed is not None and (where.last4 or where.phone_hashes) is not None:
            raise EmbedForbidden("embedded pages do not search by phone; leave it out")
        return replace(where, own=self.own, fixed=self.fixed)


async def reader_of(inside: Access) -> Reader:
    """What the caller may see here."""
    if inside.principal.allows(READ):
        return Reader(inside, None)
    return Reader(inside, await own_agents(inside.db, inside.principal.id))


async def _reader(inside: Annotated[Access, access(READ, OWN)]) -> Reader:
    return await reader_of(inside)


async def _stream_reader(inside: Annotated[Access, stream_access(READ, OWN)]) -> Reader:
    return await reader_of(inside)


async def _page_reader(
    request: Request, inside: Annotated[Access, access(READ, OWN, embedded(READ))]
) -> Reader:
    """Also pages of other sites, each with the filter of its key."""
    terms = inside.principal.embed
    if terms is None:
        return await reader_of(inside)
    secrets: Secrets = request.app.state.services.get(Secrets)
    ask = CallNarrowing.model_validate(terms.filters)
    return Reader(inside, None, filter_of(ask, secrets, tenant=inside.tenant))


PageReader = Annotated[Reader, Depends(_page_reader)]
CallReader = Annotated[Reader, Depends(_reader)]
CallStreamReader = Annotated[Reader, Depends(_stream_reader)]
