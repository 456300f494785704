"""kill -9 at every boundary (docs/reference/failpoints.md): nothing lost, nothing doubled.

Each process takes calls in and works, dies at its failpoint, and leaves its mess to the next one.
After every death what is committed must fit together; at the end every call must be done once.
"""

import hashlib
import os
import random
import re
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import soundfile
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.exc import OperationalError

from locutory.capabilities.analysis.library import BUILT_IN
from locutory.capabilities.analysis.models import AnalysisAnswer
from locutory.capabilities.knowledge.models import KnowledgeChunk
from locutory.kernel.audit.log import verify
from locutory.kernel.audit.models import AuditRow
from locutory.kernel.auth.models import TenantRow
from locutory.kernel.db import Storage
from locutory.kernel.events.models import EventRow
from locutory.kernel.jobs.models import Job
from locutory.products.calls.demo import manifest, path
from locutory.products.calls.records.models import (
    CallAnalysis,
    CallMetric,
    CallRecord,
    CallStageRun,
    CallTranscript,
)

if TYPE_CHECKING:
    from tests.journeys.conftest import Forker, Outside, Process

pytestmark = [pytest.mark.chaos, pytest.mark.both_databases]

SEEDS = range(int(os.environ.get("LOCUTORY_CHAOS_SEEDS", "1")))
REFERENCE = Path(__file__).parents[2] / "docs/reference/failpoints.md"
MODELS_ONLY = "analysis.answer.kept"
PROVIDERS_ONLY = (
    *("calls.stt.opened", "calls.stt.kept", "calls.stt.shared.", "stt.job."),
    "calls.crm.",
)
ROUNDS = {"chores", "copies", "intake"}
ELSEWHERE = {"calls.sync.read", "events.told"}  # see test_sync_crash, test_broker
BY_URL = {"http.fetch.chunk", "calls.audio.fetched", "calls.audio.noted", "calls.audio.stored"}
MOST_PASSAGES = {  # how often each is passed at the least when two calls are taken in and worked
    "db.before_commit": 9,
    "db.committed": 9,
    "jobs.claimed": 3,
}
KINDS = ("calls.transcribe", "calls.analyze", "calls.index")
STAGES = ("transcribe", "analyze", "index")
TOLD = (  # the milestones, as (event, status, state of the stage), by how far a call is
    [("call.upserted", "pending", None)],
    [("transcript.ready", None, None), ("call.status", "transcribed", "queued")],
    [("analysis.ready", None, None), ("call.status", "done", "queued")],
    [("call.status", "done", "ok")],
)
SPOKEN_S = 3.0
STORED = (
    *(CallRecord, CallTranscript, CallMetric, CallAnalysis, CallStageRun),
    *(KnowledgeChunk, EventRow, AuditRow, Job),
)


def failpoints() -> list[str]:
    return re.findall(r"^\| `([a-z_.]+)` \|", REFERENCE.read_text(), re.MULTILINE)


def snapshot(engine: Engine, *models: Any) -> dict[Any, list[Any]]:
    """All rows by model at one moment: PostgreSQL may still end what a killed process began."""
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as connection:
        return {
            model: list(connection.execute(select(model.__table__))) for model in models or STORED
        }


def table(engine: Engine, model: Any) -> list[Any]:
    return snapshot(engine, model)[model]


