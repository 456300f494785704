"""Search and chat over HTTP."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from locutory.capabilities.knowledge.api import Knowledge
from locutory.kernel.auth.contract import Access, ScopeMissing
from locutory.kernel.auth.dependencies import SecuredRoute, SettledPrincipal, TheAuth, access
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.insights import service
from locutory.products.calls.insights.schemas import (
    Bids,
    ChatRead,
    RagChat,
    RagChatAcross,
    RagSearch,
    RagSearchAcross,
    SearchRead,
)

_SCOPE = "calls:read"

router = APIRouter(route_class=SecuredRoute, tags=["rag"], dependencies=[rate_limit("default")])
Reader = Annotated[Access, access(_SCOPE)]


def _knowledge(request: Request) -> Knowledge:
    knowledge: Knowledge = request.app.state.services.get(Knowledge)
    return knowledge


TheKnowledge = Annotated[Knowledge, Depends(_knowledge)]


@router.post("/rag/search")
async def search_across(
    request: Request,
    auth: TheAuth,
    principal: SettledPrincipal,
    knowledge: TheKnowledge,
    ask: RagSearchAcross,
) -> SearchRead:
    """Find passages in the calls of several businesses; each of them must be yours to read."""
    readers = await _readers(request, auth, principal, ask.bids)
    return await service.search(knowledge, readers, ask)


@router.post("/rag/chat")
async def chat_across(
    request: Request,
    auth: TheAuth,
    principal: SettledPrincipal,
    knowledge: TheKnowledge,
    ask: RagChatAcross,
) -> ChatRead:
    """Ask about the calls of several businesses; each of them must be yours to read."""
    readers = await _readers(request, auth, principal, ask.bids)
    return await service.converse(knowledge, readers, ask)


@router.post("/rag/{bid}/search")
async def search(reader: Reader, knowledge: TheKnowledge, ask: RagSearch) -> SearchRead:
    """Find passages in a business's calls by words and by likeness."""
    return await service.search(knowledge, [reader], ask)


@router.post("/rag/{bid}/chat")
async def chat(reader: Reader, knowledge: TheKnowledge, ask: RagChat) -> ChatRead:
    """Ask about a business's calls; answers cite what was said, counts come from all rows."""
    return await service.converse(knowledge, [reader], ask)


async def _readers(
    request: Request, auth: TheAuth, principal: SettledPrincipal, bids: Bids
) -> Sequence[Access]:
    """The caller inside each business, each once. Raises TenantNotFound, ScopeMissing."""
    inside = [await auth.enter(principal, bid) for bid in dict.fromkeys(bids)]
    if not all(one.allows(_SCOPE) for one in inside):
        raise ScopeMissing
    storage = request.app.state.storage
    return [
        Access(principal=one, tenant=one.tenant, db=storage.database(one.tenant.id))
        for one in inside
    ]
