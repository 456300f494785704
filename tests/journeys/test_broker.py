"""Many processes: a telephony system's history in, through stage workers that a broker wakes.

Speech provider and language model are stubs that fail now and then, as theirs do. By default a
small share of calls runs; `LOCUTORY_JOURNEY_CALLS=1000` runs the number that we promise for.
"""

import io
import json
import os
import random
import signal
import wave
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aio_pika
import pytest
import soundfile
from sqlalchemy import Engine, create_engine, func, select, text
from tests.brokers import RABBITMQ, forget_rabbitmq, need_rabbitmq, new_prefix
from tests.journeys.conftest import completion, wait_until
from tests.source_databases import HISTORY, SourceServer, make_source, mysql_source
from tests.stubs.sarvam import BROKEN, KEY, SLOW_DOWN, SarvamStub
from tests.stubs.vendor import Answer, Request, VendorStub, served

from locutory.kernel.bus.contract import EVENTS
from locutory.kernel.jobs.models import Job
from locutory.products.calls.demo import manifest, path
from locutory.products.calls.pipeline.models import SpeechJob
from locutory.products.calls.records.models import CallAnalysis, CallRecord, CallTranscript

if TYPE_CHECKING:
    from tests.journeys.conftest import Forker, Process

__all__ = ["mysql_source"]
pytestmark = pytest.mark.chaos

CALLS = int(os.environ.get("LOCUTORY_JOURNEY_CALLS", "40"))
NOON = datetime(2026, 1, 5, 12)
SPOKEN_S = 2.0
REST = "chores,events,exchange,index,intake,notify,privacy,reclassify,reindex,reviews,trials,upkeep"
WORKERS = ("transcribe", "transcribe", "analyze", REST)
TOPICS = [f"{name}.demo" for name in ("transcribe", "analyze", "index", "notify", "sync")]
OWN = [f"locutory.{name}" for name in ("transcribe", "analyze", *REST.split(","))]
SOON = {"Retry-After": "0.1"}
FINAL = ("done", "failed")


class Moody:
    """One request in a hundred is refused with 429, one in a hundred fails with 500."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self.moods: Counter[int] = Counter()

    def mood(self, answer: Callable[[], Answer]) -> Answer:
        drawn = self._draw.random()
        if drawn < 0.01:
            self.moods[429] += 1
            return Answer(SLOW_DOWN.status, SLOW_DOWN.body, SOON)
        if drawn < 0.02:
            self.moods[500] += 1
            if drawn < 0.015:
                answer()  # it took effect, and only its answer is lost
            return BROKEN
        return answer()


class MoodySarvam(SarvamStub):
    def __init__(self) -> None:
        super().__init__()
        self.moody = Moody(1)

    def answer(self, request: Request) -> Answer:
        with self.lock:
            if request.path.startswith("/storage/"):
                return super().answer(request)
            return self.moody.mood(lambda: super(MoodySarvam, self).answer(request))


class MoodyModel(VendorStub):
    """Speaks OpenAI's format; answers the plainest value of the schema."""

    def __init__(self) -> None:
        super().__init__()
        self.moody = Moody(2)

    def answer(self, request: Request) -> Answer:
        with self.lock:
            return self.moody.mood(lambda: self.handle(request))

    def handle(self, request: Request) -> Answer:
        return Answer(body=completion(request.json()))


