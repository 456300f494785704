"""One turn of a chat."""

from collections.abc import Sequence
from uuid import UUID

from locutory.capabilities.knowledge import answers, sessions
from locutory.capabilities.knowledge.contract import Aggregator, ChatAnswer, Place
from locutory.capabilities.knowledge.intents import standalone
from locutory.capabilities.knowledge.service import Knowledge
from locutory.kernel.db import Session
from locutory.kernel.redact import redact


async def chat(
    knowledge: Knowledge,
    places: Sequence[Place],
    message: str,
    *,
    owner: str,
    session_id: UUID | None = None,
    aggregator: Aggregator | None = None,
) -> tuple[ChatAnswer, UUID]:
    """Answer a message and remember it; return the answer and the chat's id.

    The chat is kept with the first place. The message is redacted before anything sees it.
    Raises ChatSessionNotFound for a chat that is not the owner's or of other places.
    """
    home = places[0].db
    scope = " ".join(f"{place.name}/{place.collection}" for place in places)
    current = await sessions.resume(home, owner, scope, session_id)
    question = standalone(redact(message).text, current.previous)
    answer = await answers.ask(knowledge, places, question, aggregator=aggregator)

    async def remember(tx: Session) -> None:
        await sessions.remember(tx, current, question, answer)

    await home.write(remember)
    return answer, current.id
