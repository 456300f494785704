"""A business with a CRM on this machine, and calls that really go through the pipeline."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from tests.products.calls.pipeline.conftest import SIDECAR, House, house_of, tone
from tests.stubs import leadsquared
from tests.stubs.crm import Person
from tests.stubs.leadsquared import LeadSquaredStub
from tests.stubs.vendor import served

from locutory import app
from locutory.kernel.jobs.models import Job
from locutory.kernel.settings import HttpSettings
from locutory.products.calls.records import queries as calls

if TYPE_CHECKING:
    from tests.conftest import Resident

PHONE = "+91 98765 00001"


@pytest.fixture
def http_settings() -> HttpSettings:
    return HttpSettings(allow_private_hosts=("127.0.0.1",))


@dataclass
class Desk(House):
    """Business 6004 and the CRM that it uses."""

    stub: LeadSquaredStub

    def connection(self, **fields: Any) -> dict[str, Any]:
        return {
            "provider": "leadsquared",
            "url": self.stub.url,
            "credentials": {
                "access_key": leadsquared.ACCESS,
                "secret_key": leadsquared.SECRET,
            },
            "settings": {
                "attributes": ["mx_Budget"],
                "page_size": 2,
                "rate": {"calls": 1000, "per_s": 0.1},
            },
            **fields,
        }

    async def connect(self, **fields: Any) -> dict[str, Any]:
        body = self.connection(**fields)
        found: dict[str, Any] = await self.told("PUT", "/crm/{bid}/config", json=body)
        return found

    def put(self, number: int = 1, **fields: Any) -> Person:
        """A lead that was changed just now."""
        changed = {"modified_at": datetime.now(UTC) - timedelta(seconds=30)}
        given = {"phone": f"+91-98765{number:05}", **changed, **fields}
        person = Person(lead_id=f"lead-{number}", **given)
        self.stub.book.put(person)
        return person

    async def sync(self) -> None:
        """One sync with all that follows from it, and no further one."""
        await self.told("POST", "/crm/{bid}/sync")
        await self.ready()

    async def ready(self) -> None:
        """Work what may run now; what waits for its time waits."""
        worker = self.server.worker()
        await worker._heartbeat()
        await worker.drain()

    async def work(self) -> int:
        """As `ready`, and what waits for another try tries at once; syncs wait for theirs."""
        runs = 0
        while True:
            await self.ready()
            await self.change(
                "UPDATE kernel_job SET state = 'queued', run_at_ms = 0"
                " WHERE state = 'delayed' AND kind <> 'calls.crm_sync'"
            )
            waiting = await self.rows("SELECT id FROM kernel_job WHERE state = 'queued'")
            gates = await self.rows("SELECT queue FROM kernel_job_gate")
            if not waiting or gates or runs > 20:
                return runs
            runs += 1

    async def take(self, callid: str, phone: str | None = PHONE) -> dict[str, Any]:
        """A call comes in; it is not worked."""
        fields = {} if phone is None else {"customer_phone": phone}
        await self.upload(callid, tone(), SIDECAR, direction="inbound", **fields)
        return await self.call(callid)

    async def crm(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.told("GET", "/crm/{bid}/status")
        return found

    async def leads(self, **params: Any) -> list[str]:
        page = await self.told("GET", "/crm/{bid}/leads", params=params)
        return [item["lead_id"] for item in page["items"]]

    async def jobs_of(self, kind: str) -> list[Any]:
        async with self.server.storage.read(None) as session:
            of_kind = select(Job).where(Job.kind == kind).order_by(Job.id)
            return list((await session.scalars(of_kind)).all())

    async def write_back(self, callid: str) -> dict[str, Any]:
        path = "/crm/{bid}/writeback/" + callid
        found: dict[str, Any] = await self.told("POST", path)
        return found

    async def set_score(self, callid: str, score: float) -> None:
        """As a review would."""

        async def store(tx: Any) -> None:
            record = await calls.get(tx, callid)
            record.overall_score = score

        await self.db.write(store)

    def notes(self, lead_id: str = "lead-1") -> list[str]:
        return self.stub.book.notes(lead_id)


@pytest.fixture
def stub() -> Iterator[LeadSquaredStub]:
    with served(LeadSquaredStub()) as stub:
        yield stub


@pytest.fixture
async def desk(server: app.Server, ours: "Resident", stub: LeadSquaredStub) -> Desk:
    house = await house_of(server, ours)
    return Desk(house.server, house.resident, house.tenant, stub)
