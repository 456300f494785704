"""Chats: who asked what before, so that a follow-up can be understood."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete

from locutory.capabilities.knowledge import queries
from locutory.capabilities.knowledge.contract import (
    ChatAnswer,
    ChatSessionNotFound,
    ChatSummary,
    ChatTurn,
)
from locutory.capabilities.knowledge.models import KnowledgeMessage, KnowledgeSession
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Database, Session
from locutory.kernel.ids import new_id

TURNS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat as it stands before its next question; `previous` is the last one."""

    id: UUID
    owner: str
    scope: str
    previous: str | None


async def resume(db: Database, owner: str, scope: str, session_id: UUID | None) -> Chat:
    """The chat to go on with, or a new one. Raises ChatSessionNotFound unless it is the owner's.

    `scope` says what may be seen; a chat cannot be carried to other places.
    """
    if session_id is None:
        return Chat(new_id(), owner, scope, None)
    async with db.read() as session:
        row = await queries.find_session(session, session_id)
        if row is None or (row.owner, row.scope) != (owner, scope):
            raise ChatSessionNotFound
        return Chat(row.id, owner, scope, await queries.last_question(session, row.id))


async def remember(tx: Session, chat: Chat, question: str, answer: ChatAnswer) -> None:
    """Add a question and drop those older than the last twenty, in the caller's transaction."""
    row = await queries.find_session(tx, chat.id, lock=True)
    if row is None:
        row = KnowledgeSession(id=chat.id, owner=chat.owner, scope=chat.scope, turns=0)
        tx.add(row)
    row.turns += 1
    row.updated_at = utc_now()
    tx.add(
        KnowledgeMessage(
            session_id=chat.id,
            turn=row.turns,
            question=question,
            intent=answer.intent,
            answered=answer.answered,
            engine=answer.engine,
        )
    )
    await tx.flush()
    await tx.execute(
        delete(KnowledgeMessage).where(
            KnowledgeMessage.session_id == chat.id, KnowledgeMessage.turn <= row.turns - TURNS_KEPT
        )
    )


async def list_chats(
    db: Database, owner: str, *, after: tuple[Any, UUID] | None, limit: int
) -> tuple[list[ChatSummary], bool]:
    """The owner's chats that are kept here, the last used first, and whether there are more."""
    async with db.read() as session:
        rows = await queries.sessions_page(session, owner, after=after, limit=limit)
        titles = await queries.first_questions(session, [row.id for row in rows[:limit]])
    found = [_summary(row, titles.get(row.id, "")) for row in rows[:limit]]
    return found, len(rows) > limit


async def get_chat(
    db: Database, owner: str, session_id: UUID
) -> tuple[ChatSummary, Sequence[ChatTurn]]:
    """A chat with its questions, oldest first. Raises ChatSessionNotFound unless the owner's."""
    async with db.read() as session:
        row = await queries.find_session(session, session_id)
        if row is None or row.owner != owner:
            raise ChatSessionNotFound
        kept = await queries.messages(session, session_id)
    turns = [
        ChatTurn(
            turn=one.turn,
            question=one.question,
            intent=one.intent,
            answered=one.answered,
            engine=one.engine,
            asked_at=one.created_at,
        )
        for one in kept
    ]
    return _summary(row, kept[0].question if kept else ""), turns


async def delete_chat(tx: Session, owner: str, session_id: UUID) -> None:
    """Delete a chat for good. Raises ChatSessionNotFound unless it is the owner's."""
    row = await queries.find_session(tx, session_id, lock=True)
    if row is None or row.owner != owner:
        raise ChatSessionNotFound
    await tx.execute(delete(KnowledgeMessage).where(KnowledgeMessage.session_id == session_id))
    await tx.delete(row)


async def forget_questions(tx: Session, words: Sequence[str]) -> int:
    """Delete the questions, of whoever's chats, that have one of these texts; return how many."""
    forgotten = 0
    for word in words:
        done = await tx.execute(
            delete(KnowledgeMessage).where(
                KnowledgeMessage.question.icontains(word, autoescape=True)
            )
        )
        forgotten += int(done.rowcount)  # type: ignore[attr-defined] # a DELETE has it
    return forgotten


def _summary(row: KnowledgeSession | Row[Any], title: str) -> ChatSummary:
    return ChatSummary(
        id=row.id,
        title=title,
        turns=row.turns,
        places=tuple(place.partition("/")[0] for place in row.scope.split(" ")),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