@dataclass(slots=True)
class Installation:
    """A data directory, its database and the recordings that were given to it."""

    folder: Path
    url: str
    engine: Engine
    forker: "Forker"
    outside: "Outside"
    places: dict[str, str] = field(default_factory=dict)  # by the name that the call id begins with
    processes: int = 0

    def record(self, *, by_url: bool, words: bool = False) -> str:
        """A new short recording: a piece of a demo call, of a content of its own."""
        number = len(self.places)
        name = f"c{number:03}"
        demo = manifest().calls[number % 8]
        rate = soundfile.info(path(demo.audio)).samplerate
        start, frames = int(rate * (1 + number / 4)), int(rate * SPOKEN_S)
        sound, _ = soundfile.read(path(demo.audio), start=start, frames=frames, dtype="int16")
        file = (self.outside.folder if by_url else self.folder / "in") / f"{name}.wav"
        file.parent.mkdir(exist_ok=True)
        soundfile.write(file, sound, rate, subtype="PCM_16")
        if words:
            file.with_suffix(".srt").write_text(_SUBTITLES.format(number=number))
        place = f"http://{self.outside.address}/{file.name}" if by_url else str(file)
        self.places[name] = place
        return name

    def start(self, *run: str, **settings: str) -> "Process":
        """Start a command of the program; leases are short, so that a successor waits little."""
        self.processes += 1
        env = {
            "LOCUTORY_DATA_DIR": str(self.folder / "data"),
            "LOCUTORY_DATABASE__URL": self.url,
            "LOCUTORY_HTTP__ALLOW_PRIVATE_HOSTS": f'["{self.outside.address}"]',
            "LOCUTORY_JOBS__LEASE_S": "1.2",
            "LOCUTORY_JOBS__MAX_LOST": "1000",
            **{f"LOCUTORY_{name}": value for name, value in settings.items()},
        }
        log = self.folder / f"process-{self.processes:02}.log"
        return self.forker.start(*run, env=env, log=log)

    def ingest(self, *names: str, wait: str = "--wait", **settings: str) -> "Process":
        places = [self.places[name] for name in names]
        return self.start("calls", "ingest", *places, "--bid", "demo", *wait.split(), **settings)

    def unregistered(self) -> list[str]:
        known = {row.callid.partition("-")[0] for row in table(self.engine, CallRecord)}
        return [name for name in self.places if name not in known]

    def done_jobs(self) -> int:
        done = (Job.state == "done", Job.kind.in_(KINDS))
        count = select(func.count()).select_from(Job).where(*done)
        with self.engine.connect() as connection:
            return connection.execute(count).scalar_one()


_SUBTITLES = """1
00:00:00,200 --> 00:00:01,400
Agent: Good morning, Harbour Clinic, this is Dana, case {number}.

2
00:00:01,500 --> 00:00:02,800
Customer: I would like to move appointment {number} to Friday, please.
"""


@pytest.fixture
def installation(
    tmp_path: Path, database_url: str, forker: "Forker", outside: "Outside"
) -> Iterator[Installation]:
    engine = create_engine(database_url.replace("+aiosqlite", ""))
    yield Installation(tmp_path, database_url, engine, forker, outside)
    engine.dispose()


@pytest.fixture
async def readers(database_url: str) -> AsyncIterator[Storage]:
    storage = Storage(database_url)
    yield storage
    await storage.close()


# --- what must hold -------------------------------------------------------------------------------


def progress(record: Any) -> int:
    """How many stages a call has behind it, 0 to 3."""
    if record.status == "done":
        return 3 if record.stage_state == "ok" else 2
    return {"pending": 0, "transcribed": 1}[record.status]


def broken_promises(engine: Engine) -> list[str]:
    """What does not fit together in the database; holds at any time, also after a death."""
    stored = snapshot(engine)
    records = stored[CallRecord]
    found = [fault for record in records for fault in _faults(stored, record)]
    told = Counter((job.kind, job.payload["event_id"]) for job in stored[Job] if _tells(job))
    found += [
        f"{kind} has {n} jobs for event {event}" for (kind, event), n in told.items() if n > 1
    ]
    if len({(r.tenant_id, r.callid) for r in records}) != len(records):
        found.append("a call has two records")
    for log in (EventRow, AuditRow):
        for tenant_id, mine in _by(stored[log], "tenant_id").items():
            numbers = sorted(row.seq for row in mine if row.seq is not None)
            if numbers != list(range(1, len(numbers) + 1)):
                found.append(f"{log.__tablename__} of {tenant_id} has the numbers {numbers}")
    return found


