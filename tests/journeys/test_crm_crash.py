"""kill -9 while leads are read and notes are written: each lead once, each note once."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine, create_engine, select
from tests.stubs import leadsquared
from tests.stubs.crm import Person
from tests.stubs.leadsquared import LeadSquaredStub
from tests.stubs.vendor import served

from locutory.app import compose
from locutory.kernel.auth.contract import Access, Principal, PrincipalKind
from locutory.kernel.db import Session
from locutory.kernel.ids import new_id
from locutory.kernel.settings import DatabaseSettings, HttpSettings, Settings
from locutory.products.calls.crm import queries, service, writeback
from locutory.products.calls.crm.models import CrmWriteback
from locutory.products.calls.crm.schemas import CrmConfig
from locutory.products.calls.leads.models import CrmLead
from locutory.products.calls.pipeline.models import SyncWatermark
from locutory.products.calls.records import queries as calls
from locutory.products.calls.records.contract import Status
from locutory.products.calls.records.models import CallAnalysis
from locutory.products.calls.sources import operator
from locutory.products.calls.sources.contract import CallOffer
from locutory.products.calls.sources.service import take

if TYPE_CHECKING:
    from tests.journeys.conftest import Forker, Process

pytestmark = [pytest.mark.chaos, pytest.mark.both_databases]
LEADS = 15


class House:
    """An installation with a CRM, and one call that is done."""

    def __init__(
        self, folder: Path, url: str, engine: Engine, forker: "Forker", stub: LeadSquaredStub
    ) -> None:
        self.folder, self.url, self.engine = folder, url, engine
        self._forker, self.stub, self._processes = forker, stub, 0
        self.host = urlsplit(stub.url).netloc

    async def connect(self, *, write: bool) -> None:
        settings = Settings(
            data_dir=self.folder / "data",
            database=DatabaseSettings(url=self.url),
            http=HttpSettings(allow_private_hosts=(self.host,)),
        )
        keys = {"access_key": leadsquared.ACCESS, "secret_key": leadsquared.SECRET}
        config = CrmConfig.model_validate(
            {
                "provider": "leadsquared",
                "url": self.stub.url,
                "credentials": keys,
                "settings": {"page_size": 2, "rate": {"calls": 1000, "per_s": 0.1}},
                "writeback": {"on_done": False},
            }
        )
        async with compose(settings).running(work=False) as server:
            business = await operator.business(server.storage, "demo")
            db = server.storage.database(business.tenant.id)
            principal = Principal(kind=PrincipalKind.USER, id=new_id(), name="test")
            inside = Access(principal=principal, tenant=business.tenant, db=db)
            await service.write_config(inside, config, server.services)
            if write:
                await db.write(lambda tx: self._ask(tx, server.secrets))

    @staticmethod
    async def _ask(tx: Session, secrets: Any) -> None:
        """A call that was judged, and the wish that its note be written."""
        offer = CallOffer(callid="c-1", customer_phone="+91 98765 00001")
        await take(tx, [offer], actor="test", secrets=secrets)
        record = await calls.get(tx, "c-1")
        record.status, record.overall_score = Status.DONE, 82.0
        blob = {"summary": {"text": "They want a villa."}, "next_steps": []}
        tx.add(
            CallAnalysis(call_id=record.id, version=1, transcript_version=1, analysis=blob, meta={})
        )
        await tx.flush()
        row = await queries.get_connection(tx)
        await writeback.want(tx, row, record, actor="test", public_url=None)

    def work(self, **settings: str) -> "Process":
        self._processes += 1
        env = {
            "LOCUTORY_DATA_DIR": str(self.folder / "data"),
            "LOCUTORY_DATABASE__URL": self.url,
            "LOCUTORY_HTTP__ALLOW_PRIVATE_HOSTS": f'["{self.host}"]',
            "LOCUTORY_JOBS__LEASE_S": "1.2",
            "LOCUTORY_JOBS__MAX_LOST": "1000",
            **{f"LOCUTORY_{name}": value for name, value in settings.items()},
        }
        log = self.folder / f"{self._processes}.log"
        return self._forker.start("calls", "crm-sync", "--continuous", env=env, log=log)

    def rows(self, model: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(model.__table__)))


@pytest.fixture
def stub() -> Iterator[LeadSquaredStub]:
    with served(LeadSquaredStub()) as stub:
        yield stub


@pytest.fixture
async def house(
    tmp_path: Path, database_url: str, forker: "Forker", stub: LeadSquaredStub
) -> AsyncIterator[House]:
    for number in range(1, LEADS + 1):
        at = datetime.now(UTC) - timedelta(days=number)
        stub.book.put(Person(f"lead-{number}", f"+91-98765{number:05}", modified_at=at))
    engine = create_engine(database_url.replace("+aiosqlite", ""))
    yield House(tmp_path, database_url, engine, forker, stub)
    engine.dispose()


async def test_a_death_while_leads_are_read_leaves_each_of_them_once(
    house: House, until: Callable[[Callable[[], Any], str], Any]
) -> None:
    await house.connect(write=False)
    for point in ("calls.crm.page_read:2", "calls.crm.before_commit:2", "db.committed:6"):
        process = house.work(FAILPOINT=point)
        assert process.end() == -signal.SIGKILL, f"{point}, see {process.log}"

    worker = house.work()
    until(lambda: _has_ended(house), "the end of the window")
    worker.send(signal.SIGTERM)

    assert worker.end() == 0
    found = sorted(row.lead_id for row in house.rows(CrmLead))
    assert found == sorted(f"lead-{n}" for n in range(1, LEADS + 1))
    (mark,) = house.rows(SyncWatermark)
    assert mark.rows_total == LEADS


@pytest.mark.parametrize("point", ["calls.crm.note_announced", "calls.crm.note_written"])
async def test_a_death_around_a_note_leaves_one_note(
    house: House, until: Callable[[Callable[[], Any], str], Any], point: str
) -> None:
    await house.connect(write=True)
    process = house.work(FAILPOINT=f"{point}:1")
    assert process.end() == -signal.SIGKILL, f"see {process.log}"
    assert [row.state for row in house.rows(CrmWriteback)] == ["posting"]
    written = len(house.stub.book.notes("lead-1"))
    assert written == (point == "calls.crm.note_written")

    worker = house.work()
    until(lambda: house.rows(CrmWriteback)[0].state == "sent", "the note")
    worker.send(signal.SIGTERM)

    assert worker.end() == 0
    (row,) = house.rows(CrmWriteback)
    (note,) = house.stub.book.notes("lead-1")
    assert note.endswith(f"locutory:{row.id}")
    assert row.external_id == "event501"


def _has_ended(house: House) -> bool:
    marks = house.rows(SyncWatermark)
    return bool(marks) and marks[0].last_ok_at is not None
