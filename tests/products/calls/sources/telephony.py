"""A business whose telephony system keeps its history in a database."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from tests.conftest import Resident
from tests.source_databases import HISTORY, SourceServer

from locutory.app import Server
from locutory.kernel.db import Database, Session
from locutory.kernel.jobs.models import Job
from locutory.products.calls.pipeline.models import SyncWatermark
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.sources.contract import POLL

MAPPING = {
    "table": HISTORY,
    "row_id": "id",
    "updated_at": "updated_at",
    "callid": "callid",
    "started_at": "starttime",
    "ended_at": "endtime",
    "disposition": "dialstatus",
    "direction": "direction",
    "customer_phone": "callfrom",
    "agent_id": "callto",
    "audio_url": "filename",
    "extra": ["note"],
}
NOON = datetime(2026, 1, 5, 12)
PHONE = "+919876543210"


def call(callid: Any, *, at: datetime = NOON, **other: Any) -> dict[str, Any]:
    """A row of the history; without other words it changed when the call began."""
    plain = {
        "callid": callid,
        "starttime": at,
        "endtime": at + timedelta(minutes=2),
        "dialstatus": "ANSWER",
        "direction": "Incoming",
        "callfrom": PHONE,
        "callto": "a-1",
        "filename": f"https://example.org/{callid}.wav",
        "note": None,
        "updated_at": at,
    }
    return plain | other


@dataclass
class Telephony:
    """Business 6004 and its telephony system's database."""

    server: Server
    resident: Resident
    db: Database
    source: SourceServer
    id: str = ""

    async def ask(self, method: str, path: str, **rest: Any) -> Any:
        return await self.resident.ask(method, path.format(bid=self.resident.bid), **rest)

    async def told(self, method: str, path: str, **rest: Any) -> Any:
        reply = await self.ask(method, path, **rest)
        assert reply.status_code < 300, reply.text
        return reply.json() if reply.content else None

    def body(self, *, mapping: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        whole = {name: v for name, v in {**MAPPING, **(mapping or {})}.items() if v is not None}
        plain = {
            "name": "History",
            "kind": self.source.kind,
            "connection": self.source.connection,
            "mapping": whole,
            "tz": "UTC",
        }
        return plain | fields

    async def connect(self, *, mapping: dict[str, Any] | None = None, **fields: Any) -> Any:
        """Have the history read; what came in before is not read yet."""
        made = await self.told(
            "POST", "/pipeline/{bid}/sources", json=self.body(mapping=mapping, **fields)
        )
        self.id = made["id"]
        return made

    async def change(self, **fields: Any) -> Any:
        return await self.told("PATCH", f"/pipeline/{{bid}}/sources/{self.id}", json=fields)

    async def poll(self) -> dict[str, Any]:
        """Read now; return the source's health."""
        await self.told("POST", "/pipeline/{bid}/sync")
        await self.work()
        return await self.health()

    async def work(self) -> None:
        worker = self.server.worker()
        worker.queues = {"intake": 4}
        await worker.drain()

    async def health(self) -> dict[str, Any]:
        listed = (await self.told("GET", "/pipeline/{bid}/sources"))["items"]
        health: dict[str, Any] = next(s["health"] for s in listed if s["id"] == self.id)
        return health

    async def calls(self) -> dict[str, CallRecord]:
        async with self.db.read() as session:
            rows = await session.scalars(select(CallRecord))
            return {row.callid: row for row in rows}

    async def callids(self) -> list[str]:
        return sorted(await self.calls())

    async def watermark(self) -> dict[str, Any]:
        found = (await self.told("GET", "/pipeline/{bid}/watermarks"))["items"]
        mark: dict[str, Any] = next(m for m in found if m["name"] == f"source:{self.id}")
        return mark

    async def letters(self) -> list[dict[str, Any]]:
        page = await self.told("GET", "/dlq/{bid}?stage=sync")
        return [await self.told("GET", f"/dlq/{{bid}}/{one['job_id']}") for one in page["items"]]

    async def jobs(self, kind: str = POLL) -> list[Job]:
        async with self.server.storage.read(None) as session:
            of_kind = select(Job).where(Job.kind == kind).order_by(Job.id)
            return list((await session.scalars(of_kind)).all())

    async def let_pass(self, time: timedelta) -> None:
        """As if the last day had been read anew so much longer ago."""

        async def age(tx: Session) -> None:
            mark = await tx.scalar(select(SyncWatermark))
            assert mark is not None
            at = datetime.fromisoformat(mark.cursor["again_at"]) - time
            cursor = {**mark.cursor, "again_at": at.isoformat()}
            await tx.execute(
                update(SyncWatermark).where(SyncWatermark.id == mark.id).values(cursor=cursor)
            )

        await self.db.write(age)


def now() -> datetime:
    """This moment as a history in UTC writes it."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