def _faults(stored: dict[Any, list[Any]], record: Any) -> list[str]:
    behind = progress(record)

    def mine(model: Any, name: str = "call_id") -> list[Any]:
        return _by(stored[model], name)[record.id if name == "call_id" else record.callid]

    chunks = sorted((c.version, c.chunk_no) for c in mine(KnowledgeChunk, "source_id"))
    facts: dict[str, tuple[Any, Any]] = {
        "transcripts": ([row.version for row in mine(CallTranscript)], [1] * (behind >= 1)),
        "noted version": (record.transcript_version, int(behind >= 1)),
        "figures": (len(mine(CallMetric)), int(behind >= 1)),
        "analyses": ([row.version for row in mine(CallAnalysis)], [1] * (behind >= 2)),
        "chunks": (chunks, [(1, n) for n in range(len(chunks))] if behind == 3 else []),
        "stages": (
            Counter((run.stage, run.run_no, run.state) for run in mine(CallStageRun)),
            Counter((stage, 1, "ok") for stage in STAGES[:behind]),
        ),
        "jobs": (
            Counter(
                (job.kind, job.state == "done") for job in mine(Job, "subject") if not _tells(job)
            ),
            Counter((kind, n < behind) for n, kind in enumerate(KINDS[: behind + 1])),
        ),
        "events": (
            Counter(_milestone(row) for row in mine(EventRow, "subject")),
            Counter(one for some in TOLD[: behind + 1] for one in some),
        ),
    }
    return [
        f"{record.callid} after {behind} stages: {name} are {is_}, not {should}"
        for name, (is_, should) in facts.items()
        if is_ != should
    ]


def _by(found: list[Any], name: str) -> dict[Any, list[Any]]:
    grouped: dict[Any, list[Any]] = defaultdict(list)
    for row in found:
        grouped[getattr(row, name)].append(row)
    return grouped


def _tells(job: Any) -> bool:
    """Whether a job hands an event to one of its subscribers."""
    return bool(job.kind.startswith("on:"))


def _milestone(row: Any) -> tuple[str, str | None, str | None]:
    return row.type, row.payload.get("status"), row.payload.get("stage_state")


async def check_the_end(it: Installation, readers: Storage) -> None:
    """Every call done once, every log whole, every file somebody's."""
    records = table(it.engine, CallRecord)
    events, audited = table(it.engine, EventRow), table(it.engine, AuditRow)
    data = it.folder / "data"
    files = {p.relative_to(data / "blobs") for p in (data / "blobs").rglob("*") if p.is_file()}
    keys = {r.audio_key: r.audio_sha256 for r in records}
    sidecars = {r.sidecar_key for r in records if r.sidecar_key is not None}
    worded = {r.callid for r in records if r.has_words}
    filed = {chunk.source_id for chunk in table(it.engine, KnowledgeChunk)}

    assert broken_promises(it.engine) == []
    assert sorted(r.callid.partition("-")[0] for r in records) == sorted(it.places)
    assert {progress(r) for r in records} == {3}
    jobs = table(it.engine, Job)
    # a schedule's next round may come due the moment the last command ends
    assert {job.state for job in jobs if job.queue not in ROUNDS} == {"done"}
    heard = {UUID(job.payload["event_id"]) for job in jobs if _tells(job)}
    assert {row.id for row in events if row.type == "call.status"} <= heard
    assert worded <= filed
    assert len(table(it.engine, TenantRow)) == 1
    assert all(row.seq is not None for row in (*events, *audited))
    async with readers.read(None) as session:
        for tenant_id in {row.tenant_id for row in audited}:
            assert await verify(session, tenant_id) is None
    assert files == {Path(key) for key in (*keys, *sidecars)}
    for key, digest in keys.items():
        assert hashlib.sha256((data / "blobs" / key).read_bytes()).hexdigest() == digest
    assert list((data / "tmp").iterdir()) == []


# --- deaths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_death_at_any_failpoint_loses_and_doubles_nothing(
    installation: Installation, readers: Storage, seed: int
) -> None:
    draw = random.Random(seed)
    points = [
        name
        for name in failpoints()
        if name not in {MODELS_ONLY, *ELSEWHERE} and not name.startswith(PROVIDERS_ONLY)
    ]
    draw.shuffle(points)

    for point in points:
        backlog = installation.unregistered()
        new = [
            installation.record(by_url=point in BY_URL, words=draw.random() < 0.5),
            installation.record(by_url=point in BY_URL or draw.random() < 0.5),
        ]
        passage = draw.randint(1, MOST_PASSAGES.get(point, 2))
        process = installation.ingest(*backlog, *new, FAILPOINT=f"{point}:{passage}")

        assert process.end() == -signal.SIGKILL, f"{point}:{passage}, see {process.log}"
        assert broken_promises(installation.engine) == [], f"{point}:{passage}"

    assert installation.ingest(*installation.places).end() == 0
    await check_the_end(installation, readers)


