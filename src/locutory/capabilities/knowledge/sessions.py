"""Chats: who asked what before, so that a follow-up can be understood."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete

from locutory.capabilities.knowledge import queries
from locutory.capabilities.knowledge.contract import ChatAnswer, ChatSessionNotFound
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
