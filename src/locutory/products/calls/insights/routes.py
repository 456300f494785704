"""Search and chat over HTTP."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from locutory.capabilities.knowledge.api import Knowledge
from locutory.kernel.auth.contract import Access, ScopeMissing
from locutory.kernel.auth.dependencies import SecuredRouter, SettledPrincipal, TheAuth, access
from locutory.kernel.bodies import answers_with
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.insights import service, streaming
from locutory.products.calls.insights.schemas import (
    Bids,
    ChatRead,
    RagChat,
    RagChatAcross,
    RagSearch,
    RagSearchAcross,
    ReindexRead,
    SearchRead,
    SessionDetail,
    SessionList,
    SessionPage,
    StatusRead,
)
from locutory.products.calls.records.sight import OWN, READ, CallReader, Reader, reader_of

router = SecuredRouter(tags=["rag"], dependencies=[rate_limit("default")])
WholeReader = Annotated[Access, access(READ)]
Manager = Annotated[Access, access("calls:manage")]
_STREAMED = answers_with("text/event-stream")


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


@router.post("/rag/chat", response_model=ChatRead, responses=_STREAMED)
async def chat_across(
    request: Request,
    auth: TheAuth,
    principal: SettledPrincipal,
    knowledge: TheKnowledge,
    ask: RagChatAcross,
) -> ChatRead | Response:
    """Ask about the calls of several businesses; each of them must be yours to read."""
    readers = await _readers(request, auth, principal, ask.bids)
    return await _answer(knowledge, readers, ask)


@router.post("/rag/{bid}/search")
async def search(reader: CallReader, knowledge: TheKnowledge, ask: RagSearch) -> SearchRead:
    """Find passages in a business's calls by words and by likeness."""
    return await service.search(knowledge, [reader], ask)


@router.post("/rag/{bid}/chat", response_model=ChatRead, responses=_STREAMED)
async def chat(reader: CallReader, knowledge: TheKnowledge, ask: RagChat) -> ChatRead | Response:
    """Ask about a business's calls; answers cite what was said, counts come from all rows."""
    return await _answer(knowledge, [reader], ask)


@router.get("/rag/{bid}/sessions")
async def list_sessions(reader: CallReader, ask: Annotated[SessionList, Query()]) -> SessionPage:
    """Your own chats about this business, the last used first."""
    return await service.list_sessions(reader, ask)


@router.get("/rag/{bid}/sessions/{session_id}")
async def get_session(reader: CallReader, session_id: UUID) -> SessionDetail:
    """One of your chats with its last twenty questions."""
    return await service.get_session(reader, session_id)


@router.delete("/rag/{bid}/sessions/{session_id}", status_code=204)
async def delete_session(reader: CallReader, session_id: UUID) -> None:
    """Delete one of your chats for good."""
    await service.delete_session(reader, session_id)


@router.get("/rag/{bid}/status")
async def get_index_status(reader: WholeReader, knowledge: TheKnowledge) -> StatusRead:
    """How much can be found, by which embedder, and how far behind the index is."""
    return await service.status(knowledge, reader)


@router.post("/rag/{bid}/reindex", status_code=202)
async def reindex(manager: Manager, knowledge: TheKnowledge) -> ReindexRead:
    """Make all vectors anew beside those that are searched, and swap them when complete."""
    return await service.reindex(knowledge, manager)


async def _answer(
    knowledge: Knowledge, readers: Sequence[Reader], ask: RagChat
) -> ChatRead | Response:
    conversation = await service.converse(knowledge, readers, ask)
    if ask.stream:
        return streaming.streamed(conversation)
    _, whole = await conversation.answer()
    return whole


async def _readers(
    request: Request, auth: TheAuth, principal: SettledPrincipal, bids: Bids
) -> Sequence[Reader]:
    """The caller inside each business, each once. Raises TenantNotFound, ScopeMissing."""
    inside = [await auth.enter(principal, bid) for bid in dict.fromkeys(bids)]
    if not all(one.allows(READ) or one.allows(OWN) for one in inside):
        raise ScopeMissing
    storage = request.app.state.storage
    return [
        await reader_of(
            Access(principal=one, tenant=one.tenant, db=storage.database(one.tenant.id))
        )
        for one in inside
    ]
