"""Searching calls, asking about them, looking after the index."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from locutory.capabilities.knowledge.api import (
    Exchange,
    Knowledge,
    begin,
    closest_line,
    delete_chat,
    get_chat,
    list_chats,
    search_places,
    start_reindex,
)
from locutory.capabilities.knowledge.api import status as index_status
from locutory.capabilities.knowledge.contract import (
    EVERYTHING,
    ChatAnswer,
    ChatSummary,
    Citation,
    Hit,
    Narrowing,
    Place,
)
from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access
from locutory.kernel.clock import Clock, utc_now
from locutory.kernel.db import Session
from locutory.kernel.paging import decode_cursor, encode_cursor
from locutory.products.calls.insights import queries
from locutory.products.calls.insights.counting import Counting, call_set
from locutory.products.calls.insights.schemas import (
    ChatRead,
    CitationRead,
    CopyRead,
    HitRead,
    RagChat,
    RagFilters,
    RagSearch,
    ReindexRead,
    SearchRead,
    SessionDetail,
    SessionList,
    SessionPage,
    SessionRead,
    StatusRead,
    TurnRead,
)
from locutory.products.calls.records.contract import COLLECTION
from locutory.products.calls.records.sight import Reader

_LIST_SORT = "updated_at:desc"


async def search(knowledge: Knowledge, readers: Sequence[Reader], ask: RagSearch) -> SearchRead:
    """The passages of the readers' calls that fit best."""
    began = time.perf_counter()
    places = _places(readers, ask.filters)
    found = await search_places(knowledge, places, ask.query, limit=ask.limit)
    return SearchRead(
        hits=[_hit(hit, ask.query) for hit in found.hits],
        vectors=found.vectors,
        degraded=found.degraded,
        took_ms=round(1_000 * (time.perf_counter() - began)),
    )


@dataclass(frozen=True, slots=True)
class Conversation:
    """A message that waits for its answer."""

    knowledge: Knowledge
    exchange: Exchange
    counting: Counting

    async def answer(self) -> tuple[ChatAnswer, ChatRead]:
        """The answer in sentences and as it is read whole; the chat remembers the question."""
        answer = await self.exchange.answered(self.knowledge, aggregator=self.counting)
        whole = ChatRead(
            answer=answer.answer,
            answered=answer.answered,
            intent=answer.intent,
            citations=[_citation(citation) for citation in answer.citations],
            engine=answer.engine,
            degraded=answer.degraded,
            session_id=self.exchange.chat.id,
            data=None if answer.data is None else dict(answer.data),
            filter=None if answer.filter is None else dict(answer.filter),
        )
        return answer, whole


async def converse(
    knowledge: Knowledge, readers: Sequence[Reader], ask: RagChat, *, clock: Clock = utc_now
) -> Conversation:
    """Let a message about the readers' calls into its chat. Raises ChatSessionNotFound.

    The chat belongs to the first reader's principal and is kept with its business.
    """
    exchange = await begin(
        _places(readers, ask.filters),
        ask.message,
        owner=readers[0].principal.key,
        session_id=ask.session_id,
    )
    return Conversation(knowledge, exchange, Counting(readers, ask.filters, clock()))


async def list_sessions(reader: Reader, ask: SessionList) -> SessionPage:
    """The reader's own chats that began in this business."""
    after = None
    if ask.cursor is not None:
        after = decode_cursor(ask.cursor, _LIST_SORT, datetime)
    found, more = await list_chats(reader.db, reader.principal.key, after=after, limit=ask.limit)
    last = found[-1] if found and more else None
    return SessionPage(
        items=[_session(one) for one in found],
        next_cursor=None if last is None else encode_cursor(_LIST_SORT, last.updated_at, last.id),
    )


async def get_session(reader: Reader, session_id: UUID) -> SessionDetail:
    """One of the reader's chats. Raises ChatSessionNotFound."""
    chat, turns = await get_chat(reader.db, reader.principal.key, session_id)
    return SessionDetail(
        **_session(chat).model_dump(), questions=[TurnRead(**asdict(turn)) for turn in turns]
    )


async def delete_session(reader: Reader, session_id: UUID) -> None:
    """Delete one of the reader's chats. Raises ChatSessionNotFound."""
    actor = reader.principal.key

    async def remove(tx: Session) -> None:
        await delete_chat(tx, actor, session_id)
        await audit(tx, actor=actor, action="rag.session.delete", object=f"chat:{session_id}")

    await reader.db.write(remove)


async def status(knowledge: Knowledge, reader: Access, *, clock: Clock = utc_now) -> StatusRead:
    """How much of the business's calls can be found, and how far behind the index is."""
    found = await index_status(knowledge, reader.db, COLLECTION)
    async with reader.db.read() as session:
        waiting, oldest = await queries.waiting_for_index(session)
    lag = 0.0 if oldest is None else max(0.0, (clock() - oldest).total_seconds())
    return StatusRead(
        embedder=found.embedder or found.configured,
        dimension=found.dimension or knowledge.embedder.dimension,
        configured_embedder=found.configured,
        chunks=found.chunks,
        calls_indexed=found.sources,
        without_vector=found.without_vector,
        waiting=waiting,
        lag_s=round(lag, 3),
        reindex=None if found.reindex is None else ReindexRead(**asdict(found.reindex)),
        copies=[CopyRead(**asdict(one)) for one in found.copies],
    )


async def reindex(knowledge: Knowledge, manager: Access) -> ReindexRead:
    """Begin to make all vectors anew; what runs already goes on and is returned."""

    async def begin_it(tx: Session) -> ReindexRead:
        begun = await start_reindex(tx, knowledge, COLLECTION)
        await audit(
            tx,
            actor=manager.principal.key,
            action="rag.reindex",
            object=f"reindex:{begun.id}",
            embedder=begun.embedder,
        )
        return ReindexRead(**asdict(begun))

    return await manager.db.write(begin_it)


def _places(readers: Sequence[Reader], filters: RagFilters) -> list[Place]:
    return [
        Place(
            db=reader.db,
            collection=COLLECTION,
            narrowing=_narrowing(reader, filters),
            name=reader.tenant.slug,
        )
        for reader in readers
    ]


def _narrowing(reader: Reader, filters: RagFilters) -> Narrowing:
    """The filters as a SELECT over calls; of named calls also their ids, for a summary of them."""
    calls = call_set(reader, filters)
    if calls.is_everything:
        return EVERYTHING
    named = None if filters.callids is None else tuple(filters.callids)
    return Narrowing(source_ids=named, sources=queries.callids_of(reader.tenant.id, calls))


def _hit(hit: Hit, query: str) -> HitRead:
    line = closest_line(hit, query)
    return HitRead(
        bid=hit.place,
        callid=hit.source_id,
        segment_idx=_spoken_idx(line.idx),
        start_ms=line.start_ms,
        text=hit.text,
        score=hit.score,
        meta={**hit.meta, "kind": hit.kind},
    )


def _citation(citation: Citation) -> CitationRead:
    return CitationRead(
        n=citation.n,
        bid=citation.place,
        callid=citation.source_id,
        segment_idx=_spoken_idx(citation.turn_idx),
        start_ms=citation.start_ms,
        quote=citation.quote,
    )


def _spoken_idx(turn_idx: int) -> int | None:
    return None if turn_idx < 0 else turn_idx


def _session(chat: ChatSummary) -> SessionRead:
    return SessionRead(
        session_id=chat.id,
        title=chat.title,
        turns=chat.turns,
        bids=list(chat.places),
        created_at=chat.created_at,
        updated_at=chat.updated_at,
    )
