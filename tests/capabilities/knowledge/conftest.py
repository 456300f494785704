"""A knowledge of embedded engines, and calls to file in it."""

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.capabilities.knowledge.api import Filing, Knowledge, Note, prepare, store
from locutory.engines.embeddings.hashed import HashedEmbedder
from locutory.engines.vectors.embedded import EmbeddedVectors
from locutory.kernel.db import Database, Session, Storage
from locutory.kernel.provenance import Provenance, Source

TENANT = UUID(int=1)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
TURN_MS = 4_000

Say = Callable[..., Transcript]
File = Callable[..., Awaitable[bool]]


def transcript_of(*texts: str, first: Role = Role.AGENT) -> Transcript:
    """Turns of four seconds each, agent and customer in turn."""
    roles = [Role.AGENT, Role.CUSTOMER]
    if first is Role.CUSTOMER:
        roles.reverse()
    turns = tuple(
        Turn(
            idx=n,
            role=roles[n % 2],
            text=text,
            start_ms=n * TURN_MS,
            end_ms=(n + 1) * TURN_MS,
        )
        for n, text in enumerate(texts)
    )
    provenance = Provenance(source=Source.SIDECAR, engine="fixture/1")
    return Transcript(turns=turns, duration_ms=len(texts) * TURN_MS, provenance=provenance)


@pytest.fixture
def say() -> Say:
    return transcript_of


@pytest.fixture
def knowledge() -> Knowledge:
    return Knowledge.of(HashedEmbedder(), EmbeddedVectors())


@pytest.fixture
def db(storage: Storage) -> Database:
    return storage.database(TENANT)


@pytest.fixture
def file(db: Database, knowledge: Knowledge) -> File:
    async def put(
        source_id: str,
        *texts: str,
        version: int = 1,
        occurred_at: datetime = NOON,
        notes: Sequence[Note] = (),
        into: Database = db,
        by: Knowledge = knowledge,
        **meta: Any,
    ) -> bool:
        prepared = await prepare(by, transcript_of(*texts), notes=notes)
        filing = Filing(
            collection="calls",
            source_id=source_id,
            version=version,
            occurred_at=occurred_at,
            meta=meta,
        )

        async def write(tx: Session) -> bool:
            return await store(tx, prepared, filing)

        return await into.write(write)

    return put


_SMALL_TALK = (
    "Good morning, thank you for calling, how may I help you today?",
    "Yes, please give me one moment while I look that up for you.",
    "Okay, that sounds good to me, please go on.",
    "I was calling about my account and the things we discussed before.",
    "Sure, I understand, let me check with my team and come back to you.",
    "Can you repeat that please, the line is not very clear.",
    "We have several offers this month, and the price depends on the plan.",
    "I would like to think about it and talk to my family first.",
    "The delivery usually takes a few working days after the payment.",
    "Is there anything else that I can do for you?",
    "No, that is all, thank you very much, have a nice day.",
    "Our office is open from Monday to Saturday during the day.",
)


@pytest.fixture
def small_talk() -> Callable[[int], list[str]]:
    """Thirty lines of a call in which nothing is said, another for each seed."""

    def chatter(seed: int) -> list[str]:
        chosen = random.Random(seed)
        return [chosen.choice(_SMALL_TALK) for _ in range(30)]

    return chatter
