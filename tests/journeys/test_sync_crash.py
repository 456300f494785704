"""kill -9 while a source database is read: no gap, no duplicate, whatever dies where."""

import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, create_engine, select
from tests.source_databases import (
    HISTORY,
    SourceServer,
    make_source,
    mysql_source,
    postgresql_source,
    source,
)

from locutory.kernel.jobs.models import Job
from locutory.products.calls.pipeline.models import SyncWatermark
from locutory.products.calls.records.models import CallRecord

if TYPE_CHECKING:
    from tests.journeys.conftest import Forker, Process

__all__ = ["mysql_source", "postgresql_source", "source"]
pytestmark = [pytest.mark.chaos, pytest.mark.both_databases]

SEEDS = range(int(os.environ.get("LOCUTORY_CHAOS_SEEDS", "1")))
ROWS, BATCH = 240, 20
NOON = datetime(2026, 1, 5, 12)
DEATHS = {  # how often each is passed at the least in what a poll has left to do
    "calls.sync.read": 3,
    "calls.ingest.before_commit": 2,
    "db.before_commit": 5,
    "db.committed": 5,
}


class Reading:
    """An installation that reads one source database."""

    def __init__(
        self, folder: Path, url: str, engine: Engine, forker: "Forker", server: SourceServer
    ) -> None:
        self.folder, self.url, self.engine = folder, url, engine
        self._forker, self._server, self._processes = forker, server, 0

    async def connect(self) -> None:
        """Make the business and its source."""
        columns = {"table": HISTORY, "row_id": "id", "callid": "callid"}
        columns |= {"updated_at": "updated_at", "started_at": "starttime"}
        await make_source(self.folder, self.url, self._server, columns, batch_size=BATCH)

    def work(self, **settings: str) -> "Process":
        self._processes += 1
        env = {
            "LOCUTORY_DATA_DIR": str(self.folder / "data"),
            "LOCUTORY_DATABASE__URL": self.url,
            "LOCUTORY_INTAKE__DATABASE_HOSTS": f'["{self._server.host}:{self._server.port}"]',
            "LOCUTORY_JOBS__LEASE_S": "1.2",
            "LOCUTORY_JOBS__MAX_LOST": "1000",
            **{f"LOCUTORY_{name}": value for name, value in settings.items()},
        }
        return self._forker.start("worker", env=env, log=self.folder / f"{self._processes}.log")

    def rows(self, model: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(model.__table__)))

    def faults(self) -> list[str]:
        """What does not fit together: calls, the place of the pass, the count of rows."""
        records, marks = self.rows(CallRecord), self.rows(SyncWatermark)
        callids = [record.callid for record in records]
        found = [] if len(set(callids)) == len(callids) else ["a call has two records"]
        (mark,) = marks
        place = mark.cursor["pass"] or {}
        reached = place.get("id") or 0
        missing = {f"c{n:03}" for n in range(1, reached + 1)} - set(callids)
        if missing:
            found.append(f"the place is behind {sorted(missing)}, which are not there")
        if mark.rows_total != len(records):
            found.append(f"{mark.rows_total} rows are counted, {len(records)} are there")
        return found


@pytest.fixture
async def reading(
    tmp_path: Path, database_url: str, forker: "Forker", source: SourceServer
) -> AsyncIterator[Reading]:
    source.make_history()
    source.put(
        *(
            # many rows of few moments: batches end within a moment
            {
                "callid": f"c{n:03}",
                "starttime": NOON,
                "updated_at": NOON + timedelta(minutes=n // 50),
            }
            for n in range(1, ROWS + 1)
        )
    )
    engine = create_engine(database_url.replace("+aiosqlite", ""))
    made = Reading(tmp_path, database_url, engine, forker, source)
    await made.connect()
    yield made
    engine.dispose()


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_death_while_reading_leaves_no_gap_and_no_duplicate(
    reading: Reading, until: Callable[[Callable[[], Any], str], Any], seed: int
) -> None:
    draw = random.Random(seed)
    points = list(DEATHS)
    draw.shuffle(points)

    for point in points:
        passage = draw.randint(1, DEATHS[point])
        process = reading.work(FAILPOINT=f"{point}:{passage}")
        assert process.end() == -signal.SIGKILL, f"{point}:{passage}, see {process.log}"
        assert reading.faults() == [], f"{point}:{passage}"

    worker = reading.work()
    until(lambda: _has_ended(reading), "all rows")
    worker.send(signal.SIGTERM)

    assert worker.end() == 0
    assert reading.faults() == []
    assert len(reading.rows(CallRecord)) == ROWS
    polls = [job for job in reading.rows(Job) if job.kind == "calls.poll"]
    assert sum(job.state in ("queued", "delayed", "running") for job in polls) == 1


def _has_ended(reading: Reading) -> bool:
    (mark,) = reading.rows(SyncWatermark)
    return mark.last_ok_at is not None and mark.cursor["pass"] is None
