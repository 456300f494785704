"""One turn of a chat: begin it, answer it, remember it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from locutory.capabilities.knowledge import answers, sessions
from locutory.capabilities.knowledge.contract import Aggregator, ChatAnswer, Place
from locutory.capabilities.knowledge.followups import stand_alone
from locutory.capabilities.knowledge.service import Knowledge
from locutory.kernel.db import Session
from locutory.kernel.redact import redact


@dataclass(frozen=True, slots=True)
class Exchange:
    """A message that was let into a chat and waits for its answer."""

    places: Sequence[Place]
    message: str
    chat: sessions.Chat

    async def answered(
        self, knowledge: Knowledge, *, aggregator: Aggregator | None = None
    ) -> ChatAnswer:
        """Answer and remember. Raises what the embedder raises."""
        question = await stand_alone(knowledge.llm, self.message, self.chat.previous)
        answer = await answers.ask(knowledge, self.places, question, aggregator=aggregator)

        async def remember(tx: Session) -> None:
            await sessions.remember(tx, self.chat, question, answer)

        await self.places[0].db.write(remember)
        return answer


async def begin(
    places: Sequence[Place], message: str, *, owner: str, session_id: UUID | None = None
) -> Exchange:
    """Let a message into a chat, or into a new one.

    The chat is kept with the first place. The message is redacted before anything sees it.
    Raises ChatSessionNotFound for a chat that is not the owner's or of other places.
    """
    scope = " ".join(f"{place.name}/{place.collection}" for place in places)
    chat = await sessions.resume(places[0].db, owner, scope, session_id)
    return Exchange(places, redact(message).text, chat)


async def chat(
    knowledge: Knowledge,
    places: Sequence[Place],
    message: str,
    *,
    owner: str,
    session_id: UUID | None = None,
    aggregator: Aggregator | None = None,
) -> tuple[ChatAnswer, UUID]:
    """Answer a message and remember it; return the answer and the chat's id. Raises as `begin`."""
    exchange = await begin(places, message, owner=owner, session_id=session_id)
    return await exchange.answered(knowledge, aggregator=aggregator), exchange.chat.id