class Recordings(VendorStub):
    """Two seconds of a demo call under each name, of a content of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._talks = [soundfile.read(path(c.audio), dtype="int16") for c in manifest().calls[:8]]

    def handle(self, request: Request) -> Answer:
        number = int(Path(request.path).name[1:5])
        sound, rate = self._talks[number % 8]
        start = int(rate * (1 + (number // 8) / 50))
        piece = sound[start : start + int(rate * SPOKEN_S)]
        whole = io.BytesIO()
        with wave.open(whole, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes((piece if piece.ndim == 1 else piece[:, 0].copy()).tobytes())
        return Answer(body=whole.getvalue())


@dataclass(slots=True)
class Plant:
    """One installation over several processes."""

    folder: Path
    url: str
    engine: Engine
    forker: "Forker"
    source: SourceServer
    recordings: Recordings
    speech: MoodySarvam
    model: MoodyModel
    prefix: str
    processes: list["Process"] = field(default_factory=list)

    @property
    def hosts(self) -> str:
        return f"{self.source.host}:{self.source.port}"

    def fill(self, count: int) -> None:
        """The history of a telephony system."""
        self.source.make_history()
        self.source.put(
            *(
                {
                    "callid": f"c{n:04}",
                    "starttime": NOON,
                    "endtime": NOON + timedelta(seconds=SPOKEN_S),
                    "filename": f"{self.recordings.url}/c{n:04}.wav",
                    "updated_at": NOON + timedelta(seconds=n),
                }
                for n in range(count)
            )
        )

    async def connect(self) -> None:
        """Make the business, and tell it of its source."""
        mapping = {"table": HISTORY, "row_id": "id", "callid": "callid", "audio_url": "filename"}
        mapping |= {"updated_at": "updated_at", "started_at": "starttime", "ended_at": "endtime"}
        await make_source(self.folder, self.url, self.source, mapping)

    def start(self, *run: str, **settings: str) -> "Process":
        env = {
            "LOCUTORY_DATA_DIR": str(self.folder / "data"),
            "LOCUTORY_DATABASE__URL": self.url,
            "LOCUTORY_BUS__URL": RABBITMQ,
            "LOCUTORY_BUS__PREFIX": self.prefix,
            "LOCUTORY_HTTP__ALLOW_PRIVATE_HOSTS": f'["{self.recordings.url[7:]}"]',
            "LOCUTORY_INTAKE__DATABASE_HOSTS": f'["{self.hosts}"]',
            # what a worker finds by itself is found late: it is the broker that wakes them
            "LOCUTORY_JOBS__POLL_S": "15",
            "LOCUTORY_STT__PROVIDER": "sarvam",
            "LOCUTORY_STT__SARVAM__API_KEY": KEY,
            "LOCUTORY_STT__SARVAM__BASE_URL": self.speech.url,
            "LOCUTORY_STT__SARVAM__POLL_S": "0.05",
            "LOCUTORY_LLM__PROVIDER": "openai_compatible",
            "LOCUTORY_LLM__MODEL": "stub",
            "LOCUTORY_LLM__BASE_URL": self.model.url + "/v1",
            **{f"LOCUTORY_{name}": value for name, value in settings.items()},
        }
        log = self.folder / f"process-{len(self.processes):02}.log"
        self.processes.append(self.forker.start(*run, env=env, log=log))
        return self.processes[-1]

    def rows(self, model: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(model.__table__)))

    def counted(self) -> Counter[str]:
        """Calls by status."""
        table = CallRecord.__table__
        query = select(table.c.status, func.count()).group_by(table.c.status)
        with self.engine.connect() as connection:
            return Counter(dict(connection.execute(query).all()))


@pytest.fixture
def plant(
    tmp_path: Path, postgresql_url: str, forker: "Forker", mysql_source: SourceServer
) -> Iterator[Plant]:
    need_rabbitmq()
    engine = create_engine(postgresql_url)
    with (
        served(Recordings()) as recordings,
        served(MoodySarvam()) as speech,
        served(MoodyModel()) as model,
    ):
        yield Plant(
            *(tmp_path, postgresql_url, engine, forker, mysql_source),
            *(recordings, speech, model, new_prefix()),
        )
    engine.dispose()


async def test_calls_go_from_a_source_through_stage_workers_that_a_broker_wakes(
    plant: Plant,
) -> None:
    plant.fill(CALLS)
    await plant.connect()
    followed = await _follow(plant.prefix)
    for stages in WORKERS:
        plant.start("worker", "--stages", stages)

    for holds, what in (
        (lambda: sum(plant.counted()[status] for status in FINAL) == CALLS, "every call's end"),
        (lambda: not _busy(plant), "the end of what follows a call, told"),
    ):
        wait_until(holds, what, every_s=0.25, within_s=120 + CALLS / 2)
    for process in plant.processes:
        process.send(signal.SIGTERM)
    codes = [process.end() for process in plant.processes]
    told = await _events(plant.prefix, followed)
    await forget_rabbitmq(plant.prefix, *TOPICS, *OWN)

    assert codes == [0] * len(plant.processes)
    records, transcripts = plant.rows(CallRecord), plant.rows(CallTranscript)
    dead = [job for job in plant.rows(Job) if job.state == "dead"]
    assert len({record.callid for record in records}) == len(records) == CALLS
    assert len(transcripts) == len({t.call_id for t in transcripts})
    analyses = [a for a in plant.rows(CallAnalysis) if not getattr(a, "superseded", False)]
    assert len(analyses) == len({a.call_id for a in analyses})
    failed = {record.id for record in records if record.status == "failed"}
    assert len(failed) == len(
        {job.subject for job in dead if job.queue in ("transcribe", "analyze")}
    )
    assert all(_provider_spoke(job.error_detail) for job in dead)
    assert plant.speech.starts <= max(CALLS * 1.01, CALLS + 1)
    assert (
        sum(row.submissions for row in plant.rows(SpeechJob))
        <= CALLS + plant.speech.moody.moods[500]
    )
    assert plant.speech.moody.moods.total() + plant.model.moody.moods.total() > 0
    done = [event for event in told.values() if _is_end(event)]
    assert len({event["data"]["callid"] for event in done}) == plant.counted()["done"]


async def test_a_death_between_telling_and_noting_it_leaves_no_gap(plant: Plant) -> None:
    plant.fill(2)
    await plant.connect()
    followed = await _follow(plant.prefix)

    short = {"JOBS__LEASE_S": "2", "JOBS__MAX_LOST": "1000"}
    killed = plant.start("worker", FAILPOINT="events.told:1", **short)
    assert killed.end() == -signal.SIGKILL, killed.log
    rest = plant.start("worker", **short)
    wait_until(lambda: sum(plant.counted()[status] for status in FINAL) == 2, "both calls' end")
    wait_until(lambda: not _busy(plant), "the end of what follows a call, told")
    rest.send(signal.SIGTERM)
    assert rest.end() == 0
    told = await _events(plant.prefix, followed)
    await forget_rabbitmq(plant.prefix, *TOPICS, *OWN)

    numbers = sorted(event["sequence"] for event in told.values())
    assert numbers == list(range(1, len(numbers) + 1))
    assert {e["data"]["callid"] for e in told.values() if _is_end(e)} == {"c0000", "c0001"}


_LEFT = text(
    """
    SELECT 1 FROM kernel_job WHERE state IN ('queued', 'running')
        AND queue IN ('transcribe', 'analyze', 'index', 'notify', 'events')
    UNION ALL SELECT 1 FROM kernel_event WHERE seq IS NULL
    UNION ALL SELECT 1 FROM kernel_seal s LEFT JOIN kernel_relay r ON r.tenant_id = s.tenant_id
        WHERE s.log = 'event' AND s.seq > coalesce(r.seq, 0)
    LIMIT 1
    """
)


def _busy(plant: Plant) -> bool:
    """Whether work is left, or events that the broker was not told of."""
    with plant.engine.connect() as connection:
        return connection.execute(_LEFT).first() is not None


def _provider_spoke(detail: str | None) -> bool:
    words = ("Something went wrong", "Rate limit exceeded")
    return any(one in (detail or "") for one in words)


def _is_end(event: dict[str, Any]) -> bool:
    return event["type"] == "call.status" and event["data"].get("status") == "done"


async def _follow(prefix: str) -> str:
    """A queue that gets every event, as another system would bind one."""
    async with await aio_pika.connect(RABBITMQ) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(prefix + EVENTS, "topic", durable=True)
        queue = await channel.declare_queue(prefix + "follower", durable=True)
        await queue.bind(exchange, "#")
        return queue.name


async def _events(prefix: str, name: str) -> dict[str, dict[str, Any]]:
    """What came to that queue, by id; the queue is deleted."""
    found: dict[str, dict[str, Any]] = {}
    async with await aio_pika.connect(RABBITMQ) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(name)
        while (message := await queue.get(no_ack=True, fail=False)) is not None:
            event = json.loads(message.body)
            found[event["id"]] = event
        await queue.delete()
    return found
