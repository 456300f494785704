"""kill -9 while a speech provider works: one job is paid for, and one transcript is kept."""

import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import soundfile
from sqlalchemy import Engine, create_engine, select
from tests.stubs.sarvam import KEY, TALK, SarvamStub
from tests.stubs.vendor import served

from locutory.products.calls.demo import manifest, path
from locutory.products.calls.pipeline.models import SpeechJob
from locutory.products.calls.records.models import CallRecord, CallTranscript

if TYPE_CHECKING:
    from tests.journeys.conftest import Forker, Process

pytestmark = [pytest.mark.chaos, pytest.mark.both_databases]

SAID = [line[3] for line in TALK]
OPENED = {  # how many jobs there are at the provider after a death there; all but one cost nothing
    "calls.stt.opened": 2,
    "calls.stt.kept": 1,
    "stt.job.uploaded": 1,
    "stt.job.started": 1,
    "calls.stt.done": 1,
    "calls.transcript.before_commit": 1,
}

SHARED = {  # how many jobs there are after a death there, where three calls share one
    "calls.stt.shared.kept": 2,
    "calls.stt.shared.uploaded": 2,
    "calls.stt.shared.marked": 1,
    "calls.stt.shared.started": 1,
    "calls.stt.done": 1,
}


@dataclass(slots=True)
class Site:
    """An installation that has its recordings heard by the stub."""

    folder: Path
    url: str
    engine: Engine
    forker: "Forker"
    provider: SarvamStub
    processes: int = 0

    def recording(self, number: int) -> str:
        """Three seconds of a demo call, both voices on one channel."""
        demo = path(manifest().calls[number % 8].audio)
        rate = soundfile.info(demo).samplerate
        start = int(rate * (1 + number / 4))
        sound, _ = soundfile.read(demo, start=start, frames=3 * rate, always_2d=True)
        file = self.folder / f"c{number:02}.wav"
        soundfile.write(file, sound.mean(axis=1), rate, subtype="PCM_16")
        return str(file)

    def start(self, *run: str, **settings: str) -> "Process":
        self.processes += 1
        env = {
            "LOCUTORY_DATA_DIR": str(self.folder / "data"),
            "LOCUTORY_DATABASE__URL": self.url,
            "LOCUTORY_JOBS__LEASE_S": "1.2",
            "LOCUTORY_JOBS__MAX_LOST": "1000",
            "LOCUTORY_STT__PROVIDER": "sarvam",
            "LOCUTORY_STT__SARVAM__API_KEY": KEY,
            "LOCUTORY_STT__SARVAM__BASE_URL": self.provider.url,
            "LOCUTORY_STT__SARVAM__POLL_S": "0.02",
            "LOCUTORY_STT__SARVAM__LINGER_S": "0.05",
            **{f"LOCUTORY_{name}": value for name, value in settings.items()},
        }
        log = self.folder / f"process-{self.processes:02}.log"
        return self.forker.start(*run, env=env, log=log)

    def ingest(self, *files: str, wait: bool = True, **settings: str) -> "Process":
        more = ["--wait"] if wait else []
        return self.start("calls", "ingest", *files, "--bid", "demo", *more, **settings)

    def rows(self, model: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(model.__table__)))

    def secrets(self) -> list[str]:
        """Where the provider's key can be read, though it should not be."""
        files = [f for f in self.folder.rglob("*") if f.is_file()]
        return [str(file) for file in files if KEY.encode() in file.read_bytes()]


@pytest.fixture
def site(tmp_path: Path, database_url: str, forker: "Forker") -> Iterator[Site]:
    engine = create_engine(database_url.replace("+aiosqlite", ""))
    with served(SarvamStub()) as provider:
        yield Site(tmp_path, database_url, engine, forker, provider)
    engine.dispose()


@pytest.mark.parametrize("point", OPENED)
def test_a_death_on_the_way_is_neither_paid_twice_nor_heard_twice(site: Site, point: str) -> None:
    file = site.recording(0)

    killed = site.ingest(file, FAILPOINT=f"{point}:1")
    assert killed.end() == -signal.SIGKILL, killed.log
    after_death = site.provider.starts
    assert site.ingest(file).end() == 0

    assert after_death in (0, 1)
    assert (len(site.provider.jobs), site.provider.starts) == (OPENED[point], 1)
    (record,) = site.rows(CallRecord)
    (transcript,) = site.rows(CallTranscript)
    (kept,) = site.rows(SpeechJob)
    assert (record.status, record.has_words) == ("done", True)
    assert (transcript.origin, transcript.engine) == ("stt", "sarvam/saaras:v2.5")
    assert [turn["text"] for turn in transcript.turns] == SAID
    assert kept.submissions == 1
    assert site.secrets() == []


@pytest.mark.parametrize("point", SHARED)
def test_a_death_in_a_shared_job_is_paid_by_nobody_twice(site: Site, point: str) -> None:
    files = [site.recording(number) for number in range(3)]
    packed = {"STT__SARVAM__JOB_FILES": "3", "STT__SARVAM__LINGER_S": "5"}

    killed = site.ingest(*files, FAILPOINT=f"{point}:1", **packed)
    assert killed.end() == -signal.SIGKILL, killed.log
    assert site.ingest(*files, **packed).end() == 0

    jobs = site.provider.jobs.values()
    heard = [name for job in jobs if job.starts for name in job.files]
    assert (len(jobs), site.provider.starts, len(heard)) == (SHARED[point], 1, 3)
    assert {record.status for record in site.rows(CallRecord)} == {"done"}
    assert len(site.rows(CallTranscript)) == 3
    assert [row.submissions for row in site.rows(SpeechJob)] == [1, 1, 1]


def test_workers_killed_at_any_request_submit_each_call_once(
    site: Site, until: Callable[[Callable[[], Any], str], Any]
) -> None:
    draw = random.Random(1)
    files = [site.recording(number) for number in range(12)]
    site.provider.slow = 5
    assert site.ingest(*files, wait=False).end() == 0

    for _ in range(5):
        enough = len(site.provider.seen) + draw.randint(1, 40)
        worker = site.start("worker")
        until(lambda: len(site.provider.seen) >= enough or _all_heard(site), "requests")  # noqa: B023
        worker.send(signal.SIGKILL)
        assert worker.end() == -signal.SIGKILL
    assert site.ingest(*files).end() == 0

    assert {record.status for record in site.rows(CallRecord)} == {"done"}
    assert len(site.rows(CallTranscript)) == len(files)
    heard = [name for job in site.provider.jobs.values() if job.starts for name in job.files]
    assert len(heard) == len(files)
    assert all(job.starts <= 1 for job in site.provider.jobs.values())
    assert sum(row.submissions for row in site.rows(SpeechJob)) == len(files)


def _all_heard(site: Site) -> bool:
    return len(site.rows(CallTranscript)) == 12
