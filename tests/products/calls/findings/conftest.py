"""A business whose transcribed calls are analysed by the program's own worker."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from locutory.app import Server
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.audit.models import AuditRow
from locutory.kernel.auth.models import TenantRow
from locutory.kernel.db import Database, Session
from locutory.kernel.events.models import EventRow
from locutory.kernel.jobs import JobSpec, enqueue
from locutory.kernel.provenance import Provenance, Source
from locutory.products.calls.pipeline.contract import ANALYZE
from locutory.products.calls.records.models import CallRecord, CallTranscript

if TYPE_CHECKING:
    from tests.conftest import Resident

ROLES = {"A": "agent", "C": "customer", "U": "unknown"}
BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TURN_MS = 5_000


def turns_of(*lines: str) -> list[dict[str, Any]]:
    """Turns of five seconds out of lines such as `A: text` (agent) and `C: text` (customer)."""
    return [
        {
            "idx": n,
            "start_ms": n * TURN_MS,
            "end_ms": (n + 1) * TURN_MS,
            "role": ROLES[line[0]],
            "role_confidence": 1.0,
            "speaker": line[0],
            "channel": None,
            "text": line[3:],
            "confidence": None,
            "flags": [],
        }
        for n, line in enumerate(lines)
    ]


@dataclass
class Desk:
    """What a business asks, and its calls."""

    server: Server
    resident: "Resident"
    db: Database

    async def call(
        self, callid: str, *lines: str, days: int = 0, agent: str | None = None, **fields: Any
    ) -> None:
        """Keep a transcribed call that waits for its analysis; it began `days` after BEGAN."""
        began = BEGAN + timedelta(days=days)
        turns = turns_of(*lines)
        has_words = any(turn["text"] for turn in turns)

        async def keep(tx: Session) -> None:
            record = CallRecord(
                callid=callid,
                started_at=began,
                source_hash=callid,
                status="transcribed",
                stage="analyze",
                transcript_version=1,
                has_words=has_words,
                audio_ms=len(turns) * TURN_MS,
                agent_id=agent,
                agent_name=agent,
                **fields,
            )
            tx.add(record)
            await tx.flush()
            tx.add(
                CallTranscript(
                    call_id=record.id,
                    version=1,
                    epoch=1,
                    origin="sidecar",
                    engine="sidecar",
                    language="en",
                    duration_ms=len(turns) * TURN_MS,
                    word_count=10,
                    turns=turns,
                    quality={},
                )
            )
            await enqueue(
                tx, JobSpec(kind=ANALYZE, payload={"call_id": str(record.id)}, subject=callid)
            )

        await self.db.write(keep)

    async def work(self) -> None:
        """Let the worker finish what waits."""
        await self.server.worker().drain(skip_delays=True)

    async def analysed(self, callid: str, *lines: str, **rest: Any) -> None:
        await self.call(callid, *lines, **rest)
        await self.work()

    async def told(self, method: str, path: str, status: int = 200, **rest: Any) -> Any:
        """The body of an answer that must have this status; paths name the business by `BID`."""
        reply = await self.ask(method, path, **rest)
        assert reply.status_code == status, reply.text
        return reply.json() if reply.content else None

    async def ask(self, method: str, path: str, **rest: Any) -> Any:
        return await self.resident.ask(method, path.replace("BID", self.resident.bid), **rest)

    async def events(self, type_: str) -> list[dict[str, Any]]:
        async with self.db.read() as session:
            statement = select(EventRow.payload).where(
                EventRow.type == type_, EventRow.tenant_id == self.db.tenant_id
            )
            return list(await session.scalars(statement))

    async def deeds(self, object_: str) -> list[str]:
        """What was done to an object, in order."""
        async with self.db.read() as session:
            statement = (
                select(AuditRow.action)
                .where(AuditRow.object == object_, AuditRow.tenant_id == self.db.tenant_id)
                .order_by(AuditRow.id)
            )
            return list(await session.scalars(statement))


@pytest.fixture
async def desk(server: Server, ours: "Resident") -> Desk:
    async with server.storage.read(None) as session:
        tenant_id = await session.scalar(select(TenantRow.id).where(TenantRow.slug == ours.bid))
    return Desk(server, ours, server.storage.database(tenant_id))


@pytest.fixture
def talk() -> Callable[..., Transcript]:
    def make(*lines: str, gap_ms: int = 0) -> Transcript:
        step = TURN_MS + gap_ms
        turns = tuple(
            Turn(
                idx=n,
                role=Role(ROLES[line[0]]),
                text=line[3:],
                start_ms=n * step,
                end_ms=n * step + TURN_MS,
            )
            for n, line in enumerate(lines)
        )
        return Transcript(
            turns=turns,
            duration_ms=len(turns) * step,
            provenance=Provenance(source=Source.SIDECAR, engine="sidecar"),
            language="en",
        )

    return make
