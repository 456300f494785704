"""Making, listing and revoking embed keys."""

from uuid import UUID

from locutory.kernel.auth import Access, Auth, keys
from locutory.kernel.auth.contract import EmbedTerms, KeyKind, ScopeMissing
from locutory.kernel.auth.models import ApiKeyRow
from locutory.kernel.auth.schemas import PageAsk
from locutory.products.calls.analytics.contract import FIXED
from locutory.products.calls.embeds.contract import EmbedScope, FilterNotInFigures
from locutory.products.calls.embeds.schemas import (
    EmbedKeyCreate,
    EmbedKeyCreated,
    EmbedKeyPage,
    EmbedKeyRead,
)


async def create(auth: Auth, access: Access, data: EmbedKeyCreate) -> EmbedKeyCreated:
    """A key, with its text. Raises ScopeMissing, FilterNotInFigures, InvalidError."""
    if not access.principal.allows(EmbedScope.CALLS):
        raise ScopeMissing("a key cannot show what its maker may not see")
    filters = data.filters.model_dump(mode="json", by_alias=True, exclude_none=True)
    beyond = sorted(filters.keys() - FIXED)
    if EmbedScope.ANALYTICS in data.scopes and beyond:
        message = FilterNotInFigures.__doc__ or ""
        found = [
            {"field": f"filters.{word}", "code": FilterNotInFigures.code, "message": message}
            for word in beyond
        ]
        raise FilterNotInFigures(errors=found)
    row, text = await keys.create_key(
        auth,
        access.principal,
        name=data.name,
        scopes=data.scopes,
        expires_at=data.expires_at,
        embed=EmbedTerms(origins=tuple(dict.fromkeys(data.origins)), filters=filters),
    )
    return EmbedKeyCreated(key=text, **dict(_read(row)))


async def list_live(auth: Auth, access: Access, ask: PageAsk) -> EmbedKeyPage:
    """The business's live keys, newest first."""
    rows, next_cursor = await keys.list_keys(auth, access.principal, KeyKind.EMBED, ask)
    return EmbedKeyPage(items=[_read(row) for row in rows], next_cursor=next_cursor)


async def revoke(auth: Auth, access: Access, key_id: UUID) -> None:
    """Make a key and its tokens useless. Raises KeyNotFound."""
    await keys.revoke_key(auth, access.principal, key_id, KeyKind.EMBED)


def _read(row: ApiKeyRow) -> EmbedKeyRead:
    return EmbedKeyRead(**dict(keys.key_read(row)), origins=row.origins, filters=row.filters)
