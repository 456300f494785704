"""Embed keys over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from locutory.kernel.auth.contract import Access, Scopes
from locutory.kernel.auth.dependencies import SecuredRouter, TheAuth, access
from locutory.kernel.auth.schemas import PageAsk
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.embeds import service
from locutory.products.calls.embeds.schemas import EmbedKeyCreate, EmbedKeyCreated, EmbedKeyPage

router = SecuredRouter(tags=["calls embed keys"], dependencies=[rate_limit("businesses")])
KeyKeeper = Annotated[Access, access(Scopes.KEYS_MANAGE)]


@router.get("/businesses/{bid}/embed-keys")
async def list_embed_keys(
    inside: KeyKeeper, auth: TheAuth, ask: Annotated[PageAsk, Query()]
) -> EmbedKeyPage:
    """The live embed keys, newest first."""
    return await service.list_live(auth, inside, ask)


@router.post("/businesses/{bid}/embed-keys", status_code=201)
async def create_embed_key(
    data: EmbedKeyCreate, inside: KeyKeeper, auth: TheAuth
) -> EmbedKeyCreated:
    """Make a key for pages of other sites; its text is shown this once."""
    return await service.create(auth, inside, data)


@router.delete("/businesses/{bid}/embed-keys/{embed_key_id}", status_code=204)
async def revoke_embed_key(embed_key_id: UUID, inside: KeyKeeper, auth: TheAuth) -> None:
    """Make a key useless at once, with the tokens that pages got for it."""
    await service.revoke(auth, inside, embed_key_id)