@pytest.mark.parametrize("seed", SEEDS)
async def test_an_answer_that_was_kept_is_not_paid_for_again(
    installation: Installation,
    readers: Storage,
    until: Callable[[Callable[[], Any], str], Any],
    seed: int,
) -> None:
    draw = random.Random(seed)
    model = {
        "LLM__PROVIDER": "openai_compatible",
        "LLM__BASE_URL": f"http://{installation.outside.address}",
        "LLM__MODEL": "stub",
    }
    names = [installation.record(by_url=False, words=True) for _ in range(2)]
    asked = installation.outside.asked

    failpoint = f"{MODELS_ONLY}:{draw.randint(1, 2 * len(BUILT_IN) - 1)}"
    first = installation.ingest(*names, FAILPOINT=failpoint, **model)
    assert first.end() == -signal.SIGKILL
    until(lambda: _nobody_else_is_connected(installation.engine), "an end of what was committing")
    kept, asked_before = len(table(installation.engine, AnalysisAnswer)), len(asked)
    assert installation.ingest(*names, **model).end() == 0

    different = len(set(asked))
    assert kept >= 1
    assert different == len(table(installation.engine, AnalysisAnswer)) == 2 * len(BUILT_IN)
    assert len(asked) - asked_before == different - kept
    await check_the_end(installation, readers)


@pytest.mark.parametrize("seed", SEEDS)
async def test_workers_killed_at_random_moments_lose_and_double_nothing(
    installation: Installation,
    readers: Storage,
    until: Callable[[Callable[[], Any], str], Any],
    seed: int,
) -> None:
    draw = random.Random(seed)
    names = [installation.record(by_url=n % 5 == 0, words=n % 2 == 1) for n in range(30)]
    most = len(names) * len(KINDS)

    assert installation.ingest(*names, wait="").end() == 0
    for enough in sorted(draw.sample(range(1, most), 5)):
        worker = installation.start("worker")
        until(lambda: installation.done_jobs() >= enough, f"{enough} jobs")  # noqa: B023
        worker.send(signal.SIGKILL)
        assert worker.end() == -signal.SIGKILL
        assert broken_promises(installation.engine) == []

    assert installation.ingest(*names).end() == 0
    await check_the_end(installation, readers)


async def test_a_worker_that_slept_past_its_lease_writes_nothing(
    installation: Installation, readers: Storage
) -> None:
    sleeper = _worker_that_sleeps(installation)
    assert installation.ingest(*installation.places).end() == 0
    before = _everything(installation.engine)

    sleeper.send(signal.SIGCONT)
    sleeper.send(signal.SIGTERM)

    assert sleeper.end() == 0
    assert "lease lost" in sleeper.log.read_text()
    assert _everything(installation.engine) == before
    await check_the_end(installation, readers)


def _worker_that_sleeps(it: Installation) -> "Process":
    """A process that stopped when it had listened to a recording and was about to write.

    Another of its tasks may hold a lock at that moment, which nobody could take over: such a
    one goes on, and the next recording gets the next process.
    """
    for _ in range(10):
        name = it.record(by_url=False, words=True)
        assert it.ingest(name, wait="").end() == 0
        worker = it.start("worker", FAILPOINT="calls.stt.done:1:stop")
        worker.until_stopped()
        if _lockable(it.engine):
            return worker
        worker.send(signal.SIGCONT)
        worker.send(signal.SIGTERM)
        assert worker.end() == 0
    raise AssertionError("every process stopped with a lock in its hands")


def _nobody_else_is_connected(engine: Engine) -> bool:
    """Whether the server has noticed that its client is dead; SQLite has no server."""
    if engine.dialect.name == "sqlite":
        return True
    others = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with engine.connect() as connection:
        return connection.execute(others).scalar_one() == 0


def _lockable(engine: Engine) -> bool:
    sqlite = engine.dialect.name == "sqlite"
    try:
        with engine.connect() as connection:
            if sqlite:
                connection.execute(text("PRAGMA busy_timeout = 0"))
                connection.execute(text("BEGIN IMMEDIATE"))
            else:
                connection.execute(text("LOCK TABLE kernel_job IN EXCLUSIVE MODE NOWAIT"))
            connection.rollback()
    except OperationalError:
        return False
    return True


def _everything(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    return {
        model.__tablename__: sorted(map(tuple, found), key=repr)
        for model, found in snapshot(engine).items()
    }
